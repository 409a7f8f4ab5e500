"""What the diffusion page's figures have in common: names, colours, frames, points of a plane, mosaics of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.generation.diffusion import PLANES, Diffused
from engine.generation.diffusion.result import EDGE, GUIDANCES
from pages.shell import T, draw

# Hues are classes'. What guidance does is brass, a classifier's dotted ink; what is known exactly is ink too.
KINDS = {"classifier-free": (draw.BRASS, ""), "classifier": (draw.INK, "dot")}
DENSITY = T("density", "密度")
FEW = 240  # points of a plane that are drawn
TILES = 16  # pictures that are drawn
SHADE = [[0, draw.SURFACE], [1, draw.MUTE]]
MOST_BYTES = 230_000  # of a figure's pictures
QUALITIES = (88, 70, 50, 30, 12)
STEP = T("step, from noise to sample", "步（由噪声到样本）")
WAITING = T("This is computed last; it is on its way.", "此项最后计算，尚在进行。")


def on_plane(r: Diffused) -> bool:
    return r.world in PLANES


def order(r: Diffused) -> list[str]:
    """The guidances that have run, in their fixed order."""
    return [g for g in GUIDANCES if g in r.paths]


def plane(title: Any = "", near: float | None = None, key: Sequence[tuple] = ()) -> draw.Panel:
    """The axes of a plane; with `near`, its half width, they are left out and there is more room."""
    places = ([-2, 0, 2], ["−2", "0", "2"]) if near is None else None
    edge = near or EDGE
    across, up = (draw.Axis(range=(-edge, edge), ticks=places, hidden=near is not None, equal=e) for e in (False, True))
    return draw.Panel(across, up, title=title, key=key)


def classes(r: Diffused) -> list[tuple]:
    """What the colours of points mean, and the shade behind them."""
    shaded = [(draw.MUTE, DENSITY)] if r.field is not None else []
    return [(hue(y), r.classes[y], "dot") for y in np.unique(r.labels)] + shaded


def hue(label: int) -> str:
    """A class's colour."""
    return draw.CLASSES[1 + int(label) % 9]


def shade(density: np.ndarray, panel: int) -> dict[str, Any]:
    """A density as a shade behind points."""
    cells = density.shape[-1]
    along = (np.arange(cells) + 0.5) / cells * 2 * EDGE - EDGE
    return draw.heat(density, along, along, scale=SHADE, panel=panel, name=DENSITY, hoverinfo="skip", zmin=0, zmax=255)


def cloud(where: np.ndarray, labels: np.ndarray, panel: int, name: Any, size: float = 4) -> dict[str, Any]:
    """Points coloured by their class."""
    style = {"color": [hue(y) for y in labels], "size": size, "line": {"width": 0.4, "color": draw.SURFACE}}
    return draw.points(where[:, 0], where[:, 1], panel=panel, name=name, marker=style)


class Moving:
    """Traces of which some have another x and y, or z, at every moment."""

    def __init__(self) -> None:
        self.traces: list[dict[str, Any]] = []
        self.rows: dict[int, dict[str, np.ndarray]] = {}

    def shade(self, r: Diffused, panel: int) -> None:
        """The plane's density at each moment, once it is known."""
        if r.field is not None:
            self.rows[len(self.traces)] = {"z": r.field.density}
            self.traces.append(shade(r.field.density[-1], panel))

    def cloud(self, way: np.ndarray, labels: np.ndarray, panel: int, name: Any, size: float = 4) -> None:
        """Points (moments, n, 2) on their way."""
        way = way.astype(np.float32)
        self.rows[len(self.traces)] = {"x": way[..., 0], "y": way[..., 1]}
        self.traces.append(cloud(way[-1], labels, panel, name, size))

    def arrows(self, tails: np.ndarray, heads: np.ndarray, color: str, width: float, name: Any) -> None:
        """Strokes with a barb from tails to heads (moments, n, 2)."""
        along = heads - tails
        across = np.stack([-along[..., 1], along[..., 0]], -1)
        barbs = [heads - 0.28 * along + side * 0.16 * across for side in (1, -1)]
        path = np.stack([tails, heads, barbs[0], heads, barbs[1], np.full_like(heads, np.nan)], -2)
        flat = path.reshape(len(path), -1, 2).astype(np.float32)
        self.rows[len(self.traces)] = {"x": flat[..., 0], "y": flat[..., 1]}
        self.traces.append(draw.line(flat[-1, :, 0], flat[-1, :, 1], color, width=width, name=name, hoverinfo="skip"))


def frames_of(r: Diffused, count: int) -> list[draw.Frame]:
    """A frame for every moment that there is, named by its step."""
    made = []
    for at in r.moments[:count]:
        level = float(r.alphas_cumprod[at])
        facts = [
            (T("step", "步"), T("{step} / {steps}", "{step} / {steps}", step=at, steps=r.steps)),
            ("ᾱ", level),
            ("σ", ((1 - level) / level) ** 0.5),
        ]
        if at < r.steps and np.isfinite(push := r.chosen.guidance_norm[at]):
            facts.append((T("push of guidance, noise being 1", "引导的推动（噪声为 1）"), push))
        made.append(draw.Frame(str(at), facts=facts))
    return made


def pixels(samples: np.ndarray) -> np.ndarray:
    """Samples (…, C, H, W) in [−1, 1] as (…, H, W, 3) bytes."""
    grey = np.clip(np.nan_to_num(samples) * 127.5 + 127.5, 0, 255).astype(np.uint8)
    made = np.moveaxis(grey, -3, -1)
    return np.repeat(made, 3, -1) if made.shape[-1] == 1 else made


def mosaic(tiles: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """Tiles (n, H, W, 3) side by side, `columns` to a row, on a mid-grey ground: (rows, columns, 3)."""
    count, height, width = tiles.shape[:3]
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 128, np.uint8)
    for k, tile in enumerate(tiles):
        top, left = k // columns * (height + gap), k % columns * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def sources(sheets: Sequence[Sequence[np.ndarray]]) -> list[list[str]]:
    """Pictures of many moments as sources, at the best quality at which all of them are small enough to send."""
    for quality in QUALITIES:
        probe = [draw.source(row[k], quality) for row in sheets if len(row) for k in (0, len(row) // 2)]
        if sum(map(len, probe)) / max(1, len(probe)) * sum(map(len, sheets)) < MOST_BYTES:
            break
    return [[draw.source(sheet, quality) for sheet in row] for row in sheets]


def board(shape: tuple[int, ...], title: Any = "") -> draw.Panel:
    """The axes of a picture of so many rows and columns."""
    rows, columns = shape[:2]
    across, down = draw.Axis(hidden=True, range=(0, columns)), draw.Axis(hidden=True, range=(0, rows), reverse=True, equal=True)
    return draw.Panel(across, down, title=title)


def encoded(source: str, panel: int, name: Any) -> dict[str, Any]:
    """A picture that is encoded already."""
    return draw.trace("image", source=source, x0=0.5, y0=0.5, hoverinfo="skip", panel=panel, name=name)
