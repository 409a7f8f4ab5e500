"""What position encodings give: scores of the whole family, rotation in depth, and the losses of real models."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from numpy import ndarray

from engine.core import Finding, T


@dataclass(frozen=True)
class Matrix:
    """What an encoding adds to something, or multiplies it with (`kind`), as words say; rows are positions or distances."""

    values: Float[ndarray, "r c"]
    rows: Int[ndarray, " r"]
    row_title: T
    column_title: T
    kind: str
    says: T


@dataclass(frozen=True)
class Chosen:
    """One encoding in detail. matrix: what it works with, None for none. parts, terms: names and matrices that add up to
    scores of queries and keys at positions 0 to N − 1."""

    name: str
    title: T
    matrix: Matrix | None
    parts: tuple[T, ...]
    terms: Float[ndarray, "t N N"]
    scores: Float[ndarray, "N N"]


@dataclass(frozen=True)
class Turning:
    """A query at m and a key at n = m − distance while m runs: the hands turn, their products stand still.

    positions: of the query, at each of f moments. pairs, rates: numbers of the h pairs drawn, their radians per position.
    query, key: those pairs of numbers, turned. products: what each pair adds to the score, over the root of d.
    """

    positions: Int[ndarray, " f"]
    distance: int
    pairs: Int[ndarray, " h"]
    rates: Float[ndarray, " h"]
    query: Float[ndarray, "f h 2"]
    key: Float[ndarray, "f h 2"]
    products: Float[ndarray, "f pairs"]
    scores: Float[ndarray, " f"]


@dataclass(frozen=True)
class Formats:
    """How wrong scores of near neighbours are, over |q||k|, when positions, angles, cosines and turned numbers are kept in a
    number format, by the position."""

    names: tuple[str, ...]
    positions: Int[ndarray, " p"]
    error: Float[ndarray, "formats p"]


@dataclass(frozen=True)
class Decay:
    """How a rotary score falls with distance. score: of the query and key at hand over |q||k|. alike: of equal random
    vectors on average, the mean of cos(r θ). bound: the mean length of the partial sums of turns (eq. 37), over its value
    at 0. unscaled: `alike` as trained, without the scaling. falls_to_half: the first distance from which `alike` stays
    below a half, NaN if it never does."""

    distances: Int[ndarray, " p"]
    score: Float[ndarray, " p"]
    alike: Float[ndarray, " p"]
    bound: Float[ndarray, " p"]
    unscaled: Float[ndarray, " p"]
    falls_to_half: float


@dataclass(frozen=True)
class Stretch:
    """What each of the 4 scalings does to each pair.

    rates, wavelengths: radians per position, positions per turn. turns: full turns that a pair makes within the training
    length. reach: the angle at s · L over the largest angle within L seen in training: above 1 goes beyond. new: how
    many pairs meet angles that the model never saw: they go beyond, and make no full turn within L. ramp: YaRN's share
    left alone. temperature: of the cosines. context, factor: L and s.
    """

    names: tuple[str, ...]
    titles: tuple[T, ...]
    rates: Float[ndarray, "4 pairs"]
    wavelengths: Float[ndarray, "4 pairs"]
    turns: Float[ndarray, " pairs"]
    reach: Float[ndarray, "4 pairs"]
    new: Int[ndarray, " 4"]
    ramp: Float[ndarray, " pairs"]
    temperature: Float[ndarray, " 4"]
    context: int
    factor: float


@dataclass(frozen=True)
class LinearRotary:
    """Causal linear attention with rotation. turned: weights, rows divided by the plain sums; negative: share of them below
    0. state_gap: largest difference between outputs of the running state and of the whole matrix, over the largest
    output; moved_gap: the same when all positions move. width: d. singular: singular values of φ(q)·φ(k) as each encoding
    changes it, over the largest: rotation works on q and k, the others multiply the product by exp of what they add to a
    score. ranks: how many are above 1e−9; a state of d rows can carry d.
    """

    turned: Float[ndarray, "N N"]
    negative: float
    state_gap: float
    moved_gap: float
    width: int
    names: tuple[str, ...]
    titles: tuple[T, ...]
    singular: Float[ndarray, "e N"]
    ranks: Int[ndarray, " e"]


@dataclass(frozen=True)
class Curves:
    """Loss by place of c models, in nats a token.

    places: tokens before the predicted one, middles of equal parts. losses: NaN where there is no position to give. inside,
    beyond: means within the training length (`context`) and past it; at_end: over the last eighth. shift: the position of
    a text's first token, of `windows` texts of `length` tokens each.
    """

    names: tuple[str, ...]
    titles: tuple[T, ...]
    places: Float[ndarray, " p"]
    losses: Float[ndarray, "c p"]
    inside: Float[ndarray, " c"]
    beyond: Float[ndarray, " c"]
    at_end: Float[ndarray, " c"]
    context: int
    shift: int
    windows: int
    length: int


@dataclass(frozen=True)
class TargetLosses(Curves):
    """The embedded model under each scaling of its rotary rates, nothing trained anew; factor, base: what the run used."""

    factor: float
    base: float


@dataclass(frozen=True)
class SmallLosses(Curves):
    """Small models that differ in their encoding alone, on the same tokens in the same order.

    steps, curves: held-out loss during training. shifts, shifted: loss of short windows whose positions all moved.
    parameters, cpu_seconds: of each model. tokens: seen by each.
    """

    steps: Int[ndarray, " s"]
    curves: Float[ndarray, "c s"]
    shifts: Int[ndarray, " h"]
    shifted: Float[ndarray, "c h"]
    parameters: Int[ndarray, " c"]
    cpu_seconds: Int[ndarray, " c"]
    tokens: int


@dataclass(frozen=True)
class Losses:
    """Both, with where each was measured, and whether by the recipe (recorded, with a date) or by this run.

    shifted_source: of `small.shifted`, which no run here measures.
    """

    target: TargetLosses
    small: SmallLosses
    target_source: T
    small_source: T
    shifted_source: T
    target_recorded: bool = True
    small_recorded: bool = True


@dataclass(frozen=True)
class PositionEncoded:
    """What each of e encodings makes of a score, rotation in depth, and the losses of models.

    scores: of one query and key at each pair of the first t positions, NaN where there is no position. departure: how far
    scores are from depending on m − n alone, over the largest; relative_only: whether that is rounding. theory: whether
    the formula says so. offset, scaling, base: as asked for.
    """

    names: tuple[str, ...]
    titles: tuple[T, ...]
    scores: Float[ndarray, "e t t"]
    departure: Float[ndarray, " e"]
    relative_only: Bool[ndarray, " e"]
    theory: Bool[ndarray, " e"]
    offset: int
    scaling: str
    base: float
    chosen: Chosen
    turning: Turning
    formats: Formats
    decay: Decay
    stretch: Stretch
    linear: LinearRotary
    loss_by_position: Losses
    findings: tuple[Finding, ...]
    backend: str = "numpy"
    dtype: str = "float64"
