"""Results recorded on a named machine: `assets/recordings/<device>/<lab>.json` beside an `.npz` of its arrays.

A lab may have several on a device: that of its defaults, and of other parameters `<lab>+<digest of what differs>.json`.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import re
from pathlib import Path

import numpy as np

from engine.core import devices, results
from engine.core.experiments import Experiment
from engine.core.params import Params
from engine.core.provenance import Provenance
from engine.core.runner import Outcome

ROOT = Path(__file__).parents[2] / "assets" / "recordings"


@dataclasses.dataclass(frozen=True)
class Recording:
    """An outcome computed earlier, with the parameters that made it, in the folder of its device."""

    folder: str
    params: Params
    outcome: Outcome


def device_folder(kind: str, name: str) -> str:
    """The folder of a device's recordings: "cpu" for every CPU, else the device's name in lower case, hyphenated."""
    return "cpu" if kind == "cpu" else re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def stem(slug: str, params: Params) -> str:
    """A recording's file name without its ending: the same for the same parameters."""
    given, usual = params.model_dump(), type(params)().model_dump()
    differs = {name: value for name, value in given.items() if value != usual[name]}
    digest = hashlib.sha256(json.dumps(differs, sort_keys=True).encode()).hexdigest()[:8]
    return f"{slug}+{digest}" if differs else slug


def load_of_machine() -> float | None:
    """Processes that ran or waited in the last minute, this one among them; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def record(experiment: Experiment, params: Params, outcome: Outcome, root: Path = ROOT, load: float | None = None) -> Path:
    """Write an outcome as the recording of these parameters on this device; the path of its JSON. `load`: that of the
    machine before the run (see `load_of_machine`)."""
    device = devices.current()
    name = f"{device.name} ({devices.processor()})" if device.kind == "cpu" else device.name
    folder = root / device_folder(device.kind, device.name)
    folder.mkdir(parents=True, exist_ok=True)
    store: dict[str, np.ndarray] = {}
    tree = results.encode(outcome.result, store)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    made = dataclasses.replace(outcome.provenance, device=name, recorded=True, cached=False, date=today, load=load)
    document = {"lab": experiment.slug, "params": params.model_dump(), "provenance": made.plain(), "result": tree}
    path = folder / f"{stem(experiment.slug, params)}.json"
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    np.savez_compressed(path.with_suffix(".npz"), **store)  # pyright: ignore[reportArgumentType]
    return path


def read(experiment: Experiment, path: Path) -> Recording:
    """The recording in a JSON file and the `.npz` beside it. Raises where it does not fit the present engine."""
    document = json.loads(path.read_text())
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as store:
        result = results.decode(document["result"], store)
    outcome = Outcome(result, Provenance(**document["provenance"]))
    return Recording(path.parent.name, experiment.params.parse(document["params"]), outcome)


def load(experiment: Experiment, root: Path = ROOT) -> list[Recording]:
    """The lab's recordings, the CPU's last, that of the defaults first of a device. Raises where a file does not fit
    the present engine."""
    paths = [path for path in root.glob("*/*.json") if path.stem.partition("+")[0] == experiment.slug]
    return [read(experiment, path) for path in sorted(paths, key=lambda p: (p.parent.name == "cpu", p.parent.name, p.stem))]
