"""What a run shows, in sentences; whether it pays is said only where the clock can carry it."""

from __future__ import annotations

from engine.core import Finding, T
from engine.core.findings import verdict
from engine.language.speculative_decoding.result import Costs, Judged, Race, Sweep, Toy

SOURCES = {
    "model": T("the draft model", "草稿模型"),
    "lookup": T("n-gram lookup", "文内查找"),
    "both": T("lookup, else the draft model", "先查找，找不到再用草稿模型"),
    "exit": T("early exit", "提前退出"),
}
FEWEST = 3  # timed runs of each, below which no verdict is given
APART = 1.5  # times that race and sweep may differ by: both time the same decoding, so more is the machine's doing


def of_toy(toy: Toy) -> T:
    """The toy pair: its acceptance, and that nothing is lost."""
    return T(
        "The draft's guesses are kept with chance Σ min(p, q) = {alpha:number}, and the output's law is p up to {error:number.1}, by enumeration; {steps:count} simulated steps kept {share:number}.",
        "草稿的猜测以概率 Σ min(p, q) = {alpha:number} 被保留；逐一枚举得到的输出分布与 p 之差不超过 {error:number.1}；模拟 {steps:count} 步，保留的比例为 {share:number}。",
        alpha=toy.alpha,
        error=toy.largest_error,
        steps=toy.steps,
        share=toy.accepted / max(1, toy.accepted + toy.rejected),
    )


def of_run(drafting: str, gamma: int, acceptance: float, tokens_per_step: float, decided: int) -> T:
    """A run, whatever the clock says."""
    if acceptance != acceptance:
        return T(
            "With {who} nothing was guessed: every pass of the target wrote one token.",
            "使用{who}时没有任何猜测：目标模型每次只写一个词元。",
            who=SOURCES[drafting],
        )
    return T(
        "With {who} and γ = {gamma}, {acceptance:percent.2} of {n:count} judged guesses were kept: {tokens:number} tokens to a pass of the target.",
        "使用{who}且 γ = {gamma} 时，判定过的 {n:count} 个猜测中有 {acceptance:percent.2} 被保留：目标模型每次得到 {tokens:number} 个词元。",
        who=SOURCES[drafting],
        gamma=gamma,
        acceptance=acceptance,
        n=decided,
        tokens=tokens_per_step,
    )


def judged(low: float, high: float, runs: int, also: float | None = None) -> Judged:
    """Whether a speed-up measured between `low` and `high` lies above or below 1.

    also: the same speed-up by another measurement. Undecided with too few runs, or where the two do not agree.
    """
    found = verdict(low, high)
    if runs < FEWEST or found == "undecided":
        return "undecided"
    if also is not None and (not low / APART <= also <= high * APART or (also > 1) != (found == "above")):
        return "undecided"
    return found


def of_pace(drafting: str, gamma: int, sweep: Sweep, costs: Costs, race: Race | None) -> Finding:
    """Whether it pays, with the number, and where it would pay best."""
    at = sweep.gammas.tolist().index(gamma)
    low, high = float(sweep.speedup_low[at]), float(sweep.speedup_high[at])
    values = {
        "who": SOURCES[drafting],
        "gamma": gamma,
        "speedup": float(sweep.speedup[at]),
        "low": low,
        "high": high,
        "n": sweep.runs,
        "race": float("nan") if race is None else race.speedup,
        "races": 0 if race is None else race.runs,
        "best": sweep.best_found,
        "most": float(sweep.speedup.max()),
        "formula": sweep.best_expected,
        "checked": sweep.best_with_block,
    }
    match judged(low, high, sweep.runs, race and race.speedup):
        case "above":
            said = T(
                "It pays: with {who} and γ = {gamma} decoding is {speedup:number} times as fast ({low:number} to {high:number} in the middle of {n} runs); the best γ found is {best} ({most:number} times), the formula's {formula}, or {checked} if checking counts.",
                "划算：使用{who}且 γ = {gamma} 时，解码速度为 {speedup:number} 倍（{n} 次运行的中段为 {low:number} 到 {high:number}）；实测最佳 γ 为 {best}（{most:number} 倍），公式给出 {formula}，计入检查代价则为 {checked}。",
                **values,
            )
        case "below":
            said = T(
                "It does not pay: with {who} and γ = {gamma} decoding runs at {speedup:number} times plain speed ({low:number} to {high:number} in the middle of {n} runs); {why}.",
                "不划算：使用{who}且 γ = {gamma} 时，解码速度只有普通解码的 {speedup:number} 倍（{n} 次运行的中段为 {low:number} 到 {high:number}）；{why}。",
                why=_why(gamma, sweep.alpha, costs),
                **values,
            )
        case _:
            said = T(
                "Whether it pays cannot be told from these clocks: with {who} and γ = {gamma} decoding is {speedup:number} times as fast, between {low:number} and {high:number} in the middle of {n} runs, and {race:number} times in the race ({races} runs). The machine may be busy.",
                "凭这些计时无法判断是否划算：使用{who}且 γ = {gamma} 时，解码速度为 {speedup:number} 倍，{n} 次运行的中段在 {low:number} 到 {high:number} 之间，而赛跑中为 {race:number} 倍（{races} 次）。机器可能正忙。",
                **values,
            )
    return Finding(said, "pace")


def _why(gamma: int, acceptance: float, costs: Costs) -> T:
    """Why drafting does not pay: what would be needed and what there is."""
    values = {"c": costs.c, "need": costs.least_alpha, "v": costs.v, "acceptance": acceptance, "tokens": gamma + 1}
    if costs.least_alpha != costs.least_alpha:
        return T(
            "a guess costs {c:number} of a target's pass, as much as it could save",
            "一次猜测的耗时为目标模型一次的 {c:number}，不可能有所节省",
            **values,
        )
    if acceptance > costs.least_alpha:
        return T(
            "checking {tokens} tokens takes {v:number} times as long as one, and c = {c:number}",
            "检查 {tokens} 个词元的耗时为一个的 {v:number} 倍，且 c = {c:number}",
            **values,
        )
    return T(
        "at c = {c:number} it takes an acceptance above {need:percent.2}, and there is {acceptance:percent.2}",
        "在 c = {c:number} 时接受率须高于 {need:percent.2}，而此处为 {acceptance:percent.2}",
        **values,
    )
