"""Findings: what a result says aloud, and the one rule of when a measurement may carry a verdict.

A finding names how many were observed and how they spread, counts what diverged, and withholds its verdict where clock
or sample cannot carry it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from engine.core.words import T

# A ceiling is measured in the same run, on a machine that does other things too: so much above it may be chance.
CEILING_SLACK = 1.02


@dataclass(frozen=True)
class Finding:
    """One sentence of a result. `topic` names what it speaks of: a page shows it under the views of that topic alone,
    and under every view where it is ""."""

    text: T
    topic: str = ""


def gather(*said: Finding | T | None) -> tuple[Finding, ...]:
    """The findings of a result: bare texts are of every topic; None, and texts without words, are left out."""
    made = (one if isinstance(one, Finding) else Finding(one) for one in said if one is not None)
    return tuple(one for one in made if one.text)


def verdict(low: float, high: float, than: float = 1.0) -> Literal["above", "below", "undecided"]:
    """Whether a measured interval lies beyond a value; "undecided" where it holds the value, or is not finite."""
    if low > than:
        return "above"
    return "below" if high < than else "undecided"


def beyond_ceiling(share: float, topic: str = "") -> Finding | None:
    """The finding on a share of a measured ceiling that exceeds it, which no work can do: the clock's fault."""
    if not share > CEILING_SLACK:
        return None
    text = T(
        "{share:percent} of the ceiling is more than there is: the ceiling, or the time, was measured while the machine was busy.",
        "达到上限的 {share:percent}，而这不可能：测量上限或时间时，机器正忙。",
        share=share,
    )
    return Finding(text, topic)


def texts(said: Iterable[Finding | T], topics: Iterable[str] = ()) -> list[T]:
    """The sentences for a view of some topics."""
    shown = {"", *topics}
    return [one.text if isinstance(one, Finding) else T.of(one) for one in said if not isinstance(one, Finding) or one.topic in shown]
