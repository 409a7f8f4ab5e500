"""What is measured around a run: the push by steps, the strip of scales, the trade-off, the law, the solvers, the network."""

from __future__ import annotations

import numpy as np

from engine.generation.diffusion import Diffused
from engine.generation.diffusion.results import GUIDANCES
from pages.generation.diffusion_parts import (
    BARE,
    COLORS,
    FEW,
    NAMES,
    cloud,
    digits,
    mosaic,
    on_plane,
    order,
    percent,
    pixels,
    plane,
    shade,
    shown_picture,
)
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, BRASS, FOURTH, INK_2, MEASURED, MUTE, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.panels import Label, Panel
from pages.shell.traces import band, bars, line, source, trace

WAITING = T("This is computed last; it is on its way.", "此项最后计算，尚在进行。")
TRADE = T(
    "Choose the task “measure the trade-off” and press Run: it takes minutes.",
    "请选择任务“测量权衡”并点击“运行”：需要几分钟。",
)
SOLVERS = {"euler": ("Euler", MEASURED), "heun": ("Heun", SECOND), "dpm": ("DPM-Solver++ (2M)", THIRD)}
CALLS = [4, 8, 16, 32, 64, 128, 256]


def marked(*values, **options) -> dict:
    """A line with a mark at each of its points."""
    return {**line(*values, **options), "mode": "lines+markers", "marker": {"size": 5}}


