"""Bytes counted along N, d and M, and the roof under which they keep the arithmetic."""

from __future__ import annotations

import numpy as np

from engine.attention.flash_attention import Attention
from pages.attention.flash_attention_parts import amount, duration, memory, number, rate, reach, whole
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, FOURTH, INK_2, MEASURED, SECOND, THEORY
from pages.shell.figures import Figure
from pages.shell.panels import Label, Panel
from pages.shell.traces import line, points

NAIVE, TILED = T("naive", "朴素"), T("tiled", "分块")
BYTES = T("bytes moved", "搬运的字节")


def bytes_figure(r: Attention) -> Figure:
    """Bytes to and from slow memory along the length, the fast memory and the head dimension, with their laws."""
    a = r.accounting
    here = {"N": a.chosen["length"], "M": a.chosen["fast_bytes"], "d": a.chosen["head_dim"]}
    every = reach(a.naive_by_length, a.tiled_by_length, a.naive_by_memory, a.tiled_by_memory, pad=2)
    traces, labels = [], []
    sets = (
        (a.lengths, a.naive_by_length, a.tiled_by_length, a.naive_law_by_length, a.law_by_length, here["N"]),
        (a.memories, a.naive_by_memory, a.tiled_by_memory, None, a.law_by_memory, here["M"]),
        (a.head_dims, a.naive_by_head_dim, a.tiled_by_head_dim, None, None, here["d"]),
    )
    for panel, (x, naive, tiled, naive_law, law, at) in enumerate(sets):
        for y, color, name in ((naive, FOURTH, NAIVE), (tiled, MEASURED, TILED)):
            traces.append(line(x, y, color, width=2.4, panel=panel, name=name))
        for y in (naive_law, law):
            if y is not None:
                traces.append(line(x, y, THEORY, dash="dot", width=1.3, panel=panel, name=T("law", "规律")))
        traces.append(points([at, at], [a.naive_bytes, a.tiled_bytes], BRASS, size=10, panel=panel, hoverinfo="skip"))
        middle = len(x) // 3 if panel else len(x) // 2
        labels += [
            Label(float(x[middle]), float(naive[middle]) * 1.9, NAIVE, FOURTH, "right" if panel == 0 else "center", panel),
            Label(float(x[middle]), float(tiled[middle]) / 2.2, TILED, MEASURED, "left" if panel == 0 else "center", panel),
        ]  # fmt: skip
    end = len(a.lengths) - 4
    labels += [
        Label(float(a.lengths[end]), float(a.naive_by_length[end]) * 2.4, "∝ N²", THEORY, "right", 0),
        Label(float(a.memories[-2]), float(a.law_by_memory[-2]) / 2.5, "∝ N²d²/M", THEORY, "right", 1),
    ]
    times = a.naive_bytes / a.tiled_bytes
    rows, columns = a.tile
    log = {"log": True, "range": every}
    return Figure(
        traces,
        [Panel(Axis(T("length N", "长度 N"), log=True), Axis(BYTES, format="~s", **log), title=T("along the length", "随长度")),
         Panel(Axis(T("fast memory M", "快速存储 M"), log=True, ticks=([8192, 65_536, 524_288, 4_194_304], ["8 KiB", "64 KiB", "½ MiB", "4 MiB"])), Axis("", format="~s", **log), title=T("along the fast memory", "随快速存储")),
         Panel(Axis(T("head dimension d", "头维度 d"), log=True, range=(14, 290), ticks=([16, 32, 64, 128, 256], ["16", "32", "64", "128", "256"])), Axis("", format="~s", **log), title=T("along the head dimension", "随头维度"))],
        T(f"At N = {whole(here['N'])}, d = {here['d']} and {memory(here['M'])} of fast memory naive attention moves {memory(a.naive_bytes)} and tiled attention {memory(a.tiled_bytes)}: {number(times, 2)} times less.",
          f"N = {whole(here['N'])}、d = {here['d']}、快速存储 {memory(here['M'])} 时，朴素注意力搬运 {memory(a.naive_bytes)}，分块注意力搬运 {memory(a.tiled_bytes)}，相差 {number(times, 2)} 倍。"),
        labels,
        facts=[
            (T("naive moves", "朴素搬运"), memory(a.naive_bytes)), (T("tiled moves", "分块搬运"), memory(a.tiled_bytes)),
            (T("times less", "相差倍数"), number(times, 3)), (T("cannot be less than", "不可能少于"), memory(a.least_bytes)),
            (T("largest tile", "最大分块"), f"{rows} × {columns}"), (T("FLOP, either way", "FLOP，两者相同"), f"{amount(a.flops)}"),
        ],
        columns=3,
        layout={"xaxis": {"dtick": 1}} | {f"yaxis{i}": {"dtick": 1} for i in ("", 2, 3)},
    )  # fmt: skip


