"""What a detector does wrong, and what each kind of mistake costs: TIDE (Bolya, Foley, Hays, Hoffman 2020)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from engine.core.words import T
from engine.vision.detection_metrics.matching import AREAS, MOST, Detections, Truths, average_precision, match, mean, paired

KINDS = (
    T("class", "类别错"),
    T("location", "位置错"),
    T("both", "两者皆错"),
    T("duplicate", "重复"),
    T("on background", "背景误检"),
    T("missed", "漏检"),
)
CLASS, LOCATION, BOTH, DUPLICATE, BACKGROUND, MISSED = range(6)
FOREGROUND, LOOSE = 0.5, 0.1  # t_f and t_b of the paper


@dataclass(frozen=True)
class Blame:
    """kind: of each detection, −1 where it is right or not counted. toward: the truth that it was meant for, −1 for none.
    missed: truths that nothing detected nor meant. cost: by how much AP at IoU 0.5 rises when an oracle mends that kind
    alone; ap: from where. ambiguous: detections that would be duplicates, were not "class" asked for first."""

    kind: Int[ndarray, " d"]
    toward: Int[ndarray, " d"]
    missed: Bool[ndarray, " n"]
    counts: Int[ndarray, 6]
    cost: Float[ndarray, 6]
    ap: float
    ambiguous: int


def blame(truths: Truths, found: Detections, labels: int, most: int = MOST) -> Blame:
    """Sort every false detection and every missed truth into one kind. Crowds are left out of account."""
    kind, toward = np.full(len(found), -1), np.full(len(found), -1)
    taken = np.zeros(len(truths), bool)
    for one in match(truths, found, labels, np.array([FOREGROUND]), AREAS[:1], most):
        hit = one.truth[0, 0]
        taken[hit[hit >= 0]] = True
        toward[one.place] = hit
        kind[one.place[(hit < 0) & ~one.ignored[0, 0]]] = BACKGROUND
    wrong = np.flatnonzero(kind == BACKGROUND)
    kind[wrong], toward[wrong], ambiguous = _kinds(found.only(wrong), truths)
    meant = np.zeros(len(truths), bool)
    meant[toward[(kind == CLASS) | (kind == LOCATION)]] = True
    missed = ~taken & ~meant & ~truths.crowd
    counts = np.append(np.bincount(kind[kind >= 0], minlength=MISSED)[:MISSED], missed.sum())
    ap = mean_ap(truths, found, labels, most)
    mended = (_mended(truths, found, kind, toward, missed, taken, mend) for mend in range(len(KINDS)))
    cost = np.array([mean_ap(*pair, labels, most) - ap for pair in mended])
    return Blame(kind, toward, missed, counts, cost, ap, ambiguous)


def _kinds(wrong: Detections, truths: Truths) -> tuple[ndarray, ndarray, int]:
    """The kind of each false detection and the truth that it meant, in the order in which TIDE's own program asks: loosely
    on an object of its class, on one of another class, on one of its class that is taken; and for how many of the last two
    the order decided."""
    best = np.zeros((2, len(wrong)))  # IoU with the nearest truth of its own class, and of another
    at = np.full((2, len(wrong)), -1)
    solid = np.flatnonzero(~truths.crowd)
    for d, t, overlap in paired(wrong, truths.only(solid), wrong.picture, truths.picture[solid]):
        same = wrong.label[d] == truths.label[solid[t]]
        for which, mine in enumerate((same, ~same)):
            rising = np.lexsort((-t[mine], overlap[mine]))  # of equals the first truth comes last, and stays
            best[which, d[mine][rising]] = overlap[mine][rising]
            at[which, d[mine][rising]] = solid[t[mine][rising]]
    own, other = best
    loose, named = (own >= LOOSE) & (own < FOREGROUND), other >= FOREGROUND
    kind = np.select([loose, named, own >= FOREGROUND, other >= LOOSE], [LOCATION, CLASS, DUPLICATE, BOTH], BACKGROUND)
    toward = np.select([np.isin(kind, (LOCATION, DUPLICATE)), np.isin(kind, (CLASS, BOTH))], at, -1)
    return kind, toward, int((named & (own >= FOREGROUND)).sum())


def mean_ap(truths: Truths, found: Detections, labels: int, most: int = MOST) -> float:
    """AP at IoU 0.5, all areas, averaged over the classes that truth has."""
    matches = match(truths, found, labels, np.array([FOREGROUND]), AREAS[:1], most)
    return float(mean(np.array([average_precision(one, found.score)[0, 0] for one in matches])))


def _mended(
    truths: Truths, found: Detections, kind: ndarray, toward: ndarray, missed: ndarray, taken: ndarray, mend: int
) -> tuple[Truths, Detections]:
    """Both after an oracle has mended one kind: a wrong class or place is set right (one that was taken or set right by a
    better detection is dropped), what should not be there goes, what was missed is not asked for."""
    if mend == MISSED:
        return truths.only(~missed), found
    if mend not in (CLASS, LOCATION):
        return truths, found.only(kind != mend)
    wrong = np.flatnonzero(kind == mend)
    wrong = wrong[np.argsort(-found.score[wrong], kind="stable")]
    wrong = wrong[~taken[toward[wrong]]]
    first = wrong[np.unique(toward[wrong], return_index=True)[1]]  # the surest of those that meant one truth
    whole = {name: getattr(found, name).copy() for name in ("label", "boxes", "sizes")}
    for name, values in whole.items():
        values[first] = getattr(truths, name)[toward[first]]
    keep = kind != mend
    keep[first] = True
    return truths, replace(found, **whole).only(keep)
