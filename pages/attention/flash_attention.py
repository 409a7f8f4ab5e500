"""FlashAttention: the online softmax tile by tile, the bytes that it saves, and what that is worth on this machine."""

from __future__ import annotations

from engine.attention.flash_attention import Attention, flash_lab, steps, traffic
from engine.core import recordings
from pages.attention.flash_attention_passes import passes_figure
from pages.attention.flash_attention_steps import steps_figure
from pages.attention.flash_attention_timing import error_figure, memory_figure, rate_figure, time_figure
from pages.attention.flash_attention_traffic import bytes_figure, roof_figure
from pages.shell import Lab, Preset, T, View

EXAMPLE = ("task", "tokens", "width", "tile_rows", "tile_columns", "sharpness", "causal", "seed")
SIZES = ("task", "batch", "heads", "head_dim", "length", "causal", "dtype", "pass_", "fast_memory")
TIMED = ("task", "axis", "batch", "heads", "group", "head_dim", "length", "causal", "dtype", "pass_", "seed")
STEPS, TIMING = {"task": ["steps"]}, {"task": ["timing"]}
GPU = "nvidia-h200"
ON_GPU = {"task": "timing", "axis": "tokens", "batch": 2, "heads": 16, "head_dim": 128, "length": 16_384,
          "causal": True, "dtype": "bfloat16"}  # fmt: skip


def findings(r: Attention) -> list[T]:
    """What it comes to, what was left out, and whether a GPU's figures are at hand."""
    said = [T(*r.finding)] if r.finding[0] else []
    said += [T(*note) for note in r.notes]
    if r.swept is not None and not recordings.on_device(LAB.slug, GPU):
        said.append(T("There is no recording from an NVIDIA H200 yet.", "尚无 NVIDIA H200 上的录制结果。"))
    return said


def sample(r: Attention) -> T:
    if r.swept is None:
        return T(f"{len(r.steps.row)} tiles", f"{len(r.steps.row)} 块")
    return T(
        f"{len(r.contenders)} contenders at {len(r.swept)} points", f"{len(r.swept)} 个点、{len(r.contenders)} 种算法"
    )


LAB = Lab(
    experiment=flash_lab,
    title=T("FlashAttention", "FlashAttention 快速注意力"),
    claim=T(
        "Attention needs every pair of tokens, but the table of all pairs need never exist: tile by tile, two running "
        "numbers a row and the output itself are enough.",
        "注意力要用到每一对词元，但那张“所有配对”的大表从不必存在：逐块计算，每行记住两个随时更新的数和输出本身就够了。",
    ),
    order=3,
    views=[
        View(T("What does a tile change?", "一块改变了什么？"), steps_figure, "exact", STEPS, EXAMPLE),
        View(T("How often is a score read?", "每个分数要读几遍？"), passes_figure, "exact", STEPS, EXAMPLE),
        View(T("How many bytes move?", "要搬运多少字节？"), bytes_figure, "modelled", STEPS, SIZES),
        View(T("What holds it back?", "瓶颈在哪里？"), roof_figure, "modelled", uses=(*SIZES, "chip")),
        View(T("Which is fastest?", "谁最快？"), time_figure, when=TIMING, uses=TIMED),
        View(T("How much memory?", "要多少内存？"), memory_figure, when=TIMING, uses=TIMED),
        View(T("How near the ceiling?", "离上限多近？"), rate_figure, when=TIMING, uses=TIMED),
        View(T("Still exact?", "还精确吗？"), error_figure, when=TIMING, uses=TIMED),
    ],
    presets=[
        Preset(T("Tile by tile", "逐块来看"), {}, view=0),
        Preset(T("Causal", "因果"), {"causal": True, "tokens": 15, "tile_rows": 5, "tile_columns": 3}, view=0),
        Preset(T("Half precision overflows", "半精度溢出"), {"sharpness": 9.0, "tokens": 16}, view=1),
        Preset(T("A GPU’s sizes", "GPU 的规模"), {"heads": 16, "head_dim": 128, "length": 16_384, "dtype": "bfloat16", "chip": "h200"}, view=3),
        Preset(T("Time it here", "在本机计时"), {"task": "timing"}, view=4),
        Preset(T("Backward", "反向"), {"task": "timing", "pass_": "backward", "length": 1024}, view=4),
        Preset(T("Grouped queries", "分组查询"), {"task": "timing", "heads": 8, "group": 4, "causal": True, "length": 1024, "head_dim": 32}, view=5),
        Preset(T("On an H200", "在 H200 上"), ON_GPU, view=4),
    ],
    sources=[
        steps.trace, traffic, "engine.attention.flash_attention.reference", "engine.attention.flash_attention.kernel",
        "engine.attention.flash_attention.tiled", "engine.attention.flash_attention.contest",
    ],
    sample=sample,
    findings=findings,
)  # fmt: skip
