"""The embedded models, loaded once and kept."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from engine.core import checkpoints

if TYPE_CHECKING:
    from engine.generation.picture_codes.networks import Autoencoder
    from engine.generation.picture_codes.prior import Prior

NAME = "vq-vae"
FACTORS = (4, 8)
CORRECTIONS = 1  # of a page, where nothing else is asked for


def folder(factor: int) -> str:
    """The checkpoint of the autoencoder whose cells are `factor` pixels wide."""
    return f"{NAME}-{factor}"


@functools.cache
def _autoencoder(factor: int) -> tuple[Autoencoder, dict[str, Any]]:
    from engine.generation.picture_codes.networks import Autoencoder, Shape

    found = checkpoints.load(folder(factor), NAME)
    shape = {k: tuple(v) if isinstance(v, list) else v for k, v in found.config["shape"].items()}
    model = Autoencoder(Shape(**shape)).eval().requires_grad_(False)
    checkpoints.fill(model, found.state)
    return model, found.meta


@functools.cache
def _prior() -> tuple[Prior, dict[str, Any]]:
    from engine.generation.picture_codes.prior import Prior, PriorShape

    found = checkpoints.load(f"{NAME}-prior", NAME)
    model = Prior(PriorShape(**found.config["shape"])).eval().requires_grad_(False)
    checkpoints.fill(model, found.state)
    return model, found.meta


def autoencoder(factor: int) -> Autoencoder:
    """The embedded autoencoder, ready to be asked."""
    return _autoencoder(factor)[0]


def meta(factor: int) -> dict[str, Any]:
    """How an autoencoder was made and what it was measured at."""
    return _autoencoder(factor)[1]


def prior() -> Prior:
    """The embedded prior."""
    return _prior()[0]


def prior_meta() -> dict[str, Any]:
    """How the prior was made and what it was measured at."""
    return _prior()[1]


def warm_up() -> None:
    """Load what a first visitor would wait for."""
    for factor in FACTORS:
        autoencoder(factor)
    prior()
