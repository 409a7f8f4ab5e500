"""Panoptic segmentation on the detector's own features: a mask for each query, a ground for each pixel, merged.

In place of the paper's attention maps and one small convolutional network run for each query (section 4.4), a mask is
the dot product of a query's embedding with an embedding of every second pixel, after Mask2Former's predecessor
MaskFormer (Cheng et al. 2021, section 3.2); stuff is not sought by queries, but classified pixel by pixel.
Letters: B pictures of H × W pixels, Q queries, S grounds, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, relu

from engine.vision.detector.architecture import Shape, Sight


class PanopticHead(nn.Module):
    """Masks (B, Q, H/2, W/2) and grounds (B, S, H/2, W/2), both logits, from the pixels and what the detector saw."""

    def __init__(self, shape: Shape):
        super().__init__()
        m, fine = shape.mask_width, shape.channels[0]
        self.from_memory = nn.Conv2d(shape.width, fine, 1)
        self.from_fine = nn.Conv2d(fine, fine, 1)
        self.mix = nn.Sequential(nn.Conv2d(fine, 2 * m, 3, padding=1), nn.GroupNorm(8, 2 * m), nn.ReLU())
        self.widen = nn.Conv2d(2 * m, 4 * m, 1)
        self.edges = nn.Conv2d(3, m, 5, stride=2, padding=2)
        self.finish = nn.Sequential(nn.GroupNorm(8, m), nn.ReLU(), nn.Conv2d(m, m, 3, padding=1), nn.ReLU())
        self.embed = nn.Conv2d(m, m + 1 + shape.grounds, 1)
        self.query = nn.Sequential(nn.Linear(shape.width, shape.width), nn.ReLU(), nn.Linear(shape.width, m + 3))
        self.near = nn.Parameter(torch.tensor(4.0))

    def forward(self, pixel_values: Tensor, seen: Sight) -> tuple[Tensor, Tensor]:
        H, W = pixel_values.shape[2:]
        memory = seen.memory.mT.unflatten(2, (H // 8, W // 8))
        wide = interpolate(self.from_memory(memory), scale_factor=2, mode="bilinear")
        x = self.mix(relu(wide + self.from_fine(seen.fine)))
        x = self.finish(pixel_shuffle(self.widen(x), 2) + self.edges(pixel_values))
        x = self.embed(x)
        m = self.query[-1].out_features - 3
        query = self.query(seen.hidden[-1]).float()
        pixel = x[:, :m].float()
        alike = torch.einsum("bqm,bmhw->bqhw", query[..., :m], pixel) / m**0.5 + query[..., m, None, None]
        thing = x[:, m, None].float()  # whether any object is here at all
        masks = alike + thing - self.near * outside(seen.boxes[-1], H // 2, W // 2)
        return masks, x[:, m + 1 :].float()


def outside(boxes: Tensor, h: int, w: int) -> Tensor:
    """How far each point lies outside each box (B, Q, 4), (B, Q, h, w): 0 inside, in quarters of its size beyond."""
    x, y = ((torch.arange(n, device=boxes.device) + 0.5) / n for n in (w, h))
    cx, cy, bw, bh = (boxes[..., i, None] for i in range(4))
    across = ((x - cx).abs() / bw.clamp(min=0.02) - 0.5).clamp(min=0)
    down = ((y - cy).abs() / bh.clamp(min=0.02) - 0.5).clamp(min=0)
    return (4 * (across[..., None, :] + down[..., :, None])).clamp(max=8)


@dataclass(frozen=True)
class Segments:
    """A picture cut up. labels (H, W): shapes, then grounds, counted through; segment (H, W): the query of a thing, or
    Q plus the ground of stuff; queries: those that have a pixel."""

    labels: ndarray
    segment: ndarray
    queries: tuple[int, ...]


def merge(logits: ndarray, masks: ndarray, stuff: ndarray, size: tuple[int, int], threshold: float = 0.5) -> Segments:
    """Things and stuff merged: each pixel goes to the query that is surest of it, if any is; else to its ground.

    logits (Q, C + 1), masks (Q, h, w) and stuff (S, h, w) logits. A query takes part whose best class is surer than
    `threshold`; a pixel is its where its mask is likelier than not and its score times that likelihood the largest.
    """
    p = torch.from_numpy(np.asarray(logits, np.float32)).softmax(-1)[:, :-1]
    score, label = p.max(-1)
    kept = torch.nonzero(score > threshold).flatten()
    grown = lambda x: interpolate(torch.from_numpy(np.asarray(x, np.float32))[None], size, mode="bilinear")[0]  # noqa: E731
    ground = grown(stuff).argmax(0)
    labels, segment = p.shape[1] + ground, len(p) + ground
    if len(kept):
        sure = grown(np.asarray(masks)[kept.numpy()]).sigmoid()
        best = (sure * score[kept, None, None]).masked_fill(sure < 0.5, -1).max(0)
        here = best.values >= 0
        segment = torch.where(here, kept[best.indices], segment)
        labels = torch.where(here, label[kept[best.indices]], labels)
    found = tuple(int(q) for q in np.unique(segment.numpy()) if q < len(p))
    return Segments(labels.numpy(), segment.numpy(), found)


def mask_loss(masks: Tensor, stuff: Tensor, instance: Tensor, ground: Tensor, given: Tensor) -> Tensor:
    """Binary cross-entropy and Dice of the matched queries' masks, and cross-entropy of the visible ground.

    Masks and stuff are first enlarged to the truth's own pixels, as `merge` does. instance, ground: (B, H, W); given:
    (B, Q) the object of each query, −1 for none.
    """
    b, q = torch.nonzero(given >= 0, as_tuple=True)
    size = instance.shape[-2:]
    ours = interpolate(masks[b, q][:, None], size, mode="bilinear")[:, 0]
    theirs = (instance[b] == given[b, q][:, None, None]).float()
    apart = nn.functional.binary_cross_entropy_with_logits(ours, theirs, reduction="none").mean((1, 2))
    p = ours.sigmoid()
    dice = 1 - (2 * (p * theirs).sum((1, 2)) + 1) / (p.sum((1, 2)) + theirs.sum((1, 2)) + 1)
    free = torch.where(instance < 0, ground.long(), -100)
    found = interpolate(stuff, size, mode="bilinear")
    return 10 * apart.mean() + dice.mean() + nn.functional.cross_entropy(found, free, ignore_index=-100)
