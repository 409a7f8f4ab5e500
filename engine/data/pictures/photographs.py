"""Photographs that are on every machine that runs this project: those that scikit-image and scikit-learn ship.

Each has a side: what a recipe learns from, and what is held out for its judging. The stereo pair is on one side.
Licences: NASA and the public domain (astronaut, rocket, hubble), CC0 (chelsea, coffee, grass, gravel, brick, camera),
CC BY 2.0 (china by danielbuechele, flower by vultilion), the Middlebury stereo data (motorcycle); scikit-image's own
documentation has the rest.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy import ndarray
from PIL import Image

from engine.core.recent import remembered
from engine.core.words import T

TRAINING = ("astronaut", "coffee", "rocket", "flower", "motorcycle_left", "motorcycle_right")
TRAINING_OTHER = ("camera", "coins", "brick", "grass", "gravel", "moon", "ihc", "hubble_deep_field", "retina")
HELD_OUT = ("china", "chelsea")
PHOTOGRAPHS = {
    "astronaut": T("astronaut", "宇航员"),
    "coffee": T("coffee", "咖啡"),
    "rocket": T("rocket", "火箭"),
    "flower": T("flower", "花"),
    "motorcycle_left": T("motorcycle", "摩托车"),
    "china": T("temple (china)", "寺庙（china）"),
    "chelsea": T("cat (chelsea)", "猫（chelsea）"),
}
FOLDERS = ({"china", "flower"}, ("sklearn", "datasets/images")), (set(), ("skimage", "data"))


def path(name: str) -> Path:
    """Where a photograph lies. Raises FileNotFoundError where the package that ships it has none of that name."""
    package, inside = next(place for names, place in FOLDERS if name in names or not names)
    found = importlib.util.find_spec(package)  # finds without importing, which takes seconds
    root = Path(next(iter(found.submodule_search_locations or ()))) / inside if found else Path(package)
    for kind in ("png", "jpg"):
        if (file := root / f"{name}.{kind}").is_file():
            return file
    raise FileNotFoundError(f"{package} ships no picture called {name}")


@remembered(8)
def photograph(name: str) -> ndarray:
    """(H, W, 3) uint8, read only. A grey one has three equal channels."""
    with Image.open(path(name)) as file:
        pixels = np.asarray(file.convert("RGB"))
    pixels.setflags(write=False)
    return pixels
