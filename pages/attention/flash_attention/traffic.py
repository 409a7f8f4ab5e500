"""Bytes counted along N, d and M, and the roof under which they keep the arithmetic."""

from __future__ import annotations

import numpy as np

from engine.attention.flash_attention import Attention
from engine.core import amounts
from pages.attention.flash_attention.timing import rate
from pages.shell import T, draw

NAIVE, TILED = T("naive", "朴素"), T("tiled", "分块")
COLORS = {NAIVE: draw.FOURTH, TILED: draw.MEASURED}
MEMORIES = ([8192, 65_536, 524_288, 4_194_304], ["8 KiB", "64 KiB", "512 KiB", "4 MiB"])
WIDTHS = ([16, 32, 64, 128, 256], ["16", "32", "64", "128", "256"])


def bytes_figure(r: Attention) -> draw.Figure:
    """Bytes to and from slow memory along the length, the fast memory and the head dimension, with their laws."""
    a = r.accounting
    swept = ((a.by_length, a.chosen["length"]), (a.by_memory, a.chosen["fast_bytes"]), (a.by_head_dim, a.chosen["head_dim"]))
    traces = []
    for panel, (along, at) in enumerate(swept):
        traces += draw.curves(along.values, {NAIVE: along.naive, TILED: along.tiled}, colors=COLORS, label="middle", panel=panel, width=2.4)
        for y, name in ((along.naive_law, "∝ N²"), (along.law, "∝ N²d²/M")):
            if y is not None:
                traces.append(draw.line(along.values, y, draw.THEORY, dash="dot", width=1.3, panel=panel, name=name, label="end"))
        traces.append(
            draw.points(
                [at, at], [a.naive_bytes, a.tiled_bytes], draw.BRASS, size=10, panel=panel, name=T("chosen", "所选"), hoverinfo="skip"
            )
        )
    every = np.concatenate([y for along, _ in swept for y in (along.naive, along.tiled)])
    height = {"log": True, "format": "~s", "range": (float(every.min()) / 2, float(every.max()) * 2)}
    rows, columns = a.tile
    times = a.naive_bytes / a.tiled_bytes
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("length N", "长度 N"), log=True),
                draw.Axis(T("bytes moved", "搬运的字节"), **height),
                key=[(draw.BRASS, T("chosen", "所选"), "dot")],
            ),
            draw.Panel(draw.Axis(T("fast memory M", "快速存储 M"), log=True, ticks=MEMORIES), draw.Axis(**height)),
            draw.Panel(draw.Axis(T("head dimension d", "头维度 d"), log=True, range=(14, 290), ticks=WIDTHS), draw.Axis(**height)),
        ],
        T(
            "At N = {n:count}, d = {d} and {memory:bytes} of fast memory naive attention moves {naive:bytes} and tiled attention {tiled:bytes}, a ratio of {times:number.2}.",
            "N = {n:count}、d = {d}、快速存储 {memory:bytes} 时，朴素注意力搬运 {naive:bytes}，分块注意力搬运 {tiled:bytes}，前者是后者的 {times:number.2} 倍。",
            n=a.chosen["length"],
            d=a.chosen["head_dim"],
            memory=a.chosen["fast_bytes"],
            naive=a.naive_bytes,
            tiled=a.tiled_bytes,
            times=times,
        ),
        facts=[
            (T("naive moves", "朴素搬运"), (a.naive_bytes, "bytes")),
            (T("tiled moves", "分块搬运"), (a.tiled_bytes, "bytes")),
            (T("naive over tiled", "朴素 ÷ 分块"), (times, "times")),
            (T("cannot be less than", "不可能少于"), (a.least_bytes, "bytes")),
            (T("largest tile", "最大分块"), f"{rows} × {columns}"),
            (T("either way", "两者相同"), amounts.quantity(a.flops, "FLOP")),
        ],
        columns=3,
    )


