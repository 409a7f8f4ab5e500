"""VQ-VAE: a picture as a page of integers, what each of them paints, and how such codes are learned."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core import Partial, experiment
from engine.generation.vq_vae.parameters import NEAREST, VqVae
from engine.generation.vq_vae.result import VqVaed


def warm_up() -> None:
    """Load the models, code the default picture and change an integer of large ones: a first change is at once."""
    import torch

    from engine.generation.picture_codes import coding, models
    from engine.generation.vq_vae import coded

    models.warm_up()
    coded.looked_at(VqVae())
    for factor in models.FACTORS:
        large = torch.zeros(64, 64, dtype=torch.int64)
        coding.repaint(models.autoencoder(factor), large, 256, 0, 0)


def forget() -> None:
    """Drop the pages at hand."""
    from engine.generation.vq_vae import store

    store.AT_HAND.clear()


@experiment("vq-vae", warm_up=warm_up, forget=forget)
def vq_vae(params: VqVae) -> Iterator[Partial[VqVaed]]:
    """The picture's page and what it paints; or a training as it goes."""
    match params.task:
        case "number":
            from engine.generation.vq_vae import number

            found = number.passed(params.value, params.target)
            yield Partial(VqVaed("number", number=found, dtype="float64"), 1.0)
        case "train":
            yield from _training(params)
        case "compare":
            from engine.generation.vq_vae import compare, findings

            for found, fraction in compare.compare(params.world, params.codes, params.steps, params.seed):
                yield Partial(VqVaed("compare", compared=found, findings=findings.of_comparison(found)), fraction)
        case "rate":
            from engine.generation.vq_vae import coded

            for made, fraction in coded.rates(params):
                yield Partial(made, fraction)
        case "pages":
            from engine.generation.vq_vae import coded

            yield Partial(coded.other_pages(params), 1.0)
        case _:
            from engine.generation.vq_vae import coded

            yield Partial(coded.looked_at(params), 1.0)


def _training(params: VqVae) -> Iterator[Partial[VqVaed]]:
    from engine.generation.vq_vae import findings, live, lloyd_max
    from engine.generation.vq_vae.quantisers import Choice

    choice = Choice(params.codes, params.beta, params.decay, params.start, params.restarts)
    law = lloyd_max.LAWS.get(params.world)
    best = law(params.codes) if law else None
    exactly = law is not None and params.method in NEAREST
    for found, fraction in live.train(params.world, params.method, choice, params.steps, params.seed):
        made = VqVaed(
            "train",
            codes=found.index[-1],
            usage=found.usage,
            perplexity=found.perplexity,
            distortion=found.distortion,
            codebook=params.codes,
            training=found,
            best=best,
            reached=lloyd_max.of(params.world, found.codes[-1, :, 0]) if exactly else None,
            findings=findings.of_training(found, params.codes),
        )
        yield Partial(made, fraction)


__all__ = ["VqVae", "VqVaed", "vq_vae"]
