"""An interpolated Kneser–Ney n-gram model over small integers: the classical judge of a language model.

Source: Chen & Goodman 1999, eq. 26 (one discount an order, n1 / (n1 + 2 n2)). An n-gram is packed into 64 bits with
its last symbol lowest, so that a mask cuts its oldest symbols off and a shift its last one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Order:
    """Counts of one order. `grams` and `contexts` are sorted; `total` and `followers` belong to the contexts."""

    grams: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    total: np.ndarray  # sum of the counts after a context
    followers: np.ndarray  # distinct symbols seen after it
    discount: float


@dataclass(frozen=True)
class NGram:
    """Orders 1 to n of a fitted model over `symbols` symbols."""

    orders: tuple[Order, ...]
    symbols: int

    @property
    def bits(self) -> np.uint64:
        """Bits one symbol takes in a packed n-gram."""
        return np.uint64(max(1, (self.symbols - 1).bit_length()))


def packed(sequence: np.ndarray, order: int, bits: np.uint64) -> np.ndarray:
    """The n-gram that ends at each position from order − 1 on, packed: shape (len(sequence) − order + 1,)."""
    values = sequence.astype(np.uint64)
    out = np.zeros(len(values) - order + 1, np.uint64)
    for back in range(order):
        out |= values[order - 1 - back : len(values) - back] << np.uint64(back * int(bits))
    return out


def counted(grams: np.ndarray, counts: np.ndarray, bits: np.uint64) -> Order:
    """The order of these distinct, sorted n-grams."""
    contexts, first, followers = np.unique(grams >> bits, return_index=True, return_counts=True)
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    discount = once / (once + 2 * twice) if once and twice else 0.5
    return Order(grams, counts, contexts, np.add.reduceat(counts, first), followers, discount)


def fit(sequence: np.ndarray, order: int, symbols: int) -> NGram:
    """Count a sequence of integers below `symbols`; the highest order keeps its counts, the others count histories.

    Raises ValueError where an n-gram does not fit 64 bits or the sequence is shorter than one.
    """
    model = NGram((), symbols)
    bits = model.bits
    if order * int(bits) > 64:
        raise ValueError(f"order must be at most {64 // int(bits)} for {symbols} symbols; got {order}")
    if len(sequence) < order:
        raise ValueError(f"the sequence must have at least {order} symbols; got {len(sequence)}")
    grams, counts = np.unique(packed(sequence, order, bits), return_counts=True)
    orders = [counted(grams, counts, bits)]
    for n in range(order - 1, 0, -1):
        mask = np.uint64((1 << n * int(bits)) - 1)
        grams, counts = np.unique(grams & mask, return_counts=True)
        orders.append(counted(grams, counts, bits))
    return NGram(tuple(reversed(orders)), symbols)


def found(sorted_keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each wanted key its place in the sorted keys, and whether it is there."""
    place = np.minimum(np.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)
    return place, sorted_keys[place] == wanted


def probabilities(model: NGram, sequence: np.ndarray) -> np.ndarray:
    """P(symbol | the n − 1 before it) at each position; the first ones use the shorter history that they have."""
    p = np.full(len(sequence), 1 / model.symbols)
    for n, order in enumerate(model.orders, 1):
        if len(sequence) < n:
            break
        grams = packed(sequence, n, model.bits)
        at, known = found(order.contexts, grams >> model.bits)
        place, seen = found(order.grams, grams)
        count = np.where(seen, np.maximum(order.counts[place] - order.discount, 0), 0)
        lower = p[n - 1 :]
        mixed = (count + order.discount * order.followers[at] * lower) / order.total[at]
        p[n - 1 :] = np.where(known, mixed, lower)
    return p
