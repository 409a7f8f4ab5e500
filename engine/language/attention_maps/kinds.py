"""What each head is there for, measured on texts made for it: not on the person's own, which may hold nothing of it.

A score is the mean attention that the tokens in question pay to the keys in question, between 0 and 1; a head that
prefers nothing would reach `chance`. Sources: induction on repeated random tokens, Olsson et al. 2022; previous-token
and first-token heads, Elhage et al. 2021, Xiao et al. 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.core import T
from engine.language.attention_maps.opened import Opened, Tape
from engine.language.attention_maps.result import HeadKinds

NAMES: tuple[T, ...] = (
    T("previous token", "前一个词元"),
    T("first token", "首个词元"),
    T("induction", "归纳"),
    T("same bracket", "配对括号"),
    T("indentation", "缩进"),
)
CLEAR = 0.15  # of the way from chance to 1 that a head must go to be called by a name
SEED, REPEATS, LENGTH = 0, 8, 24
CODE = (
    "def area(shape):\n    if shape.kind == 1:\n        return shape.width * shape.height\n    total = 0\n"
    "    for part in shape.parts:\n        total += area(part)\n    return total\n",
    "class Queue:\n    def __init__(self, items):\n        self.items = list(items)\n\n    def pop(self):\n"
    "        if not self.items:\n            raise IndexError(len(self.items))\n        return self.items.pop(0)\n",
    "rows = [(a, [b, c]) for a, (b, c) in zip(names, pairs)]\nfound = {k: max(v, (w + 1) * (w - 1)) for k, v in rows}\n"
    "print(sum(abs(x[i] - y[i]) for i in range(len(x))), (left + right) // 2)\n",
)
OPENING, CLOSING = "([{", ")]}"


@dataclass(frozen=True)
class Wanted:
    """A query and the keys that a head of some kind would look at."""

    query: int
    keys: tuple[int, ...]


def measure(opened: Opened) -> HeadKinds:
    """The kinds of all heads of a model. A kind that its tokens never show (no brackets) has NaN for scores."""
    texts = [opened.loaded.encode(text)[: opened.loaded.context] for text in CODE]
    maps = [_maps(opened, [ids])[:, :, 0] for ids in texts]
    pieces = [opened.loaded.pieces(ids) for ids in texts]
    spans = [range(len(ids)) for ids in texts]
    found = [
        [(a, previous(span)) for a, span in zip(maps, spans, strict=True)],
        [(a, first(span)) for a, span in zip(maps, spans, strict=True)],
        induction(opened),
        [(a, brackets(p)) for a, p in zip(maps, pieces, strict=True)],
        [(a, indentation(p)) for a, p in zip(maps, pieces, strict=True)],
    ]
    scores, chance, counted = zip(*(_score(pairs, opened) for pairs in found), strict=True)
    return sorted_out(np.stack(scores), np.array(chance), np.array(counted))


def sorted_out(scores: np.ndarray, chance: np.ndarray, counted: np.ndarray) -> HeadKinds:
    """Name each head by the kind towards which it goes furthest from chance, if it goes far enough."""
    lift = (scores - chance[:, None, None]) / (1 - chance[:, None, None])
    lift = np.where(np.isfinite(lift), lift, -np.inf)
    kind = np.where(lift.max(0) >= CLEAR, lift.argmax(0), -1)
    return HeadKinds(NAMES, scores, chance, counted, kind)


def _maps(opened: Opened, ids: list[list[int]]) -> np.ndarray:
    """Attention of texts of one length, (L, H, B, n, n)."""
    import torch

    tape = Tape()
    opened.run(torch.tensor(ids), tape)
    return torch.stack(tape.weights).transpose(1, 2).numpy()


def _score(pairs: Sequence[tuple[np.ndarray, list[Wanted]]], opened: Opened) -> tuple[np.ndarray, float, int]:
    total, even, count = np.zeros((opened.layers, opened.heads)), 0.0, 0
    for weights, wanted in pairs:
        for want in wanted:
            total += weights[:, :, want.query, list(want.keys)].sum(-1)
            even += len(want.keys) / (want.query + 1)
            count += 1
    return (total / count, even / count, count) if count else (np.full_like(total, np.nan), np.nan, 0)


def previous(span: range) -> list[Wanted]:
    """Every token from the third on and the one before it; before that it is the first token as well."""
    return [Wanted(i, (i - 1,)) for i in span[2:]]


def first(span: range) -> list[Wanted]:
    """Every token from the third on and the first."""
    return [Wanted(i, (0,)) for i in span[2:]]


def induction(opened: Opened) -> list[tuple[np.ndarray, list[Wanted]]]:
    """Random tokens said twice: at the second time, what followed the same token at the first."""
    length = min(LENGTH, (opened.loaded.context - 1) // 2)
    rng = np.random.Generator(np.random.PCG64(SEED))
    special = {opened.loaded.start, *opened.loaded.ends}
    known = [i for i in range(opened.model.get_input_embeddings().weight.shape[0]) if i not in special]
    before = [] if opened.loaded.start is None else [opened.loaded.start]
    once = rng.choice(known, (REPEATS, length)).tolist()
    maps = _maps(opened, [[*before, *ids, *ids] for ids in once])
    start = len(before)
    wanted = [Wanted(start + length + i, (start + i + 1,)) for i in range(length - 1)]
    return [(maps[:, :, text], wanted) for text in range(REPEATS)]


def brackets(pieces: Sequence[str]) -> list[Wanted]:
    """Each token with a closing bracket and the token with the opening one, where these are two."""
    found, stack = [], []
    for place, piece in enumerate(pieces):
        for sign in piece:
            if sign in OPENING:
                stack.append((sign, place))
            elif sign in CLOSING and stack and OPENING.index(stack[-1][0]) == CLOSING.index(sign):
                opened_at = stack.pop()[1]
                if opened_at != place:
                    found.append(Wanted(place, (opened_at,)))
    return found


def indentation(pieces: Sequence[str]) -> list[Wanted]:
    """Each token of line end or indentation, and all such tokens before it: where code decides how deep a line is."""
    places = [i for i, piece in enumerate(pieces) if _between_lines(pieces, i)]
    return [Wanted(place, tuple(places[:rank])) for rank, place in enumerate(places) if rank]


def _between_lines(pieces: Sequence[str], i: int) -> bool:
    text = pieces[i]
    if not text or text.strip():
        return False
    return "\n" in text or (i > 0 and pieces[i - 1].endswith("\n"))
