"""Scores that depend on the confusion matrix alone.

n[k, l] counts pixels of class k that were called l; t[k] = Σ_l n[k, l] (+ those called nothing), p[l] = Σ_k n[k, l].
Definitions: Long, Shelhamer, Darrell (2015), section 5; Dice (1945).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray


@dataclass(frozen=True)
class Overlap:
    """K classes; a class that occurs neither in truth nor in prediction has NaN, and no part in any mean.

    confusion: (K, K). truth, predicted: (K,) pixels. pixel_accuracy: Σ n_kk / Σ t_k. accuracy: (K,) n_kk / t_k.
    mean_pixel_accuracy: its mean over the classes that truth has. iou: (K,) n_kk / (t_k + p_k − n_kk).
    mean_iou: its mean over the classes that either has. frequency_weighted_iou: Σ t_k IoU_k / Σ t_k.
    dice: (K,) 2 n_kk / (t_k + p_k). mean_dice: as mean_iou.
    """

    confusion: ndarray
    truth: ndarray
    predicted: ndarray
    pixel_accuracy: float
    accuracy: ndarray
    mean_pixel_accuracy: float
    iou: ndarray
    mean_iou: float
    frequency_weighted_iou: float
    dice: ndarray
    mean_dice: float


def confusion_matrix(truth: ndarray, prediction: ndarray, classes: int, ignore: int) -> tuple[ndarray, ndarray]:
    """n (K, K), and (K,) how many pixels of each class were called nothing.

    Pixels whose truth is `ignore` count nowhere. A pixel predicted as `ignore` is called nothing: it counts as missed,
    for otherwise leaving out what is hard would pay.
    """
    counted = truth != ignore if 0 <= ignore <= 255 else np.ones(truth.shape, bool)
    named = np.where(prediction == ignore, classes, prediction)[counted].astype(np.int64)
    joint = np.bincount(truth[counted].astype(np.int64) * (classes + 1) + named, minlength=classes * (classes + 1))
    joint = joint.reshape(classes, classes + 1)
    return joint[:, :classes], joint[:, classes]


def overlap(confusion: ndarray, nothing: ndarray | int = 0) -> Overlap:
    """Every score of a confusion matrix; `nothing`: pixels of each class that were called nothing."""
    n = confusion.astype(float)
    hit, truth, predicted = np.diag(n), n.sum(1) + nothing, n.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = hit / truth
        iou, dice = hit / (truth + predicted - hit), 2 * hit / (truth + predicted)
        total = truth.sum()
        share = np.where(truth > 0, truth, 0) / total
    return Overlap(
        confusion,
        truth,
        predicted,
        float(hit.sum() / total) if total else float("nan"),
        accuracy,
        mean(accuracy),
        iou,
        mean(iou),
        float(np.nansum(share * np.nan_to_num(iou))) if total else float("nan"),
        dice,
        mean(dice),
    )


def mean(values: ndarray) -> float:
    """The mean of what is a number; NaN where nothing is."""
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else float("nan")
