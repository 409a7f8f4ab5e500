"""Position encodings on a page: eleven side by side, rotation in depth, and what each does to a model's loss."""

from __future__ import annotations

from engine.attention.position_encoding import (
    PositionEncoded,
    family,
    findings,
    frequencies,
    position_encoding,
    rotation,
)
from pages.attention.position_encoding_family import distance_figure, family_figure, parts_figure
from pages.attention.position_encoding_losses import shifted_figure, small_figure, target_figure
from pages.attention.position_encoding_parts import title
from pages.attention.position_encoding_rotation import (
    decay_figure,
    format_figure,
    identity_figure,
    linear_figure,
    stretch_figure,
    turning_figure,
)
from pages.shell import Lab, Preset, T, View

DRAWN = ["dimension", "base", "scaling", "factor", "context", "content", "seed"]
ONE = ["encoding", *DRAWN, "length", "offset", "reach", "buckets", "furthest", "head"]
MEASURED = ["task", "windows", "shift"]


def sample(p: PositionEncoded) -> T:
    return T(f"d = {2 * p.stretch.rates.shape[1]}", f"d = {2 * p.stretch.rates.shape[1]}")


def fit(p: PositionEncoded) -> T:
    name, yes = title(p, p.chosen.name), p.relative_only[p.names.index(p.chosen.name)]
    return (
        T(f"{name.en}: m − n alone", f"{name.zh}：只看 m − n")
        if yes
        else T(f"{name.en}: m and n", f"{name.zh}：看 m 与 n")
    )


def said(p: PositionEncoded) -> list[T]:
    """What was measured, and what the chosen encoding does to a model."""
    return [
        T(*words) for words in (p.finding, findings.consequence(p.loss_by_position.small, p.chosen.name)) if words[0]
    ]


LAB = Lab(
    experiment=position_encoding,
    title=T("Position encoding", "位置编码"),
    claim=T(
        "Attention by itself sees a bag of tokens: eleven ways to tell it the order, and which of them survive a longer text.",
        "注意力本身只看到一袋词元：十一种告诉它次序的办法，以及哪些经得起更长的文本。",
    ),
    order=1,
    views=[
        View(T("Which see only distance?", "哪些只看距离？"), family_figure, uses=["encoding", *DRAWN, "offset", "reach", "head"]),
        View(T("What is added?", "加上了什么？"), parts_figure, "exact", uses=ONE),
        View(T("Only m − n?", "只看 m − n 吗？"), distance_figure, uses=[*ONE, "distance"]),
        View(T("How do pairs turn?", "数对怎样转动？"), turning_figure, "exact", uses=[*DRAWN, "offset", "distance"]),
        View(T("Is it a rotation?", "是旋转吗？"), identity_figure, uses=[*DRAWN, "offset", "distance"]),
        View(T("In which format?", "用哪种格式？"), format_figure, uses=DRAWN),
        View(T("How far does it reach?", "能看多远？"), decay_figure, "exact", uses=DRAWN),
        View(T("Longer than trained?", "比训练更长？"), stretch_figure, "exact", uses=["dimension", "base", "scaling", "factor", "context"]),
        View(T("With linear attention?", "配线性注意力？"), linear_figure, uses=["base", "scaling", "factor", "context", "offset", "content", "dimension", "seed"]),
        View(T("Can the model read on?", "模型还读得下去吗？"), target_figure, uses=[*MEASURED, "factor", "base"]),
        View(T("Which learns best?", "哪个学得最好？"), small_figure, uses=["encoding", *MEASURED]),
        View(T("If all positions move?", "若位置全都平移？"), shifted_figure, uses=["encoding"]),
    ],
    presets=[
        Preset(T("Rotary", "旋转"), {}, view=0),
        Preset(T("Waves added", "加上正弦波"), {"encoding": "sinusoidal"}, view=2),
        Preset(T("Four terms", "四项"), {"encoding": "xlnet", "length": 48}, view=1),
        Preset(T("T5’s buckets", "T5 的桶"), {"encoding": "t5", "length": 48, "furthest": 32, "buckets": 16}, view=1),
        Preset(T("A slope", "一条斜线"), {"encoding": "alibi", "head": 2, "content": "same"}, view=2),
        Preset(T("No row to read", "没有这一行"), {"encoding": "learned", "context": 128, "offset": 120}, view=2),
        Preset(T("A small base", "小底数"), {"base": 100.0, "content": "same"}, view=6),
        Preset(T("Eight times longer", "长八倍"), {"scaling": "yarn", "factor": 8.0}, view=7),
        Preset(T("Read here and now", "此地此刻来读"), {"task": "models", "windows": 1}, view=10),
        Preset(T("Turning", "转动"), {"dimension": 16, "distance": 5, "offset": 0}, view=3),
    ],
    sources=[
        rotation, family, frequencies, "engine.attention.position_encoding.kernel",
        "engine.attention.position_encoding.reference", "engine.attention.position_encoding.small_models",
    ],
    sample=sample,
    fit=fit,
    findings=said,
)  # fmt: skip
