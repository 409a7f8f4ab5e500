"""From logits to the distribution that is drawn from: temperature, then the k likeliest, then those of mass p."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Rule:
    """How both models' logits become distributions.

    temperature: logits are divided by it; 0 puts all mass on the likeliest token (greedy decoding).
    top_k: only so many tokens stay, 0 for all; ties with the last stay. top_p: of those the fewest likeliest that hold
    this mass stay, 1 for all. The same order as `transformers`' processors.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def probabilities(self, logits: Tensor) -> np.ndarray:
        """Distributions (n, V) of logits (n, V), in their dtype, on the CPU."""
        if self.temperature == 0:
            return one_hot(logits.argmax(-1).tolist(), logits.shape[-1], str(logits.dtype).rpartition(".")[2])
        if self.temperature != 1:
            logits = logits / self.temperature
        if 0 < self.top_k < logits.shape[-1]:
            least = logits.topk(self.top_k, -1).values[:, -1:]
            logits = logits.masked_fill(logits < least, float("-inf"))
        p = logits.softmax(-1)
        if self.top_p < 1:
            p = _nucleus(p, self.top_p)
        return p.cpu().numpy()


def one_hot(tokens: list[int], vocabulary: int, dtype: str = "float32") -> np.ndarray:
    """Rows (n, V) with all mass on one token each."""
    rows = np.zeros((len(tokens), vocabulary), dtype)
    rows[np.arange(len(tokens)), tokens] = 1
    return rows


def _nucleus(p: Tensor, mass: float) -> Tensor:
    ranked, order = p.sort(-1, descending=True)
    beyond = ranked.cumsum(-1) - ranked >= mass  # the likeliest always stays
    ranked = ranked.masked_fill(beyond, 0)
    return p.new_zeros(p.shape).scatter(-1, order, ranked / ranked.sum(-1, keepdim=True))


def fitted(logits: Tensor, vocabulary: int) -> Tensor:
    """Logits over exactly `vocabulary` tokens. Models of one tokenizer may have padded their tables differently."""
    have = logits.shape[-1]
    if have >= vocabulary:
        return logits[..., :vocabulary]
    wider = logits.new_full((*logits.shape[:-1], vocabulary), float("-inf"))
    wider[..., :have] = logits
    return wider
