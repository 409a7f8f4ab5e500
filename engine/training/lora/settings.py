"""What is swept: ranks of one choice of matrices, or choices of matrices at an equal number of trainable parameters.

Letters: r rank, d_out × d_in the shape of a weight matrix W, M matrices, S settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.core import Refused

FULL = -1  # the "rank" of full fine-tuning: every entry of the matrix is trained
MOST_SETTINGS = 10
ATTENTION, FEED_FORWARD = ("q", "k", "v", "o"), ("gate", "up", "down")
KINDS = (*ATTENTION, *FEED_FORWARD)
TARGETS: dict[str, tuple[str, ...]] = {
    "q": ("q",), "k": ("k",), "v": ("v",), "o": ("o",), "qv": ("q", "v"), "attention": ATTENTION,
    "feed-forward": FEED_FORWARD, "all": KINDS,
}  # fmt: skip
TARGET_TITLES: dict[str, tuple[str, str]] = {
    "q": ("W_q", "W_q"), "k": ("W_k", "W_k"), "v": ("W_v", "W_v"), "o": ("W_o", "W_o"),
    "qv": ("W_q and W_v", "W_q 与 W_v"), "attention": ("all of attention", "全部注意力矩阵"),
    "feed-forward": ("feed-forward", "前馈层"), "all": ("all matrices", "全部矩阵"),
}  # fmt: skip


@dataclass(frozen=True)
class Matrix:
    """One weight matrix of a network: y = Wx with W of shape (outputs, inputs)."""

    name: str
    kind: str
    layer: int
    outputs: int
    inputs: int


@dataclass(frozen=True)
class Setting:
    """One way of adapting: which kinds of matrices get which rank (`FULL` for all entries); others stay frozen."""

    key: str
    title: tuple[str, str]
    ranks: Mapping[str, int]

    @property
    def rank(self) -> int:
        """The largest rank among its matrices, `FULL` for full fine-tuning."""
        return FULL if FULL in self.ranks.values() else max(self.ranks.values(), default=0)

    def of(self, matrix: Matrix) -> int:
        return self.ranks.get(matrix.kind, 0)


def parse_ranks(text: str, most: int) -> tuple[int, ...]:
    """Ranks of a text such as "0,1,4,full", ascending and each once, `FULL` last.

    Raises `Refused` for anything else, for a rank above `most`, and for more than ten.
    """
    found: set[int] = set()
    for word in text.replace("，", ",").split(","):
        word = word.strip().lower()
        if word == "full":
            found.add(FULL)
            continue
        if not (word.isascii() and word.isdigit()) or len(word) > 6:
            raise Refused(
                f'ranks must be whole numbers or "full", separated by commas; got {word[:40]!r}',
                f"ranks 必须是以逗号分隔的非负整数或 full；收到 {word[:40]!r}", "ranks",
            )  # fmt: skip
        if int(word) > most:
            raise Refused(
                f"ranks must be at most {most}, the smaller side of the matrices to be adapted; got {int(word)}",
                f"ranks 不能超过 {most}，即所调整矩阵较短的一边；收到 {int(word)}", "ranks",
            )  # fmt: skip
        found.add(int(word))
    if len(found) > MOST_SETTINGS:
        raise Refused(f"ranks must be at most {MOST_SETTINGS} in number; got {len(found)}",
                      f"ranks 最多 {MOST_SETTINGS} 个；收到 {len(found)} 个", "ranks")  # fmt: skip
    if found <= {0}:
        raise Refused("ranks must name at least one that is not 0; got 0 alone",
                      "ranks 至少要有一个不为 0；只收到 0", "ranks")  # fmt: skip
    return tuple(sorted(found, key=lambda r: (r == FULL, r)))


def rank_title(rank: int) -> tuple[str, str]:
    """What a page calls a rank: "frozen", "r = 4", "full"."""
    if rank == FULL:
        return "full", "全量"
    return (f"r = {rank}", f"r = {rank}") if rank else ("frozen", "冻结")


def by_rank(ranks: Sequence[int], kinds: Sequence[str]) -> tuple[Setting, ...]:
    """A setting for each rank, on the same kinds of matrices."""
    return tuple(Setting("full" if r == FULL else str(r), rank_title(r), dict.fromkeys(kinds, r)) for r in ranks)


def by_matrices(matrices: Sequence[Matrix], rank: int) -> tuple[Setting, ...]:
    """A setting for each choice of matrices, all with about the parameters of that rank on W_q.

    A choice takes the rank, at least 1, that comes nearest to the budget.
    """
    budget = rank * sum(m.inputs + m.outputs for m in matrices if m.kind == "q")
    made = []
    for key, kinds in TARGETS.items():
        each = sum(m.inputs + m.outputs for m in matrices if m.kind in kinds)
        r = max(1, round(budget / each))
        title = tuple(f"{words}, r = {r}" for words in TARGET_TITLES[key])
        made.append(Setting(key, (title[0], title[1].replace(", ", "，")), dict.fromkeys(kinds, r)))
    return tuple(made)


def trainable(setting: Setting, matrices: Sequence[Matrix], dora: bool = False) -> int:
    """Numbers that are trained: Σ r (d_in + d_out), with d_out magnitudes more for DoRA; Σ d_in d_out when full."""
    count = 0
    for matrix in matrices:
        r = setting.of(matrix)
        if r == FULL:
            count += matrix.inputs * matrix.outputs
        elif r:
            count += r * (matrix.inputs + matrix.outputs) + (matrix.outputs if dora else 0)
    return count


def counts(settings: Sequence[Setting], matrices: Sequence[Matrix], dora: bool = False) -> np.ndarray:
    """(S,) of `trainable`."""
    return np.array([trainable(setting, matrices, dora) for setting in settings])
