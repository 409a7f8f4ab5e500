"""The sentences of the lab."""

from __future__ import annotations

from engine.core import Finding, T, gather
from engine.probability.poisson.parameters import EVENTS, UNITS
from engine.probability.poisson.result import Fit

SURPRISING = 0.001


def noun(event: str, count: float) -> T:
    """What is counted, for a count of it: 'birth', 'births'."""
    return EVENTS[event][count != 1]


def span(window: float, unit: str) -> T:
    """'the next hour', 'the next 2.5 hours'."""
    if window == 1:
        return T("the next {unit}", "接下来 1 {unit}内", unit=UNITS[unit][0])
    return T("the next {window:number} {unit}", "接下来 {window:number} {unit}内", window=window, unit=UNITS[unit][1])


def answer(n: int, event: str, window: float, unit: str, at_least: float, exactly: float, none: float) -> T:
    """What the box says, exactly computed."""
    return T(
        "In {span}: at least {n:count} {noun} with probability {at_least:number.6}, exactly {n:count} with probability "
        "{exactly:number.6}, none with probability {none:number.6}.",
        "{span}：至少 {n:count} {noun}的概率为 {at_least:number.6}，恰好 {n:count} {noun}的概率为 {exactly:number.6}，"
        "一{noun}也没有的概率为 {none:number.6}。",
        span=span(window, unit),
        n=n,
        noun=noun(event, n),
        at_least=at_least,
        exactly=exactly,
        none=none,
    )


def findings(made: int, planned: int, asked: int, fit: Fit) -> tuple[Finding, ...]:
    """How the counts of the runs made so far agree with their law, where they stray or cannot tell, and whether fewer runs
    are planned than were asked for."""
    test = None
    if fit.dof == 0:
        test = T.many(
            "{n:count} run is too few to test the counts against their law.",
            "{n:count} runs are too few to test the counts against their law.",
            "{n:count} 次模拟太少，无法检验计数是否符合理论分布。",
            n=made,
        )
    elif fit.p_value < SURPRISING:
        test = T(
            "Over {runs:count} runs χ² = {chi2:number} on {dof} degrees of freedom: only {p:percent.1} of all seeds stray as far.",
            "{runs:count} 次模拟的 χ² = {chi2:number}，自由度 {dof}：只有 {p:percent.1} 的种子会偏离这么远。",
            runs=made,
            chi2=fit.chi2,
            dof=fit.dof,
            p=fit.p_value,
        )
    fewer = None
    if planned < asked:
        fewer = T(
            "{runs:count} of {asked:count} runs were made: as many as the bound on simulated arrivals allows.",
            "由于模拟到达总数有上限，{asked:count} 次模拟中进行了 {runs:count} 次。",
            runs=planned,
            asked=asked,
        )
    return gather(test, fewer)
