"""The worlds that can be sampled, opened: what predicts noise, what judges, and what is known exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from engine.core import Refused, devices
from engine.core.recent import Recent
from engine.core.words import T
from engine.generation import image_models
from engine.generation.diffusion.guidance import Model
from engine.generation.plane_models import mixtures
from engine.generation.plane_models.drawing import drawn
from engine.generation.plane_models.mixtures import Mixture
from engine.generation.plane_models.network import Training, train

PLANES: dict[str, Callable[[], Mixture]] = {
    "gaussian": mixtures.gaussian,
    "lobes": mixtures.lobes,
    "moons": mixtures.moons,
    "spirals": mixtures.spirals,
}
_networks: Recent[Training] = Recent(8 * 2**20, lambda training: 2**20)


@dataclass(frozen=True)
class World:
    """What is sampled. shape: of one sample. names: of the classes. exact: the mixture, where it is one. limit: the
    largest coordinate of a clean sample, where that is known. losses: of the network trained on the spot."""

    name: str
    model: Model
    shape: tuple[int, ...]
    names: tuple[T, ...]
    dtype: torch.dtype
    exact: Mixture | None = None
    limit: float | None = None
    device: str = "cpu"
    losses: tuple[float, ...] = ()

    @property
    def is_plane(self) -> bool:
        return self.exact is not None


def mixture(name: str, drawing: str) -> Mixture:
    """The mixture of a plane's name. Raises Refused for a drawing that is none."""
    return drawn(drawing) if name == "drawn" else PLANES[name]()


def open_plane(name: str, exact: Mixture, training: Training | None = None) -> World:
    """A plane with its exact score, or with the network of a training."""
    if training is None:
        return World(name, exact, (2,), exact.names, torch.float64, exact)
    return World(name, training.network, (2,), exact.names, torch.float64, exact, losses=training.losses)


def open_pictures(name: str) -> World:
    """An embedded world of pictures. Raises Refused, naming the recipe, where its checkpoint is missing."""
    device = devices.current().kind
    try:
        model = image_models.load(name, device)
    except FileNotFoundError:
        raise Refused(
            T(
                "world {name} has no trained model on this machine: `{command}` makes one",
                "此机器上没有世界 {name} 的训练好的模型：请运行 `{command}`",
                name=name,
                command=f"python -m engine train {image_models.RECIPE_NAME}",
            ),
            "world",
        ) from None
    return World(name, model, model.shape, model.classes, torch.float32, limit=1.0, device=device)


def trained(exact: Mixture) -> Iterator[Training]:
    """A training of a world's network as it goes; at once where the same world was learnt before."""
    key = b"".join(a.tobytes() for a in (exact.means, exact.deviations, exact.weights, exact.owners))
    if (known := _networks.get(key)) is not None:
        yield known
        return
    for made in train(exact):
        if made.fraction == 1:
            _networks.put(key, made)
        yield made
