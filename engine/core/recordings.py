"""Results recorded on a named machine: `assets/recordings/<device>/<lab>.json` beside an `.npz` of its arrays."""

from __future__ import annotations

import dataclasses
import datetime
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
    """An outcome computed earlier, with the parameters that made it."""

    params: Params
    outcome: Outcome


def device_folder(kind: str, name: str) -> str:
    """The folder of a device's recordings: "cpu" for every CPU, else the device's name in lower case, hyphenated."""
    return "cpu" if kind == "cpu" else re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def record(experiment: Experiment, params: Params, outcome: Outcome, root: Path = ROOT) -> Path:
    """Write an outcome as the recording of its lab on this device; the path of its JSON."""
    device = devices.current()
    name = f"{device.name} ({devices.processor()})" if device.kind == "cpu" else device.name
    folder = root / device_folder(device.kind, device.name)
    folder.mkdir(parents=True, exist_ok=True)
    store: dict[str, np.ndarray] = {}
    tree = results.encode(outcome.result, store)
    made = dataclasses.replace(
        outcome.provenance, device=name, recorded=True, cached=False,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )  # fmt: skip
    document = {"lab": experiment.slug, "params": params.model_dump(), "provenance": made.plain(), "result": tree}
    path = folder / f"{experiment.slug}.json"
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    np.savez_compressed(path.with_suffix(".npz"), **store)
    return path


def load(experiment: Experiment, root: Path = ROOT) -> dict[str, Recording]:
    """The lab's recordings by device folder, "cpu" last. Raises where a file does not fit the present engine."""
    found = {}
    for path in sorted(root.glob(f"*/{experiment.slug}.json"), key=lambda p: (p.parent.name == "cpu", p.parent.name)):
        document = json.loads(path.read_text())
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as store:
            result = results.decode(document["result"], store)
        outcome = Outcome(result, Provenance(**document["provenance"]))
        found[path.parent.name] = Recording(experiment.params.parse(document["params"]), outcome)
    return found
