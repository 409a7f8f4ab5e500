"""What the diffusion page's figures have in common: names, colours, frames, points of a plane, mosaics of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.generation.diffusion import PLANES, Diffused
from engine.generation.diffusion.results import EDGE, GUIDANCES
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import CLASSES, FOURTH, MEASURED, MUTE, SECOND, SURFACE, THIRD
from pages.shell.moments import Frame
from pages.shell.panels import Panel
from pages.shell.traces import heat, points, source, trace

NAMES = {"unconditional": T("no class", "无类别"), "conditional": T("class only", "仅类别"),
         "classifier": T("classifier", "分类器引导"), "classifier-free": T("classifier-free", "无分类器引导")}  # fmt: skip
COLORS = {"unconditional": THIRD, "conditional": FOURTH, "classifier": SECOND, "classifier-free": MEASURED}
FEW = 240  # points of a plane that are drawn
TILES = 16  # pictures that are drawn
SHADE = [[0, SURFACE], [1, MUTE]]
MOST_BYTES = 230_000  # of a figure's pictures
QUALITIES = (88, 70, 50, 30, 12)
BARE = Axis(hidden=True)


def on_plane(r: Diffused) -> bool:
    return r.world in PLANES


def colours(labels: np.ndarray) -> list[str]:
    """A colour for each sample, by its class."""
    return [CLASSES[1 + int(y) % 9] for y in labels]


def class_name(r: Diffused, y: int) -> T:
    """A class's name, or that all take turns."""
    return T("every class in turn", "各类轮流") if y < 0 else T(*r.classes[min(y, len(r.classes) - 1)])


def plane(title: Any = "", near: float | None = None) -> Panel:
    """The axes of a plane; with `near`, its half width, they are left out and there is more room."""
    places = ([-2, 0, 2], ["−2", "0", "2"]) if near is None else None
    edge = near or EDGE
    across, up = (Axis(range=(-edge, edge), ticks=places, hidden=near is not None, equal=e) for e in (False, True))
    return Panel(across, up, title=title)


def shade(density: np.ndarray, panel: int) -> dict[str, Any]:
    """A density as a shade behind points."""
    cells = density.shape[-1]
    along = (np.arange(cells) + 0.5) / cells * 2 * EDGE - EDGE
    return heat(
        density, along, along, scale=SHADE, panel=panel, name=T("density", "密度"), hoverinfo="skip", zmin=0, zmax=255
    )


def cloud(where: np.ndarray, labels: np.ndarray, panel: int, name: Any, size: float = 4) -> dict[str, Any]:
    """Points coloured by their class."""
    style = {"color": colours(labels), "size": size, "line": {"width": 0.4, "color": SURFACE}}
    return points(where[:, 0], where[:, 1], panel=panel, name=name, marker=style)


def arrows(tails: np.ndarray, heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strokes with a barb from tails to heads (…, n, 2), as x and y of one line each: (…, 6 n)."""
    along = heads - tails
    across = np.stack([-along[..., 1], along[..., 0]], -1)
    barbs = [heads - 0.28 * along + s * 0.16 * across for s in (1, -1)]
    gap = np.full_like(heads, np.nan)
    path = np.stack([tails, heads, barbs[0], heads, barbs[1], gap], -2)
    flat = path.reshape(*path.shape[:-3], -1, 2)
    return flat[..., 0].astype(np.float32), flat[..., 1].astype(np.float32)


def frames_of(r: Diffused, count: int, begin: int = 0) -> list[Frame]:
    """A frame for every moment that there is, named by its step."""
    steps, levels = len(r.alphas_cumprod) - 1, r.alphas_cumprod
    made = []
    for at in r.moments[begin : begin + count]:
        level = float(levels[at])
        facts = [
            (T("step", "步"), f"{at} / {steps}"),
            ("ᾱ", digits(level)),
            ("σ", digits(((1 - level) / level) ** 0.5)),
        ]
        push = r.guidance_norm[at] if at < steps and np.isfinite(r.guidance_norm[at]) else None
        if push is not None:
            facts.append((T("push of guidance, noise being 1", "引导的推动（噪声为 1）"), digits(float(push))))
        made.append(Frame(str(at), facts=facts))
    return made


def digits(value: float | None) -> str:
    """A number as it is read off."""
    if value is None or not np.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    return (
        f"{value:.3g}"
        if 1e-3 <= abs(value) < 1e5
        else f"{value:.1e}".replace("e-0", "e−").replace("e-", "e−").replace("e+0", "e")
    )


def percent(value: float | None) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.0%}"


# --- pictures ---


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


def side_of(count: int) -> int:
    """Columns of a mosaic of so many tiles."""
    return int(np.ceil(np.sqrt(count)))


def small(sheets: Sequence[Sequence[np.ndarray]]) -> list[list[str]]:
    """Pictures of many moments as sources, at the best quality at which all of them are small enough to send."""
    total = 0
    for quality in QUALITIES:
        probe = [source(row[len(row) // 2], quality) for row in sheets if len(row)]
        probe += [source(row[0], quality) for row in sheets if len(row)]
        total = sum(map(len, probe)) / max(1, len(probe)) * sum(map(len, sheets))
        if total < MOST_BYTES:
            break
    return [[source(sheet, quality) for sheet in row] for row in sheets]


def board(shape: tuple[int, ...], title: Any = "") -> Panel:
    """The axes of a picture of so many rows and columns."""
    rows, columns = shape[:2]
    return Panel(
        Axis(hidden=True, range=(0, columns)), Axis(hidden=True, range=(0, rows), reverse=True, equal=True), title=title
    )


def shown_picture(made: str, panel: int, name: Any) -> dict[str, Any]:
    """A picture that is encoded already."""
    return trace("image", source=made, x0=0.5, y0=0.5, hoverinfo="skip", panel=panel, name=name)


def order(r: Diffused) -> list[str]:
    """The guidances that have run, in their fixed order."""
    return [g for g in GUIDANCES if g in r.paths]
