"""The picture that is looked at, and what is truly in it: a held-out scene, one composed by hand, or a photograph."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from PIL import Image

from engine.core import Refused
from engine.core.params import shown
from engine.data import pictures, scenes
from engine.data.scenes import Scene
from engine.vision.detr.data import HELD_OUT

SHOWN, LEAST = 320, 32  # pixels to a side of a photograph
PART = ("shape", "colour", "x", "y", "radius")


@dataclass(frozen=True)
class Input:
    """One picture. pixels (H, W, 3) uint8; labels (n,) and boxes (n, 4), x0, y0, x1, y1 in pixels, of what is seen of
    its objects; instance (H, W), the place of each pixel's object among them, −1 on the ground; ground (H, W), kinds.
    Of a photograph nothing is known: instance and ground are None, and there are no boxes. whole: the same in more
    pixels, for a model that asks for them."""

    pixels: ndarray
    labels: ndarray
    boxes: ndarray
    instance: ndarray | None = None
    ground: ndarray | None = None
    whole: ndarray | None = None


def from_photograph(text: str, size: int, brought: bool) -> Input:
    """A photograph by its name, or an upload as a text, with its longer side `size` pixels and both multiples of 8.

    brought: for a model that was brought, in up to `SHOWN` pixels, and for its own eyes as it is. Raises Refused.
    """
    whole = pictures.chosen(text, name="photo")
    longest = min(SHOWN, max(whole.shape[:2])) if brought else size
    high, wide = (max(LEAST, 8 * round(n * longest / max(whole.shape[:2]) / 8)) for n in whole.shape[:2])
    pixels = np.array(Image.fromarray(whole).resize((wide, high), Image.Resampling.LANCZOS))
    return Input(pixels, np.zeros(0, int), np.zeros((0, 4)), whole=whole.copy() if brought else None)


def from_scene(number: int, objects: int, size: int) -> Input:
    """The held-out scene of a number."""
    return _rendered(scenes.compose(HELD_OUT, number, (objects, objects)), size)


def from_composition(text: str, ground: int, size: int) -> Input:
    """Shapes as a person put them, from the farthest to the nearest, on the ground of a held-out scene.

    text: for each shape five entries, "shape,colour,x,y,radius": names in English or Chinese, the centre from 0 to 1
    across and down, the radius in sides of the picture. Raises Refused where it is none, or there is no room in it.
    """
    shape, colour, x, y, radius = _read(text)
    plain = np.zeros(len(x), int)
    below = scenes.compose(HELD_OUT, ground, (1, 1))
    return _rendered(
        dataclasses.replace(
            below, shape=shape, colour=colour, surface=plain, x=x, y=y, radius=radius, angle=plain * 0.0
        ),
        size,
    )


def places(text: str) -> ndarray:
    """(n, 3): x, y and radius of each shape of a composition. Raises Refused."""
    return np.stack(_read(text)[2:], -1)


def _read(text: str) -> tuple[ndarray, ...]:
    """The columns of a composition, (n,) each: shape, colour, x, y, radius."""
    parts = [p for p in re.split(r"[,，;；\s]+", text.strip()) if p]
    if not parts or len(parts) % len(PART) or len(parts) > len(PART) * scenes.MOST:
        most, each = scenes.MOST, ",".join(PART)
        raise _refused(f"1 to {most} shapes, each {each}", f"1 到 {most} 个形状，每个为 {each}",
                       f"{len(parts)} entries", f"{len(parts)} 项")  # fmt: skip
    rows = [parts[i : i + len(PART)] for i in range(0, len(parts), len(PART))]
    shape, colour = (
        np.array([_named(row[k], names, PART[k]) for row in rows])
        for k, names in enumerate((scenes.SHAPES, scenes.COLOURS))
    )
    x, y, radius = (np.array([_number(row[k], *bounds) for row in rows])
                    for k, bounds in ((2, (0, 1, "x")), (3, (0, 1, "y")), (4, (0.03, 0.45, "radius"))))  # fmt: skip
    return shape, colour, x, y, radius


def _rendered(scene: Scene, size: int) -> Input:
    picture = scenes.render(scene, size)
    seen = np.flatnonzero(picture.boxes[:, 2] > picture.boxes[:, 0])
    place = np.full(len(scene) + 1, -1)  # the last is the ground's
    place[seen] = np.arange(len(seen))
    return Input(picture.pixels, scene.shape[seen], picture.boxes[seen], place[picture.instance], picture.ground)


def _named(text: str, names: tuple[tuple[str, str], ...], what: str) -> int:
    for k, both in enumerate(names):
        if text.lower() in both:
            return k
    known = ", ".join(en for en, _ in names)
    raise _refused(f"a {what} among {known}", f"的 {what} 为 {known} 之一", shown(text), shown(text))


def _number(text: str, low: float, high: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise _refused(
            f"{what} from {low:g} to {high:g}", f"的 {what} 在 {low:g} 到 {high:g} 之间", shown(text), shown(text)
        )
    return value


def _refused(rule_en: str, rule_zh: str, got_en: str, got_zh: str) -> Refused:
    return Refused(
        f"composition must have {rule_en}; got {got_en}", f"composition 必须有{rule_zh}；收到 {got_zh}", "composition"
    )
