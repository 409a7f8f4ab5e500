"""From logits to the distribution that is drawn from: temperature, then the k likeliest, then those of mass p.

Rule(temperature=0.7, top_k=40, top_p=0.9).probabilities(logits)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Rule:
    """How both models' logits become distributions.

    temperature: logits are divided by it; 0 puts all mass on the likeliest token (greedy decoding).
    top_k: only so many tokens stay, 0 for all; ties with the last stay. top_p: of those the fewest likeliest that hold
    this mass stay, 1 for all, at least one. The same order as `transformers`' processors.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def probabilities(self, logits: Float[Tensor, "n V"]) -> Float[np.ndarray, "n V"]:
        """The distributions of logits, in their dtype, on the CPU."""
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
    beyond = ranked.cumsum(-1) - ranked >= mass
    beyond[..., 0] = False  # the likeliest always stays, even where no mass is asked for
    ranked = ranked.masked_fill(beyond, 0)
    return p.new_zeros(p.shape).scatter(-1, order, ranked / ranked.sum(-1, keepdim=True))
