"""What can be drawn of f: a plane through n dimensions, with its own contours and principal axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from engine.calculus.quadratic_form.result import Form, Run, Slice, Spectrum
from engine.core import T

GRID, ROUND = 61, 97
NICE = np.array([1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0])


@dataclass(frozen=True)
class Plane:
    """directions: orthonormal, two or one. coordinates, labels: see `Slice`."""

    directions: Float[ndarray, "d n"]
    coordinates: tuple[int, ...] | None
    labels: tuple[T, ...]

    def bends(self, form: Form) -> Float[ndarray, "d d"]:
        """PᵀAP: the matrix of f on the plane, symmetric to the last bit."""
        matrix = self.directions @ form.a @ self.directions.T
        return 0.5 * (matrix + matrix.T)


def choose_plane(kind: str, first: int, second: int, form: Form, spectrum: Spectrum) -> Plane:
    """The plane of a slice.

    kind: "coordinates" or "eigenvectors", numbers `first` and `second` (from 1; cut to n, and the second moves on
    where they fall together), or "extremes", the eigenvectors of the least and the greatest eigenvalue.
    """
    n = len(form.b)
    one, two = (0, n - 1) if kind == "extremes" else (min(first, n) - 1, min(second, n) - 1)
    if one == two:
        two = (one + 1) % n
    picks = [one, two] if n > 1 else [0]
    if kind == "coordinates":
        return Plane(np.eye(n)[picks], tuple(picks), tuple(T.of(form.names[i]) for i in picks))
    values = spectrum.eigenvalues
    names = [T("along v{i} (λ = {value:number.4})", "沿 v{i}（λ = {value:number.4}）", i=i + 1, value=values[i]) for i in picks]
    return Plane(spectrum.eigenvectors[:, picks].T, None, tuple(names))


def _half_width(centre: ndarray, start: ndarray, paths: list[ndarray]) -> float:
    """Wide enough for the start and for the ways that stay within three times its distance, rounded up so that the
    window does not breathe with every pixel of a drag."""
    reach = float(np.abs(start - centre).max())
    for path in paths:
        reach = max(reach, min(float(np.abs(path - centre).max()), 3 * reach))
    size = 1.2 * reach if reach > 1e-9 * (1 + float(np.abs(centre).max())) else 1.0
    power = 10.0 ** np.floor(np.log10(size))
    return float(power * NICE[np.searchsorted(NICE[:-1], size / power * 0.999999)])


def cut(form: Form, spectrum: Spectrum, origin: Float[ndarray, " n"], plane: Plane, runs: Mapping[str, Run]) -> Slice:
    """f on a plane through `origin`, in a window that shows the start of the runs and their ways."""
    directions = plane.directions
    centre, paths = directions @ origin, {method: way.points @ directions.T for method, way in runs.items()}
    start = next(iter(paths.values()))[0]
    half = _half_width(centre, start, [paths[method] for method, way in runs.items() if way.status != "diverged"])
    matrix, slope, base = plane.bends(form), directions @ (form.a @ origin - form.b), float(form.value(origin))
    values, vectors = np.linalg.eigh(matrix)
    bent = np.abs(values) > spectrum.tolerance
    lengths = np.full(len(values), np.nan)
    lengths[bent] = 1 / np.sqrt(np.abs(values[bent]))
    axes = (0.8 * half / lengths[bent].max(initial=0.0) if bent.any() else 1.0) * lengths[:, None] * vectors.T
    side = np.linspace(-half, half, GRID)
    v = z = ellipse = None
    if len(centre) == 2:
        v = centre[1] + side
        z = base + np.add.outer(*((slope[i] * side + 0.5 * matrix[i, i] * side * side) for i in (1, 0)))
        z = z + matrix[0, 1] * np.multiply.outer(side, side)
        if bent.all() and values[0] * values[1] > 0:
            angle = np.linspace(0, 2 * np.pi, ROUND)[:, None]
            ellipse = centre + np.cos(angle) * axes[0] + np.sin(angle) * axes[1]
    return Slice(
        origin=origin,
        directions=directions,
        coordinates=plane.coordinates,
        labels=plane.labels,
        u=centre[0] + side,
        v=v,
        z=z,
        eigenvalues=values,
        eigenvectors=vectors,
        axes=axes,
        centre=centre,
        ellipse=ellipse,
        reach=side,
        sections=base + (vectors.T @ slope)[:, None] * side + 0.5 * values[:, None] * side * side,
        paths={method: path if path.shape[1] == 2 else np.pad(path, ((0, 0), (0, 1))) for method, path in paths.items()},
    )
