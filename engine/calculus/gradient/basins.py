"""Where a method leads from a million starts at once: the map of its basins of attraction."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.calculus.gradient.descent import FAR, RULES, Settings, kind_of, newton
from engine.calculus.gradient.landscape import Landscape
from engine.core import devices
from engine.core.words import T

SIDE = 200  # of the picture
MOVING, LOST = -1, -2
NEAR = 0.02  # half-widths from an attractor that count as arrived
MOST = 24
CHUNK = 2**14  # starts worked on at a time on a CPU: they stay in its cache
RASTER = 2048  # cells across four half-widths, in which attractors are looked up
PICTURES = 24  # of the progress

Each = Callable[[Callable, Sequence], list]  # maps a function over chunks


@dataclass(frozen=True)
class Basins:
    """The map of basins after `step` steps of `method` from `side`² starts on a square grid over the region.

    x, y (m,): the picture's axes, m ≤ 200; rows are y. label (m, m): the index of the attractor where most starts of a
    cell are, −1 "still moving", −2 "diverged". purity (m, m): the share of the cell's starts that agree; below 1 a
    border runs through the cell. arrival (m, m): the step at which the start nearest to the cell's centre came to its
    attractor to stay, NaN if it has not. attractors (K, 2), heights (K,), kinds (K,): the isolated stationary points
    found, lowest first. share (K + 2,): the starts' share by attractor, then moving, then diverged.
    """

    method: str
    side: int
    step: int
    x: np.ndarray
    y: np.ndarray
    label: np.ndarray
    purity: np.ndarray
    arrival: np.ndarray
    attractors: np.ndarray
    heights: np.ndarray
    kinds: tuple[str, ...]
    share: np.ndarray
    finding: T
    device: str


def attractors(land: Landscape, centre: np.ndarray, half_width: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Isolated stationary points in and around the region, at most 24: places (K, 2), heights, kinds; the lowest first.

    Newton's method from a 21×21 grid, once plainly (which finds all kinds) and once with the Hessian's eigenvalues made
    positive (which goes downhill). A valley's floor, where the Hessian is singular and f does not clearly rise or fall
    in every direction, is left out.
    """
    axis = np.linspace(-1.5, 1.5, 21) * half_width
    grid = np.stack(np.meshgrid(centre[0] + axis, centre[1] + axis)).reshape(2, -1)
    longest = 0.25 * half_width
    found: list[np.ndarray] = []
    for downhill in (True, False):
        p = grid.copy()
        with np.errstate(all="ignore"):
            for _ in range(40):
                g, bend = land.gradient(*p), land.hessian(*p)
                ok = np.isfinite(bend).all((1, 2)) & np.isfinite(g).all(0)
                values, vectors = np.linalg.eigh(np.where(ok[:, None, None], bend, np.eye(2)))
                size = np.where(np.abs(values) > 1e-12, np.abs(values) if downhill else values, np.nan)
                along = (vectors * g.T[:, :, None]).sum(1) / size
                step = (vectors * along[:, None, :]).sum(2).T
                length = np.hypot(*step)
                p = np.where(ok, p - step * np.minimum(1, longest / length), np.nan)
                if not (length > 1e-9 * half_width).any():
                    break
        found.append(p[:, length < 1e-6 * half_width].T)
    points = np.concatenate(found)
    points = points[np.abs(points - centre).max(1) < 2 * half_width]
    distinct: list[np.ndarray] = []
    for point in points:
        if all(np.hypot(*(point - other)) > NEAR * half_width for other in distinct):
            distinct.append(point)
    places = np.array(distinct).reshape(-1, 2)
    sizes = np.abs(land.hessian(*grid))
    ruler = float(np.median(sizes[np.isfinite(sizes)])) if np.isfinite(sizes).any() else 0.0
    bends = land.survey(places[:, 0], places[:, 1])[3:].T
    kinds = [kind_of(bend, ruler) for bend in bends]
    kinds = [around(land, p, half_width) if kind == "flat" else kind for p, kind in zip(places, kinds, strict=True)]
    keep = [k for k, kind in enumerate(kinds) if kind != "flat"]
    heights = land.value(places[:, 0], places[:, 1])
    rank = {"minimum": 0, "saddle": 1, "maximum": 2}
    keep.sort(key=lambda k: (rank[kinds[k]], heights[k], *places[k]))
    keep = keep[:MOST]
    return places[keep], heights[keep], [kinds[k] for k in keep]


def torch_device() -> str:
    """ "cuda" where a GPU is at hand outright; a ZeroGPU Space lends one only to labs that ask for it."""
    current = devices.current()
    return "cuda" if current.kind == "cuda" and current.name != "ZeroGPU" else "cpu"


