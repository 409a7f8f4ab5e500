"""Codebooks in training, quantisers compared, and the straight-through estimator on one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.generation.vq_vae import VqVaed, flattening
from engine.generation.vq_vae.number import STEP
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, BRASS, INK, INK_3, MEASURED, MUTE, REJECT, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.text import grouped
from pages.shell.traces import bars, line, points


def segments(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lines from `start` to `end` (T, a, 2), parted by gaps: x and y (T, 3a)."""
    gap = np.full_like(start, np.nan)
    whole = np.stack([start, end, gap], 2).reshape(len(start), -1, 2)
    return whole[..., 0], whole[..., 1]


def arrows(x: np.ndarray, y: np.ndarray, color: str, name: T) -> dict:
    """One moment's segments (3a,) with a head at the end of each."""
    heads = {"symbol": "arrow", "angleref": "previous", "color": color, "size": np.tile([0, 10, 0], len(x) // 3),
             "opacity": 1, "line": {"width": 0}}  # fmt: skip
    return line(x, y, color, width=1.4, name=name, hoverinfo="skip") | {"mode": "lines+markers", "marker": heads}


def chase_figure(r: VqVaed) -> Figure:
    """Vectors, codes and gradients, moment by moment."""
    t = r.training
    vectors, codes, out, into = flattening.plane(t)
    T_ = len(t.steps)
    chosen = codes[np.arange(T_)[:, None], t.index]  # (T, n, 2)
    longest = np.abs(out[1:] if T_ > 1 else out).max() or 1.0
    reach = 0.35 * float(np.ptp(vectors[-1], 0).max()) / longest
    at_code, at_vector = chosen[:, t.at], vectors[:, t.at]
    out_x, out_y = segments(at_code, at_code + reach * out)
    in_x, in_y = segments(at_vector, at_vector + reach * into)
    last = T_ - 1
    traces = [
        points(vectors[last, :, 0], vectors[last, :, 1], MEASURED, size=4, opacity=0.45, name=T("vectors z", "向量 z"), hoverinfo="skip"),
        arrows(in_x[last], in_y[last], SECOND, T("gradient handed to z", "传给 z 的梯度")),
        arrows(out_x[last], out_y[last], ACCEPT, T("gradient at the code", "码字处的梯度")),
        points(codes[last, :, 0], codes[last, :, 1], INK, size=9, symbol="cross", name=T("codes", "码字"), text=[str(k) for k in range(codes.shape[1])], hovertemplate="%{text}<extra></extra>"),
    ]  # fmt: skip
    rows = {0: {"x": vectors[..., 0], "y": vectors[..., 1]}, 1: {"x": in_x, "y": in_y}, 2: {"x": out_x, "y": out_y},
            3: {"x": codes[..., 0], "y": codes[..., 1]}}  # fmt: skip
    frames = [Frame(str(int(step)), facts=moment(t, i)) for i, step in enumerate(t.steps)]
    around = np.concatenate([vectors.reshape(-1, 2), codes[last]])
    low, high = around.min(0), around.max(0)
    pad = 0.06 * (high - low) + 1e-6
    top = high[1] + pad[1] - np.array([0.04, 0.1]) * (high[1] - low[1] + 2 * pad[1])
    names = (
        (T("x₁", "x₁"), T("x₂", "x₂"))
        if t.vectors.shape[2] == 2
        else (T("first direction", "第一方向"), T("second direction", "第二方向"))
    )
    line_only = t.vectors.shape[2] == 1
    return Figure(
        traces,
        [Panel(Axis(names[0] if not line_only else "x", range=(low[0] - pad[0], high[0] + pad[0])), Axis(names[1] if not line_only else "", hidden=line_only, range=(low[1] - pad[1], high[1] + pad[1])))],
        T(f"{codes.shape[1]} codes among {vectors.shape[1]} vectors over {int(t.steps[-1])} steps, with the gradients that pass the quantiser.", f"{codes.shape[1]} 个码字在 {vectors.shape[1]} 个向量之间的 {int(t.steps[-1])} 步训练，以及穿过量化器的梯度。"),
        [
            Label(low[0] - pad[0], top[0], T("from a code: downhill for the decoder", "自码字出发：解码器的下降方向"), ACCEPT),
            Label(low[0] - pad[0], top[1], T("from a vector: what is handed to the encoder", "自向量出发：传给编码器的方向"), SECOND),
        ],
        frames=Frames(T("step", "步"), frames, rows=rows),
        facts=moment(t, last),
    )  # fmt: skip


def moment(t: Any, i: int) -> list[tuple]:
    """What is read off at one moment."""
    error, apart, varied, used = t.history[i]
    return [
        (T("reconstruction error", "重建误差"), f"{error:.4g}"),
        (T("quantisation error", "量化误差"), f"{apart:.4g}"),
        (T("perplexity", "困惑度"), f"{varied:.1f} / {t.codes.shape[1]}"),
        (T("codes in use", "使用中的码字"), f"{used:.0%}"),
    ]


def losses_figure(r: VqVaed) -> Figure:
    """Errors and perplexity over the steps."""
    t = r.training
    error, apart, varied, used = t.history.T
    K = t.codes.shape[1]
    return Figure(
        [
            line(t.steps, error, MEASURED, name=T("reconstruction ‖x − x̂‖²", "重建 ‖x − x̂‖²")),
            line(t.steps, apart, SECOND, name=T("quantisation ‖z − e‖²", "量化 ‖z − e‖²")),
            line(t.steps, varied, THIRD, panel=1, name=T("perplexity", "困惑度")),
            line(t.steps, used * K, MUTE, panel=1, name=T("codes in use", "使用中的码字")),
            line([0, t.steps[-1]], [K, K], THEORY, panel=1, dash="dot", name=T("all, evenly", "全部均匀")),
        ],
        [
            Panel(Axis(T("steps", "步")), Axis(T("mean square", "均方")), title=T("what is lost", "损失")),
            Panel(Axis(T("steps", "步")), Axis(T("codes", "码字"), range=(0, 1.1 * K)), title=T("how many codes", "多少码字")),
        ],
        T(f"After {int(t.steps[-1])} steps the reconstruction error is {error[-1]:.3g} and the perplexity {varied[-1]:.1f} of {K}.", f"{int(t.steps[-1])} 步后重建误差为 {error[-1]:.3g}，困惑度为 {varied[-1]:.1f}（共 {K}）。"),
        [
            Label(t.steps[-1], error[-1], T("reconstruction", "重建"), MEASURED, "right"),
            Label(t.steps[-1] * 0.55, apart[len(apart) * 3 // 4], T("quantisation", "量化"), SECOND, "center"),
            Label(t.steps[-1], varied[-1], T("perplexity", "困惑度"), THIRD, "right", 1),
            Label(t.steps[-1] * 0.5, K, T("all, evenly", "全部均匀"), THEORY, "center", 1),
        ],
        facts=[
            (T("error on fresh samples", "新样本上的误差"), f"{t.error:.4g}"),
            (T("perplexity on fresh samples", "新样本上的困惑度"), f"{r.perplexity:.2f} / {len(t.usage)}"),
            (T("dead codes", "死码字"), str(int((t.usage == 0).sum()))),
        ],
    )  # fmt: skip


def best_figure(r: VqVaed) -> Figure:
    """A law's trained codes beside the best scalar quantiser's."""
    if r.best is None:
        return absent(
            T(
                "Choose the normal or the uniform law: their best codes are known.",
                "请选择正态或均匀分布：它们的最优码字是已知的。",
            )
        )
    t, best = r.training, r.best
    x = np.linspace(-3.6, 3.6, 300) if t.world == "normal" else np.linspace(-0.15, 1.15, 300)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) if t.world == "normal" else ((x >= 0) & (x <= 1)).astype(float)
    trained = np.sort(t.codes[-1, :, 0])
    paths = t.codes[:, :, 0]
    stairs = np.tile(np.append(t.steps.astype(float), np.nan), paths.shape[1])
    courses = np.concatenate([paths, np.full((1, paths.shape[1]), np.nan)]).T.ravel()
    if r.reached is not None:
        lost, varied = r.reached.distortion, r.reached.perplexity
        reached: T | str = T(f"{lost:.5g} (exact)", f"{lost:.5g}（精确）")
        ratio = [(T("ratio", "比值"), f"{lost / best.distortion:.4f}")]
    else:  # not the nearest code: no closed form, and a sample's noise would be read as a loss
        lost, varied, ratio = r.distortion, r.perplexity, []
        reached = T(
            f"{lost:.3g} (of {grouped(t.usage.sum())} samples)", f"{lost:.3g}（{grouped(t.usage.sum())} 个样本）"
        )
    levels_y = np.full(len(best.levels), -0.035 * density.max())
    return Figure(
        [
            line(x, density, THEORY, name=T("the law", "分布"), hoverinfo="skip"),
            points(best.levels, levels_y, THEORY, size=12, symbol="line-ns-open", name=T("best levels", "最优电平")),
            points(trained, 2.4 * levels_y[0] * np.ones(len(trained)), MEASURED, size=8, symbol="cross", name=T("trained codes", "训练得到的码字")),
            line(courses, stairs, MEASURED, width=1.2, panel=1, name=T("codes", "码字"), hoverinfo="skip"),
            points(best.levels, np.full(len(best.levels), t.steps[-1]), THEORY, size=10, symbol="line-ns-open", panel=1, name=T("best levels", "最优电平")),
        ],
        [
            Panel(Axis("x"), Axis(T("density", "密度")), title=T("levels", "电平")),
            Panel(Axis("x"), Axis(T("steps", "步")), title=T("how they got there", "它们怎样走到这里")),
        ],
        T(f"Distortion {lost:.5g} of the trained codes, {best.distortion:.5g} of the best ones.", f"训练码字的失真为 {lost:.5g}，最优为 {best.distortion:.5g}。"),
        facts=[
            (T("distortion, trained", "失真（训练）"), reached),
            (T("distortion, best", "失真（最优）"), f"{best.distortion:.5g}"),
            (T("perplexity, trained / best", "困惑度（训练 / 最优）"), f"{varied:.2f} / {best.perplexity:.2f}"),
            *ratio,
        ],
    )  # fmt: skip


def compare_figure(r: VqVaed) -> Figure:
    """Error and perplexity of every quantiser, and of every β."""
    c = r.compared
    names = [T(*name) for name in c.names]
    at = np.arange(len(names))[::-1]
    ticks = (at.tolist(), names)
    flat = {"orientation": "h"}
    return Figure(
        [
            bars(c.errors, at, panel=0, name=T("error", "误差"), **flat),
            bars(c.perplexities, at, THIRD, panel=1, name=T("perplexity", "困惑度"), **flat),
            points(c.sizes, at, THEORY, size=10, symbol="line-ns-open", panel=1, name=T("codes there are", "码字总数")),
            line(c.betas, c.beta_errors, MEASURED, panel=2, name=T("reconstruction error", "重建误差")) | {"mode": "lines+markers"},
            line(c.betas, c.beta_perplexities, THIRD, panel=3, name=T("perplexity", "困惑度")) | {"mode": "lines+markers"},
        ],
        [
            Panel(Axis(T("mean square error on fresh samples", "新样本上的均方误差")), Axis(ticks=ticks), title=T("what is lost", "损失")),
            Panel(Axis(T("perplexity (stroke: codes there are)", "困惑度（竖线：码字总数）")), Axis(ticks=(at.tolist(), [""] * len(names))), title=T("how many codes", "多少码字")),
            Panel(Axis(T("commitment β, plain VQ, codes start on data", "承诺系数 β（普通 VQ，码字从数据上起步）")), Axis(T("error", "误差")), title=T("β swept: error", "改变 β：误差")),
            Panel(Axis(T("commitment β", "承诺系数 β")), Axis(T("perplexity", "困惑度")), title=T("β swept: perplexity", "改变 β：困惑度")),
        ],
        T("The error and the perplexity of ten ways to quantise, trained from the same seed, and of plain VQ for eight weights of the commitment.", "十种量化方式从同一种子训练后的误差与困惑度，以及普通 VQ 在八种承诺系数下的结果。"),
        table=[[T("quantiser", "量化器"), T("error", "误差"), T("perplexity", "困惑度"), T("codes", "码字数")],
               *([name, f"{e:.4g}", f"{p:.1f}", f"{s:.0f}"] for name, e, p, s in zip(names, c.errors, c.perplexities, c.sizes, strict=True) if np.isfinite(e))],
        facts=[(T("‖z − e‖² over z's variance, β from 0 to 4", "β 从 0 到 4 时，‖z − e‖² 与 z 方差之比"), " → ".join(f"{d:.3g}" for d in c.beta_distortions[[0, -1]] if np.isfinite(d)))] if np.isfinite(c.beta_distortions[0]) else [],
        layout={"margin": {"l": 150, "r": 16, "t": 34, "b": 46}},
    )  # fmt: skip


def number_figure(r: VqVaed) -> Figure:
    """The loss of one number, what its gradient is, and what the estimator takes for it."""
    n = r.number
    near = np.abs(n.at - n.z) < 0.8
    top = float(np.max(n.losses)) * 1.1 + 0.1
    return Figure(
        [
            line(n.at, np.round(np.ceil(n.at - 0.5)), MEASURED, name=T("code of z", "z 的码字")) | {"line": {"color": MEASURED, "width": 2, "shape": "hvh"}},
            line(n.at, n.at, INK_3, dash="dot", name=T("what backward believes", "反向传播所相信的")),
            points([n.z], [n.code], BRASS, size=11, name="z"),
            line(n.at, n.losses, MEASURED, panel=1, name=T("loss", "损失")),
            line(n.at[near], n.lines[near], SECOND, panel=1, width=2.2, name=T("slope handed on", "传回的斜率")),
            points([n.z], [n.loss], BRASS, size=11, panel=1, name="z"),
            points([n.moved], [n.moved_loss], ACCEPT if n.moved_loss <= n.loss else REJECT, size=11, symbol="diamond", panel=1, name=T("z after a step", "走一步后的 z")),
        ],
        [
            Panel(Axis("z"), Axis("q", range=(-2.6, 2.6)), title=T("forward: the nearest code", "前向：最近的码字")),
            Panel(Axis("z"), Axis(T("loss", "损失"), range=(-0.1, top)), title=T("backward: the slope of q, handed to z", "反向：q 的斜率传给 z")),
        ],
        T(f"z = {n.z:g} becomes {n.code:g}; the true slope is 0, the estimator hands on {n.through:.3f}.", f"z = {n.z:g} 变为 {n.code:g}；真实斜率为 0，估计器传回 {n.through:.3f}。"),
        [Label(-2.4, 2.2, T("dotted: dq/dz = 1, as backward has it", "点线：反向时 dq/dz = 1"), INK_3)],
        table=[
            [T("step", "步骤"), T("value", "数值"), T("how", "怎样得到")],
            [T("code", "码字"), f"{n.code:g}", T(f"the whole number nearest to {n.z:g}", f"离 {n.z:g} 最近的整数")],
            ["sg[e − z]", f"{n.kept:.4g}", T(f"{n.code:g} − {n.z:g}, a constant for the gradient", f"{n.code:g} − {n.z:g}，对梯度而言是常数")],
            ["z + sg[e − z]", f"{n.forward:.4g}", T("forward: the code", "前向：就是码字")],
            [T("decoder", "解码器"), f"{n.output:.4f}", f"2/3 · {n.forward:g} + 1/5"],
            [T("loss", "损失"), f"{n.loss:.4f}", f"({n.output:.4f} − {n.target:g})²"],
            ["∂L/∂q", f"{n.loss_by_code:.4f}", f"2 · ({n.output:.4f} − {n.target:g}) · 2/3"],
            [T("∂L/∂z, true", "∂L/∂z（真实）"), f"{n.true:g}", T("the nearest code does not move with z", "最近的码字不随 z 移动")],
            [T("∂L/∂z, straight through", "∂L/∂z（直通）"), f"{n.through:.4f}", T("∂L/∂q · 1, since sg is a constant", "∂L/∂q · 1，因为 sg 是常数")],
            [T("a step downhill", "下降一步"), f"{n.moved:.4f}", f"{n.z:g} − {STEP:g} · {n.through:.4f}"],
        ],
    )  # fmt: skip
