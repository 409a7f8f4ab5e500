"""Linear attention: the brackets moved, the maps compared, the state watched, the crossover measured."""

from __future__ import annotations

from engine.attention.linear_attention import LinearAttended, counts, features, linear_lab, maps, recurrence, rotary
from engine.core import recordings
from pages.attention.linear_attention_brackets import brackets_figure
from pages.attention.linear_attention_maps import error_figure, maps_figure, rank_figure, variance_figure
from pages.attention.linear_attention_state import cache_figure, chunk_figure, rotary_figure, state_figure
from pages.attention.linear_attention_timing import accuracy_figure, crossing_figure, memory_figure
from pages.shell import Lab, Preset, T, View

MAPS_TASK, TIMING_TASK = {"task": ["maps"]}, {"task": ["timing"]}
EXAMPLE = ("task", "tokens", "width", "sharpness", "seed")
GPU = "nvidia-h200"


def findings(r: LinearAttended) -> list[T]:
    """What the run comes to, what was left out, and whether a GPU's figures are at hand."""
    said = [T(*r.finding)] if r.finding[0] else []
    said += [T(*note) for note in r.notes]
    if r.lengths is not None and not recordings.on_device(LAB.slug, GPU):
        said.append(T("There is no recording from an NVIDIA H200 yet.", "尚无 NVIDIA H200 上的录制结果。"))
    return said


def sample(r: LinearAttended) -> T:
    n = r.maps.shape[1]
    if r.lengths is None:
        return T(f"{n} tokens", f"{n} 个词元")
    return T(f"{len(r.lengths)} lengths", f"{len(r.lengths)} 个长度")


LAB = Lab(
    experiment=linear_lab,
    title=T("Linear attention", "线性注意力"),
    claim=T(
        "Without the softmax the brackets may move, and a table of all pairs shrinks to a small state. What is saved, "
        "and what is lost?",
        "去掉 softmax，括号就能挪动，所有词元两两配对的大表缩成一个小状态。省了什么，又失了什么？",
    ),
    order=4,
    views=[
        View(T("Move the brackets?", "括号挪一挪？"), brackets_figure, "exact", MAPS_TASK, ("task", "length", "head_dim")),
        View(T("How do the maps look?", "注意力图是什么样？"), maps_figure, when=MAPS_TASK,
             uses=(*EXAMPLE, "feature_map", "features", "causal", "decay", "rotary", "base")),
        View(T("How far from softmax?", "离 softmax 多远？"), error_figure, when=MAPS_TASK,
             uses=(*EXAMPLE, "feature_map", "features", "causal", "decay", "rotary", "base")),
        View(T("How much can it say?", "能表达多少？"), rank_figure, when=MAPS_TASK,
             uses=(*EXAMPLE, "feature_map", "features", "causal", "rotary")),
        View(T("How many features?", "要多少特征？"), variance_figure, when=MAPS_TASK,
             uses=("task", "width", "features", "radius", "angle", "seed")),
        View(T("What is in the state?", "状态里有什么？"), state_figure, when=MAPS_TASK,
             uses=(*EXAMPLE, "feature_map", "features", "decay", "rotary", "base")),
        View(T("Where do they cross?", "在哪里交叉？"), crossing_figure, when=TIMING_TASK),
        View(T("How much memory?", "要多少内存？"), memory_figure, when=TIMING_TASK),
        View(T("How well, how exactly?", "多高效，多精确？"), accuracy_figure, when=TIMING_TASK),
        View(T("How long a chunk?", "一块该多长？"), chunk_figure, "exact",
             uses=("task", "length", "head_dim", "tokens", "feature_map", "decay", "rotary", "causal")),
        View(T("State or cache?", "状态还是缓存？"), cache_figure, "exact", MAPS_TASK,
             ("task", "length", "batch", "heads", "head_dim", "dtype")),
        View(T("And positions?", "加上位置呢？"), rotary_figure, "exact", MAPS_TASK,
             ("task", "tokens", "width", "feature_map", "features", "base", "seed")),
    ],
    presets=[
        Preset(T("At first sight", "初见"), {}, view=0),
        Preset(T("Sharp softmax", "锐利的 softmax"), {"sharpness": 5.0, "feature_map": "elu"}, view=1),
        Preset(T("64 features", "64 个特征"), {"features": 64, "feature_map": "orthogonal"}, view=2),
        Preset(T("It forgets", "会遗忘"), {"decay": 0.8}, view=5),
        Preset(T("With positions", "加上位置"), {"rotary": True, "base": 100.0, "width": 32}, view=11),
        Preset(T("Time it here", "在本机计时"), {"task": "timing"}, view=6),
        Preset(T("GPU sizes", "GPU 规模"),
               {"task": "timing", "batch": 2, "heads": 16, "head_dim": 128, "length": 16_384, "dtype": "bfloat16"}, view=6),
    ],
    sources=[
        features, maps.all_maps, recurrence, rotary, counts,
        "engine.attention.linear_attention.reference", "engine.attention.linear_attention.operator",
        "engine.attention.linear_attention.chunked", "engine.attention.linear_attention.kernel",
        "engine.attention.linear_attention.sweep",
    ],
    sample=sample,
    findings=findings,
)  # fmt: skip
