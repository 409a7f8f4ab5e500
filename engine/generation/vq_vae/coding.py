"""A picture to a page of integers and back, whole, or only what one changed integer moves.

Letters: f pixels to a cell's side, h × w cells, D numbers to a code, K codes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import pad

from engine.generation.vq_vae.nearest import nearest_code
from engine.generation.vq_vae.networks import Autoencoder


class Window(NamedTuple):
    """Rows top to bottom and columns left to right of pixels, the last of each left out."""

    top: int
    bottom: int
    left: int
    right: int


def tensor(pixels: ndarray, factor: int) -> Tensor:
    """A picture (H, W, 3) uint8 as (1, 3, H', W') in [−1, 1]; its edge is repeated up to whole cells."""
    x = torch.from_numpy(pixels.astype(np.float32) / np.float32(127.5) - 1).permute(2, 0, 1)[None]
    height, width = pixels.shape[:2]
    return pad(x, (0, -width % factor, 0, -height % factor), mode="replicate")


def image(x: Tensor) -> ndarray:
    """What a decoder painted, (3, H, W), as (H, W, 3) uint8."""
    return ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


@torch.inference_mode()
def encode(model: Autoencoder, pixels: ndarray) -> dict[int, Tensor]:
    """The encoder's vectors (h, w, D) of a picture, before anything is quantised, for each size of codebook."""
    z = model.encoder(tensor(pixels, model.shape.factor))[:, 0].permute(0, 2, 3, 1).contiguous()
    return dict(zip(model.shape.codebooks, z, strict=True))


@torch.inference_mode()
def quantise(model: Autoencoder, z: Tensor, codebook: int) -> Tensor:
    """The page of integers (h, w) int64 of vectors (h, w, D)."""
    return nearest_code(z.flatten(0, 1), model.codebook(codebook)).view(z.shape[:2])


@torch.inference_mode()
def paint(model: Autoencoder, codes: Tensor, codebook: int) -> Tensor:
    """What the decoder makes of a page (h, w), or of pages (n, h, w): (3, fh, fw) or (n, 3, fh, fw), unrounded."""
    q = model.codebook(codebook)[codes if codes.ndim == 3 else codes[None]].movedim(-1, -3)
    painted = model.decoder(q, torch.full((len(q),), model.book(codebook)))
    return painted if codes.ndim == 3 else painted[0]


def moved(model: Autoencoder, codes: Tensor, row: int, column: int) -> Window:
    """The pixels that the code in a cell has a say in: the decoder's receptive field, within the picture."""
    reach, f = model.decoder.reach, model.shape.factor
    (h, w) = codes.shape
    return Window(max(0, row - reach) * f, min(h, row + reach + 1) * f, max(0, column - reach) * f,
                  min(w, column + reach + 1) * f)  # fmt: skip


@torch.inference_mode()
def repaint(model: Autoencoder, codes: Tensor, codebook: int, row: int, column: int) -> tuple[Tensor, Window]:
    """What the decoder makes of the page where the code in one cell has a say, (3, …), and where that is.

    Only the cells within twice the reach are decoded: the same numbers as those of the whole page, up to rounding.
    """
    f, reach = model.shape.factor, model.decoder.reach
    (h, w), window = codes.shape, moved(model, codes, row, column)
    top, left = max(0, row - 2 * reach), max(0, column - 2 * reach)
    part = codes[top : min(h, row + 2 * reach + 1), left : min(w, column + 2 * reach + 1)]
    made = paint(model, part, codebook)
    y, x = window.top - top * f, window.left - left * f
    return made[:, y : y + window.bottom - window.top, x : x + window.right - window.left], window
