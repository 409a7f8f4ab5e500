"""Two embedded class-conditional diffusion models of pictures, a noise-aware classifier of each, and their judges.

    model = load("scenes")                              # one object of six shapes on a textured ground, 3 × 32 × 32
    model.epsilon(x, alpha_bar, labels)                 # the noise that the network sees in x_t
    model.classifier_gradient(x, alpha_bar, labels)     # ∇ log p(y | x_t), for classifier guidance
    judge("scenes").accuracy(samples, labels)           # by a classifier that had no part in making them

Pictures are (B, C, H, W) in [−1, 1]; x_t = √ᾱ x₀ + √(1−ᾱ) ε (variance preserving), for any ᾱ in (0, 1), so that every
noise schedule can use the models. Trained by `python -m engine train image-models`; what was reached is in their
`meta.json`. Nothing heavy is imported before the first `load`.
"""

from __future__ import annotations

import functools
import json
import threading
from typing import TYPE_CHECKING, Any

from engine.core import Refused, checkpoints
from engine.core.words import T

if TYPE_CHECKING:
    from engine.generation.image_models.judging import Judge
    from engine.generation.image_models.model import ImageModel

RECIPE_NAME = "image-models"
WORLDS = ("scenes", "digits")
_loading = threading.RLock()


def worlds() -> tuple[str, ...]:
    """What pictures there are models of: scenes of one object, and handwritten digits."""
    return WORLDS


def folder(world: str) -> str:
    """The name of a world's checkpoint. Raises Refused for an unknown world."""
    if world not in WORLDS:
        names, got = " or ".join(WORLDS), str(world)[:40]
        raise Refused(T("world must be {names}; got {got!r}", "world 必须是 {names}；收到 {got!r}", names=names, got=got), "world")
    return f"image-model-{world}"


def load(world: str, device: str = "cpu") -> ImageModel:
    """The world's diffusion model and noise-aware classifier in float32, ready to sample from.

    The same object on every call: it belongs to all, so nobody changes its weights. device: "cpu" or "cuda" (there
    the networks compute under bfloat16 autocast).
    Raises Refused for an unknown world, FileNotFoundError that names the command where the checkpoint is missing.
    """
    name = folder(world)
    with _loading:  # a second caller waits for the first one's model instead of loading its own
        return _load(world, name, device)


def judge(world: str) -> Judge:
    """What measures pictures of a world, apart from the model that drew them. Always on the CPU, in float32.

    The same object on every call. Raises as `load` does.
    """
    name = folder(world)
    with _loading:
        return _judge(world, name)


def meta(world: str) -> dict[str, Any]:
    """How the world's models were made and what they reach. Light: reads one small file. Raises as `load` does."""
    path = checkpoints.ROOT / folder(world) / "meta.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder(world)} has no meta.json; `python -m engine train {RECIPE_NAME}` makes it")
    return json.loads(path.read_text())


@functools.cache
def _load(world: str, name: str, device: str) -> ImageModel:
    from engine.generation.image_models.model import revive

    found = checkpoints.load(name, RECIPE_NAME)
    return revive(world, found.config, found.state, device)


@functools.cache
def _judge(world: str, name: str) -> Judge:
    from engine.generation.image_models.judging import revive

    found = checkpoints.load(name, RECIPE_NAME)
    return revive(world, found.config, found.state)
