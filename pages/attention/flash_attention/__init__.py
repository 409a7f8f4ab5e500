"""FlashAttention: the online softmax tile by tile, the bytes that it saves, and what that is worth on this machine."""

from __future__ import annotations

from engine.attention.flash_attention import Attention, flash_lab
from pages.attention.flash_attention.lesson import LESSON
from pages.attention.flash_attention.passes import passes_figure
from pages.attention.flash_attention.steps import steps_figure
from pages.attention.flash_attention.timing import memory_figure, time_figure, work_figure
from pages.attention.flash_attention.traffic import bytes_figure, roof_figure
from pages.shell import Lab, Picture, Preset, T, View

EXAMPLE = ("task", "tokens", "width", "tile_rows", "tile_columns", "sharpness", "causal", "seed")
ROW = ("task", "tokens", "width", "sharpness", "causal", "seed")
SIZES = ("task", "batch", "heads", "group", "head_dim", "length", "causal", "dtype", "pass_", "fast_memory")
TIMED = ("task", "axis", "batch", "heads", "group", "head_dim", "length", "causal", "dtype", "pass_", "seed")


def sample(r: Attention) -> T:
    if r.timing is None:
        return T.many("{n} tile", "{n} tiles", "{n} 块", n=len(r.steps.row))
    return T(
        "{contenders} contenders at {points} points",
        "{points} 个点、{contenders} 种算法",
        contenders=len(r.timing.contenders),
        points=len(r.timing.swept),
    )


LAB = Lab(
    experiment=flash_lab,
    picture=Picture(moment=0.55),
    needs=("attention-maps",),
    title=T("FlashAttention", "FlashAttention 快速注意力"),
    words=T(
        "softmax, online softmax, tiling, SRAM, HBM, memory, kernel, Triton, CUDA, IO, GQA, scaled dot product, sdpa, causal mask, recomputation",
        "注意力、显存、内存、分块、在线 softmax、算子、核函数、因果掩码、缩放点积",
    ),
    claim=T(
        "Attention needs every pair of tokens, but the table of all pairs need never exist: tile by tile, two running "
        "numbers a row and the output itself are enough.",
        "注意力要用到每一对词元，但那张“所有配对”的大表从不必存在：逐块计算，每行记住两个随时更新的数和输出本身就够了。",
    ),
    order=3,
    views=[
        View(T("What does a tile change?", "一块改变了什么？"), steps_figure, "exact", task="steps", uses=EXAMPLE),
        View(T("How often is a score read?", "每个分数要读几遍？"), passes_figure, "exact", task="steps", uses=ROW),
        View(T("How many bytes move?", "要搬运多少字节？"), bytes_figure, "modelled", task="steps", uses=SIZES, topics=("bytes",)),
        View(T("What holds it back?", "瓶颈在哪里？"), roof_figure, "modelled", uses=(*SIZES, "chip")),
        View(T("Which is fastest?", "谁最快？"), time_figure, task="timing", uses=TIMED, topics=("time", "timing")),
        View(T("How much memory?", "要多少内存？"), memory_figure, task="timing", uses=TIMED, topics=("memory", "timing")),
        View(
            T("How near the ceiling, how exact?", "离上限多近，有多精确？"),
            work_figure,
            task="timing",
            uses=TIMED,
            topics=("rate", "timing"),
            more=True,
        ),
    ],
    presets=[
        Preset(T("Tile by tile", "逐块来看"), {}, view=0),
        Preset(T("Causal", "因果"), {"causal": True, "tokens": 15, "tile_rows": 5, "tile_columns": 3}, view=0),
        Preset(T("Half precision overflows", "半精度溢出"), {"sharpness": 9.0, "tokens": 16}, view=1),
        Preset(
            T("A GPU’s sizes", "GPU 的规模"), {"heads": 16, "head_dim": 128, "length": 16_384, "dtype": "bfloat16", "chip": "h200"}, view=3
        ),
        Preset(T("Time it here", "在本机计时"), {"task": "timing"}, view=4),
    ],
    sources=[
        "engine.attention.flash_attention.steps:trace",
        "engine.attention.flash_attention.traffic",
        "engine.attention.flash_attention.reference",
        "engine.attention.flash_attention.kernel",
        "engine.attention.flash_attention.tiled",
        "engine.attention.contest.race",
    ],
    sample=sample,
    lesson=LESSON,
)