def marks(r: Attention) -> list[tuple[T, float, float, str]]:
    """What stands under the roof: name, FLOP per byte, TFLOP/s and colour; measured where a sweep was run, else at best."""
    if r.timing is None:
        best = {NAIVE: "naive", TILED: "tiled"}
        return [(name, r.roof.intensity[way], r.roof.attainable[way], COLORS[name]) for name, way in best.items()]
    ways = {"naive": ("naive", draw.FOURTH), "ours": ("tiled", draw.MEASURED), "flash": ("tiled", draw.SECOND)}
    m, found = r.timing, []
    for name, (way, color) in ways.items():
        if name in m.contenders and np.isfinite(y := float(m.tflops[m.row(name), -1])):
            found.append((m.titles[m.row(name)], r.roof.intensity[way], y, color))
    return found


def roof_figure(r: Attention) -> draw.Figure:
    """The roofline: what bandwidth and peak allow at so many FLOP per byte; on it naive and tiled attention."""
    roof, under = r.roof, marks(r)
    heights = [y for _, _, y, _ in under] + [float(roof.roof[0]), roof.peak_tflops]
    low, high = min(heights) / 1.6, max(heights) * 2.2
    name = T.of(roof.chip) if roof.chip else T("this machine, measured", "本机实测")
    peak = T("{name}: peak {rate}", "{name}：峰值 {rate}", name=name, rate=rate(roof.peak_tflops))
    ridge = T("ridge: {ridge:number} FLOP a byte", "脊点：每字节 {ridge:number} FLOP", ridge=roof.ridge)
    bandwidth = amounts.quantity(1e9 * roof.bandwidth, "B/s")
    traces = [
        draw.line(roof.intensities, roof.roof, draw.THEORY, width=2.2, name=T("roof", "屋顶")),
        draw.line([roof.ridge] * 2, [low, roof.peak_tflops], draw.THEORY, dash="dot", width=1.2, name=ridge, label="start"),
    ]
    for words, x, y, color in under:
        traces.append(draw.line([x, x], [low, y], color, dash="dot", width=1.2, hoverinfo="skip"))
        traces.append(draw.points([x], [y], color, size=13, name=words, label="end"))
    naive, tiled = roof.intensity["naive"], roof.intensity["tiled"]
    held = T("still held by memory", "仍受内存限制") if tiled < roof.ridge else T("held by arithmetic alone", "只受算力限制")
    measured = r.timing is not None
    x = T("FLOP per byte moved (counted)", "每搬运一字节的 FLOP（计数）")
    return draw.Figure(
        traces,
        [draw.Panel(draw.Axis(x, log=True, range=(1, 10_000)), draw.Axis("TFLOP/s", log=True, range=(low, high), format="~g"))],
        T(
            "{name}, peak {peak} and {bandwidth}: naive attention does {naive:number} FLOP to a byte and could reach {slow}; in tiles {tiled:number} FLOP to a byte and {fast}, {held}.",
            "{name}，峰值 {peak}，带宽 {bandwidth}：朴素注意力每字节 {naive:number} FLOP，至多 {slow}；分块后每字节 {tiled:number} FLOP，至多 {fast}，{held}。",
            name=name,
            peak=rate(roof.peak_tflops),
            bandwidth=bandwidth,
            naive=naive,
            slow=rate(roof.attainable["naive"]),
            tiled=tiled,
            fast=rate(roof.attainable["tiled"]),
            held=held,
        ),
        [draw.Label(1.15, roof.peak_tflops * 1.35, peak, draw.THEORY), draw.Label(1.5, roof.roof[0] / 1.3, bandwidth, draw.THEORY)],
        facts=[
            (T("naive, FLOP per byte", "朴素，每字节 FLOP"), naive),
            (T("tiled, FLOP per byte", "分块，每字节 FLOP"), tiled),
            (T("naive at best", "朴素最快"), (roof.modelled_ms["naive"] / 1000, "seconds")),
            (T("tiled at best", "分块最快"), (roof.modelled_ms["tiled"] / 1000, "seconds")),
            *(((T("{name} reached", "{name}达到", name=words), rate(y)) for words, _, y, _ in under) if measured else ()),
        ],
    )
