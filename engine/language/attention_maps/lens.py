"""The logit lens: what each layer would say if it were the last. Source: nostalgebraist 2020, "interpreting GPT".

Letters: L layers, n tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.language.attention_maps.opened import Opened

LIKELIEST = 5  # per layer and token
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Lens:
    """Row 0 is the embedding, row l what leaves layer l, the last what the model says.

    tokens (L + 1, n, 5): the likeliest next tokens as texts, probabilities of the same shape. truth (L + 1, n): the
    probability of the token that does follow, NaN where none does.
    """

    tokens: np.ndarray
    probabilities: np.ndarray
    truth: np.ndarray


def through(opened: Opened, out: Any, ids: list[int]) -> Lens | None:
    """The lens of every layer from the model's outputs with hidden states; None for a model whose last norm is not
    where it is looked for."""
    import torch

    hidden = out.hidden_states
    if opened.final is None or not torch.allclose(opened.unembed(hidden[-1], True), out.logits, atol=TOLERANCE):
        return None
    following = torch.tensor(ids[1:], dtype=torch.long)
    best, share, truth = [], [], []
    for place, state in enumerate(hidden):
        p = opened.unembed(state, normed=place == len(hidden) - 1)[0].softmax(-1)
        top = p.topk(LIKELIEST, -1)
        best.append(top.indices.numpy())
        share.append(top.values.numpy())
        right = p[:-1].gather(1, following[:, None])[:, 0].numpy()
        truth.append(np.append(right, np.nan).astype(np.float32))
    ids_found = np.stack(best)
    known, place = np.unique(ids_found, return_inverse=True)
    texts = np.array(opened.loaded.pieces(known.tolist()))
    return Lens(texts[place].reshape(ids_found.shape), np.stack(share), np.stack(truth))
