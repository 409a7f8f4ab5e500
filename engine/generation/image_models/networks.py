"""The three networks of a world: the denoiser (diffusers' UNet2DModel), a noise-aware classifier, and the judge's.

Letters: B pictures; C, H, W of one; D features. Pictures are folded before the first layer (space to depth, as in
Hoogeboom et al. 2023, section 4): 2 × 2 pixels become channels, which makes a network four times as fast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, silu

LONGEST = 1000.0  # the timestep of pure noise, as UNet2DModel counts


def timestep(alpha_bar: Tensor) -> Tensor:
    """The conditioning of a noise level, 0 to 1000: 1000 (2/π) arccos √ᾱ = 1000 (2/π) arctan exp(−λ/2), λ the log-SNR.

    It is the time at which a cosine schedule has this ᾱ (Nichol & Dhariwal 2021), whatever schedule is sampled with.
    """
    return torch.atan2((1 - alpha_bar).sqrt(), alpha_bar.sqrt()) * (LONGEST * 2 / math.pi)


def level(time: Tensor) -> Tensor:
    """ᾱ of a timestep from 0 to 1000: the inverse of `timestep`."""
    return (time * (math.pi / 2 / LONGEST)).cos().square()


def denoiser(config: Mapping[str, Any]) -> nn.Module:
    """diffusers' UNet2DModel, wrapped in the folding. config: its arguments, and `fold`, pixels to a side."""
    return Denoiser(**config)


def classifier(config: Mapping[str, Any]) -> nn.Module:
    """A classifier from its arguments (those of `Classifier`)."""
    return Classifier(**config)


def predict(module: nn.Module, x: Tensor, alpha_bar: Tensor, labels: Tensor, classes: int) -> Tensor:
    """v of a denoiser, (B, C, H, W); label −1 is the embedding after the last class."""
    return module(x, timestep(alpha_bar), torch.where(labels < 0, classes, labels))


def part(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors of one of the networks of a checkpoint, under the names that they have there."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}


class Denoiser(nn.Module):
    """UNet2DModel over folded pictures."""

    def __init__(self, channels: int, side: int, fold: int, widths: Sequence[int], layers: int, embeddings: int):
        super().__init__()
        from diffusers import UNet2DModel

        self.fold = fold
        self.unet = UNet2DModel(
            sample_size=side // fold,
            in_channels=channels * fold**2,
            out_channels=channels * fold**2,
            block_out_channels=tuple(widths),
            layers_per_block=layers,
            num_class_embeds=embeddings,
            down_block_types=("DownBlock2D",) * len(widths),
            up_block_types=("UpBlock2D",) * len(widths),
            add_attention=False,
            norm_num_groups=8,
            resnet_time_scale_shift="scale_shift",
        )

    def forward(self, x: Tensor, time: Tensor, labels: Tensor) -> Tensor:
        """x: (B, C, H, W). time: (B,), 0 to 1000. labels: (B,), the last embedding is no class. As x."""
        folded = pixel_unshuffle(x, self.fold)
        return pixel_shuffle(self.unet(folded, time, class_labels=labels).sample, self.fold)


class Classifier(nn.Module):
    """A small residual network, of which the classifiers of noisy and of clean pictures are made.

    outputs: how many logits in all. timed: whether it is told the noise level.
    """

    def __init__(self, channels: int, fold: int, widths: Sequence[int], features: int, outputs: int, timed: bool):
        super().__init__()
        self.fold, self.timed = fold, timed
        self.enter = nn.Conv2d(channels * fold**2, widths[0], 3, padding=1)
        self.time = nn.Sequential(nn.Linear(32, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU()) if timed else None
        self.blocks = nn.ModuleList(Block(before, after, timed) for before, after in zip((widths[0], *widths), widths, strict=False))
        self.features = nn.Linear(widths[-1], features)
        self.leave = nn.Linear(features, outputs)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """Logits, (B, outputs). time: (B,), 0 to 1000, where the network is timed."""
        return self.leave(silu(self.describe(x, time)))

    def describe(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """The features before the last layer, (B, D)."""
        h = self.enter(pixel_unshuffle(x, self.fold))
        told = self.time(waves(time)) if self.time is not None and time is not None else None
        for i, block in enumerate(self.blocks):
            if i:
                h = nn.functional.avg_pool2d(h, 2)
            h = block(h, told)
        return self.features(silu(h).mean((2, 3)))


class Block(nn.Module):
    """A residual block; the noise level scales and shifts its middle (FiLM)."""

    def __init__(self, before: int, after: int, timed: bool):
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(8, before), nn.SiLU(), nn.Conv2d(before, after, 3, padding=1))
        self.norm = nn.GroupNorm(8, after)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.told = nn.Linear(128, 2 * after) if timed else None
        self.past = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, h: Tensor, told: Tensor | None) -> Tensor:
        """h: (B, before, H, W) to (B, after, H, W)."""
        inner = self.norm(self.first(h))
        if self.told is not None and told is not None:
            scale, shift = self.told(told)[..., None, None].chunk(2, 1)
            inner = inner * (1 + scale) + shift
        return self.past(h) + self.second(silu(inner))


def waves(time: Tensor) -> Tensor:
    """Sixteen sines and cosines of a time from 0 to 1000, (B,) to (B, 32)."""
    pitches = torch.exp(torch.linspace(0, math.log(100), 16, device=time.device)) * (math.pi / 2 / LONGEST)
    angles = time[:, None] * pitches
    return torch.cat([angles.sin(), angles.cos()], 1)
