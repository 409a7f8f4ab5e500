"""What the harmonic lab is asked."""

from __future__ import annotations

from typing import Literal

from engine.core import Field, Params, T

ORDERS = {
    "forward": T("forward", "从前往后"),
    "backward": T("backward", "从后往前"),
    "pairwise": T("pairwise", "两两相加"),
    "kahan": T("Kahan", "Kahan 补偿"),
}


def Shift(default: float, level: int) -> float:  # noqa: N802  a kind of Field
    """How far one of four blocks, counted from the top, sticks out over what it lies on."""
    title = T("Block {level} from the top juts out", "从上数第 {level} 块伸出", level=level)
    return Field(default, ge=-0.5, le=1, step=0.005, title=title)


class Harmonic(Params):
    """The harmonic series 1 + 1/2 + 1/3 + … + 1/n: its growth, its sum in four number formats and four orders of
    addition, its alternating sister rearranged to any target, coupon collecting and the leaning tower of blocks."""

    n: int = Field(2_000, ge=1, le=10**15, title=T("Terms n", "项数 n"))
    dtype: Literal["fp16", "bf16", "fp32", "fp64"] = Field("fp16", title=T("Number format", "数的格式"))
    order: Literal["forward", "backward", "pairwise", "kahan"] = Field("forward", title=T("Order of addition", "相加次序"), labels=ORDERS)
    target: float = Field(1.5, ge=-12, le=12, step=0.01, title=T("Target of the rearranged series", "重排级数的目标值"))
    coupons: int = Field(50, ge=1, le=1000, title=T("Kinds of coupon", "卡片种类数"))
    runs: int = Field(1000, ge=1, le=20_000, title=T("Collections simulated", "模拟收集次数"))
    blocks: int = Field(31, ge=1, le=100_000, title=T("Blocks in the tower", "塔的块数"))
    shift_1: float = Shift(0.2, 1)
    shift_2: float = Shift(0.2, 2)
    shift_3: float = Shift(0.15, 3)
    shift_4: float = Shift(0.1, 4)
    bars: int = Field(12, ge=1, le=60, title=T("Bars in the picture proof", "图证中的条数"), scale="linear")
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "种子"), control="seed")