@contextlib.contextmanager
def crew(device: str) -> Iterator[Each]:
    """A `map` over chunks: on a CPU each on a thread of its own, where torch in turn starts none.

    Left to itself, torch splits every single operation among threads and waits for the slowest, which on a busy machine
    costs a hundred times the operation.
    """
    if device != "cpu":
        yield lambda function, items: [function(item) for item in items]
        return
    import torch

    with ThreadPoolExecutor(devices.threads(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield lambda function, items: list(pool.map(function, items))


class Swarm:
    """All starts on their way, a square grid over the region, in chunks (2, n) of torch tensors in float64."""

    def __init__(self, land: Landscape, method: str, settings: Settings, centre: np.ndarray, half_width: float, side: int, device: str):
        import torch

        self.land, self.method, self.settings = land, method, settings
        axis = torch.linspace(-half_width, half_width, side, dtype=torch.float64, device=device)
        yy, xx = torch.meshgrid(centre[1] + axis, centre[0] + axis, indexing="ij")
        self.size = CHUNK if device == "cpu" else side**2
        self.points = list(torch.stack([xx.reshape(-1), yy.reshape(-1)]).split(self.size, dim=1))
        self.states: list[Any] = [None] * len(self.points)
        self.step = 0

    def advance(self, each: Each) -> None:
        """Every point takes one step."""
        self.step += 1
        each(self.move, range(len(self.points)))

    def move(self, k: int) -> None:
        """One step of the points of a chunk."""
        import torch

        p, state = self.points[k], self.states[k]
        g = torch.stack(self.land.slope.torch(p[0], p[1]))
        if self.method == "newton":
            self.points[k] = newton(self.settings, p, g, self.land.bend.torch(p[0], p[1]))
        else:
            self.points[k], self.states[k] = RULES[self.method](self.settings, p, g, state, self.step)

    def only(self, chosen: np.ndarray) -> Any:
        """The points (2, n) of the starts whose ascending numbers are given."""
        import torch

        parts = []
        for k, p in enumerate(self.points):
            low, high = np.searchsorted(chosen, [k * self.size, (k + 1) * self.size])
            parts.append(p[:, torch.from_numpy(chosen[low:high] - k * self.size).to(p.device)])
        return torch.cat(parts, 1)


class Picture:
    """Gathers what the map shows: labels of all starts by cell, and the arrival of one start per cell."""

    def __init__(self, side: int, centre: np.ndarray, half_width: float, places: np.ndarray, reach: float, device: str):
        import torch

        self.m, self.kinds, self.reach = min(side, SIDE), len(places) + 2, reach
        axis = np.linspace(-half_width, half_width, side)
        middle = ((np.arange(self.m) + 0.5) * side / self.m).astype(np.int64)
        self.x, self.y = centre[0] + axis[middle], centre[1] + axis[middle]
        self.watched = (middle[:, None] * side + middle).reshape(-1)
        column = np.arange(side) * self.m // side
        self.cell = torch.from_numpy((column[:, None] * self.m + column).reshape(-1)).to(device)
        self.now = torch.full((self.m**2,), MOVING, dtype=torch.int64, device=device)
        self.arrival = torch.full((self.m**2,), torch.nan, dtype=torch.float64, device=device)
        self.corner = torch.from_numpy(centre - 2 * half_width).to(device)[:, None]
        self.scale = RASTER / (4 * half_width)
        self.raster = torch.from_numpy(self.draw(centre, half_width, places)).to(device)

    def draw(self, centre: np.ndarray, half_width: float, places: np.ndarray) -> np.ndarray:
        """The attractor near every cell of a fine raster, MOVING where there is none and outside of it."""
        raster = np.full((RASTER + 2, RASTER + 2), MOVING, np.int8)
        radius = NEAR * half_width * self.scale  # in cells
        for k, (a, b) in enumerate((places - centre) * self.scale + RASTER / 2):
            top, left = (max(0, int(c - radius)) for c in (b, a))
            rows, columns = (np.arange(c, min(RASTER, c + int(2 * radius) + 3)) for c in (top, left))
            disc = np.hypot(columns + 0.5 - a, rows[:, None] + 0.5 - b) < radius
            raster[rows[0] + 1 : rows[-1] + 2, columns[0] + 1 : columns[-1] + 2][disc] = k
        return raster.reshape(-1)

    def nearest(self, p: Any) -> Any:
        """The attractor by which each point p (2, n) is, or MOVING."""
        cell = ((p - self.corner) * self.scale).nan_to_num(-1.0).clamp_(-1, RASTER).floor_().long() + 1
        return self.raster[cell[1] * (RASTER + 2) + cell[0]].long()

    def label(self, p: Any) -> Any:
        """The attractor by which each point is, MOVING or LOST; the two negative ones counted from the end."""
        import torch

        here = p.abs() < self.reach
        return torch.where(here[0] & here[1], self.nearest(p), LOST) % self.kinds

    def watch(self, swarm: Swarm) -> None:
        """Note which of the watched starts have come to their attractor or left it again."""
        now = self.nearest(swarm.only(self.watched))
        self.arrival[(now >= 0) & (now != self.now)] = swarm.step
        self.arrival[now < 0] = float("nan")
        self.now = now

    def develop(self, points: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Label and purity (m, m), and the share of starts by label (K + 2,), from all points."""
        import torch

        labels = torch.cat([self.label(p) for p in points])
        counts = torch.bincount(self.cell * self.kinds + labels, minlength=self.m**2 * self.kinds)
        by_cell = counts.cpu().numpy().reshape(-1, self.kinds)
        best = by_cell.argmax(1)
        purity = by_cell.max(1) / by_cell.sum(1)
        total = by_cell.sum(0) / by_cell.sum()
        label = np.where(best >= self.kinds - 2, best - self.kinds, best).reshape(self.m, self.m)
        return label, purity.reshape(self.m, self.m), np.concatenate([total[:-2], total[[MOVING, LOST]]])


def around(land: Landscape, p: np.ndarray, half_width: float) -> str:
    """The kind of a stationary point whose Hessian cannot say, by f on a small circle around it; else "flat"."""
    angle = np.deg2rad(np.arange(0.0, 360.0, 5.0))
    radius = NEAR / 2 * half_width
    rise = land.value(p[0] + radius * np.cos(angle), p[1] + radius * np.sin(angle)) - land.value(*p)
    clear = 0.01 * np.abs(rise).max()
    if not clear > 0:
        return "flat"
    if rise.min() > clear:
        return "minimum"
    return "maximum" if rise.max() < -clear else "saddle" if rise.min() < -clear and rise.max() > clear else "flat"


def explore(
    land: Landscape, method: str, starts: int, steps: int, settings: Settings, centre: np.ndarray, half_width: float
) -> Iterator[tuple[Basins, float]]:
    """The map of basins as the starts move, with the share of the work done.

    starts: about how many; the square number below it is used. Runs by torch in float64, on a GPU where there is one.
    """
    device, side = torch_device(), int(np.sqrt(starts))
    places, heights, kinds = attractors(land, centre, half_width)
    picture = Picture(side, centre, half_width, places, FAR * half_width + np.abs(centre).max(), device)
    swarm = Swarm(land, method, settings, centre, half_width, side, device)
    stride = max(1, steps // PICTURES)
    basins = None
    with crew(device) as each:
        for step in range(steps + 1):
            if step > 0:
                swarm.advance(each)
            each(picture.watch, [swarm])
            if step % stride == 0 or step == steps or basins is None:
                ((label, purity, share),) = each(picture.develop, [swarm.points])
                arrival = np.where(label >= 0, picture.arrival.cpu().numpy().reshape(label.shape), np.nan)
                basins = Basins(
                    method,
                    side,
                    step,
                    picture.x,
                    picture.y,
                    label,
                    purity,
                    arrival,
                    places,
                    heights,
                    tuple(kinds),
                    share,
                    sentence(step, share, kinds),
                    device,
                )
            yield basins, step / steps


def sentence(step: int, share: np.ndarray, kinds: list[str]) -> T:
    """What the map shows, in words."""
    to_minima = sum(part for part, kind in zip(share, kinds, strict=False) if kind == "minimum")
    elsewhere = sum(part for part, kind in zip(share, kinds, strict=False) if kind != "minimum")
    count = kinds.count("minimum")
    en = f"after {step} steps {to_minima:.1%} of the starts are at one of {count} minima"
    zh = f"{step} 步后，{to_minima:.1%} 的起点到达了 {count} 个极小值点之一"
    if elsewhere >= 5e-4:
        en, zh = T(
            "{en}, {elsewhere:.1%} at a saddle or a maximum", "{en}，{elsewhere:.1%} 停在鞍点或极大值点", en=T(en, zh), elsewhere=elsewhere
        )
    if share[-2] >= 5e-4:
        en, zh = T("{en}, {share:.1%} still moving", "{en}，{share:.1%} 仍在移动", en=T(en, zh), share=share[-2])
    if share[-1] >= 5e-4:
        en, zh = T("{en}, {share:.1%} diverged or left the domain", "{en}，{share:.1%} 发散或离开了定义域", en=T(en, zh), share=share[-1])
    return en, zh
