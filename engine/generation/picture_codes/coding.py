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

from engine.generation.picture_codes import quality
from engine.generation.picture_codes.models import CORRECTIONS
from engine.generation.picture_codes.networks import Autoencoder
from engine.generation.quantisation.gradients import straight_through
from engine.generation.quantisation.nearest import nearest_code

STRIDE, SHORTER = 0.3, 2 / 3


class Read(NamedTuple):
    """z: (h, w, D) the vectors of the cells, as they were corrected. codes: (h, w) int64 the nearest to them. painted:
    (fh, fw, 3) uint8 what the decoder makes of these. psnr: (corrections + 1,) dB, of the encoder's own page and after
    each correction."""

    z: Tensor
    codes: Tensor
    painted: ndarray
    psnr: tuple[float, ...]


class Window(NamedTuple):
    """Rows top to bottom and columns left to right of pixels, the last of each left out."""

    top: int
    bottom: int
    left: int
    right: int


class Repainted(NamedTuple):
    """pixels: (3, …) of the window, unrounded. cells, made: how many cells were decoded for that, and of how many
    pixels."""

    pixels: Tensor
    window: Window
    cells: int
    made: int


def tensor(pixels: ndarray, factor: int) -> Tensor:
    """A picture (H, W, 3) uint8 as (1, 3, H', W') in [−1, 1]; its edge is repeated up to whole cells."""
    x = torch.from_numpy(pixels.astype(np.float32) / np.float32(127.5) - 1).permute(2, 0, 1)[None]
    height, width = pixels.shape[:2]
    return pad(x, (0, -width % factor, 0, -height % factor), mode="replicate")


def image(x: Tensor) -> ndarray:
    """What a decoder painted, (3, H, W), as (H, W, 3) uint8."""
    return ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


@torch.inference_mode()
def encode(model: Autoencoder, pixels: ndarray, codebook: int) -> Tensor:
    """The encoder's vectors (h, w, D) of a picture, before anything is quantised."""
    z = model.encoder(tensor(pixels, model.shape.factor))[model.book(codebook), 0]
    return z.permute(1, 2, 0).contiguous()


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


def read(model: Autoencoder, pixels: ndarray, codebook: int, corrections: int = CORRECTIONS) -> Read:
    """A picture's page: the encoder's vectors, corrected as often as asked, and the codes nearest to them.

    A correction moves the vectors down the gradient of this picture's squared error, which goes straight through the
    choice of codes, as it does in training: by 0.3 of what would be the whole way if the decoder were a rotation, then
    by two thirds of that, and so on. The page with the least error is kept: never a worse one than the encoder's own.
    Source: Campos et al. 2019 (Content adaptive optimization for neural image compression).
    """
    (height, width), z = pixels.shape[:2], encode(model, pixels, codebook)
    pages: list[tuple[Tensor, Tensor, ndarray]] = []
    for i in range(corrections + 1):
        codes = quantise(model, z, codebook)
        if i < corrections:
            painted, slope = _slope(model, pixels, z, codes, codebook)
        else:
            painted = paint(model, codes, codebook)
        pages.append((z, codes, image(painted)))
        if i < corrections:
            z = z - STRIDE * SHORTER**i / 2 * slope
    psnr = [quality.psnr(pixels, made[:height, :width]) for _, _, made in pages]
    return Read(*pages[int(np.argmax(psnr))], tuple(psnr))


def _slope(model: Autoencoder, pixels: ndarray, z: Tensor, codes: Tensor, codebook: int) -> tuple[Tensor, Tensor]:
    """What a page paints, and the gradient (h, w, D) in the vectors of the picture's squared error, in units in which
    that of a decoder which is a rotation would be 2 (z − z*)."""
    height, width = pixels.shape[:2]
    with torch.inference_mode(False), torch.enable_grad():
        z = z.clone().requires_grad_()
        given = straight_through(z, model.codebook(codebook)[codes.clone()])
        painted = model.decoder(given.permute(2, 0, 1)[None], torch.tensor([model.book(codebook)]))
        apart = (painted - tensor(pixels, model.shape.factor))[..., :height, :width]
        (slope,) = torch.autograd.grad(apart.square().sum() / (3 * model.shape.factor**2), z)
    return painted[0].detach(), slope


def moved(model: Autoencoder, codes: Tensor, row: int, column: int) -> Window:
    """The pixels that the code in a cell has a say in: the decoder's receptive field, within the picture."""
    reach, f = model.decoder.reach, model.shape.factor
    (h, w) = codes.shape
    return Window(max(0, row - reach) * f, min(h, row + reach + 1) * f, max(0, column - reach) * f, min(w, column + reach + 1) * f)


@torch.inference_mode()
def repaint(model: Autoencoder, codes: Tensor, codebook: int, row: int, column: int) -> Repainted:
    """What the decoder makes of the page where the code in one cell has a say.

    Only the cells within twice the reach are decoded, and pixels made of fewer of them: the same numbers as those of
    the whole page, up to rounding.
    """
    f, reach, fine = model.shape.factor, model.decoder.reach, model.decoder.fine_reach
    rows, columns = (_span(at, n, 2 * reach) for at, n in zip((row, column), codes.shape, strict=True))
    q = model.codebook(codebook)[codes[rows, columns]].permute(2, 0, 1)[None]
    x = model.decoder.cells(q, torch.tensor([model.book(codebook)]))
    inner = [_span(at, n, reach + fine) for at, n in zip((row, column), codes.shape, strict=True)]
    part = (..., *(slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, (rows, columns), strict=True)))
    made = model.decoder.pixels(q[part], x[part])[0]
    window = moved(model, codes, row, column)
    top, left = (i.start * f for i in inner)
    pixels = made[:, window.top - top : window.bottom - top, window.left - left : window.right - left]
    return Repainted(pixels, window, q.shape[2] * q.shape[3], made.shape[1] * made.shape[2])


def _span(at: int, n: int, reach: int) -> slice:
    """The cells within `reach` of `at` among n: at an edge as many as elsewhere, since convolutions of a size that was
    not seen before take longer."""
    first = max(0, min(at - reach, n - 2 * reach - 1))
    return slice(first, min(n, first + 2 * reach + 1))
