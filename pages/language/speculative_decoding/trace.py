"""The trace: every guess that was looked at, what decided on it, and what the target wrote instead."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.language.speculative_decoding import Speculated
from engine.language.speculative_decoding.parameters import SOURCES
from engine.language.speculative_decoding.result import Trace
from engine.language.speculative_decoding.tracing import ACCEPTED, BONUS, REJECTED, RESAMPLED
from pages.language.speculative_decoding.parts import NOT_YET, word
from pages.shell import T, draw

MOST = 150  # events that the page shows
GAUGE = -2.0  # the row of the verdict, above the tokens
COLORS = {ACCEPTED: draw.ACCEPT, REJECTED: draw.REJECT, RESAMPLED: draw.THIRD, BONUS: draw.MEASURED}
VERDICTS = {
    ACCEPTED: T("kept: u < p/q", "保留：u < p/q"),
    REJECTED: T("rejected: u ≥ p/q", "拒绝：u ≥ p/q"),
    RESAMPLED: T("drawn from (p − q)₊", "取自 (p − q)₊"),
    BONUS: T("the target's own: drawn from p", "目标自己的：取自 p"),
}
TITLE = T(
    "plain green: guess kept · ✗ red: guess rejected · teal: what the target put instead · blue: its bonus. Point at one.",
    "绿：猜测被保留 · ✗ 红：猜测被拒绝 · 青：目标改写 · 蓝：额外赠送。指向任意一个。",
)


def trace_figure(r: Speculated) -> draw.Figure:
    """The tokens in order; for the one pointed at, p and q, the verdict, and what a rejection draws from."""
    if r.trace is None:
        return draw.absent(NOT_YET)
    t, many = r.trace, min(MOST, len(r.trace.kind))
    start, rows = telling(t, many), t.option_p.shape[1]
    y = np.arange(rows, dtype=float)
    p, q, left = (np.nan_to_num(a[:many]) for a in (t.option_p, t.option_q, t.option_residual))
    decided = ~np.isnan(t.ratio[:many])
    edge = np.where(decided, np.minimum(1, t.ratio[:many]), 0.0)[:, None]
    above, u = decided[:, None] - edge, np.where(decided, t.uniform[:many], np.nan)[:, None]

    def across(x: np.ndarray, y: Any, hue: str, name: T, **options: Any) -> dict:
        return draw.bars(x[start], y, hue, orientation="h", name=name, **{"width": 0.5, "opacity": 1.0, **options})

    def tokens(panel: int) -> dict:
        return draw.trace(
            "scatter",
            x=np.full(rows, -0.02),
            y=y,
            mode="text",
            text=names(t, start),
            textposition="middle left",
            textfont={"color": draw.INK_2, "size": 12},
            hoverinfo="skip",
            panel=panel,
        )

    traces = [
        across(p, y - 0.19, draw.MEASURED, T("target's p", "目标的 p"), width=0.36),
        across(q, y + 0.19, draw.SECOND, T("draft's q", "草稿的 q"), width=0.36),
        tokens(0),
        across(left, y, draw.THIRD, T("after a rejection: (p − q)₊", "拒绝之后：(p − q)₊"), panel=1),
        tokens(1),
        across(edge, [GAUGE], draw.ACCEPT, T("u here: kept", "u 在此：保留"), panel=1, opacity=0.5),
        across(above, [GAUGE], draw.REJECT, T("u here: rejected", "u 在此：拒绝"), panel=1, opacity=0.35, base=edge[start]),
        draw.points(u[start], [GAUGE], draw.INK, size=12, symbol="diamond", panel=1, name=T("uniform u", "均匀数 u")),
    ]
    for one in traces:
        one["meta"] = {"link": "none"}
    moved = {0: {"x": p}, 1: {"x": q}, 3: {"x": left}, 5: {"x": edge}, 6: {"x": above, "base": edge}, 7: {"x": u}}
    frames = draw.Frames(
        T("decision", "判定"),
        [draw.Frame(f"{i + 1}", {k: {"text": names(t, i)} for k in (2, 4)}, facts=facts(t, i)) for i in range(many)],
        start=start,
        seconds=20,
        rows=moved,
        strips={0: {"upto": np.arange(1, many + 1)}},
        follow=True,
    )
    axis = draw.Axis(range=(-0.62, 1.06), ticks=([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"]))
    return draw.Figure(
        traces,
        [
            draw.Panel(
                axis, draw.Axis(range=(rows - 0.4, -0.9), hidden=True), title=T("the likeliest tokens here", "此处最可能的词元"), key=True
            ),
            draw.Panel(
                axis,
                draw.Axis(range=(rows - 0.4, -2.9), hidden=True),
                title=T("the verdict, and what comes after it", "判定及其之后"),
                key=True,
            ),
        ],
        says(r),
        frames=frames,
        facts=facts(t, start),
        link="decisions",
        strips=[draw.Strip([chip(t, i) for i in range(many)], TITLE, [COLORS[int(k)] for k in t.kind[:many]])],
        layout={"barmode": "overlay"},
    )


def chip(t: Trace, i: int) -> str:
    """A token of the strip; one that does not stand in the text is crossed out and breaks no line."""
    return f"✗{t.pieces[i]}".replace("\n", "↵") if t.kind[i] == REJECTED else t.pieces[i]


def names(t: Trace, i: int) -> list[str]:
    """The likeliest tokens of an event, its own marked."""
    return [("▸ " if own == t.ids[i] else "") + word(text) for text, own in zip(t.options[i], t.option_ids[i], strict=True)]


def telling(t: Trace, many: int) -> int:
    """The event that is shown first: late, so that what was written stands there, a rejection with much to see."""
    refused = np.flatnonzero(t.kind[:many] == REJECTED)
    if not len(refused):
        return many - 1
    late = refused[refused >= 0.6 * many] if refused[-1] >= 0.6 * many else refused[-1:]
    # A ratio near 0.4 leaves room on both sides of the edge.
    return int(late[np.argmin(np.abs(np.log(np.maximum(t.ratio[late], 1e-6) / 0.4)))])


def facts(t: Trace, i: int) -> list[tuple]:
    """What decided."""
    kind = int(t.kind[i])
    return [
        (T("verdict", "判定"), T("{token} {verdict}", "{token} {verdict}", token=word(t.pieces[i]), verdict=VERDICTS[kind])),
        ("p", float(t.p[i])),
        ("q", float(t.q[i])),
        ("p/q", float(t.ratio[i])),
        ("u", float(t.uniform[i]) if kind in (ACCEPTED, REJECTED) else None),
        ("Σ min(p, q)", float(t.overlap[i])),
    ]


def says(r: Speculated) -> T:
    """The run in a sentence."""
    kept, refused = (int((r.trace.kind == kind).sum()) for kind in (ACCEPTED, REJECTED))
    said = T(
        "{tokens} tokens in {passes} passes of the target, {each:number} a pass; the {who} guessed, {kept} of {judged} judged guesses were kept.",
        "目标模型运算 {passes} 次写出 {tokens} 个词元，每次 {each:number} 个；由{who}猜测，判定过的 {judged} 个猜测中保留了 {kept} 个。",
        tokens=len(r.tokens),
        passes=r.target_calls,
        each=r.tokens_per_step,
        who=SOURCES[r.drafting],
        kept=kept,
        judged=kept + refused,
    )
    if len(r.trace.kind) <= MOST:
        return said
    return T.joined([said, T("The first {most} decisions are shown.", "此处展示前 {most} 个判定。", most=MOST)], " ", "")
