"""Where a method leads from every pixel of the map: its basins of attraction."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from engine.calculus.gradient.descent import FAR, advance, kind_of
from engine.calculus.gradient.landscape import Landscape
from engine.calculus.gradient.parameters import Settings
from engine.calculus.gradient.result import Basins
from engine.core import T

MOVING, LOST = -1, -2
NEAR = 0.02  # half-widths from an attractor that count as arrived
MOST = 24
PICTURES = 24  # of the progress
RANK = {"minimum": 0, "saddle": 1, "maximum": 2}
WORTH_SAYING = 5e-4  # of the starts


def attractors(land: Landscape, centre: ndarray, half_width: float) -> tuple[Float[ndarray, "k 2"], Float[ndarray, " k"], list[str]]:
    """Isolated stationary points in and around the region, at most 24: places, heights, kinds; minima first.

    Newton's method from a 21×21 grid, once plainly (which finds all kinds) and once with the Hessian's eigenvalues made
    positive (which goes downhill). A valley's floor, where the Hessian is singular and f does not clearly rise or fall
    in every direction, is left out.
    """
    axis = np.linspace(-1.5, 1.5, 21) * half_width
    grid = np.stack(np.meshgrid(centre[0] + axis, centre[1] + axis)).reshape(2, -1)
    points = np.concatenate([settle(land, grid, half_width, downhill) for downhill in (True, False)])
    points = points[np.abs(points - centre).max(1) < 2 * half_width]
    distinct: list[ndarray] = []
    for point in points:
        if all(np.hypot(*(point - other)) > NEAR * half_width for other in distinct):
            distinct.append(point)
    sizes = np.abs(land.hessian(*grid))
    ruler = float(np.median(sizes[np.isfinite(sizes)])) if np.isfinite(sizes).any() else 0.0
    found = []
    for place in distinct:
        height, _, _, *bend = land.survey(*place)
        kind = kind_of(np.array(bend), ruler)
        kind = around(land, place, half_width) if kind == "flat" else kind
        if kind != "flat":
            found.append((RANK[kind], float(height), *place, kind))
    found = sorted(found)[:MOST]
    return np.array([one[2:4] for one in found]).reshape(-1, 2), np.array([one[1] for one in found]), [one[4] for one in found]


def settle(land: Landscape, grid: Float[ndarray, "2 n"], half_width: float, downhill: bool) -> Float[ndarray, "k 2"]:
    """Where Newton's method comes to rest from a grid, its steps at most a quarter of the half-width long."""
    p, length = grid.copy(), np.full(grid.shape[1], np.inf)
    with np.errstate(all="ignore"):
        for _ in range(40):
            g, bend = land.gradient(*p), land.hessian(*p)
            ok = np.isfinite(bend).all((1, 2)) & np.isfinite(g).all(0)
            values, vectors = np.linalg.eigh(np.where(ok[:, None, None], bend, np.eye(2)))
            size = np.where(np.abs(values) > 1e-12, np.abs(values) if downhill else values, np.nan)
            along = (vectors * g.T[:, :, None]).sum(1) / size
            step = (vectors * along[:, None, :]).sum(2).T
            length = np.hypot(*step)
            p = np.where(ok, p - step * np.minimum(1, 0.25 * half_width / length), np.nan)
            if not (length > 1e-9 * half_width).any():
                break
    return p[:, length < 1e-6 * half_width].T


def around(land: Landscape, p: ndarray, half_width: float) -> str:
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
    land: Landscape, method: str, side: int, steps: int, settings: Settings, centre: Float[ndarray, " 2"], half_width: float
) -> Iterator[tuple[Basins, float]]:
    """The map of basins as side² starts move, with the share of the work done."""
    places, heights, kinds = attractors(land, centre, half_width)
    axis = np.linspace(-half_width, half_width, side)
    x, y = centre[0] + axis, centre[1] + axis
    p, state = np.stack(np.meshgrid(x, y)).reshape(2, -1), None
    reach = FAR * half_width + np.abs(centre).max()
    stride, basins = max(1, steps // PICTURES), None
    for step in range(steps + 1):
        with np.errstate(all="ignore"):
            if step > 0:
                seen = land.survey(*p)
                p, state = advance(method, settings, p, seen[1:3], seen[3:], state, step)
            if step % stride == 0 or step == steps or basins is None:
                label = np.where((np.abs(p) < reach).all(0), MOVING, LOST)
                for k, place in enumerate(places):
                    label[np.hypot(*(p - place[:, None])) < NEAR * half_width] = k
                share = np.bincount(label % (len(places) + 2), minlength=len(places) + 2) / label.size
                share[-2:] = share[[MOVING, LOST]]  # the negative labels are counted from the end
                basins = Basins(method, step, x, y, label.reshape(side, side), places, heights, tuple(kinds), share)
        yield basins, step / steps


def sentence(b: Basins) -> T:
    """What the map shows, in words."""
    minima = np.array([kind == "minimum" for kind in b.kinds], bool)
    rest = [
        (b.share[:-2][~minima].sum(), T("{share:percent} at a saddle or a maximum", "{share:percent} 停在鞍点或极大值点")),
        (b.share[-2], T("{share:percent} still moving", "{share:percent} 仍在移动")),
        (b.share[-1], T("{share:percent} diverged or left the domain", "{share:percent} 发散或离开了定义域")),
    ]
    arrived = T.many(
        "{share:percent} of the starts are at the only minimum",
        "{share:percent} of the starts are at one of {n} minima",
        "{share:percent} 的起点到达了 {n} 个极小值点之一",
        n=int(minima.sum()),
        share=b.share[:-2][minima].sum(),
    )
    parts = [arrived, *(T(*words, share=share) for share, words in rest if share >= WORTH_SAYING)]
    return T("After {step} steps {parts}.", "{step} 步后，{parts}。", step=b.step, parts=T.joined(parts, ", ", "，"))
