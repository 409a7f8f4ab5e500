"""Pages of integers that no picture gave: mixed, shuffled, drawn evenly, drawn by use, drawn by the prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from engine.generation.vq_vae import coding, models
from engine.generation.vq_vae.networks import Autoencoder

PRIOR_PICTURES = 2
MIXES = 5
LARGEST_SIDE = 128  # of these pictures: what nobody coded looks the same at any size


@dataclass(frozen=True)
class OtherPages:
    """Pictures uint8, and the pages that they are painted from.

    mixed: (m, H, W, 3), the code vectors of two pictures mixed in the shares `mixes` (m,) and set to the nearest codes.
    shuffled: the picture's own integers in any order. even: each code as likely as any. by_use: each as likely as in
    this picture, without regard to its neighbours. drawn: (2, 128, 128, 3), by the prior, whose cells are
    `prior_factor` pixels wide and whose codes `prior_codes`, whatever the picture's are. pages: the integers of each.
    """

    mixed: ndarray
    mixes: ndarray
    shuffled: ndarray
    even: ndarray
    by_use: ndarray
    drawn: ndarray
    prior_factor: int
    prior_codes: int
    pages: dict[str, ndarray]


def painted(model: Autoencoder, codes: Tensor, codebook: int, like: ndarray) -> ndarray:
    """A page as a picture of the size of `like`."""
    return coding.image(coding.paint(model, codes, codebook))[: like.shape[0], : like.shape[1]]


def mix(model: Autoencoder, a: Tensor, b: Tensor, codebook: int, share: float) -> Tensor:
    """The page nearest to (1 − share) of a's code vectors and `share` of b's, (h, w) each."""
    vectors = model.codebook(codebook)
    return coding.quantise(model, torch.lerp(vectors[a], vectors[b], share), codebook)


def draw(temperature: float, seed: int) -> tuple[ndarray, ndarray]:
    """Pictures (2, 128, 128, 3) and pages (2, 16, 16) that the prior draws."""
    prior = models.prior()
    model = models.autoencoder(prior.shape.factor)
    codes = prior.sample(PRIOR_PICTURES, temperature, torch.Generator().manual_seed(seed))
    made = coding.paint(model, codes, prior.shape.codes)
    return np.stack([coding.image(one) for one in made]), codes.numpy()


def other_pages(
    model: Autoencoder, codebook: int, pixels: ndarray, codes: Tensor, far: Tensor, temperature: float, seed: int
) -> OtherPages:
    """Everything of one picture's page `codes` (h, w) and another's page of the same size."""
    rng = np.random.default_rng(seed)
    shares = np.linspace(0, 1, MIXES)
    usage = np.bincount(codes.numpy().ravel(), minlength=codebook)
    pages = {
        "mixed": torch.stack([mix(model, codes, far, codebook, float(share)) for share in shares]),
        "shuffled": torch.from_numpy(rng.permutation(codes.numpy().ravel()).reshape(codes.shape)),
        "even": torch.from_numpy(rng.integers(codebook, size=codes.shape)),
        "by_use": torch.from_numpy(rng.choice(codebook, size=codes.shape, p=usage / usage.sum())),
    }
    drawn, drawn_codes = draw(temperature, seed)
    return OtherPages(
        mixed=np.stack([painted(model, page, codebook, pixels) for page in pages["mixed"]]), mixes=shares,
        shuffled=painted(model, pages["shuffled"], codebook, pixels),
        even=painted(model, pages["even"], codebook, pixels), by_use=painted(model, pages["by_use"], codebook, pixels),
        drawn=drawn, prior_factor=models.prior().shape.factor, prior_codes=models.prior().shape.codes,
        pages={name: page.numpy() for name, page in pages.items()} | {"drawn": drawn_codes},
    )  # fmt: skip
