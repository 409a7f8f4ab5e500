"""What is measured around a run: the push by steps, the strip of scales, the trade-off, the law, the solvers, the network."""

from __future__ import annotations

import numpy as np

from engine.generation.diffusion import Diffused
from engine.generation.diffusion.parameters import NAMES
from engine.generation.diffusion.result import GUIDANCES, GUIDED
from pages.generation.diffusion.parts import (
    FEW,
    KINDS,
    STEP,
    WAITING,
    board,
    classes,
    cloud,
    encoded,
    mosaic,
    on_plane,
    pixels,
    plane,
    shade,
)
from pages.generation.diffusion.ways import MEASURES
from pages.shell import T, draw

TRADE = T("Choose the task “measure the trade-off” and press Run: it takes minutes.", "请选择任务“测量权衡”并点击“运行”：需要几分钟。")
SOLVERS = {"euler": (T("Euler", "欧拉法"), ""), "heun": (T("Heun", "Heun 法"), "dash"), "dpm": ("DPM-Solver++ (2M)", "dot")}
CALLS = [4, 8, 16, 32, 64, 128, 256]
W = draw.Axis(T("strength w", "强度 w"))
W2 = T("sliced W₂", "切片 W₂")
TO_CLASS, TO_TILTED = T("to p(x | y)", "到 p(x | y)"), T("to p(x | y) p(y | x)ʷ", "到 p(x | y) p(y | x)ʷ")
FRESH = T("fresh draws", "真实抽样")


def marked(*values, **options) -> dict:
    """A line with a mark at each of its points."""
    return {**draw.line(*values, **options), "mode": "lines+markers", "marker": {"size": 5}}


def push_figure(r: Diffused) -> draw.Figure:
    """How hard guidance pushes at each step, and how much signal and noise there is at it."""
    there = [g for g in KINDS if g in r.paths]
    norms = [r.paths[g].guidance_norm for g in there]
    top = max([float(np.nanmax(norm, initial=0.0)) for norm in norms] + [1e-3])
    same = len(there) == 2 and np.allclose(*map(np.nan_to_num, norms), atol=1e-3 * top)
    traces, labels = [], []
    if r.guided != (0, r.steps):
        edges = [r.guided[0] - 0.5, r.guided[1] - 0.5]
        traces += draw.band(edges, [0, 0], [1.15 * top] * 2, draw.MUTE, name=T("guided steps", "受引导的步"))
        labels.append(draw.Label(edges[0], 1.1 * top, T("guided here", "此处受引导"), draw.INK_2))
    for g, norm in zip(there, norms, strict=True):
        color, dash = KINDS[g]
        traces.append(marked(np.arange(r.steps), norm, color, dash=dash, name=NAMES[g], label=None if same else "peak"))
    if same:
        place = int(np.nan_to_num(norms[0]).argmax())
        labels.append(draw.Label(place, 1.07 * top, T("both kinds agree", "两种引导一致"), draw.BRASS, "center"))
    levels = {T("signal √ᾱ", "信号 √ᾱ"): np.sqrt(r.alphas_cumprod), T("noise √(1−ᾱ)", "噪声 √(1−ᾱ)"): np.sqrt(1 - r.alphas_cumprod)}
    traces += draw.curves(np.arange(r.steps + 1), levels, colors=(draw.INK_2, draw.INK_3), panel=1, label="middle")
    own = np.nan_to_num(r.chosen.guidance_norm)
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(STEP),
                draw.Axis(T("push, noise being 1", "推动（噪声为 1）"), range=(0, 1.3 * top)),
                title=T("push of guidance", "引导的推动"),
                key=True,
            ),
            draw.Panel(draw.Axis(STEP), draw.Axis(range=(0, 1.05)), title=T("signal and noise", "信号与噪声")),
        ],
        T(
            "Under {name} the push is largest at step {place}: {peak:number}.",
            "在“{name}”下，推动在第 {place} 步最大：{peak:number}。",
            name=NAMES[r.guidance],
            place=int(own.argmax()),
            peak=own.max(),
        ),
        labels,
    )


