"""The sentences of the lab, in English and Chinese."""

from __future__ import annotations

from engine.probability.poisson.goodness import Fit

# singular, plural, and the Chinese measure word with its noun
EVENTS = {
    "arrival": ("arrival", "arrivals", "次到达"),
    "birth": ("birth", "births", "次出生"),
    "call": ("call", "calls", "个电话"),
    "tin": ("tin of milk powder", "tins of milk powder", "罐奶粉"),
    "visit": ("visit", "visits", "次访问"),
}
UNITS = {"second": "秒", "minute": "分钟", "hour": "小时", "day": "天"}
SURPRISING = 0.001


def several(count: int, event: str) -> str:
    """'1 birth', '6 births'."""
    return f"{count:,} {EVENTS[event][count != 1]}"


def span(window: float, unit: str) -> tuple[str, str]:
    """'the next hour', 'the next 2.5 hours'."""
    en = f"the next {unit}" if window == 1 else f"the next {window:g} {unit}s"
    return en, f"接下来 {window:g} {UNITS[unit]}内"


def answer(n: int, event: str, window: float, unit: str, at_least: float, exactly: float, none: float) -> tuple:
    """What the box says, exactly computed."""
    (span_en, span_zh), noun = span(window, unit), EVENTS[event][2]
    en = (
        f"In {span_en}: at least {several(n, event)} with probability {at_least:.6g}, "
        f"exactly {n:,} with probability {exactly:.6g}, none with probability {none:.6g}."
    )
    zh = (
        f"{span_zh}：至少 {n:,} {noun}的概率为 {at_least:.6g}，恰好 {n:,} {noun}的概率为 {exactly:.6g}，"
        f"一{noun[0]}也没有的概率为 {none:.6g}。"
    )
    return en, zh


def finding(runs: int, asked: int, fit: Fit) -> tuple[str, str]:
    """How the counts agree with their law, and whether fewer runs were made than asked for."""
    if fit.dof == 0:
        en, zh = "Too few runs to test the counts against their law.", "模拟次数太少，无法检验计数是否符合理论分布。"
    elif fit.p_value < SURPRISING:
        en = f"χ² = {fit.chi2:.1f} on {fit.dof} degrees of freedom: only {fit.p_value:.1g} of all seeds stray as far."
        zh = f"χ² = {fit.chi2:.1f}，自由度 {fit.dof}：只有 {fit.p_value:.1g} 的种子会偏离这么远。"
    else:
        en = (
            f"χ² = {fit.chi2:.1f} on {fit.dof} degrees of freedom, p = {fit.p_value:.2g}: "
            "the counts agree with the Poisson law."
        )
        zh = f"χ² = {fit.chi2:.1f}，自由度 {fit.dof}，p = {fit.p_value:.2g}：计数与泊松分布相符。"
    if runs < asked:
        en += f" {runs:,} of {asked:,} runs were made: as many as the bound on simulated arrivals allows."
        zh += f" 由于模拟到达总数有上限，{asked:,} 次模拟中进行了 {runs:,} 次。"
    return en, zh
