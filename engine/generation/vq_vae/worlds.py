"""What the live training learns from: a plane of points, handwritten digits, two laws whose best codes are known."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from engine.core.recent import remembered

HELD_OUT_DIGITS = 297
DIGIT_CODE = 8


@dataclass(frozen=True)
class World:
    """width: numbers of a sample. code: numbers of a vector that is quantised. learned: whether an encoder and a
    decoder are trained around the quantiser; otherwise samples are quantised as they are. batch: samples a step."""

    width: int
    code: int
    learned: bool
    batch: int


WORLDS = {
    "plane": World(2, 2, True, 512),
    "digits": World(64, DIGIT_CODE, True, 256),
    "normal": World(1, 1, False, 4096),
    "uniform": World(1, 1, False, 4096),
}


def sample(world: str, count: int, rng: np.random.Generator, fresh: bool = False) -> Tensor:
    """(count, width) float32 drawn anew; of the digits, from those to learn from, or where `fresh` held out."""
    match world:
        case "plane":
            made = _pinwheel(count, rng)
        case "digits":
            pixels = digits()
            pixels = pixels[-HELD_OUT_DIGITS:] if fresh else pixels[:-HELD_OUT_DIGITS]
            made = pixels[rng.integers(len(pixels), size=count)]
        case "normal":
            made = rng.standard_normal((count, 1))
        case _:
            made = rng.random((count, 1))
    return torch.from_numpy(made.astype(np.float32))


def _pinwheel(count: int, rng: np.random.Generator) -> ndarray:
    """Five bent arms of a wheel, of unequal weight."""
    arm = rng.choice(5, size=count, p=(0.3, 0.25, 0.2, 0.15, 0.1))
    radius = 0.35 + 0.9 * rng.random(count) ** 0.8
    angle = arm * (2 * np.pi / 5) + 1.1 * radius + rng.normal(0, 0.09, count) / radius
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


@remembered(1)
def digits() -> ndarray:
    """scikit-learn's handwritten digits (1797, 64), 0 to 1, in their order. Read without importing scikit-learn."""
    found = importlib.util.find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("scikit-learn, which ships the digits, is not installed")
    path = Path(next(iter(found.submodule_search_locations))) / "datasets" / "data" / "digits.csv.gz"
    return np.loadtxt(path, delimiter=",", dtype=np.float32)[:, :64] / np.float32(16)


class Bend(nn.Module):
    """A small network from `inner` to `outer` numbers; where they are as many, it begins as the identity."""

    def __init__(self, inner: int, outer: int, hidden: int, generator: torch.Generator):
        super().__init__()
        self.keep = inner == outer
        first, last = (nn.utils.skip_init(nn.Linear, a, b) for a, b in ((inner, hidden), (hidden, outer)))
        self.layers = nn.Sequential(first, nn.GELU(), last)
        with torch.no_grad():
            for layer in (first, last):  # as torch draws them, but from a generator of their own
                most = layer.in_features**-0.5
                for drawn in (layer.weight, layer.bias):
                    drawn.uniform_(-most, most, generator=generator)
            if self.keep:
                last.weight.zero_()
                last.bias.zero_()

    @torch.no_grad()
    def level(self, x: Tensor) -> None:
        """Scale and shift what comes out so that over x (N, inner) each number has mean 0 and variance 1."""
        made, last = self.layers(x), self.layers[-1]
        mean, spread = made.mean(0), made.std(0)
        last.weight /= spread[:, None]
        last.bias.sub_(mean).div_(spread)

    @torch.no_grad()
    def settle(self, x: Tensor) -> None:
        """Begin near the mean of x (N, outer), whatever comes in."""
        self.layers[-1].weight *= 0.1
        self.layers[-1].bias.copy_(x.mean(0))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.keep else self.layers(x)


def networks(world: World, x: Tensor, fixed: bool, generator: torch.Generator) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder for samples such as x (N, width); the identity where nothing is learned.

    A decoder that does not begin as the identity begins at the mean: else the first steps drive all vectors one way to
    make it, out of a fixed range if there is one. An encoder whose quantiser has a `fixed` range begins with vectors
    that fill it.
    """
    if not world.learned:
        return nn.Identity(), nn.Identity()
    hidden = 48 if world.width == world.code else 96
    encoder = Bend(world.width, world.code, hidden, generator)
    decoder = Bend(world.code, world.width, hidden, generator)
    if not decoder.keep:
        decoder.settle(x)
        if fixed:
            encoder.level(x)
    return encoder, decoder
