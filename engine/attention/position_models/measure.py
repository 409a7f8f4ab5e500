"""Loss by place, measured: the embedded model with its rotary rates replaced, and the small models.

Letters: B windows, T tokens, V vocabulary.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from engine.attention.position_models import frequencies
from engine.attention.position_models.models import NoPosition, SmallModel
from engine.attention.position_models.record import NAME
from engine.core import checkpoints
from engine.language import code_model
from engine.language.code_model import corpus, evaluate, tokenizer
from engine.language.code_model.architecture import Shape

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

CHUNK = 128  # tokens that go through the target at a time: between two chunks a run can be stopped
PARTS = 64  # parts of a text over which its losses are averaged


@functools.cache
def held_out() -> np.ndarray:
    """The tokens of the files that no model was trained on."""
    tokens = tokenizer.read(checkpoints.ROOT / code_model.folder("target") / "tokenizer.json")
    return evaluate.stream(tokens, corpus.split()[1])


def windows(ids: np.ndarray, count: int, length: int) -> Tensor:
    """(count, length + 1) ids, spread evenly over the held-out files."""
    return next(evaluate.batches(ids, count, size=count, window=length))


def rescaled(model: LlamaForCausalLM, rates: np.ndarray, temperature: float) -> LlamaForCausalLM:
    """A copy of the model that turns its pairs at other rates (d / 2,); the model itself stays as it is."""
    twin = copy.deepcopy(model)
    rotary = twin.model.rotary_emb
    assert rotary.inv_freq.shape == rates.shape, f"the model turns {len(rotary.inv_freq)} pairs; got {len(rates)}"
    rotary.inv_freq = torch.tensor(rates, dtype=rotary.inv_freq.dtype)
    rotary.attention_scaling = temperature
    return twin


def stretched(model: LlamaForCausalLM, scaling: str, factor: float, base: float) -> LlamaForCausalLM:
    """A copy of the model under one of the scalings, for its own training length."""
    config = model.config
    d = config.hidden_size // config.num_attention_heads
    rates = frequencies.scaled(d, base, scaling, factor, config.max_position_embeddings)
    return rescaled(model, rates, frequencies.temperature(scaling, factor))


def target_context() -> int:
    """Tokens of the windows that the target was trained on."""
    return code_model.load("target")[0].config.max_position_embeddings


def chunked_losses(model: LlamaForCausalLM, ids: Tensor, shift: int = 0) -> Iterator[Tensor]:
    """Cross-entropies (T,) of a text (T + 1,), some tokens at a time: each chunk reads those before it from the cache.

    shift: added to every position.
    """
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    for begin in range(0, len(ids) - 1, CHUNK):
        end = min(begin + CHUNK, len(ids) - 1)
        with torch.inference_mode():
            at = torch.arange(begin, end)[None] + shift
            logits = model(input_ids=ids[None, begin:end], position_ids=at, past_key_values=cache, use_cache=True).logits
            yield cross_entropy(logits[0].float(), ids[begin + 1 : end + 1], reduction="none")


def parts_of(losses: np.ndarray, parts: int = PARTS) -> np.ndarray:
    """(parts,) means of equal runs of losses (T,)."""
    return losses.reshape(parts, -1).mean(1)


def target_curves(count: int, length: int, factor: float, base: float, shift: int = 0) -> Iterator[tuple[np.ndarray, int, float]]:
    """The target's loss by place under each scaling, (4, PARTS), as it is measured: curves, texts read, share done.

    Every scaling reads a text before the next text begins. The curves are NaN where nothing has been read yet.
    """
    model, _ = code_model.load("target")
    twins = [stretched(model, name, factor, base) for name in frequencies.SCALINGS]
    texts = windows(held_out(), count, length)
    sums, seen = np.zeros((len(twins), PARTS)), np.zeros(len(twins), dtype=int)
    steps, done = count * len(twins) * -(-length // CHUNK), 0
    curves = lambda: np.where(seen[:, None] > 0, sums / np.maximum(seen, 1)[:, None], np.nan)  # noqa: E731
    for text in texts:
        for i, twin in enumerate(twins):
            found = []
            for losses in chunked_losses(twin, text, shift):
                found.append(losses.numpy())
                done += 1
                yield curves(), int(seen.min()), min(done / steps, 0.999)
            sums[i] += parts_of(np.concatenate(found))
            seen[i] += 1
    yield curves(), count, 1.0


def part(state: dict[str, Tensor], encoding: str) -> dict[str, Tensor]:
    """The tensors of one encoding's model out of the checkpoint of all."""
    return {key.partition(".")[2]: value for key, value in state.items() if key.partition(".")[0] == encoding}


@functools.cache
def small_models() -> dict[str, SmallModel]:
    """Every trained small model by encoding, for all to read. Raises FileNotFoundError that names the command."""
    found = checkpoints.load(NAME, NAME)
    models = {name: SmallModel(name, Shape(**found.config["shape"])) for name in found.config["encodings"]}
    for name, model in models.items():
        checkpoints.fill(model, part(found.state, name))
    return {name: model.eval().requires_grad_(False) for name, model in models.items()}


def position_losses(model: SmallModel, texts: Tensor, shift: int = 0) -> Tensor:
    """Mean cross-entropy (T,) in nats at each place of texts (B, T + 1), their positions moved by `shift`."""
    with torch.inference_mode():
        at = torch.arange(texts.shape[1] - 1, device=texts.device) + shift
        return cross_entropy(model(texts[:, :-1], at).float().mT, texts[:, 1:], reduction="none").mean(0)


def reach(positions: NoPosition, length: int, shift: int = 0) -> int:
    """How many places of a text an encoding can number, `shift` being added to each."""
    return max(0, min(length, positions.last + 1 - shift))


def small_curve(model: SmallModel, texts: Tensor, shift: int = 0) -> Iterator[np.ndarray]:
    """Loss by place (T,) as text after text is read; NaN where the encoding has no position to give."""
    T = texts.shape[1] - 1
    found = np.full(T, np.nan)
    known = reach(model.positions, T, shift)
    total = np.zeros(known)
    for i, text in enumerate(texts, 1):
        if known:
            total += position_losses(model, text[None, : known + 1], shift).numpy()
            found[:known] = total / i
        yield found


def small_curves(count: int, length: int, shift: int = 0) -> Iterator[tuple[dict[str, np.ndarray], float]]:
    """(PARTS,) loss by place of every small model, as they are measured: curves by encoding, share done."""
    models, texts = small_models(), windows(held_out(), count, length)
    found: dict[str, np.ndarray] = {name: np.full(PARTS, np.nan) for name in models}
    for i, (name, model) in enumerate(models.items()):
        for j, losses in enumerate(small_curve(model, texts, shift), 1):
            found[name] = parts_of(losses)
            yield dict(found), min((i + j / count) / len(models), 0.999)
    yield dict(found), 1.0
