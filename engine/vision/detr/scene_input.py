"""The picture that is looked at, and what is truly in it: a held-out scene, one composed by hand, or a photograph."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from PIL import Image

from engine.core import Refused, T
from engine.core.entry import normalised
from engine.core.params import shown
from engine.data import pictures, scenes
from engine.data.scenes import Scene
from engine.vision.detector.data import HELD_OUT

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
        dataclasses.replace(below, shape=shape, colour=colour, surface=plain, x=x, y=y, radius=radius, angle=plain * 0.0), size
    )


def places(text: str) -> ndarray:
    """(n, 3): x, y and radius of each shape of a composition. Raises Refused."""
    return np.stack(_read(text)[2:], -1)


def _read(text: str) -> tuple[ndarray, ...]:
    """The columns of a composition, (n,) each: shape, colour, x, y, radius."""
    parts = [p for p in re.split(r"[,;\s]+", normalised(text)) if p]
    if not parts or len(parts) % len(PART) or len(parts) > len(PART) * scenes.MOST:
        rule = T("1 to {most} shapes, each {each}", "1 到 {most} 个形状，每个为 {each}", most=scenes.MOST, each=",".join(PART))
        raise _refused(rule, shown(text))
    rows = [parts[i : i + len(PART)] for i in range(0, len(parts), len(PART))]
    shape, colour = (np.array([_named(row[k], names, PART[k]) for row in rows]) for k, names in enumerate((scenes.SHAPES, scenes.COLOURS)))
    x, y, radius = (
        np.array([_number(row[k], *bounds) for row in rows])
        for k, bounds in ((2, (0, 1, "x")), (3, (0, 1, "y")), (4, (0.03, 0.45, "radius")))
    )
    return shape, colour, x, y, radius


def _rendered(scene: Scene, size: int) -> Input:
    picture = scenes.render(scene, size)
    seen = np.flatnonzero(picture.boxes[:, 2] > picture.boxes[:, 0])
    place = np.full(len(scene) + 1, -1)  # the last is the ground's
    place[seen] = np.arange(len(seen))
    return Input(picture.pixels, scene.shape[seen], picture.boxes[seen], place[picture.instance], picture.ground)


def _named(text: str, names: tuple[T, ...], what: str) -> int:
    for k, both in enumerate(names):
        if text.lower() in both:
            return k
    known = T.joined(names, ", ", ", ")
    raise _refused(T("a {what} among {known}", "{known} 之一作为 {what}", what=what, known=known), shown(text))


def _number(text: str, low: float, high: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        rule = T("{what} from {low:number} to {high:number}", "{low:number} 到 {high:number} 之间的 {what}", what=what, low=low, high=high)
        raise _refused(rule, shown(text))
    return value


def shift(text: str) -> Float[ndarray, 4]:
    """dx, dy, dw, dh of a moved box. Raises Refused."""
    try:
        values = np.array([float(v) for v in re.split(r"[,;\s]+", normalised(text).strip())])
    except ValueError:
        values = np.zeros(0)
    if values.shape != (4,) or not np.isfinite(values).all() or np.abs(values).max() > 1000:
        raise Refused(
            T(
                "moved must be four finite numbers, right,down,wider,taller; got {text}",
                "moved 必须是四个有限数值 right,down,wider,taller；收到 {text}",
                text=shown(text),
            ),
            "moved",
        )
    return values


def _refused(rule: T, got: str) -> Refused:
    return Refused(T("composition must have {rule}; got {got}", "composition 必须有{rule}；收到 {got}", rule=rule, got=got), "composition")
