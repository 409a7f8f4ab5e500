"""What position encodings are asked: one of the family, rotation and its stretching, texts to read with real models."""

from __future__ import annotations

from typing import ClassVar, Literal

from engine.core import Field, Params, T, Task

HEADS = 8  # ALiBi's
QUICK_TEXTS = 16  # more of them take minutes
ENCODINGS = {
    "none": T("Nothing", "无编码"),
    "learned": T("Learned", "可学习"),
    "sinusoidal": T("Sinusoidal", "正弦"),
    "recurrent": T("Recurrent", "递归"),
    "complex": T("Complex", "复数"),
    "shaw": T("Shaw", "Shaw"),
    "xlnet": T("XLNet", "XLNet"),
    "t5": T("T5", "T5"),
    "deberta": T("DeBERTa", "DeBERTa"),
    "alibi": T("ALiBi", "ALiBi"),
    "rotary": T("Rotary", "旋转"),
}
SCALINGS = {
    "none": T("as trained", "照旧"),
    "linear": T("interpolation", "线性内插"),
    "ntk": T("NTK-aware", "NTK 感知"),
    "yarn": T("YaRN", "YaRN"),
}


def reading_cost(params: PositionEncoding) -> Literal["seconds", "minutes"]:
    """Reading texts takes seconds, and minutes where they are many."""
    return "seconds" if params.windows <= QUICK_TEXTS else "minutes"


class PositionEncoding(Params):
    """Eleven ways of telling attention where a token stands, as formulas and in trained models."""

    task: Literal["encodings", "target", "models"] = Field(
        "encodings",
        title=T("Task", "任务"),
        labels={
            "encodings": T("the formulas", "公式"),
            "target": T("measure the embedded model", "实测内置模型"),
            "models": T("measure the small models", "实测小模型"),
        },
        help=T("The formulas come with losses recorded earlier.", "公式任务附带先前录制的损失。"),
    )
    encoding: Literal["none", "learned", "sinusoidal", "recurrent", "complex", "shaw", "xlnet", "t5", "deberta", "alibi", "rotary"] = Field(
        "rotary", title=T("Encoding", "编码"), labels=ENCODINGS
    )
    dimension: Literal[8, 16, 32, 64, 128] = Field(64, title=T("Head dimension d", "头维度 d"))
    base: float = Field(10_000.0, ge=2, le=10_000_000, title=T("Base", "底数"), scale="log")
    scaling: Literal["none", "linear", "ntk", "yarn"] = Field("none", title=T("Scaling of rotary rates", "旋转速率的缩放"), labels=SCALINGS)
    factor: float = Field(4.0, ge=1, le=32, step=0.5, title=T("Longer by the factor s", "延长倍数 s"))
    context: int = Field(512, ge=16, le=4096, title=T("Training length L", "训练长度 L"), scale="log")
    offset: int = Field(
        100, ge=0, le=1024, title=T("Move all positions by", "所有位置平移"), help=T("Moves queries and keys alike.", "查询与键一同平移。")
    )
    distance: int = Field(3, ge=0, le=64, title=T("Distance m − n", "距离 m − n"))
    length: int = Field(32, ge=8, le=48, title=T("Positions drawn", "绘出的位置数"))
    content: Literal["drawn", "same"] = Field(
        "drawn",
        title=T("Query and key", "查询与键"),
        labels={"drawn": T("two random vectors", "两个随机向量"), "same": T("the same vector", "同一个向量")},
    )
    reach: int = Field(8, ge=1, le=64, title=T("Distances clipped at K", "距离截断 K"), when={"encoding": ["shaw", "deberta"]})
    buckets: Literal[8, 16, 32, 64] = Field(32, title=T("Buckets", "桶数"), when={"encoding": ["t5"]})
    furthest: int = Field(128, ge=32, le=1024, title=T("Last bucket from", "末桶起点"), when={"encoding": ["t5"]})
    head: int = Field(4, ge=1, le=HEADS, title=T("Head h of 8", "第 h 个头（共 8 个）"), when={"encoding": ["alibi"]})
    windows: int = Field(
        4,
        ge=1,
        le=96,
        title=T("Texts to read", "阅读的文本数"),
        help=T("Held-out files; more texts, less noise.", "取自留出的文件；文本越多，噪声越小。"),
    )
    shift: int = Field(
        0,
        ge=0,
        le=1024,
        title=T("Texts begin at position", "文本起始位置"),
        help=T("What a model has learned of positions ends with its training length.", "模型学到的位置止于训练长度。"),
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed")

    tasks: ClassVar = {
        "encodings": Task(fields=()),
        "target": Task(fields=("windows", "shift"), cost=reading_cost),
        "models": Task(fields=("windows", "shift"), cost=reading_cost),
    }
