"""What a sweep comes to, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.training.lora.settings import FULL, Setting

Sentence = tuple[str, str]
CLOSE = 0.01  # of ‖ΔW‖: what counts as on the optimum
LISTED = 3


def diverged(settings: Sequence[Setting], at: np.ndarray) -> list[Sentence]:
    """Which runs were given up, and at which step. at: (S, n), -1 where none was."""
    hit = [(setting, at[s][at[s] >= 0]) for s, setting in enumerate(settings) if (at[s] >= 0).any()]
    if not hit:
        return []
    said = []
    for setting, steps in hit[:LISTED]:
        first, count, of = int(steps.min()) + 1, len(steps), at.shape[1]
        said.append((
            f"“{setting.title[0]}” diverges at step {first} ({count} of {of} seeds); its runs stop there.",
            f"“{setting.title[1]}”在第 {first} 步发散（{of} 个种子中的 {count} 个），其训练就此停止。",
        ))  # fmt: skip
    if len(hit) > LISTED:
        said.append(
            (f"{len(hit) - LISTED} more settings diverge as well.", f"另有 {len(hit) - LISTED} 种设置也发散了。")
        )
    return said


def linear(ranks: np.ndarray, quality: np.ndarray, optimum: np.ndarray, true_rank: int, bound: bool) -> Sentence:
    """How far from Eckart and Young's optimum a sweep of the linear task ended, and where its elbow is.

    bound: whether the optimum is one for this way of adapting.
    """
    low = (ranks != FULL) & np.isfinite(quality)
    if not low.any():
        return "No rank arrived.", "没有任何秩训练成功。"
    if not bound:
        return (
            "DoRA turns rows as well: the line is the optimum of plain low-rank updates, not a bound for it.",
            "DoRA 还会缩放各行：图中的线是普通低秩更新的最优值，并非 DoRA 的界。",
        )
    worst = int(np.argmax(np.where(low, quality - optimum, -np.inf)))
    gap = max(0.001, float(quality[worst] - optimum[worst]))
    if gap > CLOSE:
        return (
            f"Rank {ranks[worst]} ends {gap:.1%} of ‖ΔW‖ above the Eckart–Young optimum: "
            "more steps or another rate may help.",
            f"秩 {ranks[worst]} 的最终误差比埃卡特–杨最优值高 ‖ΔW‖ 的 {gap:.1%}：增加步数或换个学习率也许有用。",
        )
    return (
        f"With ΔW of rank {true_rank}, every rank ends within {gap:.1%} of ‖ΔW‖ above the Eckart–Young optimum.",
        f"ΔW 的秩为 {true_rank}，每个秩的最终误差比埃卡特–杨最优值至多高 ‖ΔW‖ 的 {gap:.1%}。",
    )


def sweep(
    settings: Sequence[Setting], trained: np.ndarray, quality: np.ndarray, spread: np.ndarray, higher: bool
) -> Sentence:
    """The best setting, and the smallest one that its spread does not tell from it."""
    sign = 1 if higher else -1
    known = np.flatnonzero(np.isfinite(quality))
    if not len(known):
        return "No setting arrived.", "没有任何设置训练成功。"
    best = known[np.argmax(sign * quality[known])]
    noise = np.nan_to_num(spread)
    same = [s for s in known if sign * (quality[best] - quality[s]) <= noise[best] + noise[s] and trained[s] > 0]
    least = min(same, key=lambda s: trained[s]) if same else best
    top, small = (f"{quality[s]:.1%}" if higher else f"{quality[s]:.3f}" for s in (best, least))
    (en, zh), (en_small, zh_small) = settings[best].title, settings[least].title
    if trained[least] >= trained[best]:
        return (
            f"Best is “{en}” with {top}; no smaller one comes within the spread.",
            f"最好的是“{zh}”：{top}；更小的设置都不在其离散范围之内。",
        )
    share = f"{trained[least] / trained[best]:.0%}"
    return (
        f"Best is “{en}” with {top}; “{en_small}” is within the spread ({small}) at {share} of its parameters.",
        f"最好的是“{zh}”：{top}；“{zh_small}”（{small}）与之的差在离散范围之内，参数量是它的 {share}。",
    )