def scales_figure(r: Diffused) -> draw.Figure:
    """The same noise under ever stronger guidance."""
    s = r.sweep
    if s is None:
        return draw.absent(WAITING)
    kind = s.kinds.index(r.guidance) if r.guidance in s.kinds else len(s.kinds) - 1
    values = {"name": NAMES[s.kinds[kind]], "low": s.scales[0], "high": s.scales[-1]}
    says = T(
        "The same noise under {name} of ever larger w, from {low:number} to {high:number}.",
        "同一噪声，{name}的 w 由 {low:number} 增至 {high:number}。",
        **values,
    )
    if not on_plane(r):
        rows, tile = s.samples.shape[2], s.samples.shape[-1] + 1
        tiles = s.samples[kind].swapaxes(0, 1).reshape(-1, *s.samples.shape[3:])  # a row a picture, a column a scale
        sheet = mosaic(pixels(tiles), len(s.scales))
        heads = [
            draw.Label((k + 0.5) * tile, -0.12 * tile, T("w = {w:number}", "w = {w:number}", w=w), anchor="center")
            for k, w in enumerate(s.scales)
        ]
        down = draw.Axis(hidden=True, range=(-0.3 * tile, rows * tile), reverse=True, equal=True)
        return draw.Figure([encoded(draw.source(sheet), 0, values["name"])], [draw.Panel(board(sheet.shape).x, down)], says, heads)
    traces, panels = [], []
    for k, scale in enumerate(s.scales):
        if r.field is not None:
            traces.append(shade(r.field.density[-1], k))
        traces.append(cloud(s.samples[kind, k, :FEW], r.labels[:FEW], k, T("w = {w:number}", "w = {w:number}", w=scale), 3.5))
        title = T(
            "w = {w:number}: {share:percent} recognised", "w = {w:number}：{share:percent} 被认出", w=scale, share=s.accuracy[kind, k]
        )
        panels.append(plane(title, key=() if k else classes(r)))
    return draw.Figure(traces, panels, says, columns=3)


def trade_figure(r: Diffused) -> draw.Figure:
    """Accuracy, diversity, precision, recall and Fréchet distance over w, for both kinds of guidance."""
    s = r.sweep
    known = np.flatnonzero(np.isfinite(s.accuracy).all(0)) if s is not None else ()  # scales at which both kinds are measured
    if s is None or not len(known):
        coming = on_plane(r) or s is None or len(s.kinds) > 1
        return draw.absent(WAITING if coming else TRADE)
    measures = (s.accuracy, s.diversity, s.precision, s.recall, s.frechet)
    traces = [
        marked(s.scales, values[s.kinds.index(kind)], color, dash=dash, panel=panel, name=NAMES[kind])
        for panel, values in enumerate(measures)
        for kind, (color, dash) in KINDS.items()
        if kind in s.kinds
    ]
    low, high = known[0], known[-1]
    rows = [
        [NAMES[kind], (w, "number"), (s.accuracy[k, i], "percent"), *(values[k, i] for values in measures[1:])]
        for k, kind in enumerate(s.kinds)
        for i, w in enumerate(s.scales)
    ]
    return draw.Figure(
        traces,
        [
            draw.Panel(W, draw.Axis(format=".0%" if k == 0 else ""), title=name, key=True if k == 0 else ())
            for k, name in enumerate(MEASURES)
        ],
        T(
            "Of {count:count} samples at each w: from w = {low:number} to {high:number} the recognised share goes from {weak:percent} to {strong:percent}, recall from {weak_recall:number} to {strong_recall:number}.",
            "每个 w 各 {count:count} 个样本：w 由 {low:number} 增至 {high:number} 时，被认出的比例由 {weak:percent} 变为 {strong:percent}，召回率由 {weak_recall:number} 变为 {strong_recall:number}。",
            count=s.count,
            low=s.scales[low],
            high=s.scales[high],
            weak=s.accuracy[-1, low],
            strong=s.accuracy[-1, high],
            weak_recall=s.recall[-1, low],
            strong_recall=s.recall[-1, high],
        ),
        columns=3,
        table=[[T("guidance", "引导"), "w", *MEASURES], *rows],
    )


def law_figure(r: Diffused) -> draw.Figure:
    """Guided samples on the law whose powers guidance multiplies, and how far they are from it."""
    f = r.field
    if f is None:
        return draw.absent(WAITING)
    bent = r.guidance if r.guidance in GUIDED else "classifier-free"
    places, side = np.arange(len(GUIDANCES)), 0.19
    top = float(np.nanmax([f.w2, f.w2_tilted]))
    return draw.Figure(
        [
            shade(f.tilted, 0),
            cloud(r.paths[bent].samples[:600], r.labels[:600], 0, NAMES[bent], 3.5),
            draw.bars(places - side, f.w2, draw.THEORY, width=2 * side, panel=1, name=TO_CLASS),
            draw.bars(places + side, f.w2_tilted, draw.BRASS, width=2 * side, panel=1, name=TO_TILTED),
            draw.line([-0.5, 3.5], [f.w2_floor] * 2, draw.INK_3, dash="dot", panel=1, name=T("as many fresh draws", "同样多的真实抽样")),
        ],
        [
            plane(T("shade: p(x | y) p(y | x)ʷ · points: samples", "底色：p(x | y) p(y | x)ʷ · 点：样本"), key=classes(r)),
            draw.Panel(draw.Axis(ticks=(places, [NAMES[g] for g in GUIDANCES])), draw.Axis(W2, range=(0, 1.15 * top)), key=True),
        ],
        T(
            "Samples under {name} are {apart:number} from the product of powers, fresh draws {floor:number} from their own law.",
            "“{name}”的样本与幂乘积分布相距 {apart:number}，真实抽样与其分布相距 {floor:number}。",
            name=NAMES[bent],
            apart=f.w2_tilted[GUIDANCES.index(bent)],
            floor=f.w2_floor,
        ),
        layout={"barmode": "overlay"},
    )


