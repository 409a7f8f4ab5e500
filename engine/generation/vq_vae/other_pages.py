"""Pages of integers that no picture gave: mixed, shuffled, drawn evenly, drawn by the prior."""

from __future__ import annotations

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from engine.generation.picture_codes import coding, models
from engine.generation.picture_codes.networks import Autoencoder
from engine.generation.vq_vae.result import OtherPages

PRIOR_PICTURES = 2
MIXES = 5
LARGEST_SIDE = 128  # of these pictures: what nobody coded looks the same at any size


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
    pages = {
        "mixed": torch.stack([mix(model, codes, far, codebook, float(share)) for share in shares]),
        "shuffled": torch.from_numpy(rng.permutation(codes.numpy().ravel()).reshape(codes.shape)),
        "even": torch.from_numpy(rng.integers(codebook, size=codes.shape)),
    }
    drawn, drawn_codes = draw(temperature, seed)
    return OtherPages(
        mixed=np.stack([painted(model, page, codebook, pixels) for page in pages["mixed"]]),
        mixes=shares,
        shuffled=painted(model, pages["shuffled"], codebook, pixels),
        even=painted(model, pages["even"], codebook, pixels),
        drawn=drawn,
        prior_factor=models.prior().shape.factor,
        prior_codes=models.prior().shape.codes,
        pages={name: page.numpy() for name, page in pages.items()} | {"drawn": drawn_codes},
    )
