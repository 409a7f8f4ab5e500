"""What can be drawn of f: a plane through n dimensions, with its own contours and principal axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from engine.calculus.quadratic_form.definiteness import Spectrum, short
from engine.calculus.quadratic_form.descent import Run
from engine.calculus.quadratic_form.entry import Form
from engine.core.words import T

GRID, LEVELS, ROUND, MOST_POINTS = 61, 12, 97, 501
Plane = tuple[ndarray, tuple[int, ...] | None, tuple[T, ...]]
NICE = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True)
class Trajectory:
    """What a page draws of a `Run` with m steps: the same fields, and instead of its points their picture.

    path: (≤ 501, 2), the (u, v) of the first points, projected at right angles onto the slice; v is 0 where n = 1.
    """

    method: str
    status: str
    iterations: int | None
    sentence: T
    path: ndarray
    value: ndarray
    gap: ndarray
    gradient_norm: ndarray
    error_norm: ndarray
    recurred_norm: ndarray | None


@dataclass(frozen=True)
class Slice:
    """f on the plane origin + s·d₁ + t·d₂, where d₁, d₂ are orthonormal; a point of it has u = d₁ᵀx, v = d₂ᵀx.

    origin: (n,), the stationary point, or the start where there is none. directions: (d, n), d = 2, or 1 where n = 1.
    coordinates: which entries of x u and v are, from 0; None where eigenvectors span the slice.
    labels: what u and v are, in both languages. u, v: (61,) axes; v is None where n = 1. z: f, (61, 61) with v along
    the rows; None where n = 1. profile: (61,), f along u through the centre. levels: (12,), ascending, contours
    spaced like those of a bowl. matrix: (d, d), PᵀAP. eigenvalues: (d,) and eigenvectors: (d, d), columns, of it.
    axes: (d, d), row i is eigenvector i times axis_scale/√|λ_i|, NaN where λ_i counts as zero: semi-axes of the
    contour f(centre) ± ½·axis_scale². centre: (d,), the slice's own (u, v) of origin. ellipse: (97, 2), that contour,
    None unless both λ_i have one sign. reach: (61,), −half to half the window. sections: (d, 61), f along
    eigenvector i at those distances from the centre.
    """

    origin: ndarray
    directions: ndarray
    coordinates: tuple[int, ...] | None
    labels: tuple[T, ...]
    u: ndarray
    v: ndarray | None
    z: ndarray | None
    profile: ndarray
    levels: ndarray
    matrix: ndarray
    eigenvalues: ndarray
    eigenvectors: ndarray
    axes: ndarray
    axis_scale: float
    centre: ndarray
    ellipse: ndarray | None
    reach: ndarray
    sections: ndarray


def choose_plane(kind: str, first: int, second: int, form: Form, spectrum: Spectrum) -> Plane:
    """Directions (d, n), coordinates or None, and labels of a slice.

    kind: "coordinates" or "eigenvectors", numbers `first` and `second` (from 1; cut to n, and the second moves on
    where they fall together), or "extremes", the eigenvectors of the least and the greatest eigenvalue.
    """
    n = len(form.b)
    one, two = min(first, n) - 1, min(second, n) - 1
    if kind == "extremes":
        one, two = 0, n - 1
    if n > 1 and one == two:
        two = (one + 1) % n
    picks = [one, two] if n > 1 else [0]
    if kind == "coordinates":
        return np.eye(n)[picks], tuple(picks), tuple((form.names[i], form.names[i]) for i in picks)
    labels = [
        T("along v{i} (λ = {eigenvalues})", "沿 v{i}(λ = {eigenvalues})", i=i + 1, eigenvalues=short(spectrum.eigenvalues[i]))
        for i in picks
    ]
    return spectrum.eigenvectors[:, picks].T, None, tuple(labels)


def _nice(size: float) -> float:
    """The next round number up: a window that does not breathe with every pixel of a drag."""
    power = 10.0 ** np.floor(np.log10(size))
    return float(power * next((step for step in NICE if step * power >= size * 0.999999), 10.0))


def _half_width(centre: ndarray, start: ndarray, ways: list[ndarray]) -> float:
    """Wide enough for the start and for the ways that stay within three times its distance."""
    reach = float(np.abs(start - centre).max())
    for way in ways:
        reach = max(reach, min(float(np.abs(way - centre).max()), 3 * reach))
    return _nice(1.2 * reach if reach > 1e-9 * (1 + float(np.abs(centre).max())) else 1.0)


def cut(form: Form, spectrum: Spectrum, origin: ndarray, plane: Plane, start: ndarray, ways: list[Run]) -> Slice:
    """f on a plane through `origin` (n,), in a window that shows the start and the ways."""
    directions, coordinates, labels = plane
    centre = directions @ origin
    paths = [way.points @ directions.T for way in ways if way.status != "diverged"]
    half = _half_width(centre, directions @ start, paths)
    matrix = directions @ form.a @ directions.T
    matrix = 0.5 * (matrix + matrix.T)
    slope, base = directions @ (form.a @ origin - form.b), float(form.value(origin))
    side = np.linspace(-half, half, GRID)
    profile = base + slope[0] * side + 0.5 * matrix[0, 0] * side * side
    values, vectors, axes, scale = _principal(matrix, spectrum.tolerance, half)
    z = v = ellipse = None
    heights = profile
    if len(centre) == 2:
        v = centre[1] + side
        across = slope[1] * side + 0.5 * matrix[1, 1] * side * side
        z = profile[None, :] + across[:, None] + matrix[0, 1] * side[:, None] * side[None, :]
        heights = z
        if values[0] * values[1] > 0 and not np.isnan(axes).any():
            angle = np.linspace(0, 2 * np.pi, ROUND)[:, None]
            ellipse = centre + np.cos(angle) * axes[0] + np.sin(angle) * axes[1]
    sections = base + (vectors.T @ slope)[:, None] * side + 0.5 * values[:, None] * side * side
    return Slice(
        origin,
        directions,
        coordinates,
        labels,
        centre[0] + side,
        v,
        z,
        profile,
        _levels(heights, base),
        matrix,
        values,
        vectors,
        axes,
        scale,
        centre,
        ellipse,
        side,
        sections,
    )


def _principal(matrix: ndarray, tolerance: float, half: float) -> tuple[ndarray, ndarray, ndarray, float]:
    """Eigenvalues, eigenvectors (columns) and scaled axes (rows) of a slice, the longest 0.8 of the window's half."""
    values, vectors = np.linalg.eigh(matrix)
    bent = np.abs(values) > tolerance
    lengths = np.full(len(values), np.nan)
    lengths[bent] = 1 / np.sqrt(np.abs(values[bent]))
    scale = 0.8 * half / float(lengths[bent].max()) if bent.any() else 1.0
    return values, vectors, scale * lengths[:, None] * vectors.T, scale


def _levels(heights: ndarray, base: float) -> ndarray:
    """Levels base ± s², so that the contours of a bowl lie at equal distances."""
    low, high = float(heights.min()), float(heights.max())
    if not high > low:
        return base + np.arange(LEVELS) * max(1.0, abs(base)) * 0.1
    share = np.sqrt(max(base - low, 0.0)), np.sqrt(max(high - base, 0.0))
    steps = np.linspace(-share[0], share[1], LEVELS + 2)[1:-1]
    return base + np.sign(steps) * steps * steps


def look(way: Run, directions: ndarray) -> Trajectory:
    """The way as the plane spanned by `directions` (d, n) sees it."""
    seen = way.points[:MOST_POINTS] @ directions.T
    path = seen if seen.shape[1] == 2 else np.column_stack([seen, np.zeros(len(seen))])
    return Trajectory(
        way.method, way.status, way.iterations, way.sentence, path, way.value, way.gap, way.gradient_norm, way.error_norm, way.recurred_norm
    )