def roof_figure(r: Attention) -> Figure:
    """The roofline: what bandwidth and peak allow at so many FLOP per byte; on it naive and tiled attention."""
    a = r.accounting
    if r.machine_roof is not None:
        return machine_figure(r)
    naive, tiled = (a.intensity[way] for way in ("naive", "tiled"))
    low, high = reach(a.roof, pad=1.0)
    low, high = low / 1.6, high * 2.2
    traces = [
        line(a.intensities, a.roof, THEORY, width=2.2, name=T("roof", "屋顶")),
        line([a.ridge, a.ridge], [low, a.peak_tflops], THEORY, dash="dot", width=1.2, hoverinfo="skip"),
    ]
    labels = [
        Label(a.intensities[0] * 1.15, a.peak_tflops * 1.35, T(f"{a.chip}: peak {rate(a.peak_tflops)}", f"{a.chip}：峰值 {rate(a.peak_tflops)}"), THEORY),
        Label(1.5, 1.5 * a.bandwidth / 1000 / 1.9, T(f"{number(a.bandwidth / 1000)} TB/s", f"{number(a.bandwidth / 1000)} TB/s"), THEORY),
        Label(a.ridge * 1.08, low * 1.5, T(f"ridge: {number(a.ridge)} FLOP a byte", f"脊点：每字节 {number(a.ridge)} FLOP"), INK_2, "left" if a.ridge < 200 else "right"),
    ]  # fmt: skip
    for way, x, color, words in (("naive", naive, FOURTH, NAIVE), ("tiled", tiled, MEASURED, TILED)):
        y = a.attainable[way]
        traces.append(line([x, x], [low, y], color, dash="dot", width=1.2, hoverinfo="skip"))
        traces.append(points([x], [y], color, size=13, name=words))
        labels.append(
            Label(x * 1.12, y / 1.35, T(f"{words.en}: {duration(a.modelled_ms[way])}", f"{words.zh}：{duration(a.modelled_ms[way])}"), color)
        )  # fmt: skip
    bound = tiled < a.ridge
    return Figure(
        traces,
        [Panel(Axis(T("FLOP per byte moved", "每搬运一字节的 FLOP"), log=True, range=(1, 10_000)), Axis("TFLOP/s", log=True, range=(low, high), format="~g"))],
        T(f"On {a.chip} naive attention does {number(naive)} FLOP to a byte and could reach {rate(a.attainable['naive'])}; in tiles {number(tiled)} FLOP to a byte and {rate(a.attainable['tiled'])}, {'still held by memory' if bound else 'held by arithmetic alone'}.",
          f"在 {a.chip} 上，朴素注意力每字节 {number(naive)} FLOP，至多 {rate(a.attainable['naive'])}；分块后每字节 {number(tiled)} FLOP，至多 {rate(a.attainable['tiled'])}，{'仍受内存限制' if bound else '只受算力限制'}。"),
        labels,
        facts=[
            (T("naive, FLOP per byte", "朴素，每字节 FLOP"), number(naive)), (T("tiled, FLOP per byte", "分块，每字节 FLOP"), number(tiled)),
            (T("naive at best", "朴素最快"), duration(a.modelled_ms["naive"])), (T("tiled at best", "分块最快"), duration(a.modelled_ms["tiled"])),
            (T("times faster at best", "至多快几倍"), number(a.modelled_ms["naive"] / a.modelled_ms["tiled"], 3)),
            (T("ridge", "脊点"), f"{number(a.ridge)} FLOP/B"),
        ],
        layout={"xaxis": {"dtick": 1}, "yaxis": {"dtick": "D2"}},
    )  # fmt: skip


def machine_figure(r: Attention) -> Figure:
    """The roof that this machine showed in the run, and what was measured under it."""
    a = r.accounting
    ways = {
        "naive": ("naive", FOURTH, NAIVE),
        "ours": ("tiled", MEASURED, T("ours", "本站实现")),
        "flash": ("tiled", SECOND, "torch: flash"),
    }
    seen = {}
    for name, (way, color, words) in ways.items():
        if r.contenders and name in r.contenders and np.isfinite(r.tflops[r.contenders.index(name), -1]):
            seen[name] = (a.intensity[way], float(r.tflops[r.contenders.index(name), -1]), color, T.of(words))
    values = np.array([v[1] for v in seen.values()] or [r.ceiling_tflops / 10])
    low, high = (
        min(float(values.min()), float(r.machine_roof[0])) / 1.6,
        max(r.ceiling_tflops, float(values.max())) * 2.5,
    )
    traces = [line(a.intensities, r.machine_roof, THEORY, width=2.2, name=T("roof of this machine", "本机的屋顶"))]
    labels = [
        Label(9000, r.ceiling_tflops * 1.4, T(f"matrix product here: {rate(r.ceiling_tflops)}", f"本机矩阵乘法：{rate(r.ceiling_tflops)}"), THEORY, "right"),
    ]  # fmt: skip
    for name, (x, y, color, words) in seen.items():
        traces.append(points([x], [y], color, size=13, name=words))
        above = name == "flash"
        labels.append(Label(x, y * (1.28 if above else 1 / 1.28), words, color, "center"))
    naive, ours = (seen.get(name, (np.nan, np.nan))[1] for name in ("naive", "ours"))
    return Figure(
        traces,
        [Panel(Axis(T("FLOP per byte moved (counted)", "每搬运一字节的 FLOP（计数）"), log=True, range=(1, 10_000)),
               Axis(T("TFLOP/s (measured)", "TFLOP/s（实测）"), log=True, range=(low, high), format="~g"))],
        T(f"This machine's matrix product reaches {rate(r.ceiling_tflops)} and a copy {number(r.bandwidth)} GB/s; naive attention reached {rate(naive)}, ours {rate(ours)}.",
          f"本机矩阵乘法达到 {rate(r.ceiling_tflops)}，拷贝 {number(r.bandwidth)} GB/s；朴素注意力 {rate(naive)}，本站实现 {rate(ours)}。"),
        labels,
        facts=[
            (T("ceiling", "上限"), rate(r.ceiling_tflops)), (T("copy", "拷贝"), f"{number(r.bandwidth)} GB/s"),
            (T("naive, FLOP per byte", "朴素，每字节 FLOP"), number(a.intensity["naive"])), (T("tiled, FLOP per byte", "分块，每字节 FLOP"), number(a.intensity["tiled"])),
        ],
        layout={"xaxis": {"dtick": 1}, "yaxis": {"dtick": "D2"}},
    )  # fmt: skip