def push_figure(r: Diffused) -> Figure:
    """How hard guidance pushes at each step, and how much signal and noise there is at it."""
    steps = len(r.alphas_cumprod) - 1
    at = np.arange(steps)
    traces, labels = [], []
    top = max([float(np.nanmax(r.paths[g].guidance_norm, initial=0.0)) for g in order(r)] + [1e-3])
    if r.guided != (0, steps):
        edges = [r.guided[0] - 0.5, r.guided[1] - 0.5]
        traces += band(edges, [0, 0], [1.15 * top] * 2, BRASS, name=T("guided steps", "受引导的步"))
        labels.append(Label(r.guided[0] - 0.4, 1.1 * top, T("guided here", "此处受引导"), BRASS))
    there = [g for g in reversed(order(r)) if g in GUIDANCES[2:]]
    curves = [np.nan_to_num(r.paths[g].guidance_norm) for g in there]
    same = len(there) == 2 and np.allclose(*curves, atol=1e-3 * top)
    for k, (g, known) in enumerate(zip(there, curves, strict=True)):
        dash = "dash" if g == "classifier" else ""
        traces.append(marked(at, r.paths[g].guidance_norm, COLORS[g], name=NAMES[g], dash=dash))
        place = int(known.argmax())
        name = T("both kinds", "两种引导") if same else NAMES[g]
        if k == 0 or not same:
            height = min(known[place] + (0.05 + 0.07 * k) * top, 1.17 * top)
            labels.append(Label(float(place), float(height), name, COLORS[g], "center"))
    levels = r.alphas_cumprod
    whole = np.arange(steps + 1)
    for values, color, name in (
        (np.sqrt(levels), MEASURED, T("signal √ᾱ", "信号 √ᾱ")),
        (np.sqrt(1 - levels), SECOND, T("noise √(1−ᾱ)", "噪声 √(1−ᾱ)")),
    ):
        traces.append(line(whole, values, color, panel=1, name=name))
        labels.append(Label(steps * 0.5, float(values[steps // 2]), name, color, "left", 1))
    step = Axis(T("step, from noise to sample", "步（由噪声到样本）"))
    peak = float(np.nanmax(r.guidance_norm, initial=0.0))
    where = int(np.nanargmax(r.guidance_norm)) if np.isfinite(r.guidance_norm).any() else 0
    return Figure(
        traces,
        [Panel(step, Axis(T("push, noise being 1", "推动（噪声为 1）"), range=(0, 1.6 * top)), title=T("push of guidance", "引导的推动")),
         Panel(step, Axis(range=(0, 1.05)), title=T(f"the {r.schedule} schedule", f"{r.schedule} 噪声表"))],
        T(f"Under {NAMES[r.guidance].en} the push is largest at step {where}: {digits(peak)}.",
          f"在“{NAMES[r.guidance].zh}”下，推动在第 {where} 步最大：{digits(peak)}。"),
        labels,
    )  # fmt: skip


def scales_figure(r: Diffused) -> Figure:
    """The same noise under ever stronger guidance."""
    s = r.sweep
    if s is None:
        return absent(WAITING)
    kind = s.kinds.index(r.guidance) if r.guidance in s.kinds else len(s.kinds) - 1
    name = NAMES[s.kinds[kind]]
    told = T(f"The same noise under {name.en} of ever larger w, from {s.scales[0]:g} to {s.scales[-1]:g}.",
             f"同一噪声，{name.zh}的 w 由 {s.scales[0]:g} 增至 {s.scales[-1]:g}。")  # fmt: skip
    if on_plane(r):
        traces, panels = [], []
        for k, scale in enumerate(s.scales):
            if r.field is not None:
                traces.append(shade(r.field.density[-1], k))
            traces.append(cloud(s.samples[kind, k, :FEW], r.labels[:FEW], k, f"w = {scale:g}", 3.5))
            panels.append(plane(T(f"w = {scale:g} · recognised {percent(s.accuracy[kind, k])}",
                                  f"w = {scale:g} · 被认出 {percent(s.accuracy[kind, k])}")))  # fmt: skip
        return Figure(traces, panels, told, columns=3, layout={"height": 330})
    rows = s.samples.shape[2]
    tiles = s.samples[kind].swapaxes(0, 1).reshape(-1, *s.samples.shape[3:])  # a row a picture, a column a scale
    sheet = mosaic(pixels(tiles), len(s.scales))
    tile = s.samples.shape[-1] + 1
    heads = [Label((k + 0.5) * tile, -0.12 * tile, f"w = {w:g}", INK_2, "center") for k, w in enumerate(s.scales)]
    panel = Panel(BARE, Axis(hidden=True, range=(-0.3 * tile, rows * tile), reverse=True, equal=True))
    return Figure([shown_picture(source(sheet), 0, name)], [panel], told, heads)


def trade_figure(r: Diffused) -> Figure:
    """Accuracy, diversity, precision, recall over w; and the Fréchet distance against accuracy."""
    s = r.sweep
    if s is None or not np.isfinite(s.accuracy).any():
        return absent(WAITING if on_plane(r) else TRADE)
    traces, labels = [], []
    pairs = (
        (0, s.accuracy, MEASURED, T("recognised", "被认出")),
        (0, s.diversity, FOURTH, T("diversity", "多样性")),
        (1, s.precision, ACCEPT, T("precision", "精确率")),
        (1, s.recall, SECOND, T("recall", "召回率")),
    )
    for panel, values, color, name in pairs:
        for k, kind in enumerate(s.kinds):
            full = T(f"{name.en}, {NAMES[kind].en}", f"{name.zh}，{NAMES[kind].zh}")
            traces.append(
                marked(s.scales, values[k], color, dash="dot" if kind == "classifier" else "", panel=panel, name=full)
            )
        last = len(s.kinds) - 1
        at = int(np.isfinite(values[last]).sum()) - 1
        labels.append(Label(float(s.scales[at]), float(values[last, at]) + 0.03, name, color, "right", panel))
    for k, kind in enumerate(s.kinds):
        traces.append(trace("scatter", x=s.accuracy[k], y=s.frechet[k], mode="lines+markers+text", panel=2, name=NAMES[kind],
                            text=[f"{w:g}" for w in s.scales], textposition="top center", textfont={"color": COLORS[kind], "size": 11},
                            line={"color": COLORS[kind], "width": 1.8, "dash": "dot" if kind == "classifier" else "solid"}))  # fmt: skip
    last = s.frechet[-1]
    best = int(np.nanargmin(last)) if np.isfinite(last).any() else 0
    w = Axis(T("strength w", "强度 w"))
    return Figure(
        traces,
        [Panel(w, Axis(), title=T("is it recognised, how diverse is it", "被认出与多样性")),
         Panel(w, Axis(), title=T("precision and recall", "精确率与召回率")),
         Panel(Axis(T("recognised", "被认出"), format=".0%"), Axis(T("Fréchet distance", "Fréchet 距离")), title=T("a number is a w", "数字为 w"))],
        T(f"Of {s.count} samples at each w the Fréchet distance is least at w = {s.scales[best]:g}: {digits(float(last[best]))}; line: classifier-free, dots: classifier.",
          f"每个 w 各 {s.count} 个样本，Fréchet 距离在 w = {s.scales[best]:g} 时最小：{digits(float(last[best]))}；实线为无分类器引导，点线为分类器引导。"),
        labels, columns=3, table=_trade_table(s),
    )  # fmt: skip


def _trade_table(s) -> list[list[T | str]]:
    rows: list[list[T | str]] = [[T("guidance", "引导"), "w", T("recognised", "被认出"), T("diversity", "多样性"),
                                  T("precision", "精确率"), T("recall", "召回率"), T("Fréchet", "Fréchet 距离")]]  # fmt: skip
    for k, kind in enumerate(s.kinds):
        for i, w in enumerate(s.scales):
            numbers = (s.diversity, s.precision, s.recall, s.frechet)
            rows.append([NAMES[kind], f"{w:g}", percent(s.accuracy[k, i]), *(digits(v[k, i]) for v in numbers)])
    return rows


def law_figure(r: Diffused) -> Figure:
    """Guided samples on the law whose powers guidance multiplies, and how far they are from it."""
    f = r.field
    if f is None:
        return absent(WAITING)
    bent = r.guidance if r.guidance in GUIDANCES[2:] else "classifier-free"
    samples = r.paths[bent].samples[:600]
    places = np.arange(len(GUIDANCES))
    side = 0.19
    traces = [
        shade(f.tilted, 0), cloud(samples, r.labels[:600], 0, NAMES[bent], 3.5),
        bars(places - side, f.w2, MEASURED, width=2 * side, panel=1, name=T("to p(x | y)", "到 p(x | y)")),
        bars(places + side, f.w2_tilted, SECOND, width=2 * side, panel=1, name=T("to p(x | y) p(y | x)ʷ", "到 p(x | y) p(y | x)ʷ")),
        line([-0.5, 3.5], [f.w2_floor] * 2, THEORY, dash="dot", panel=1, name=T("fresh draws", "真实抽样")),
    ]  # fmt: skip
    top = float(np.nanmax([f.w2, f.w2_tilted]))
    labels = [
        Label(-0.45, 1.5 * top, T("to p(x | y)", "到 p(x | y)"), MEASURED, "left", 1),
        Label(-0.45, 1.33 * top, T("to p(x | y) p(y | x)ʷ", "到 p(x | y) p(y | x)ʷ"), SECOND, "left", 1),
        Label(-0.45, 1.16 * top, T("dots: as many fresh draws", "点线：同样多的真实抽样"), THEORY, "left", 1),
    ]
    k = GUIDANCES.index(bent)
    return Figure(
        traces,
        [plane(T("shade: p(x | y) p(y | x)ʷ · points: samples",
                 "底色：p(x | y) p(y | x)ʷ · 点：样本")),
         Panel(Axis(ticks=(places, [NAMES[g] for g in GUIDANCES])), Axis(T("sliced W₂", "切片 W₂"), range=(0, 1.6 * top)))],
        T(f"Samples under {NAMES[bent].en} are {digits(f.w2_tilted[k])} from the product of powers, fresh draws {digits(f.w2_floor)} from their law: guidance draws another law.",
          f"“{NAMES[bent].zh}”的样本与幂乘积分布相距 {digits(f.w2_tilted[k])}，真实抽样与其分布相距 {digits(f.w2_floor)}：引导所采的是另一个分布。"),
        labels, layout={"barmode": "overlay"},
    )  # fmt: skip


def solvers_figure(r: Diffused) -> Figure:
    """How the error of three solvers falls with the calls that they make."""
    c = r.convergence
    if c is None:
        return absent(WAITING)
    traces, labels = [], []
    top = 3 * float(np.nanmax(c.error))
    for rank, k in enumerate(np.argsort(-c.error[:, -1])):
        title, color = SOLVERS[c.solvers[k]]
        traces.append(marked(c.calls[k], c.error[k], color, name=title))
        words = T(f"{title}, slope {c.slopes[k]:.2f}", f"{title}，斜率 {c.slopes[k]:.2f}")
        labels.append(Label(400, top / 1.3 / 1.45**rank, words, color, "right"))
    x = np.array([c.calls.min(), c.calls.max()], float)
    for order_, dash in ((1, "dot"), (2, "dash")):
        y = float(c.error[0, 0]) * (x / x[0]) ** -order_
        traces.append(line(x, y, MUTE, dash=dash, name=T(f"slope {order_}", f"斜率 {order_}")))
        labels.append(
            Label(float(x[0] * 2.2), float(y[0]) * 2.2**-order_, T(f"slope {order_}", f"斜率 {order_}"), INK_2, "right")
        )
    best = int(np.nanargmin(c.error[:, -1]))
    return Figure(
        traces,
        [Panel(Axis(T("calls of the model", "模型调用次数"), log=True, range=(3.5, 420), ticks=(CALLS, [str(n) for n in CALLS])),
               Axis(T("distance from where the ODE leads", "与 ODE 终点的距离"), log=True, range=(float(np.nanmin(c.error)) / 3, top), format=".0e"))],
        T(f"From the same noise, after forty steps {SOLVERS[c.solvers[best]][0]} is nearest to where the ODE leads: {digits(float(c.error[best, -1]))} away.",
          f"从同一噪声出发，四十步之后 {SOLVERS[c.solvers[best]][0]} 最接近 ODE 的终点：相距 {digits(float(c.error[best, -1]))}。"),
        labels,
    )  # fmt: skip


def learnt_figure(r: Diffused) -> Figure:
    """The loss while learning, and how far the learnt score is from the exact one at each noise level."""
    traces, labels = [line(25 * np.arange(len(r.losses)), r.losses, MEASURED, name=T("loss", "损失"))], []
    panels = [
        Panel(
            Axis(T("training rounds", "训练轮数")),
            Axis(T("loss", "损失")),
            title=T("learning from samples alone", "仅从样本学习"),
        )
    ]
    told = T(f"The loss goes from {digits(r.losses[0])} to {digits(r.losses[-1])}." if r.losses else "The network has not begun.",
             f"损失由 {digits(r.losses[0])} 降至 {digits(r.losses[-1])}。" if r.losses else "网络尚未开始。")  # fmt: skip
    f = r.field
    if f is not None:
        error = Axis(
            T("error of ε, noise being 1", "ε 的误差（噪声为 1）"), range=(0, 1.1 * float(f.score_error.max()) + 1e-6)
        )
        panels.append(
            Panel(
                Axis(T("step, from noise to sample", "步（由噪声到样本）")),
                error,
                title=T("against the exact score", "与精确得分之差"),
            )
        )
        traces.append(marked(r.moments[:-1], f.score_error[:-1], SECOND, panel=1, name=T("error", "误差")))
        k = GUIDANCES.index(r.guidance)
        values = [f.w2[k], f.w2_exact, f.w2_floor]
        names = [T("network", "网络"), T("exact score", "精确得分"), T("fresh draws", "真实抽样")]
        traces.append(
            bars(np.arange(3), values, MEASURED, panel=2, name=T("sliced W₂ to p(x | y)", "到 p(x | y) 的切片 W₂"))
        )
        panels.append(
            Panel(Axis(ticks=(np.arange(3), names)), Axis(T("sliced W₂", "切片 W₂")), title=NAMES[r.guidance])
        )
        told = T(f"Sampled with the learnt score, W₂ is {digits(values[0])}; with the exact one, in as many calls, {digits(values[1])}.",
                 f"用学得的得分采样，W₂ 为 {digits(values[0])}；用精确得分、同样调用次数时为 {digits(values[1])}。")  # fmt: skip
    return Figure(traces, panels, told, labels, columns=3)
