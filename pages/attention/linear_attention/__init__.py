"""Linear attention: the brackets moved, the maps compared, the state watched, the crossover measured."""

from __future__ import annotations

from engine.attention.linear_attention import LinearAttended, counts, features, linear_lab, recurrence
from pages.attention.linear_attention.brackets import brackets_figure
from pages.attention.linear_attention.lesson import LESSON
from pages.attention.linear_attention.maps import maps_figure, rank_figure, variance_figure
from pages.attention.linear_attention.state import cache_figure, chunk_figure, state_figure
from pages.attention.linear_attention.timing import crossing_figure, work_figure
from pages.shell import Lab, Picture, Preset, T, View

EXAMPLE = ("task", "tokens", "text", "width", "sharpness", "seed", "feature_map", "features")
VARIANCE = ("task", "width", "features", "radius", "angle", "seed")
TIMED = ("task", "causal", "decay", "batch", "heads", "head_dim", "length", "dtype", "pass_", "seed")
CACHE = ("task", "length", "batch", "heads", "head_dim", "dtype")


def sample(r: LinearAttended) -> T:
    if r.timing is None:
        return T("{n} tokens", "{n} 个词元", n=len(r.topics))
    return T("{n} lengths", "{n} 个长度", n=len(r.timing.lengths))


LAB = Lab(
    experiment=linear_lab,
    picture=Picture(view=1),
    needs=("attention-maps",),
    title=T("Linear attention", "线性注意力"),
    words=T(
        "kernel trick, feature map, recurrence, RNN, state space, retention, RetNet, Mamba, GLA, delta rule, DeltaNet, gated, chunkwise, softmax",
        "注意力、核技巧、特征映射、循环、状态空间、门控、分块、增量规则",
    ),
    claim=T(
        "Without the softmax the brackets may move, and a table of all pairs shrinks to a small state. What is saved, and what is lost?",
        "去掉 softmax，括号就能挪动，所有词元两两配对的大表缩成一个小状态。省了什么，又失了什么？",
    ),
    order=4,
    lesson=LESSON,
    views=[
        View(T("Move the brackets?", "括号挪一挪？"), brackets_figure, "exact", task="maps", uses=("task", "first", "length", "head_dim")),
        View(
            T("How do the maps look?", "注意力图是什么样？"), maps_figure, task="maps", uses=(*EXAMPLE, "causal", "decay"), topics=("maps",)
        ),
        View(T("How much can a map hold?", "一张图能容纳多少？"), rank_figure, task="maps", uses=(*EXAMPLE, "causal", "decay")),
        View(T("What is in the state?", "状态里有什么？"), state_figure, task="maps", uses=(*EXAMPLE, "causal", "decay")),
        View(T("State or cache?", "状态还是缓存？"), cache_figure, "exact", task="maps", uses=CACHE),
        View(
            T("From which length is it faster?", "从多长开始更快？"), crossing_figure, task="timing", uses=TIMED, topics=("time", "timing")
        ),
        View(T("How many random features?", "要多少个随机特征？"), variance_figure, task="maps", uses=VARIANCE, more=True),
        View(
            T("How long a chunk?", "一块该多长？"),
            chunk_figure,
            "exact",
            task="maps",
            uses=(*EXAMPLE, "decay", "length", "head_dim"),
            more=True,
        ),
        View(
            T("How much memory, how exact?", "要多少内存，有多精确？"),
            work_figure,
            task="timing",
            uses=TIMED,
            topics=("rate", "timing"),
            more=True,
        ),
    ],
    presets=[
        Preset(T("At first sight", "初见"), {}, view=0),
        Preset(T("Sharp softmax", "锐利的 softmax"), {"sharpness": 5.0}, view=1),
        Preset(T("64 features", "64 个特征"), {"features": 64, "feature_map": "orthogonal"}, view=2),
        Preset(T("It forgets", "会遗忘"), {"decay": 0.8}, view=3),
        Preset(T("Time it here", "在本机计时"), {"task": "timing"}, view=5),
    ],
    sources=[
        features,
        "engine.attention.linear_attention.maps:all_maps",
        recurrence,
        counts,
        "engine.attention.linear_attention.reference",
        "engine.attention.linear_attention.operator",
        "engine.attention.linear_attention.chunked",
        "engine.attention.linear_attention.kernel",
    ],
    sample=sample,
)
