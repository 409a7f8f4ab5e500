"""What a run shows, said in a sentence."""

from __future__ import annotations

from engine.language.speculative_decoding.racing import Costs, Sweep
from engine.language.speculative_decoding.toy import Toy

SOURCES = {
    "model": ("the draft model", "草稿模型"),
    "lookup": ("n-gram lookup", "文内查找"),
    "both": ("lookup, else the draft model", "先查找，找不到再用草稿模型"),
    "exit": ("early exit", "提前退出"),
}


def of_toy(toy: Toy) -> tuple[str, str]:
    """The toy pair: its acceptance, and that nothing is lost."""
    error = "0" if toy.largest_error == 0 else f"{toy.largest_error:.0e}"
    return (
        f"The draft's guesses are kept with chance Σ min(p, q) = {toy.alpha:.3f}, and the output's law is p "
        f"up to {error}, by enumeration.",
        f"草稿的猜测以概率 Σ min(p, q) = {toy.alpha:.3f} 被保留；逐一枚举得到的输出分布与 p 之差不超过 {error}。",
    )


def of_run(drafting: str, gamma: int, acceptance: float, tokens_per_step: float) -> tuple[str, str]:
    """A run before anything was timed."""
    en, zh = SOURCES[drafting]
    if acceptance != acceptance:
        return (f"With {en} nothing was guessed: every pass of the target wrote one token.",
                f"使用{zh}时没有任何猜测：目标模型每次只写一个词元。")  # fmt: skip
    return (
        f"With {en} and γ = {gamma}, {acceptance:.0%} of the guesses were kept: "
        f"{tokens_per_step:.2f} tokens to a pass of the target.",
        f"使用{zh}且 γ = {gamma} 时，{acceptance:.0%} 的猜测被保留：目标模型每次得到 {tokens_per_step:.2f} 个词元。",
    )


def of_pace(
    drafting: str, gamma: int, speedup: float, acceptance: float, costs: Costs, sweep: Sweep
) -> tuple[str, str]:
    """Whether it pays, with the number, and where it would pay best."""
    en, zh = SOURCES[drafting]
    at = sweep.speedup.argmax()
    best, most = int(sweep.gammas[at]), float(sweep.speedup[at])
    if speedup >= 1:
        return (
            f"It pays: with {en} and γ = {gamma} decoding is {speedup:.2f} times as fast; the best γ found is {best} "
            f"({most:.2f} times), the formula's {sweep.best_expected}, or {sweep.best_with_block} if checking counts.",
            f"划算：使用{zh}且 γ = {gamma} 时，解码速度为 {speedup:.2f} 倍；实测最佳 γ 为 {best}（{most:.2f} 倍），"
            f"公式给出 {sweep.best_expected}，计入检查代价则为 {sweep.best_with_block}。",
        )
    why_en, why_zh = _why(gamma, acceptance, costs)
    return (
        f"It does not pay: with {en} and γ = {gamma} decoding runs at {speedup:.2f} times plain speed; {why_en}.",
        f"不划算：使用{zh}且 γ = {gamma} 时，解码速度只有普通解码的 {speedup:.2f} 倍；{why_zh}。",
    )


def _why(gamma: int, acceptance: float, costs: Costs) -> tuple[str, str]:
    """Why drafting does not pay: what would be needed and what there is."""
    c, need = costs.c, costs.least_alpha
    if need != need:
        return (f"a guess costs {c:.2f} of a target's pass, as much as it could save",
                f"一次猜测的耗时为目标模型一次的 {c:.2f}，不可能有所节省")  # fmt: skip
    if acceptance > need:
        return (f"checking {gamma + 1} tokens takes {costs.v:.2f} times as long as one, and c = {c:.2f}",
                f"检查 {gamma + 1} 个词元的耗时为一个的 {costs.v:.2f} 倍，且 c = {c:.2f}")  # fmt: skip
    return (f"at c = {c:.2f} it takes an acceptance above {need:.0%}, and there is {acceptance:.0%}",
            f"在 c = {c:.2f} 时接受率须高于 {need:.0%}，而此处为 {acceptance:.0%}")  # fmt: skip
