"""Position encodings on a page: eleven side by side, rotation in depth, and what each does to a model's loss."""

from __future__ import annotations

from engine.attention.position_encoding import PositionEncoded, position_encoding
from engine.attention.position_models import frequencies
from pages.attention.position_encoding.family import family_figure, parts_figure, two_figure
from pages.attention.position_encoding.lesson import LESSON
from pages.attention.position_encoding.losses import shifted_figure, small_figure, target_figure
from pages.attention.position_encoding.parts import title
from pages.attention.position_encoding.rotation import decay_figure, format_figure, linear_figure, stretch_figure, turning_figure
from pages.shell import Lab, Picture, Preset, T, View

VECTORS = ("dimension", "content", "seed")
RATES = ("dimension", "base", "scaling", "factor", "context")
LEARNED = ("reach", "buckets", "furthest", "head")
ONE = ("encoding", *RATES, *VECTORS, *LEARNED, "length")
FAMILY = ("encoding", *RATES, *VECTORS, "reach", "buckets", "furthest", "offset")
LINEAR = ("base", "scaling", "factor", "context", "offset", "content", "dimension", "seed", *LEARNED)
READ = ("task", "windows", "shift")


def sample(p: PositionEncoded) -> T:
    return T("d = {d}", "d = {d}", d=2 * p.stretch.rates.shape[1])


def fit(p: PositionEncoded) -> T:
    name, alone = title(p, p.chosen.name), p.relative_only[p.names.index(p.chosen.name)]
    return T("{name}: m − n alone", "{name}：只看 m − n", name=name) if alone else T("{name}: m and n", "{name}：看 m 与 n", name=name)


LAB = Lab(
    experiment=position_encoding,
    picture=Picture(view=1, panel=1),
    needs=("attention-maps",),
    title=T("Position encoding", "位置编码"),
    words=T(
        "rope, rotary embedding, alibi, sinusoidal, relative position, T5 bias, NoPE, YaRN, NTK, position interpolation, long context, length extrapolation",
        "注意力、旋转位置编码、正弦、相对位置、绝对位置、外推、长度外推、上下文长度",
    ),
    claim=T(
        "Attention by itself sees a bag of tokens: eleven ways to tell it the order, and which of them survive a longer text.",
        "注意力本身只看到一袋词元：十一种告诉它次序的办法，以及哪些经得起更长的文本。",
    ),
    order=1,
    lesson=LESSON,
    views=[
        View(T("Which sees only distance?", "哪个只看距离？"), two_figure, uses=FAMILY, topics=("scores",)),
        View(T("What is added to a score?", "给分数加上了什么？"), parts_figure, "exact", uses=ONE),
        View(T("How do pairs turn?", "数对怎样转动？"), turning_figure, "exact", uses=(*RATES, *VECTORS, "offset", "distance")),
        View(T("Longer than trained?", "比训练更长？"), stretch_figure, "exact", uses=RATES),
        View(
            T("Can the model read on?", "模型还读得下去吗？"),
            target_figure,
            task=("encodings", "target"),
            uses=(*READ, "factor", "base"),
            topics=("target",),
        ),
        View(
            T("Which learns best?", "哪个学得最好？"),
            small_figure,
            task=("encodings", "models"),
            uses=("encoding", *READ),
            topics=("small",),
        ),
        View(T("And all eleven?", "十一种一起看？"), family_figure, uses=FAMILY, topics=("scores",), more=True),
        View(T("How far does it reach?", "能看多远？"), decay_figure, "exact", uses=(*RATES, *VECTORS), more=True),
        View(T("In which number format?", "用哪种数值格式？"), format_figure, uses=(*RATES, *VECTORS), more=True),
        View(T("With linear attention?", "配线性注意力？"), linear_figure, uses=LINEAR, more=True),
        View(T("What if all positions move?", "位置全都平移会怎样？"), shifted_figure, uses=("encoding",), topics=("small",), more=True),
    ],
    presets=[
        Preset(T("Waves or turning", "加正弦波还是转动"), {}, view=0),
        Preset(T("Four terms", "四项"), {"encoding": "xlnet", "length": 48}, view=1),
        Preset(T("Turning", "转动"), {"dimension": 16, "distance": 5, "offset": 0}, view=2),
        Preset(T("Eight times longer", "长八倍"), {"scaling": "yarn", "factor": 8.0}, view=3),
        Preset(T("No row to read", "没有这一行"), {"encoding": "learned"}, view=10),
    ],
    sources=[
        "engine.attention.position_encoding.rotation",
        "engine.attention.position_encoding.family",
        frequencies,
        "engine.attention.position_encoding.kernel",
        "engine.attention.position_encoding.reference",
        "engine.attention.position_models.models",
    ],
    sample=sample,
    fit=fit,
)
