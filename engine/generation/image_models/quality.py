"""What the trained models reach, by one fixed protocol whose figures `meta.json` holds: DDIM from fixed noise."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.generation.image_models.judging import Judge
from engine.generation.image_models.model import ImageModel
from engine.generation.image_models.networks import level

NOISE_LEVELS = (0.999, 0.9, 0.5, 0.1)  # ᾱ at which the noise-aware classifier is measured
BATCH = 120


@dataclass(frozen=True)
class Protocol:
    """`samples` pictures, the classes in turn, by `steps` network steps of DDIM (η = 0) on a cosine schedule.

    scale: w of (1+w) ε_c − w ε_u. known: held-out pictures, which the judge and the classifier are measured on.
    """

    samples: int = 240
    steps: int = 25
    scale: float = 1.5
    seed: int = 0
    known: int = 2000


def labels(model: ImageModel, protocol: Protocol) -> Tensor:
    """The classes to draw, (samples,), each as often as the others."""
    return torch.arange(protocol.samples) % len(model.classes)


def draw(model: ImageModel, protocol: Protocol, scale: float) -> Tensor:
    """The protocol's samples at a scale of classifier-free guidance, (samples, C, H, W).

    Source: Song et al. 2021 (DDIM), eq. 12 with η = 0; Ho & Salimans 2022, eq. 6.
    """
    noise = torch.randn(protocol.samples, *model.shape, generator=torch.Generator().manual_seed(protocol.seed))
    levels = level(torch.linspace(999, 0, protocol.steps + 1)).tolist()
    return torch.cat(
        [_draw(model, x, chosen, levels, scale) for x, chosen in zip(noise.split(BATCH), labels(model, protocol).split(BATCH), strict=True)]
    ).clamp(-1, 1)


def _draw(model: ImageModel, x: Tensor, chosen: Tensor, levels: list[float], scale: float) -> Tensor:
    for now, then in itertools.pairwise(levels):
        if scale:
            both = model.epsilon(torch.cat([x, x]), now, torch.cat([chosen, torch.full_like(chosen, -1)]))
            conditional, unconditional = both.chunk(2)
            noise = (1 + scale) * conditional - scale * unconditional
        else:
            noise = model.epsilon(x, now, chosen)
        clean = (x - (1 - now) ** 0.5 * noise) / now**0.5
        x = then**0.5 * clean + (1 - then) ** 0.5 * noise
    return x


def of_samples(judge: Judge, samples: Tensor, chosen: Tensor) -> dict[str, float]:
    """What the judge says of samples that were to be of the classes `chosen`."""
    precision, recall = judge.precision_recall(samples)
    return {
        "accuracy": judge.accuracy(samples, chosen),
        "frechet": judge.frechet(samples),
        "precision": precision,
        "recall": recall,
        "diversity": judge.diversity(samples),
    }


def of_classifier(model: ImageModel, known: Tensor, chosen: Tensor, seed: int) -> dict[str, float]:
    """Accuracy of the noise-aware classifier on held-out pictures, by ᾱ."""
    noise = torch.randn(known.shape, generator=torch.Generator().manual_seed(seed))
    found = {}
    with torch.no_grad():
        for a in NOISE_LEVELS:
            parts = (a**0.5 * known + (1 - a) ** 0.5 * noise).split(256)
            said = torch.cat([model.class_log_probabilities(part, a).argmax(1) for part in parts])
            found[str(a)] = (said == chosen).float().mean().item()
    return found


def measure(
    model: ImageModel, judge: Judge, held_out: tuple[Tensor, Tensor], learned: tuple[Tensor, Tensor], protocol: Protocol
) -> dict[str, Any]:
    """All of the protocol's figures. held_out, learned: pictures and their classes; of what the denoiser learned from,
    the first `samples` show what the measures say of pictures that are as good as can be ("real")."""
    drawn = labels(model, protocol)
    return {
        "judge_accuracy": judge.accuracy(*held_out),
        "classifier_accuracy": of_classifier(model, *held_out, protocol.seed),
        "guided": of_samples(judge, draw(model, protocol, protocol.scale), drawn),
        "unguided": of_samples(judge, draw(model, protocol, 0.0), drawn),
        "real": of_samples(judge, *(t[: protocol.samples] for t in learned)),
    }