def solvers_figure(r: Diffused) -> draw.Figure:
    """How the error of three solvers falls with the calls that they make."""
    c = r.convergence
    if c is None:
        return draw.absent(WAITING)
    traces = []
    for k, solver in enumerate(c.solvers):
        name, dash = SOLVERS[solver]
        words = T("{name}, slope {slope:fixed.2}", "{name}，斜率 {slope:fixed.2}", name=name, slope=c.slopes[k])
        traces.append(marked(c.calls[k], c.error[k], draw.INK, dash=dash, name=words, label="end"))
    ends = np.array([c.calls.min(), c.calls.max()], float)
    for power, begin in ((1, c.error[0, 0]), (2, c.error[0, 0])):
        name = T("slope {power}", "斜率 {power}", power=power)
        traces.append(draw.line(ends, begin * (ends / ends[0]) ** -power, draw.MUTE, name=name, label="middle"))
    best = int(np.nanargmin(c.error[:, -1]))
    least, most = float(np.nanmin(c.error)), float(np.nanmax(c.error))
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("calls of the model", "模型调用次数"), log=True, range=(3.5, 420), ticks=(CALLS, [str(n) for n in CALLS])),
                draw.Axis(T("distance from where the ODE leads", "与 ODE 终点的距离"), log=True, range=(least / 3, 3 * most)),
            )
        ],
        T(
            "From the same noise, after forty steps {name} is nearest to where the ODE leads: {error:number} away.",
            "从同一噪声出发，四十步之后 {name} 最接近 ODE 的终点：相距 {error:number}。",
            name=SOLVERS[c.solvers[best]][0],
            error=c.error[best, -1],
        ),
    )


def learnt_figure(r: Diffused) -> draw.Figure:
    """The loss while learning, and how far the learnt score is from the exact one at each noise level."""
    if not r.losses:
        return draw.absent(T("The network has not begun.", "网络尚未开始。"))
    loss, f = T("loss", "损失"), r.field
    traces = [draw.line(25 * np.arange(len(r.losses)), r.losses, draw.INK, name=loss)]  # a loss is kept every 25 rounds
    panels = [
        draw.Panel(draw.Axis(T("training rounds", "训练轮数")), draw.Axis(loss), title=T("learning from samples alone", "仅从样本学习"))
    ]
    says = T(
        "The loss goes from {begun:number} to {now:number}.",
        "损失由 {begun:number} 降至 {now:number}。",
        begun=r.losses[0],
        now=r.losses[-1],
    )
    if f is not None:
        wide = draw.Axis(T("error of ε, noise being 1", "ε 的误差（噪声为 1）"), range=(0, 1.1 * float(f.score_error.max()) + 1e-6))
        panels.append(draw.Panel(draw.Axis(STEP), wide, title=T("against the exact score", "与精确得分之差")))
        traces.append(marked(r.moments[:-1], f.score_error[:-1], draw.INK, panel=1, name=T("error", "误差")))
        distances = {T("network", "网络"): f.w2[GUIDANCES.index(r.guidance)], T("exact score", "精确得分"): f.w2_exact, FRESH: f.w2_floor}
        traces.append(draw.bars(np.arange(3), list(distances.values()), draw.THEORY, panel=2, name=TO_CLASS))
        panels.append(draw.Panel(draw.Axis(ticks=(np.arange(3), list(distances))), draw.Axis(W2), title=NAMES[r.guidance]))
        says = T(
            "Sampled with the learnt score, W₂ is {learnt:number}; with the exact one, in as many calls, {exact:number}.",
            "用学得的得分采样，W₂ 为 {learnt:number}；用精确得分、同样调用次数时为 {exact:number}。",
            learnt=f.w2[GUIDANCES.index(r.guidance)],
            exact=f.w2_exact,
        )
    return draw.Figure(traces, panels, says, columns=3)
