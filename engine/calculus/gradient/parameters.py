"""What the gradient lab is asked: a function, a point, a direction, a map, and how seven methods descend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pydantic

from engine.calculus.gradient.landscape import read
from engine.core import Field, Params, Refused, T

METHODS = {
    "gd": T("Gradient descent", "梯度下降"),
    "momentum": T("Momentum", "动量法"),
    "nesterov": T("Nesterov", "Nesterov 加速"),
    "adagrad": T("AdaGrad", "AdaGrad"),
    "rmsprop": T("RMSProp", "RMSProp"),
    "adam": T("Adam", "Adam"),
    "newton": T("Newton", "牛顿法"),
}
QUICK = 10**7  # steps of starts that take seconds


def Rate(method: str, default: float) -> float:  # noqa: N802  a kind of Field
    """The learning rate of one method."""
    title = T("Learning rate of {name}", "{name}的学习率", name=METHODS[method])
    return Field(default, ge=1e-5, le=10, scale="log", title=title, when={"method": [method]})


@dataclass(frozen=True)
class Settings:
    """rate: the learning rates by method. momentum: momentum's and Nesterov's β. beta2: Adam's β₂ and RMSProp's α."""

    rate: Mapping[str, float]
    momentum: float
    beta1: float
    beta2: float


class Gradient(Params):
    """A function f(x, y), typed: its gradient at a point, its slope along a direction, seven descents from there."""

    f: str = Field("sin(x)cos(y) + (x^2+y^2)/10", max_length=200, title=T("f(x, y)", "f(x, y)"), control="text")
    hole: Literal["undefined", "zero"] = Field(
        "undefined",
        title=T("Where a denominator is 0", "分母为 0 处"),
        labels={"undefined": T("f is undefined", "f 无定义"), "zero": T("f is set to 0", "规定 f 为 0")},
    )
    x: float = Field(1.6, ge=-10, le=10, step=0.01, title=T("Point, x", "点的 x"))
    y: float = Field(1.2, ge=-10, le=10, step=0.01, title=T("Point, y", "点的 y"))
    vx: float = Field(1.0, ge=-10, le=10, step=0.01, title=T("Direction, x", "方向的 x"))
    vy: float = Field(0.4, ge=-10, le=10, step=0.01, title=T("Direction, y", "方向的 y"))
    half_width: float = Field(4.0, ge=0.01, le=10, title=T("Half-width of the map", "地图的半宽"))
    center_x: float = Field(0.0, ge=-10, le=10, step=0.01, title=T("Centre of the map, x", "地图中心的 x"))
    center_y: float = Field(0.0, ge=-10, le=10, step=0.01, title=T("Centre of the map, y", "地图中心的 y"))
    h: float = Field(1e-5, ge=1e-15, le=1, scale="log", title=T("Step h of the central difference", "中心差分的步长 h"))
    steps: int = Field(60, ge=1, le=500, title=T("Steps of the descent", "下降的步数"))
    method: Literal["gd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "newton"] = Field(
        "gd", title=T("Method (its settings; the map of basins)", "方法（其设置与吸引域图）"), labels=METHODS
    )
    rate_gd: float = Rate("gd", 0.3)
    rate_momentum: float = Rate("momentum", 0.1)
    rate_nesterov: float = Rate("nesterov", 0.1)
    rate_adagrad: float = Rate("adagrad", 0.5)
    rate_rmsprop: float = Rate("rmsprop", 0.1)
    rate_adam: float = Rate("adam", 0.2)
    rate_newton: float = Rate("newton", 1.0)
    momentum: float = Field(0.9, ge=0, le=0.999, title=T("Momentum β", "动量 β"), when={"method": ["momentum", "nesterov"]})
    beta1: float = Field(0.9, ge=0, le=0.999, title=T("First moment β₁", "一阶矩 β₁"), when={"method": ["adam"]})
    beta2: float = Field(
        0.99, ge=0, le=0.9999, title=T("Second moment β₂ (RMSProp's α)", "二阶矩 β₂（RMSProp 的 α）"), when={"method": ["adam", "rmsprop"]}
    )
    starts: int = Field(0, ge=0, le=160_000, step=2_500, title=T("Starts of the map of basins (0: none)", "吸引域图的起点数（0 表示不画）"))

    @pydantic.model_validator(mode="after")
    def _readable(self) -> Gradient:
        read(self.f, self.hole)
        if self.vx == 0 and self.vy == 0:
            rule = T(
                "the direction (vx, vy) must not be 0: it is divided by its length; got (0, 0)",
                "方向 (vx, vy) 不能为 0：它要除以自身的长度；收到 (0, 0)",
            )
            raise Refused(rule, "vx")
        return self

    @property
    def side(self) -> int:
        """Starts to a side of the map of basins; 0 where there is none."""
        side = int(self.starts**0.5)
        return side if side > 1 else 0

    def settings(self) -> Settings:
        rates = {method: getattr(self, f"rate_{method}") for method in METHODS}
        return Settings(rates, self.momentum, self.beta1, self.beta2)


def cost(params: Gradient) -> Literal["instant", "seconds", "minutes"]:
    """Instant without a map of basins; with one, by its starts times its steps."""
    if not params.side:
        return "instant"
    return "seconds" if params.starts * params.steps <= QUICK else "minutes"
