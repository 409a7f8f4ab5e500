"""What the keys and values of a text take in memory, held by the caches of `transformers` themselves.

Letters: L layers, G heads of keys and values, n tokens, d width of a head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def measured(keys: list[Tensor], values: list[Tensor], window: int | None = None) -> np.ndarray:
    """Bytes that the cache holds after each token, (n,), given each layer's keys and values (1, G, n, d).

    window: let it forget what lies further back, as a model with a sliding window does.
    """
    from transformers.cache_utils import Cache, DynamicLayer, DynamicSlidingWindowLayer

    make = DynamicLayer if window is None else lambda: DynamicSlidingWindowLayer(sliding_window=window)
    layers = [make() for _ in keys]
    cache = Cache(layers=layers)
    held = []
    for i in range(keys[0].shape[2]):
        for layer, (k, v) in enumerate(zip(keys, values, strict=True)):
            cache.update(k[:, :, i : i + 1], v[:, :, i : i + 1], layer)
        held.append(sum(part.keys.nbytes + part.values.nbytes for part in layers))
    return np.array(held)


def formula(tokens: np.ndarray, layers: int, groups: int, width: int, bytes_each: int = 4) -> np.ndarray:
    """2·L·G·d·n numbers: a key and a value per layer, head and token."""
    return 2 * layers * groups * width * bytes_each * np.asarray(tokens)
