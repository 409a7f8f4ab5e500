"""The set prediction loss of DETR: costs of every query for every object, one optimal assignment, and what it teaches.

Carion et al. 2020, section 3.1 and appendix A.2. Letters: B pictures, Q queries, n objects, C classes. Boxes are centre
x, centre y, width, height in sides of the picture. A label of C, the last logit, is "no object".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray
from scipy.optimize import linear_sum_assignment
from scipy.special import softmax

from engine.data.scenes import Picture, Scene

if TYPE_CHECKING:
    from torch import Tensor

CLASS, L1, GIOU = 1.0, 5.0, 2.0  # weights of the costs, and of the losses
NO_OBJECT = 0.1  # weight of "no object" in the class loss


@dataclass(frozen=True)
class Targets:
    """What is to be found in one picture. labels (n,) shapes; boxes (n, 4); place (n,) in the scene's own order."""

    labels: ndarray
    boxes: ndarray
    place: ndarray


def targets_of(scene: Scene, picture: Picture) -> Targets:
    """The objects of a scene of which something is seen, with the boxes around what is seen."""
    side = len(picture.pixels)
    seen = np.flatnonzero(picture.boxes[:, 2] > picture.boxes[:, 0])
    return Targets(scene.shape[seen], centred(picture.boxes[seen] / side), seen)


def centred(boxes: ndarray) -> ndarray:
    """x0, y0, x1, y1 as centre and size."""
    return np.concatenate([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], -1)


def corners(boxes: ndarray | Tensor) -> ndarray | Tensor:
    """Centre and size as x0, y0, x1, y1; arrays and tensors alike."""
    low, high = boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2
    if isinstance(boxes, np.ndarray):
        return np.concatenate([low, high], -1)
    import torch

    return torch.cat([low, high], -1)


def generalized_iou(a: ndarray, b: ndarray) -> ndarray:
    """GIoU (n, m) of boxes a (n, 4) and b (m, 4) with areas. Rezatofighi et al. 2019, algorithm 1."""
    a, b = corners(np.asarray(a))[:, None], corners(np.asarray(b))[None]
    shared = np.prod(np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None), -1)
    union = np.prod(a[..., 2:] - a[..., :2], -1) + np.prod(b[..., 2:] - b[..., :2], -1) - shared
    hull = np.prod(np.maximum(a[..., 2:], b[..., 2:]) - np.minimum(a[..., :2], b[..., :2]), -1)
    return shared / union - (hull - union) / hull


def cost_terms(logits: ndarray, boxes: ndarray, target_labels: ndarray, target_boxes: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """The three terms of the matching cost, each (Q, n) and not yet weighted.

    class: −p of the object's class; L1: the sum of the four differences; GIoU: its negative.
    logits (Q, C + 1), boxes (Q, 4), target_labels (n,), target_boxes (n, 4).
    """
    p = softmax(np.asarray(logits, float), -1)
    apart = np.abs(np.asarray(boxes, float)[:, None] - np.asarray(target_boxes, float)[None]).sum(-1)
    return -p[:, target_labels], apart, -generalized_iou(boxes, target_boxes)


def total_cost(terms: tuple[ndarray, ndarray, ndarray], weights: tuple[float, float, float] = (CLASS, L1, GIOU)) -> ndarray:
    """The weighted sum (Q, n) of the terms."""
    return sum(weight * term for weight, term in zip(weights, terms, strict=True))


def assign(cost: ndarray) -> ndarray:
    """Pairs (min(Q, n), 2) of query and object, in the order of queries, that make the cost (Q, n) least.

    scipy's solver, an augmenting-path method after Jonker and Volgenant.
    """
    return np.stack(linear_sum_assignment(cost), -1)


def batched_costs(logits: Tensor, boxes: Tensor, labels: Tensor, targets: Tensor, weights=(CLASS, L1, GIOU)) -> Tensor:
    """Total costs (B, Q, N) of each picture's queries for its own objects, padded to N; padding costs something too.

    logits (B, Q, C + 1), boxes (B, Q, 4), labels (B, N), targets (B, N, 4).
    """
    p = logits.softmax(-1)
    kind = -p.gather(-1, labels.clamp(max=p.shape[-1] - 1)[:, None].expand(-1, p.shape[1], -1))
    apart = (boxes[:, :, None] - targets[:, None]).abs().sum(-1)
    return weights[0] * kind + weights[1] * apart - weights[2] * giou(boxes[:, :, None], targets[:, None])


def giou(a: Tensor, b: Tensor) -> Tensor:
    """GIoU of boxes (…, 4) that broadcast against each other."""
    import torch

    a, b = corners(a), corners(b)
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    return shared / union.clamp(min=1e-9) - (hull - union) / hull.clamp(min=1e-9)


def batched_assign(cost: Tensor, counts: ndarray) -> Tensor:
    """(B, Q) the object that each query is given, −1 for none; of picture b only the first counts[b] objects exist."""
    import torch

    given = np.full(cost.shape[:2], -1)
    for b, (one, n) in enumerate(zip(cost.detach().float().cpu().numpy(), counts, strict=True)):
        rows, columns = linear_sum_assignment(one[:, :n])
        given[b, rows] = columns
    return torch.from_numpy(given).to(cost.device)


def losses(
    logits: Tensor, boxes: Tensor, labels: Tensor, targets: Tensor, given: Tensor, no_object: float = NO_OBJECT
) -> tuple[Tensor, Tensor, Tensor]:
    """Class, L1 and GIoU loss of one layer under an assignment, each a scalar and not yet weighted.

    Class: cross-entropy over all queries, weighted by `no_object` where there is none. L1 and GIoU: sums over the
    matched pairs, by the number of objects in the batch. given: (B, Q) from `batched_assign`.
    """
    import torch
    from torch.nn.functional import cross_entropy

    C = logits.shape[-1] - 1
    b, q = torch.nonzero(given >= 0, as_tuple=True)
    chosen = given[b, q]
    wanted = torch.full(given.shape, C, device=logits.device)
    wanted[b, q] = labels[b, chosen]
    weight = torch.ones(C + 1, device=logits.device)
    weight[C] = no_object
    kind = cross_entropy(logits.flatten(0, 1), wanted.flatten(), weight)
    ours, theirs, count = boxes[b, q], targets[b, chosen], max(len(b), 1)
    return kind, (ours - theirs).abs().sum() / count, (1 - giou(ours, theirs)).sum() / count
