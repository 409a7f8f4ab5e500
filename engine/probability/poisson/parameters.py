"""What the Poisson lab is asked, and what is simulated for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.core import Field, Params, T

# Of one, and of several. English counts nouns; Chinese puts a measure word between number and noun.
EVENTS = {
    "arrival": (T("arrival", "次到达"), T("arrivals", "次到达")),
    "birth": (T("birth", "次出生"), T("births", "次出生")),
    "call": (T("call", "个电话"), T("calls", "个电话")),
    "tin": (T("tin of milk powder", "罐奶粉"), T("tins of milk powder", "罐奶粉")),
    "visit": (T("visit", "次访问"), T("visits", "次访问")),
}
UNITS = {
    "second": (T("second", "秒"), T("seconds", "秒")),
    "minute": (T("minute", "分钟"), T("minutes", "分钟")),
    "hour": (T("hour", "小时"), T("hours", "小时")),
    "day": (T("day", "天"), T("days", "天")),
}


class PoissonProcess(Params):
    """Events that arrive at a constant mean rate, one by one and independently, watched for a window of time.

    Each run starts afresh at time 0. The number of runs is lowered where all of them together would need more than
    100 million simulated gaps; the result says how many were made.
    """

    rate: float = Field(3.0, ge=0.001, le=100, title=T("Rate λ", "速率 λ"), unit=T("per unit of time", "每单位时间"))
    window: float = Field(1.0, ge=0.01, le=100, title=T("Window t", "时间窗 t"), unit=T("units of time", "个时间单位"))
    runs: int = Field(2_000, ge=1, le=1_000_000, title=T("Runs", "模拟次数"))
    at_least: int = Field(
        6,
        ge=0,
        le=20_000,
        title=T("Question: n", "提问：n"),
        control="number",
        help=T("Exactly n, none, at least n in the window?", "窗内恰好 n 次、一次也没有、至少 n 次？"),
    )
    kth: int = Field(3, ge=1, le=100, title=T("Wait for the k-th, k", "等到第 k 次，k"))
    most_trials: int = Field(
        1_000,
        ge=1,
        le=1_000_000,
        title=T("Binomial trials up to", "二项试验次数至多"),
        help=T("Raised to λt where that is more", "小于 λt 时取 λt"),
    )
    second_rate: float = Field(2.0, ge=0.001, le=100, title=T("Second stream, λ₂", "第二个流的速率 λ₂"))
    keep: float = Field(0.5, ge=0, le=1, step=0.01, title=T("Kept with chance p", "保留概率 p"))
    depth: float = Field(0.8, ge=0, le=1, step=0.01, title=T("Swing of the rate, a", "速率的起伏幅度 a"))
    cycles: float = Field(1.0, ge=0.25, le=8, step=0.25, title=T("Cycles of the rate", "窗内起伏次数"))
    unit_of_time: Literal["second", "minute", "hour", "day"] = Field(
        "hour", title=T("Unit of time", "时间单位"), labels={unit: one for unit, (one, _) in UNITS.items()}
    )
    event: Literal["arrival", "birth", "call", "tin", "visit"] = Field(
        "birth",
        title=T("What arrives", "到达的是"),
        labels={
            "arrival": T("an arrival", "到达"),
            "birth": T("a birth", "出生"),
            "call": T("a phone call", "电话"),
            "tin": T("a tin of milk powder", "奶粉"),
            "visit": T("a visit", "访问"),
        },
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed")


def enough(mean: float) -> int:
    """Gaps that nearly always pass the end of a window with `mean` arrivals; `arrivals` adds more where they do not."""
    return int(mean + 3.5 * mean**0.5) + 3


@dataclass(frozen=True)
class Setting:
    """What is simulated: times in one unit, rates per that unit; `keep` and `depth` from 0 to 1.

    first: arrivals to simulate in each run at least, however late the last of them comes.
    """

    rate: float
    window: float
    second_rate: float
    keep: float
    depth: float
    period: float
    first: int

    @property
    def mean(self) -> float:
        """Expected arrivals in the window."""
        return self.rate * self.window

    @property
    def most_rate(self) -> float:
        """The largest value of the varying rate, at which candidates for it arrive."""
        return self.rate * (1 + self.depth)

    @property
    def columns(self) -> tuple[int, int, int]:
        """Draws laid out for one run of the stream, of the second stream and of the candidates."""
        first, second, candidates = (enough(r * self.window) for r in (self.rate, self.second_rate, self.most_rate))
        return max(first, self.first), second, candidates

    @property
    def draws(self) -> int:
        """Exponential draws of one run."""
        return sum(self.columns)
