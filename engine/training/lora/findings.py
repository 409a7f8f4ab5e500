"""What a sweep comes to, in sentences: how many runs there were, how they spread, which were lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int

from engine.core import Finding, T, amounts
from engine.training.lora.result import Adapted, Memory, Peaks
from engine.training.memory import HALF, WIDE

CLOSE = 0.01  # of ‖ΔW‖: what counts as on the optimum
SHOWN_GAP = 0.001  # of ‖ΔW‖: less is not told apart
LISTED = 3


def diverged(titles: Sequence[T], at: Int[np.ndarray, "S n"]) -> Iterator[T]:
    """Which runs were given up, and at which step; −1 where none was."""
    hit = [s for s in range(len(titles)) if (at[s] >= 0).any()]
    for s in hit[:LISTED]:
        steps = at[s][at[s] >= 0]
        yield T.many(
            "“{title}” diverges at step {first:count} ({n} of {of} seed); its runs stop there.",
            "“{title}” diverges at step {first:count} ({n} of {of} seeds); its runs stop there.",
            "“{title}”在第 {first:count} 步发散（{of} 个种子中的 {n} 个），其训练就此停止。",
            by="of",
            title=titles[s],
            first=int(steps.min()) + 1,
            n=len(steps),
            of=at.shape[1],
        )
    if len(hit) > LISTED:
        yield T.many(
            "{n} more setting diverges as well.", "{n} more settings diverge as well.", "另有 {n} 种设置也发散了。", n=len(hit) - LISTED
        )


def linear(made: Adapted, bound: bool) -> T:
    """How far from Eckart and Young's optimum a sweep of the linear task ended.

    bound: whether the optimum is one for this way of adapting. Only what arrived is spoken of, and said to be all only
    where nothing was lost.
    """
    low = made.ranks > 0
    whole = low & (made.diverged < 0).all(1)
    arrived = low & np.isfinite(made.quality)
    n = made.runs.shape[1]
    if not low.any():
        return T("No low rank was swept: there is nothing to lay on the optimum.", "没有扫描任何低秩，无从与最优值比较。")
    if not arrived.any():
        return T.many(
            "No rank arrived: its only low rank diverged on every seed.",
            "No rank arrived: all {n} low ranks diverged on every seed.",
            "没有任何秩训练成功：{n} 个低秩在每个种子上都发散了。",
            n=int(low.sum()),
        )
    if not bound:
        return T(
            "DoRA turns rows as well: the line is the optimum of plain low-rank updates, not a bound for it.",
            "DoRA 还会缩放各行：图中的线是普通低秩更新的最优值，并非 DoRA 的界。",
        )
    gaps = np.where(arrived, made.quality - made.optimum, -np.inf)
    worst = int(np.argmax(gaps))
    values = {
        "gap": max(SHOWN_GAP, float(gaps[worst])),
        "title": made.titles[worst],
        "true_rank": made.true_rank,
        "arrived": int(arrived.sum()),
        "ranks": int(low.sum()),
        "runs": int((np.isfinite(made.runs) & low[:, None]).sum()),
        "n": n,
    }
    if gaps[worst] > CLOSE:
        return T(
            "“{title}” ends {gap:percent.2} of ‖ΔW‖ above the Eckart–Young optimum, the furthest of the {arrived} of {ranks} low ranks that arrived ({runs} runs): more steps or another rate may help.",
            "“{title}”的最终误差比埃卡特–杨最优值高 ‖ΔW‖ 的 {gap:percent.2}，在训练成功的低秩中最远（{ranks} 个中有 {arrived} 个成功，共 {runs} 次训练）：增加步数或换个学习率也许有用。",
            **values,
        )
    if (whole == low).all():
        return T.many(
            "With ΔW of rank {true_rank}, every rank ends within {gap:percent.2} of ‖ΔW‖ above the Eckart–Young optimum (one seed).",
            "With ΔW of rank {true_rank}, every rank ends within {gap:percent.2} of ‖ΔW‖ above the Eckart–Young optimum (means of {n} seeds).",
            "ΔW 的秩为 {true_rank}，每个秩的最终误差比埃卡特–杨最优值至多高 ‖ΔW‖ 的 {gap:percent.2}（{n} 个种子的均值）。",
            **values,
        )
    return T(
        "Of {ranks} low ranks {arrived} arrived ({runs} runs), and end within {gap:percent.2} of ‖ΔW‖ above the Eckart–Young optimum; of the others nothing can be said.",
        "{ranks} 个低秩中有 {arrived} 个训练成功（{runs} 次），其最终误差比埃卡特–杨最优值至多高 ‖ΔW‖ 的 {gap:percent.2}；其余无从判断。",
        **values,
    )


def sweep(
    titles: Sequence[T],
    trained: Int[np.ndarray, " S"],
    quality: Float[np.ndarray, " S"],
    spread: Float[np.ndarray, " S"],
    higher: bool,
    seeds: int = 1,
) -> T:
    """The best setting, and the smallest one that its spread does not tell from it."""
    sign = 1 if higher else -1
    arrived = np.flatnonzero(np.isfinite(quality))
    if not len(arrived):
        return T("No setting arrived.", "没有任何设置训练成功。")
    best = arrived[np.argmax(sign * quality[arrived])]
    say = amounts.percent if higher else amounts.number
    lost = len(titles) - len(arrived)
    among = (
        T(
            "Of the {n} settings that arrived ({lost} did not) the best",
            "在训练成功的 {n} 种设置中（另有 {lost} 种未成功），最好的",
            n=len(arrived),
            lost=lost,
        )
        if lost
        else T("The best", "最好的")
    )
    values = {"among": among, "best": titles[best], "top": say(float(quality[best])), "seeds": seeds}
    if not np.isfinite(spread[best]):
        return T(
            "{among} is “{best}” with {top}, on one seed: without a second one nothing is said of smaller settings.",
            "{among}是“{best}”：{top}，只有一个种子：没有第二个种子就无法判断更小的设置。",
            **values,
        )
    noise = np.nan_to_num(spread)
    same = [s for s in arrived if sign * (quality[best] - quality[s]) <= noise[best] + noise[s] and trained[s] > 0]
    least = min(same, key=lambda s: trained[s]) if same else best
    values["plus"] = say(float(spread[best]))
    if trained[least] >= trained[best]:
        return T(
            "{among} is “{best}” with {top} ± {plus} over {seeds} seeds; no smaller one comes within the spread.",
            "{among}是“{best}”：{top} ± {plus}（{seeds} 个种子）；更小的设置都不在其离散范围之内。",
            **values,
        )
    return T(
        "{among} is “{best}” with {top} ± {plus} over {seeds} seeds; “{least}” is within the spread ({small}) at {share:percent.2} of its parameters.",
        "{among}是“{best}”：{top} ± {plus}（{seeds} 个种子）；“{least}”（{small}）与之的差在离散范围之内，参数量是它的 {share:percent.2}。",
        **values,
        least=titles[least],
        small=say(float(quality[least])),
        share=trained[least] / trained[best],
    )


def peaks(found: Peaks | None) -> Finding | None:
    """How far the formula is from what was measured."""
    if found is None:
        return None
    off = np.abs(found.predicted / found.measured - 1)
    return Finding(
        T(
            "The formula misses the measured peaks of {n} training steps by {worst:percent.2} at most, by {median:percent.2} in the median.",
            "公式与 {n} 个训练步的实测峰值至多相差 {worst:percent.2}，中位数为 {median:percent.2}。",
            n=len(off),
            worst=float(off.max()),
            median=float(np.median(off)),
        ),
        "peaks",
    )


def accounting(memory: Memory) -> Finding | None:
    """Why estimates of full fine-tuning differ by a quarter: what is kept of the gradient."""
    rows = {int(memory.trained_bytes[w]): w for w in np.flatnonzero(memory.full)}
    if HALF.trained not in rows or WIDE.trained not in rows:
        return None
    state = memory.bytes[..., :3].sum(-1)  # without activations
    named = {name: memory.architectures.index(name) for name in ("7B", "72B")}
    values = {
        f"{way}_{name}": float(state[a, rows[size]])
        for way, size in (("half", HALF.trained), ("wide", WIDE.trained))
        for name, a in (("small", named["7B"]), ("large", named["72B"]))
    }
    return Finding(
        T(
            "Full fine-tuning at {less} bytes a parameter holds {half_small:bytes} for 7B and {half_large:bytes} for 72B before activations; with a float32 gradient kept beside the half-precision one it is {more} bytes, {wide_small:bytes} and {wide_large:bytes}. Common estimates of {quoted_small:bytes} and {quoted_large:bytes} are of the second kind, the rest being activations.",
            "全量微调若每个参数占 {less} 字节，不计激活时 7B 需 {half_small:bytes}，72B 需 {half_large:bytes}；若在半精度梯度之外另存 float32 梯度，则为 {more} 字节，即 {wide_small:bytes} 与 {wide_large:bytes}。常见的 {quoted_small:bytes} 与 {quoted_large:bytes} 属于后一种，其余是激活。",
            less=HALF.trained,
            more=WIDE.trained,
            quoted_small=160e9,
            quoted_large=1600e9,
            **values,
        ),
        "memory",
    )


def of_sweep(made: Adapted, bound: bool) -> Iterator[Finding | T | None]:
    """The findings of a sweep: divergence first."""
    yield from diverged(made.titles, made.diverged)
    if made.task == "linear":
        said = linear(made, bound)
    else:
        seeds = made.runs.shape[1]
        said = sweep(made.titles, made.trainable_parameters, made.quality, made.quality_spread, made.higher, seeds)
    yield Finding(said, "quality")
    yield accounting(made.memory)
