"""What a detector does wrong, and what each kind of mistake costs: TIDE (Bolya, Foley, Hays, Hoffman 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from engine.vision.detection_metrics.boxes import iou
from engine.vision.detection_metrics.matching import AREAS, Detections, Truths, average_precision, match

KINDS = (
    ("class", "类别错"), ("location", "位置错"), ("both", "两者皆错"), ("duplicate", "重复"), ("background", "误检"),
    ("missed", "漏检"),
)  # fmt: skip
CLASS, LOCATION, BOTH, DUPLICATE, BACKGROUND, MISSED = range(6)
FOREGROUND, LOOSE = 0.5, 0.1  # t_f and t_b of the paper


@dataclass(frozen=True)
class Blame:
    """kind: (d,) of each detection, −1 where it is right. toward: (d,) the truth that it was meant for, −1 for none.
    missed: (n,) truths that nothing detected nor meant. counts: (6,). cost: (6,) by how much AP at IoU 0.5 rises when
    an oracle mends that kind alone. ap: what it rises from."""

    kind: ndarray
    toward: ndarray
    missed: ndarray
    counts: ndarray
    cost: ndarray
    ap: float


def blame(truths: Truths, found: Detections, labels: int) -> Blame:
    """Sort every false detection and every missed truth into one kind. Crowds are left out of account."""
    kind, toward = np.full(len(found), -1), np.full(len(found), -1)
    taken = np.zeros(len(truths), bool)
    for made in match(truths, found, labels, np.array([FOREGROUND]), AREAS[:1]):
        hit = made.truth[0, 0]
        taken[hit[hit >= 0]] = True
        toward[made.place] = hit
        kind[made.place[(hit < 0) & ~made.ignored[0, 0]]] = BACKGROUND
    for d in np.flatnonzero(kind == BACKGROUND):
        there = np.flatnonzero((truths.picture == found.picture[d]) & ~truths.crowd)
        kind[d], toward[d] = _kind(iou(found.boxes[d : d + 1], truths.boxes[there])[0],
                                   truths.label[there] == found.label[d], there)  # fmt: skip
    meant = np.zeros(len(truths), bool)
    meant[toward[(kind == CLASS) | (kind == LOCATION)]] = True
    missed = ~taken & ~meant & ~truths.crowd
    counts = np.append(np.bincount(kind[kind >= 0], minlength=MISSED)[:MISSED], missed.sum())
    ap = mean_ap(truths, found, labels)
    cost = np.array([_mended(truths, found, labels, kind, toward, missed, taken, k) - ap for k in range(len(KINDS))])
    return Blame(kind, toward, missed, counts, cost, ap)


def _kind(overlap: ndarray, same: ndarray, there: ndarray) -> tuple[int, int]:
    """The kind of a false detection from its overlaps with the truths of its picture, and the truth that it meant."""
    inside = lambda mask: np.where(mask, overlap, -1.0)  # noqa: E731
    if not len(overlap):
        return BACKGROUND, -1
    own, other = inside(same), inside(~same)
    if own.max() >= FOREGROUND:
        return DUPLICATE, int(there[own.argmax()])
    if own.max() >= LOOSE:
        return LOCATION, int(there[own.argmax()])
    if other.max() >= FOREGROUND:
        return CLASS, int(there[other.argmax()])
    if other.max() >= LOOSE:
        return BOTH, int(there[other.argmax()])
    return BACKGROUND, -1


def mean_ap(truths: Truths, found: Detections, labels: int) -> float:
    """AP at IoU 0.5, all areas, averaged over the classes that truth has."""
    made = match(truths, found, labels, np.array([FOREGROUND]), AREAS[:1])
    each = [average_precision(one, found.score)[0, 0] for one in made]
    return float(np.nanmean(each)) if np.isfinite(each).any() else float("nan")


def _mended(truths: Truths, found: Detections, labels: int, kind: ndarray, toward: ndarray, missed: ndarray,
            taken: ndarray, mend: int) -> float:  # fmt: skip
    """AP at IoU 0.5 after an oracle has mended one kind: a wrong class or place is set right (one that was taken or
    set right by a better detection is dropped), what should not be there goes, what was missed is not asked for."""
    label, boxes, keep = found.label.copy(), found.boxes.copy(), np.ones(len(found), bool)
    if mend in (CLASS, LOCATION):
        done = taken.copy()
        for d in sorted(np.flatnonzero(kind == mend), key=lambda d: -found.score[d]):
            truth = toward[d]
            if done[truth]:
                keep[d] = False
                continue
            done[truth] = True
            label[d], boxes[d] = truths.label[truth], truths.boxes[truth]
    elif mend == MISSED:
        kept = ~missed
        truths = Truths(*(getattr(truths, name)[kept] for name in ("picture", "label", "boxes", "crowd", "areas")))
    else:
        keep = kind != mend
    return mean_ap(truths, Detections(found.picture[keep], label[keep], boxes[keep], found.score[keep]), labels)
