"""How well a model predicts files it never saw, in bits per byte, and what gzip, xz and 5-grams make of the same."""

from __future__ import annotations

import gzip
import lzma
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.language.code_model import ngram, tokenizer
from engine.language.code_model.corpus import Source

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

WINDOW, STRIDE = 512, 256


def stream(tokens: PreTrainedTokenizerFast, modules: Sequence[Source]) -> np.ndarray:
    """All files behind each other as uint16 token ids, `<|file|>` before each."""
    return np.concatenate([np.array(tokenizer.encode(tokens, m.text), np.uint16) for m in modules])


def windows(ids: Sequence[int], window: int = WINDOW, stride: int = STRIDE) -> Iterator[tuple[int, int, int]]:
    """(begin, end, scored): feed ids[begin:end], count the predictions of ids[scored:end].

    Every id but the first is scored once, with at least window − stride ids before it where the file has them.
    """
    scored = 1
    while scored < len(ids):
        end = min(len(ids), window if scored == 1 else scored + stride)
        yield max(0, end - window), end, scored
        scored = end


def file_bits(model: LlamaForCausalLM, tokens: PreTrainedTokenizerFast, text: str) -> float:
    """Bits that the model needs to write down a whole file, given that one begins.

    Read in windows of 512 tokens that advance by 256, in the model's own dtype.
    """
    import torch
    from torch.nn.functional import cross_entropy

    ids = tokenizer.encode(tokens, text)
    nats = 0.0
    with torch.inference_mode():
        for begin, end, scored in windows(ids):
            fed = torch.tensor([ids[begin:end]], device=model.device)
            logits = model(input_ids=fed[:, :-1], use_cache=False, logits_to_keep=end - scored).logits[0]
            nats += cross_entropy(logits.float(), fed[0, scored - begin :], reduction="sum").item()
    return nats / math.log(2)


def batches(ids: np.ndarray, count: int, size: int = 8, window: int = WINDOW) -> Iterator[Tensor]:
    """`count` windows of window + 1 ids, spread evenly over a stream, `size` at a time."""
    import torch

    window = min(window, len(ids) - 1)
    begin = np.linspace(0, len(ids) - window - 1, count).astype(int)
    taken = torch.from_numpy(ids[begin[:, None] + np.arange(window + 1)].astype(np.int64))
    yield from taken.split(size)


def acceptance(target: LlamaForCausalLM, draft: LlamaForCausalLM, ids: np.ndarray, count: int = 32) -> dict[str, float]:
    """How often the target would keep what the draft proposes after held-out text.

    sampled: mean Σ min(p, q) at temperature 1 (Leviathan et al. 2023, cor. 3.6). greedy: how often both have the
    same likeliest token. Over `count` windows of 512 tokens of the stream `ids`.
    """
    import torch

    sampled, greedy = [], []
    with torch.inference_mode():
        for inputs in batches(ids, count):
            fed = inputs[:, :-1].to(target.device)
            p, q = (m(input_ids=fed, use_cache=False).logits.float().softmax(-1) for m in (target, draft))
            sampled.append(torch.minimum(p, q).sum(-1).mean().item())
            greedy.append((p.argmax(-1) == q.argmax(-1)).float().mean().item())
    return {"sampled": float(np.mean(sampled)), "greedy": float(np.mean(greedy))}


def compressed(data: bytes) -> dict[str, int]:
    """Bytes after gzip -9 and xz -9e."""
    return {"gzip": len(gzip.compress(data, 9, mtime=0)), "xz": len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))}


def ngram_bits(training: np.ndarray, held_out: np.ndarray, symbols: int, unscored: int, order: int = 5) -> float:
    """Bits a Kneser–Ney model of the training sequence gives the held-out one, the symbol `unscored` not counted."""
    p = ngram.probabilities(ngram.fit(training, order, symbols), held_out)
    return float(-np.log2(p[held_out != unscored]).sum())


def baselines(training: Sequence[Source], held_out: Sequence[Source], tokens: PreTrainedTokenizerFast) -> dict[str, float]:
    """Bits per byte of the held-out files under what is not a neural network.

    gzip, xz: all files joined, compressed alone. "xz after the training files": what xz adds to them for the
    held-out ones. 5-grams, Kneser–Ney, over bytes and over our tokens, counted on the training files.
    """
    known, new = (("\0".join(["", *(m.text for m in part)])).encode() for part in (training, held_out))
    size = sum(m.size for m in held_out)
    after = compressed(known + new)["xz"] - compressed(known)["xz"]
    symbols, mark = len(tokens), tokens.bos_token_id
    sequences = [np.frombuffer(part, np.uint8) for part in (known, new)]
    return {
        **{name: 8 * taken / size for name, taken in compressed(new).items()},
        "xz after the training files": 8 * after / size,
        "5-gram over bytes": ngram_bits(*sequences, 256, 0) / size,
        "5-gram over tokens": ngram_bits(stream(tokens, training), stream(tokens, held_out), symbols, mark) / size,
    }
