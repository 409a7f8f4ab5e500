"""What linear attention is asked: an example for maps and states, sizes to count for, a sweep to time."""

from __future__ import annotations

from typing import ClassVar, Literal

from engine.core import Field, Params, T, Task, devices

# FLOPs of a whole sweep beyond which it takes minutes: a minute of a slow laptop, some seconds of a data-centre GPU.
SLOW_WORK = {"cpu": 2e12, "cuda": 3e15}
MAPS = {
    "softmax": T("softmax", "softmax"),
    "elu": T("elu + 1", "elu + 1"),
    "relu": T("relu", "relu"),
    "exp": T("exp, entry by entry", "逐元素 exp"),
    "performer": T("random features", "随机特征"),
    "orthogonal": T("orthogonal random features", "正交随机特征"),
}


def sweep_cost(params: LinearAttention) -> Literal["seconds", "minutes"]:
    """A sweep takes seconds, or minutes where its FLOPs are many for this device."""
    # Softmax in all its ways and repetitions passes some ten times over 4 N² D FLOPs; backward takes three times as many.
    work = 40.0 * params.batch * params.heads * params.length**2 * params.head_dim * (3 if params.pass_ == "backward" else 1)
    return "minutes" if work > SLOW_WORK[devices.current().kind] else "seconds"


class LinearAttention(Params):
    """Attention whose weights are products of features: what that changes in the maps, and what it saves in time."""

    task: Literal["maps", "timing"] = Field(
        "maps",
        title=T("Task", "任务"),
        labels={"maps": T("maps and states", "注意力图与状态"), "timing": T("time it here", "在本机计时")},
        help=T("Timing also computes the maps and states.", "计时任务同样会给出注意力图与状态。"),
    )
    first: Literal["left", "right"] = Field("left", title=T("Brackets", "括号"), labels={"left": "(QKᵀ)V", "right": "Q(KᵀV)"})
    tokens: int = Field(32, ge=4, le=64, title=T("Tokens n", "词元数 n"), when={"text": [""]})
    text: str = Field(
        "",
        max_length=64,
        title=T("Your own tokens", "自己的词元"),
        control="text",
        help=T(
            "Each character is a token; equal ones attend to each other. Empty: drawn.",
            "每个字符是一个词元，相同的互相关注。留空则随机生成。",
        ),
    )
    width: int = Field(8, ge=2, le=32, title=T("Numbers to a token d", "每个词元的数 d"))
    sharpness: float = Field(1.5, ge=0, le=6, step=0.1, title=T("Sharpness", "锐度"))
    feature_map: Literal["elu", "relu", "exp", "performer", "orthogonal"] = Field(
        "elu",
        title=T("Feature map", "特征映射"),
        labels={name: title for name, title in MAPS.items() if name != "softmax"},
        help=T("The one in blue; the state's as well.", "图中蓝色的一种，状态也用它。"),
    )
    features: int = Field(16, ge=1, le=64, title=T("Random features m", "随机特征数 m"))
    radius: float = Field(0.5, ge=0, le=1.5, step=0.05, title=T("Length of x and y", "x 与 y 的长度"))
    angle: float = Field(60.0, ge=0, le=180, step=1, title=T("Angle between them", "两者的夹角"), unit="°")
    causal: bool = Field(True, title=T("Causal", "因果"))
    decay: float = Field(
        1.0,
        ge=0.5,
        le=1,
        step=0.005,
        title=T("Decay γ", "衰减 γ"),
        help=T("Of the causal state, at each token.", "因果状态在每个词元处的衰减。"),
    )
    batch: int = Field(1, ge=1, le=64, title=T("Batch", "批大小"))
    heads: int = Field(2, ge=1, le=128, title=T("Heads", "头数"))
    head_dim: int = Field(64, ge=16, le=256, step=8, title=T("Head dimension D", "头维度 D"))
    length: int = Field(4096, ge=64, le=65_536, title=T("Length N", "长度 N"))
    dtype: Literal["float32", "bfloat16", "float16"] = Field("float32", title=T("Number format", "数值格式"))
    pass_: Literal["forward", "backward"] = Field(
        "forward", title=T("Pass", "方向"), labels={"forward": T("forward", "前向"), "backward": T("backward", "反向")}
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed")

    tasks: ClassVar = {
        "maps": Task(fields=("tokens", "text", "first", "width", "sharpness", "feature_map", "features", "radius", "angle")),
        "timing": Task(fields=("pass_",), cost=sweep_cost),
    }

    @property
    def item(self) -> int:
        """Bytes of a number."""
        return 4 if self.dtype == "float32" else 2
