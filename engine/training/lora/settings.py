"""What is swept: ranks of one choice of matrices, or choices of matrices at an equal number of trainable parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from engine.core import Refused, T
from engine.core.entry import normalised
from engine.core.params import shown
from engine.training.memory import ATTENTION, FEED_FORWARD, FULL, KINDS, Matrix, trainable

MOST_SETTINGS = 10
MOST_DIGITS = 6  # of a rank: beyond, the number is quoted as it was written
TARGETS: dict[str, tuple[str, ...]] = {
    **{kind: (kind,) for kind in ATTENTION},
    "qv": ("q", "v"),
    "attention": ATTENTION,
    "feed-forward": FEED_FORWARD,
    "all": KINDS,
}
TARGET_TITLES: dict[str, T] = {
    **{kind: T.of(f"W_{kind}") for kind in ATTENTION},
    "qv": T("W_q and W_v", "W_q 与 W_v"),
    "attention": T("all of attention", "全部注意力矩阵"),
    "feed-forward": T("feed-forward", "前馈层"),
    "all": T("all matrices", "全部矩阵"),
}


@dataclass(frozen=True)
class Setting:
    """One way of adapting: which kinds of matrices get which rank (`FULL` for all entries); others stay frozen."""

    key: str
    title: T
    ranks: Mapping[str, int]

    @property
    def rank(self) -> int:
        """The largest rank among its matrices, `FULL` for full fine-tuning."""
        return FULL if FULL in self.ranks.values() else max(self.ranks.values(), default=0)

    def of(self, matrix: Matrix) -> int:
        """The rank that a matrix gets."""
        return self.ranks.get(matrix.kind, 0)


def parse_ranks(text: str, most: int) -> tuple[int, ...]:
    """Ranks of a text such as "0,1,4,full", ascending and each once, `FULL` last.

    Raises `Refused` for anything else, for a rank above `most`, and for more than ten.
    """
    found: set[int] = set()
    for word in normalised(text).split(","):
        word = word.strip().lower()
        if word == "full":
            found.add(FULL)
            continue
        if not (word.isascii() and word.isdigit()) or len(word) > MOST_DIGITS:
            raise Refused(
                T(
                    'ranks must be whole numbers or "full", separated by commas; got {word}',
                    "ranks 必须是以逗号分隔的非负整数或 full；收到 {word}",
                    word=shown(word),
                ),
                "ranks",
            )
        if int(word) > most:
            raise Refused(
                T(
                    "ranks must be at most {most}, the smaller side of the matrices to be adapted; got {rank}",
                    "ranks 不能超过 {most}，即所调整矩阵较短的一边；收到 {rank}",
                    most=most,
                    rank=int(word),
                ),
                "ranks",
            )
        found.add(int(word))
    if len(found) > MOST_SETTINGS:
        raise Refused(
            T(
                "ranks must be at most {most} in number; got {given}",
                "ranks 最多 {most} 个；收到 {given} 个",
                most=MOST_SETTINGS,
                given=len(found),
            ),
            "ranks",
        )
    if found <= {0}:
        raise Refused(T("ranks must name at least one that is not 0; got 0 alone", "ranks 至少要有一个不为 0；只收到 0"), "ranks")
    return tuple(sorted(found, key=lambda r: (r == FULL, r)))


def rank_title(rank: int) -> T:
    """What a page calls a rank: "frozen", "r = 4", "full"."""
    if rank == FULL:
        return T("full", "全量")
    return T.of(f"r = {rank}") if rank else T("frozen", "冻结")


def by_rank(ranks: Sequence[int], kinds: Sequence[str]) -> tuple[Setting, ...]:
    """A setting for each rank, on the same kinds of matrices."""
    return tuple(Setting("full" if r == FULL else str(r), rank_title(r), dict.fromkeys(kinds, r)) for r in ranks)


def by_matrices(matrices: Sequence[Matrix], rank: int) -> tuple[Setting, ...]:
    """A setting for each choice of matrices, all with about the parameters of that rank on W_q.

    A choice takes the rank, at least 1, that comes nearest to the budget.
    """
    budget = trainable({"q": rank}, matrices)
    found = []
    for key, kinds in TARGETS.items():
        r = max(1, round(budget / trainable(dict.fromkeys(kinds, 1), matrices)))
        title = T("{choice}, r = {r}", "{choice}，r = {r}", choice=TARGET_TITLES[key], r=r)
        found.append(Setting(key, title, dict.fromkeys(kinds, r)))
    return tuple(found)


def counts(settings: Sequence[Setting], matrices: Sequence[Matrix], dora: bool = False) -> Int[np.ndarray, " S"]:
    """How many numbers each setting trains."""
    return np.array([trainable(setting.ranks, matrices, dora) for setting in settings])
