"""What was learned, as matrices: the spectrum of ΔW."""

from __future__ import annotations

import numpy as np

from engine.training.lora import Adapted
from pages.shell import T, draw
from pages.training.lora.parts import FROZEN, LATER, color, key, matrix

FLOOR = 1e-7  # singular values below are rounding
DRAWN = 48  # singular values
DECADES = 1e-4  # what is drawn of them, below the largest


def spectrum_figure(r: Adapted) -> draw.Figure:
    """Singular values of ΔW for every setting, one moment a matrix, with W's own behind them."""
    f = r.spectrum
    if f is None:
        return draw.absent(LATER)
    values = f.values[:, :, :DRAWN]
    values = np.where(values > FLOOR, values, np.nan)
    base, x = f.base[:, :DRAWN], np.arange(1, values.shape[2] + 1)
    shown = [s for s in range(len(r.names)) if np.isfinite(values[:, s]).any()]
    if not shown:
        return draw.absent(T("No run arrived, so there is no ΔW.", "没有训练成功，因而没有 ΔW。"))
    traces = [draw.line(x, base[-1], draw.INK_3, dash="dash", name=T("W itself", "W 本身"), label="end")]
    traces += [draw.line(x, values[-1, s], color(r, s), width=2.0, name=r.titles[s], label="end") for s in shown]
    for trace, s in zip(traces[1:], shown, strict=True):
        trace |= {"mode": "lines+markers", "marker": {"size": 5, "color": color(r, s)}}
    rows = {0: {"y": base.astype(np.float32)}} | {k: {"y": values[:, s].astype(np.float32)} for k, s in enumerate(shown, 1)}
    known_row: list[tuple] = []
    if r.true_spectrum is not None:
        known = np.where(r.true_spectrum > FLOOR, r.true_spectrum, np.nan)[: len(x)]
        traces.append(draw.ticks(x, known, name=T("the known ΔW", "已知的 ΔW")))
        known_row = [(draw.THEORY, traces[-1]["name"], "dash")]
    high = float(max(np.nanmax(values), base.max()))
    low = max(float(np.nanmin(values)), high * DECADES)
    largest = np.nanmax(np.nan_to_num(values), 2)
    frames = [
        draw.Frame(
            matrix(name).en, facts=[(T("largest of", "最大值："), matrix(name)), *((r.titles[s], float(largest[m, s])) for s in shown[:7])]
        )
        for m, name in enumerate(f.names)
    ]
    many = len(frames) > 1
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("number of the singular value", "第几个奇异值"), log=True, range=(0.85, len(x) * 1.6)),
                draw.Axis(T("singular value", "奇异值"), log=True, range=(low / 1.6, high * 1.7)),
                key=[row for row in key(r) if row[1] is not FROZEN] + known_row,
            )
        ],
        T(
            "Singular values of ΔW in {matrix}, first seed: the largest is {top:number}. A rank-r update has r of them; full fine-tuning has all.",
            "{matrix} 中 ΔW 的奇异值（第一个种子）：最大的是 {top:number}。秩为 r 的更新有 r 个，全量微调则全都有。",
            matrix=matrix(f.names[-1]),
            top=float(largest[-1].max()),
        ),
        frames=draw.Frames(T("matrix", "矩阵"), frames, rows=rows) if many else None,
        facts=() if many else frames[0].facts or (),
    )
