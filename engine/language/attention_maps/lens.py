"""The logit lens: what each layer would say if it were the last. Source: nostalgebraist 2020, "interpreting GPT".

Letters: L layers, n tokens.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.language.attention_maps.opened import Opened
from engine.language.attention_maps.result import Lens

LIKELIEST = 5  # per layer and token
TOLERANCE = 1e-3


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
    found = np.stack(best)  # (L + 1, n, 5)
    # Behind each token a candidate is read as it would continue it: a byte may end a character.
    texts = [opened.loaded.after(ids[: i + 1], found[:, i].ravel().tolist()) for i in range(len(ids))]
    return Lens(np.array(texts).reshape(len(ids), len(found), -1).swapaxes(0, 1), np.stack(share), np.stack(truth))
