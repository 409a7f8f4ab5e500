"""`make record`: what a page opens on and cannot compute at once, recorded here, each in a process of its own.

    python -m house.record [--all] [lab ...]

Without --all only what is missing, or no longer fits the engine. Recordings on which no page opens are taken away.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pages
from engine.core import Params, devices, recordings
from engine.core.experiments import Experiment
from pages.shell.lab import Lab

LARGEST = 2**20  # bytes of one recording
LARGEST_TOGETHER = 25 * 2**20  # bytes of all


def wanted(lab: Lab) -> Iterator[Params]:
    """The costly questions on which a page opens, each once: its defaults' and its presets'."""
    told: set[str] = set()
    for params in lab.opens_on():
        name = recordings.stem(lab.slug, params)
        if lab.experiment.cost_of(params) != "instant" and name not in told:
            told.add(name)
            yield params


def weight(path: Path) -> int:
    """Bytes of a recording, both its files."""
    return path.stat().st_size + path.with_suffix(".npz").stat().st_size


def fits(experiment: Experiment, path: Path) -> bool:
    """Whether a recording is there and can be read by the engine as it is."""
    try:
        return path.exists() and recordings.read(experiment, path) is not None
    except Exception:  # a class that moved, a field that is gone, a parameter that is refused: all mean "record it again"
        return False


def main(words: list[str]) -> int:
    """Record what is asked for; 1 where something is too large or failed."""
    anew, chosen, failed = "--all" in words, {word for word in words if word != "--all"}, 0
    device = devices.current()
    folder = recordings.ROOT / recordings.device_folder(device.kind, device.name)
    for lab in (page.lab for found in pages.discover().values() for page in found):
        if chosen and lab.slug not in chosen:
            continue
        for params in wanted(lab):
            path = folder / f"{recordings.stem(lab.slug, params)}.json"
            if not anew and fits(lab.experiment, path):
                continue
            usual = lab.experiment.params().model_dump()
            given = {name: value for name, value in params.model_dump().items() if value != usual[name]}
            # Of a text that begins with @ the command line would open the file.
            texts = [(name, f"@{value}" if str(value).startswith("@") else str(value)) for name, value in given.items()]
            command = [sys.executable, "-m", "engine", "record", lab.slug, *(f"--{name}={value}" for name, value in texts)]
            done = subprocess.run(command, capture_output=True, text=True)
            size = weight(path) if done.returncode == 0 else 0
            failed += done.returncode != 0 or size > LARGEST
            print(f"{lab.slug} {given}: {size / 1024:.0f} kB {done.stderr[-400:] if done.returncode else ''}", flush=True)
        # Whether a lab is costly can depend on what is loaded already: a page opens on it all the same.
        kept = {folder / f"{recordings.stem(lab.slug, params)}.json" for params in lab.opens_on()}
        for path in set(folder.glob(f"{lab.slug}.json")) | set(folder.glob(f"{lab.slug}+*.json")):
            if path not in kept:
                path.unlink()
                path.with_suffix(".npz").unlink()
                print(f"{path.name}: no page opens on it; taken away")
    total = sum(weight(path) for path in recordings.ROOT.glob("*/*.json"))
    print(f"all recordings: {total / 2**20:.1f} MB")
    return int(failed > 0 or total > LARGEST_TOGETHER)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
