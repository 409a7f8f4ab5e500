"""What an autoencoder is held to: photographs that it never learned from, against flat cells of as many colours."""

from __future__ import annotations

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from engine.data import pictures
from engine.generation.picture_codes import coding, quality
from engine.generation.picture_codes.models import CORRECTIONS
from engine.generation.picture_codes.networks import Autoencoder
from engine.generation.quantisation.averages import k_means
from engine.generation.quantisation.nearest import nearest_code


def cells(pixels: ndarray, factor: int) -> Tensor:
    """The mean colour of each cell (n, 3), 0 to 255."""
    x = (coding.tensor(pixels, factor) + 1) * 127.5
    return avg_pool2d(x, factor)[0].permute(1, 2, 0).flatten(0, 1)


def palette(found: list[ndarray], factor: int, size: int, most: int = 20_000, rounds: int = 10) -> Tensor:
    """`size` colours (K, 3) by k-means over the mean colours of cells of these pictures."""
    colours = torch.cat([cells(pixels, factor) for pixels in found])
    generator = torch.Generator().manual_seed(0)
    some = colours[torch.randperm(len(colours), generator=generator)[:most]]
    return k_means(some, size, generator, rounds) if len(some) > size else some


def flat_cells(pixels: ndarray, factor: int, colours: Tensor) -> ndarray:
    """The picture with each cell in the one of `colours` nearest to its mean, which is the least squared error."""
    height, width = pixels.shape[:2]
    index = nearest_code(cells(pixels, factor), colours)
    across = -(-width // factor)
    shown = colours[index].view(-1, across, 3).round().clamp(0, 255).to(torch.uint8).numpy()
    return shown.repeat(factor, 0).repeat(factor, 1)[:height, :width]


def judge(model: Autoencoder, codebooks: tuple[int, ...], corrections: int = CORRECTIONS) -> dict[str, float]:
    """For each codebook the mean PSNR over the held-out photographs, that of the encoder's own pages before any
    correction, the mean SSIM, and the perplexity of all their codes together."""
    found: dict[str, float] = {}
    photographs = [pictures.photograph(name) for name in pictures.HELD_OUT]
    for size in codebooks:
        pages = [coding.read(model, pixels, size, corrections) for pixels in photographs]
        usage = sum(np.bincount(page.codes.numpy().ravel(), minlength=size) for page in pages)
        similar = [
            quality.ssim(pixels, page.painted[: pixels.shape[0], : pixels.shape[1]])
            for pixels, page in zip(photographs, pages, strict=True)
        ]
        found |= {
            f"psnr_{size}": float(np.mean([max(page.psnr) for page in pages])),
            f"ssim_{size}": float(np.mean(similar)),
            f"perplexity_{size}": quality.perplexity(usage),
        }
        if corrections:
            found[f"encoder_psnr_{size}"] = float(np.mean([page.psnr[0] for page in pages]))
    return found


def palettes(factor: int, sizes: tuple[int, ...]) -> dict[str, float]:
    """The mean PSNR of flat cells on the held-out photographs: with colours learned from the training photographs, as
    the codebook is, and with colours fitted to each photograph itself, which would have to be sent along."""
    learned = [pictures.photograph(name) for name in pictures.TRAINING]
    found: dict[str, float] = {}
    for size in sizes:
        common = palette(learned, factor, size)
        pairs = [(p, palette([p], factor, size)) for p in map(pictures.photograph, pictures.HELD_OUT)]
        found[f"palette_psnr_{size}"] = float(np.mean([quality.psnr(p, flat_cells(p, factor, common)) for p, _ in pairs]))
        found[f"own_palette_psnr_{size}"] = float(np.mean([quality.psnr(p, flat_cells(p, factor, own)) for p, own in pairs]))
    return found
