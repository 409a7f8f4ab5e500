"""Training recipes: what `python -m engine train <name>` runs, found as the modules `train.py` of the engine."""

from __future__ import annotations

import importlib
import inspect
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Setting = Literal["cpu", "gpu"]
# Called with the share done, 0 to 1, and one line of text about it.
Report = Callable[[float, str], None]

ENGINE = Path(__file__).parents[1]
ASSETS = ENGINE.parent / "assets" / "checkpoints"


@dataclass(frozen=True)
class Recipe:
    """A training run by name.

    run(folder, setting, resume, report) writes its state to `folder/state` as it goes, takes it up again where
    `resume`, and leaves each finished checkpoint as `folder/checkpoints/<name>`.
    """

    name: str
    run: Callable[[Path, Setting, bool, Report], None]

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring of `run`, on one line."""
        return " ".join((inspect.getdoc(self.run) or "").split("\n\n")[0].split())

    @property
    def description(self) -> str:
        """The docstring of `run`: how long it takes on what, and what it reaches."""
        return inspect.getdoc(self.run) or ""


def discover() -> dict[str, Recipe]:
    """Every recipe of the engine by name: `RECIPE` in a module called `train`."""
    found: dict[str, Recipe] = {}
    for path in sorted(ENGINE.rglob("train.py")):
        module = importlib.import_module(".".join(path.relative_to(ENGINE.parent).with_suffix("").parts))
        recipe = getattr(module, "RECIPE", None)
        if isinstance(recipe, Recipe):
            assert recipe.name not in found, f"two recipes are called {recipe.name}"
            found[recipe.name] = recipe
    return found


def install(folder: Path, assets: Path = ASSETS) -> list[Path]:
    """Put the finished checkpoints of a run where the engine loads them from, each in place of the one before."""
    placed = []
    for made in sorted(p for p in (folder / "checkpoints").iterdir() if p.is_dir()):
        target = assets / made.name
        if target.exists():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, target)
        placed.append(target)
    return placed
