"""The trace: every guess that was looked at, what decided on it, and what the target wrote instead."""

from __future__ import annotations

import numpy as np

from engine.language.speculative_decoding import Speculated
from engine.language.speculative_decoding.tracing import ACCEPTED, BONUS, REJECTED, RESAMPLED, Trace
from pages.language.speculative_decoding_parts import NOT_YET, SOURCES, share, word
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, INK, INK_2, MEASURED, REJECT, SECOND, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.strips import Strip
from pages.shell.traces import points, trace

MOST = 150  # events that the page shows
COLORS = {ACCEPTED: ACCEPT, REJECTED: REJECT, RESAMPLED: SECOND, BONUS: MEASURED}
VERDICTS = {
    ACCEPTED: T("kept: u < p/q", "保留：u < p/q"),
    REJECTED: T("rejected: u ≥ p/q", "拒绝：u ≥ p/q"),
    RESAMPLED: T("drawn from (p − q)₊", "取自 (p − q)₊"),
    BONUS: T("the target's own: drawn from p", "目标自己的：取自 p"),
}
TITLE = T("plain green: guess kept · ✗ red: guess rejected · orange: what the target put instead · blue: its bonus. Point at one.",
          "绿：猜测被保留 · ✗ 红：猜测被拒绝 · 橙：目标改写 · 蓝：额外赠送。指向任意一个。")  # fmt: skip


