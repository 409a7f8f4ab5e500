"""Results recorded on a named machine: `assets/recordings/<device>/<lab>.json` beside an `.npz` of its arrays.

A lab may have several on a device: that of its defaults, and of other parameters `<lab>+<digest of what differs>.json`.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
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


def record(experiment: Experiment, params: Params, outcome: Outcome, root: Path = ROOT) -> Path:
    """Write an outcome as the recording of these parameters on this device; the path of its JSON."""
    device = devices.current()
    name = f"{device.name} ({devices.processor()})" if device.kind == "cpu" else device.name
    folder = root / device_folder(device.kind, device.name)
    folder.mkdir(parents=True, exist_ok=True)
    store: dict[str, np.ndarray] = {}
    tree = results.encode(outcome.result, store)
    made = dataclasses.replace(
        outcome.provenance, device=name, recorded=True, cached=False, date=datetime.datetime.now(datetime.UTC).date().isoformat()
    )
    document = {"lab": experiment.slug, "params": params.model_dump(), "provenance": made.plain(), "result": tree}
    path = folder / f"{stem(experiment.slug, params)}.json"
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    np.savez_compressed(path.with_suffix(".npz"), **store)  # pyright: ignore[reportArgumentType]
    return path


def load(experiment: Experiment, root: Path = ROOT) -> list[Recording]:
    """The lab's recordings, the CPU's last, that of the defaults first of a device. Raises where a file does not fit
    the present engine."""
    found = []
    paths = [path for path in root.glob("*/*.json") if path.stem.partition("+")[0] == experiment.slug]
    for path in sorted(paths, key=lambda p: (p.parent.name == "cpu", p.parent.name, p.stem)):
        document = json.loads(path.read_text())
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as store:
            result = results.decode(document["result"], store)
        outcome = Outcome(result, Provenance(**document["provenance"]))
        found.append(Recording(path.parent.name, experiment.params.parse(document["params"]), outcome))
    return found


def on_device(slug: str, folder: str, root: Path = ROOT) -> bool:
    """Whether a lab has any recording of a device."""
    return any(path.stem.partition("+")[0] == slug for path in (root / folder).glob("*.json"))