def trace_figure(r: Speculated) -> Figure:
    """The tokens in order; for the one pointed at, p and q, the verdict, and what a rejection draws from."""
    if r.trace is None:
        return absent(NOT_YET)
    t = r.trace
    many = min(MOST, len(t.kind))
    rows = t.option_p.shape[1]
    start = telling(t, many)
    y = np.arange(rows, dtype=float)
    p, q, left = (np.nan_to_num(a[:many]) for a in (t.option_p, t.option_q, t.option_residual))
    edge = np.nan_to_num(np.minimum(1, t.ratio[:many]))
    gauge = np.where(np.isnan(t.ratio[:many]), 0, 1)
    bars = [
        trace("bar", x=p[start], y=y - 0.19, orientation="h", width=0.36, marker={"color": MEASURED}, name=T("target's p", "目标的 p")),
        trace("bar", x=q[start], y=y + 0.19, orientation="h", width=0.36, marker={"color": SECOND}, name=T("draft's q", "草稿的 q")),
        trace("scatter", x=np.full(rows, -0.02), y=y, mode="text", text=names(t, start), textposition="middle left",
              textfont={"color": INK_2, "size": 12}, hoverinfo="skip", name=T("tokens", "词元")),
        trace("bar", panel=1, x=left[start], y=y, orientation="h", width=0.5, marker={"color": THIRD}, name=T("residual", "残差")),
        trace("scatter", panel=1, x=np.full(rows, -0.02), y=y, mode="text", text=names(t, start), textposition="middle left",
              textfont={"color": INK_2, "size": 12}, hoverinfo="skip", name=T("tokens", "词元")),
        trace("bar", panel=1, x=edge[start : start + 1], y=[-2.0], orientation="h", width=0.7, marker={"color": ACCEPT}, opacity=0.5,
              name=T("kept below p/q", "低于 p/q 则保留")),
        trace("bar", panel=1, x=(gauge - edge)[start : start + 1], base=edge[start : start + 1], y=[-2.0], orientation="h", width=0.7,
              marker={"color": REJECT}, opacity=0.35, name=T("rejected above", "高于则拒绝")),
        points(np.where(gauge == 1, t.uniform[:many], np.nan)[start : start + 1], [-2.0], INK, size=12, symbol="diamond", panel=1,
               name=T("uniform u", "均匀数 u")),
    ]  # fmt: skip
    for one in bars:
        one["meta"] = {"link": "none"}
    u = np.where(gauge == 1, t.uniform[:many], np.nan)
    moved = {0: {"x": p}, 1: {"x": q}, 3: {"x": left}, 5: {"x": edge[:, None]}, 6: {"x": (gauge - edge)[:, None], "base": edge[:, None]}, 7: {"x": u[:, None]}}  # fmt: skip
    frames = Frames(
        T("decision", "判定"),
        [Frame(f"{i + 1}", {2: {"text": names(t, i)}, 4: {"text": names(t, i)}}, facts=facts(t, i)) for i in range(many)],
        start=start, seconds=20, rows=moved, strips={0: {"upto": np.arange(1, many + 1)}}, follow=True,
    )  # fmt: skip
    axis = Axis("", range=(-0.62, 1.06), ticks=([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"]))
    return Figure(
        bars,
        [Panel(axis, Axis(range=(rows - 0.4, -0.9), hidden=True), title=T("at this place: target's p, draft's q", "在此处：目标的 p，草稿的 q")),
         Panel(axis, Axis(range=(rows - 0.4, -2.9), hidden=True), title=T("the verdict, and what a rejection draws from", "判定，以及拒绝后取自何处"))],
        says(r),
        [Label(1.04, rows - 1.6, T("p: target", "p：目标"), MEASURED, "right"), Label(1.04, rows - 0.8, T("q: draft", "q：草稿"), SECOND, "right"),
         Label(-0.04, -2.0, T("u against p/q", "u 与 p/q"), INK_2, "right", 1),
         Label(1.04, -1.05, T("below: (p − q)₊ scaled to 1", "下方：(p − q)₊ 归一化"), THIRD, "right", 1)],
        frames, facts=facts(t, start), link="decisions",
        strips=[Strip([chip(t, i) for i in range(many)], TITLE, [COLORS[int(k)] for k in t.kind[:many]])],
        layout={"barmode": "overlay", "height": 330},
    )  # fmt: skip


def chip(t: Trace, i: int) -> str:
    """A token of the strip; one that does not stand in the text is crossed out and breaks no line."""
    return f"✗{t.pieces[i]}".replace("\n", "↵") if t.kind[i] == REJECTED else t.pieces[i]


def names(t: Trace, i: int) -> list[str]:
    """The likeliest tokens of an event, its own marked."""
    return [
        ("▸ " if own == t.ids[i] else "") + word(text) for text, own in zip(t.options[i], t.option_ids[i], strict=True)
    ]


def telling(t: Trace, many: int) -> int:
    """The event that is shown first: late, so that what was written stands there, a rejection with much to see."""
    refused = np.flatnonzero(t.kind[:many] == REJECTED)
    if not len(refused):
        return many - 1
    late = refused[refused >= 0.6 * many] if refused[-1] >= 0.6 * many else refused[-1:]
    return int(late[np.argmin(np.abs(np.log(np.maximum(t.ratio[late], 1e-6) / 0.4)))])


def facts(t: Trace, i: int) -> list[tuple]:
    """What decided."""
    kind = int(t.kind[i])
    en, zh = VERDICTS[kind]
    decided = kind in (ACCEPTED, REJECTED)
    return [
        (T("verdict", "判定"), T(f"{word(t.pieces[i])} {en}", f"{word(t.pieces[i])} {zh}")),
        ("p", share(t.p[i])),
        ("q", share(t.q[i])),
        ("p/q", share(t.ratio[i])),
        ("u", share(t.uniform[i]) if decided else "–"),
        ("Σ min(p, q)", share(t.overlap[i])),
    ]


def says(r: Speculated) -> T:
    """The run in a sentence."""
    t = r.trace
    kept, refused = int((t.kind == ACCEPTED).sum()), int((t.kind == REJECTED).sum())
    who = SOURCES[r.drafting]
    note = (
        ("", "") if len(t.kind) <= MOST else (f" The first {MOST} decisions are shown.", f"此处展示前 {MOST} 个判定。")
    )
    return T(
        f"{len(r.tokens)} tokens in {r.target_calls} passes of the target, {r.tokens_per_step:.2f} a pass; the {who.en} guessed, "
        f"{kept} of {kept + refused} judged guesses were kept.{note[0]}",
        f"目标模型运算 {r.target_calls} 次写出 {len(r.tokens)} 个词元，每次 {r.tokens_per_step:.2f} 个；由{who.zh}猜测，"
        f"判定过的 {kept + refused} 个猜测中保留了 {kept} 个。{note[1]}",
    )
