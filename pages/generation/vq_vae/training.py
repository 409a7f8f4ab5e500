"""Codebooks in training, quantisers compared, and the straight-through estimator on one number."""

from __future__ import annotations

import numpy as np

from engine.generation.vq_vae import VqVaed, flattening
from engine.generation.vq_vae.number import STEP
from engine.generation.vq_vae.result import Trained
from pages.shell import T, draw

STEPS, ERROR, CODES = T("steps", "步"), T("error", "误差"), T("codes", "码字")
PERPLEXITY, LOSS = T("perplexity", "困惑度"), T("loss", "损失")
BEST, CODE = T("best levels", "最优电平"), "%{text}<extra></extra>"


def arrows(begin: np.ndarray, along: np.ndarray, color: str, name: T) -> tuple[dict, dict]:
    """Segments with a head from `begin` along `along` (T, a, 2): the last moment's trace, and all moments' rows."""
    path = np.stack([begin, begin + along, np.full_like(begin, np.nan)], 2).reshape(len(begin), -1, 2)
    heads = {
        "symbol": "arrow",
        "angleref": "previous",
        "color": color,
        "size": np.tile([0, 10, 0], begin.shape[1]),
        "opacity": 1,
        "line": {"width": 0},
    }
    drawn = draw.line(path[-1, :, 0], path[-1, :, 1], color, width=1.4, name=name, hoverinfo="skip")
    return drawn | {"mode": "lines+markers", "marker": heads}, {"x": path[..., 0], "y": path[..., 1]}


def chase_figure(r: VqVaed) -> draw.Figure:
    """Vectors, codes and gradients, moment by moment."""
    t = r.training
    vectors, codes, out, into = flattening.plane(t)
    moments, width, arrowed = len(t.steps), t.vectors.shape[2], out.shape[1]
    chosen = codes[np.arange(moments)[:, None], t.index]  # (T, n, 2)
    longest = np.abs(out[1:] if moments > 1 else out).max() or 1.0
    reach = 0.35 * float(np.ptp(vectors[-1], 0).max()) / longest  # the longest arrow is a third of the cloud
    handed = arrows(vectors[:, :arrowed], reach * into, draw.SECOND, T("downhill as handed to z", "传给 z 的下降方向"))
    meant = arrows(chosen[:, :arrowed], reach * out, draw.ACCEPT, T("downhill at its code", "码字处的下降方向"))
    numbers = [str(k) for k in range(codes.shape[1])]
    x, y = vectors[-1].T
    traces = [
        draw.points(x, y, draw.MEASURED, size=4, opacity=0.45, name=T("vectors z", "向量 z"), hoverinfo="skip"),
        handed[0],
        meant[0],
        draw.points(*codes[-1].T, draw.THIRD, size=9, symbol="cross", name=CODES, text=numbers, hovertemplate=CODE),
    ]
    rows = {k: {"x": part[..., 0], "y": part[..., 1]} for k, part in ((0, vectors), (3, codes))} | {1: handed[1], 2: meant[1]}
    around = np.concatenate([vectors.reshape(-1, 2), codes[-1]])
    low, high = around.min(0), around.max(0)
    low, high = low - 0.06 * (high - low) - 1e-6, high + 0.06 * (high - low) + 1e-6
    names = ("x₁", "x₂") if width == 2 else (T("first direction", "第一方向"), T("second direction", "第二方向"))
    across = draw.Axis("x" if width == 1 else names[0], range=(low[0], high[0]))
    up = draw.Axis("" if width == 1 else names[1], hidden=width == 1, range=(low[1], high[1]))
    return draw.Figure(
        traces,
        [draw.Panel(across, up, key=True)],
        T(
            "{codes} codes among {vectors} vectors over {steps:count} steps, with the gradients that pass the quantiser.",
            "{codes} 个码字在 {vectors} 个向量之间的 {steps:count} 步训练，以及穿过量化器的梯度。",
            codes=codes.shape[1],
            vectors=vectors.shape[1],
            steps=t.steps[-1],
        ),
        frames=draw.Frames(T("step", "步"), [draw.Frame(str(int(step)), facts=moment(t, i)) for i, step in enumerate(t.steps)], rows=rows),
        facts=moment(t, moments - 1),
    )


def share(value: float, whole: int) -> T:
    """So many of all codes."""
    return T("{codes:fixed.1} / {all}", "{codes:fixed.1} / {all}", codes=value, all=whole)


def moment(t: Trained, i: int) -> list[tuple]:
    """What is read off at one moment."""
    error, apart, varied, used = t.history[i]
    return [
        (T("reconstruction error", "重建误差"), error),
        (T("quantisation error", "量化误差"), apart),
        (PERPLEXITY, share(varied, t.codes.shape[1])),
        (T("codes in use", "使用中的码字"), (used, "percent")),
    ]


def losses_figure(r: VqVaed) -> draw.Figure:
    """Errors and perplexity over the steps."""
    t = r.training
    (error, apart, varied, used), whole = t.history.T, t.codes.shape[1]
    lost = {T("reconstruction ‖x − x̂‖²", "重建 ‖x − x̂‖²"): error, T("quantisation ‖z − e‖²", "量化 ‖z − e‖²"): apart}
    counts = {PERPLEXITY: varied, T("codes in use", "使用中的码字"): used * whole}
    return draw.Figure(
        [
            *draw.curves(t.steps, lost, colors=(draw.FOURTH,), dash=dict(zip(lost, ("", "dash"), strict=True))),
            *draw.curves(t.steps, counts, colors=(draw.THIRD,), dash=dict(zip(counts, ("", "dash"), strict=True)), panel=1),
            draw.line(t.steps[[0, -1]], [whole] * 2, draw.THEORY, panel=1, dash="dot", name=T("all, evenly", "全部均匀"), label="middle"),
        ],
        [
            draw.Panel(draw.Axis(STEPS), draw.Axis(T("mean square", "均方")), title=LOSS),
            draw.Panel(draw.Axis(STEPS), draw.Axis(CODES, range=(0, 1.1 * whole)), title=T("how many codes", "多少码字")),
        ],
        T(
            "After {steps:count} steps the reconstruction error is {error:number} and the perplexity {perplexity:fixed.1} of {codes}.",
            "{steps:count} 步后重建误差为 {error:number}，困惑度为 {perplexity:fixed.1}（共 {codes}）。",
            steps=t.steps[-1],
            error=error[-1],
            perplexity=varied[-1],
            codes=whole,
        ),
        facts=[
            (T("error on fresh samples", "新样本上的误差"), t.error),
            (T("perplexity on fresh samples", "新样本上的困惑度"), share(r.perplexity, len(t.usage))),
            (T("dead codes", "死码字"), ((t.usage == 0).sum(), "count")),
        ],
    )


def best_figure(r: VqVaed) -> draw.Figure:
    """A law's trained codes beside the best scalar quantiser's."""
    if r.best is None:
        return draw.absent(
            T("Choose the normal or the uniform law: their best codes are known.", "请选择正态或均匀分布：它们的最优码字是已知的。")
        )
    t, best = r.training, r.best
    x = np.linspace(-3.6, 3.6, 300) if t.world == "normal" else np.linspace(-0.15, 1.15, 300)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) if t.world == "normal" else ((x >= 0) & (x <= 1)).astype(float)
    paths = t.codes[:, :, 0]
    stairs = np.tile(np.append(t.steps.astype(float), np.nan), paths.shape[1])
    courses = np.concatenate([paths, np.full((1, paths.shape[1]), np.nan)]).T.ravel()
    if r.reached is not None:
        lost, varied = r.reached.distortion, r.reached.perplexity
        reached = T("{lost:number.5} (exact)", "{lost:number.5}（精确）", lost=lost)
        ratio = [(T("ratio", "比值"), (lost / best.distortion, "fixed.4"))]
    else:  # not the nearest code: no closed form, and a sample's noise would be read as a loss
        lost, varied, ratio = r.distortion, r.perplexity, []
        reached = T(
            "{lost:number} (of {samples:count} samples)", "{lost:number}（{samples:count} 个样本）", lost=lost, samples=t.usage.sum()
        )
    below = -0.035 * density.max()  # strokes and crosses stand under the law
    stroke = {"symbol": "line-ns-open", "name": BEST}
    return draw.Figure(
        [
            draw.line(x, density, draw.THEORY, name=T("the law", "分布"), hoverinfo="skip"),
            draw.points(best.levels, np.full(len(best.levels), below), draw.THEORY, size=12, **stroke),
            draw.points(np.sort(paths[-1]), np.full(paths.shape[1], 2.4 * below), draw.THIRD, size=8, symbol="cross", name=CODES),
            draw.line(courses, stairs, draw.THIRD, width=1.2, panel=1, name=CODES, hoverinfo="skip"),
            draw.points(best.levels, np.full(len(best.levels), t.steps[-1]), draw.THEORY, size=10, panel=1, **stroke),
        ],
        [
            draw.Panel(draw.Axis("x"), draw.Axis(T("density", "密度")), title=T("levels", "电平"), key=True),
            draw.Panel(draw.Axis("x"), draw.Axis(STEPS), title=T("how they got there", "它们怎样走到这里")),
        ],
        T(
            "Distortion {lost:number.5} of the trained codes, {best:number.5} of the best ones.",
            "训练码字的失真为 {lost:number.5}，最优为 {best:number.5}。",
            lost=lost,
            best=best.distortion,
        ),
        facts=[
            (T("distortion, trained", "失真（训练）"), reached),
            (T("distortion, best", "失真（最优）"), (best.distortion, "number.5")),
            (
                T("perplexity, trained / best", "困惑度（训练 / 最优）"),
                T("{trained:fixed.2} / {best:fixed.2}", "{trained:fixed.2} / {best:fixed.2}", trained=varied, best=best.perplexity),
            ),
            *ratio,
        ],
    )


def compare_figure(r: VqVaed) -> draw.Figure:
    """Error and perplexity of every quantiser, and of every β."""
    c = r.compared
    at = np.arange(len(c.names))[::-1]
    beta, marks = T("commitment β, plain VQ, codes start on data", "承诺系数 β（普通 VQ，码字从数据上起步）"), {"mode": "lines+markers"}
    rows = zip(c.names, c.errors, c.perplexities, c.sizes, strict=True)
    spread = [T("{ratio:number}", "{ratio:number}", ratio=ratio) for ratio in c.beta_distortions[[0, -1]] if np.isfinite(ratio)]
    return draw.Figure(
        [
            draw.bars(c.errors, at, draw.FOURTH, name=ERROR, orientation="h"),
            draw.bars(c.perplexities, at, draw.THIRD, panel=1, name=PERPLEXITY, orientation="h"),
            draw.points(c.sizes, at, draw.THEORY, size=10, symbol="line-ns-open", panel=1, name=T("codes there are", "码字总数")),
            draw.line(c.betas, c.beta_errors, draw.FOURTH, panel=2, name=ERROR) | marks,
            draw.line(c.betas, c.beta_perplexities, draw.THIRD, panel=3, name=PERPLEXITY) | marks,
        ],
        [
            draw.Panel(
                draw.Axis(T("mean square error on fresh samples", "新样本上的均方误差")), draw.Axis(ticks=(at, c.names)), title=LOSS
            ),
            draw.Panel(draw.Axis(PERPLEXITY), draw.Axis(ticks=(at, [""] * len(at))), title=T("how many codes", "多少码字"), key=True),
            draw.Panel(draw.Axis(beta), draw.Axis(ERROR), title=T("β swept: error", "改变 β：误差")),
            draw.Panel(draw.Axis(beta), draw.Axis(PERPLEXITY), title=T("β swept: perplexity", "改变 β：困惑度")),
        ],
        T(
            "The error and the perplexity of ten ways to quantise, trained from the same seed, and of plain VQ for eight weights of the commitment.",
            "十种量化方式从同一种子训练后的误差与困惑度，以及普通 VQ 在八种承诺系数下的结果。",
        ),
        table=[
            [T("quantiser", "量化器"), ERROR, PERPLEXITY, T("codes there are", "码字总数")],
            *([name, error, (varied, "fixed.1"), (size, "count")] for name, error, varied, size in rows if np.isfinite(error)),
        ],
        facts=[(T("‖z − e‖² over z's variance, β from 0 to 4", "β 从 0 到 4 时，‖z − e‖² 与 z 方差之比"), T.joined(spread, " → ", " → "))]
        if spread
        else [],
    )


def number_figure(r: VqVaed) -> draw.Figure:
    """The loss of one number, what its gradient is, and what the estimator takes for it."""
    n = r.number
    near = np.abs(n.at - n.z) < 0.8
    top = float(np.max(n.losses)) * 1.1 + 0.1
    stepped = draw.line(n.at, np.ceil(n.at - 0.5), draw.THIRD, width=2, name=T("code of z", "z 的码字"))
    stepped["line"] |= {"shape": "hvh"}
    decoded = {"output": n.output, "target": n.target}
    four = "fixed.4"

    return draw.Figure(
        [
            stepped,
            draw.line(n.at, n.at, draw.SECOND, dash="dot", name=T("dq/dz = 1, as backward has it", "反向时 dq/dz = 1")),
            draw.points([n.z], [n.code], size=11, name="z"),
            draw.line(n.at, n.losses, draw.FOURTH, panel=1, name=LOSS),
            draw.line(n.at[near], n.lines[near], draw.SECOND, panel=1, width=2.2, name=T("slope handed on", "传回的斜率")),
            draw.points([n.z], [n.loss], size=11, panel=1, name="z"),
            draw.points([n.moved], [n.moved_loss], size=11, symbol="diamond-open", panel=1, name=T("z after a step", "走一步后的 z")),
        ],
        [
            draw.Panel(
                draw.Axis("z"), draw.Axis("q", range=(-2.6, 2.6)), title=T("forward: the nearest code", "前向：最近的码字"), key=True
            ),
            draw.Panel(
                draw.Axis("z"),
                draw.Axis(LOSS, range=(-0.1, top)),
                title=T("backward: the slope of q, handed to z", "反向：q 的斜率传给 z"),
                key=True,
            ),
        ],
        T(
            "z = {z:number} becomes {code:number}; the true slope is 0, the estimator hands on {through:fixed.3}.",
            "z = {z:number} 变为 {code:number}；真实斜率为 0，估计器传回 {through:fixed.3}。",
            z=n.z,
            code=n.code,
            through=n.through,
        ),
        table=[
            [T("stage", "步骤"), T("value", "数值"), T("how", "怎样得到")],
            [T("code", "码字"), n.code, T("the whole number nearest to {z:number}", "离 {z:number} 最近的整数", z=n.z)],
            [
                "sg[e − z]",
                n.kept,
                T(
                    "{code:number} − {z:number}, a constant for the gradient",
                    "{code:number} − {z:number}，对梯度而言是常数",
                    code=n.code,
                    z=n.z,
                ),
            ],
            ["z + sg[e − z]", n.forward, T("forward: the code", "前向：就是码字")],
            [T("decoder", "解码器"), (n.output, four), T("2/3 · {code:number} + 1/5", "2/3 · {code:number} + 1/5", code=n.code)],
            [LOSS, (n.loss, four), T("({output:fixed.4} − {target:number})²", "({output:fixed.4} − {target:number})²", **decoded)],
            [
                "∂L/∂q",
                (n.loss_by_code, four),
                T("2 · ({output:fixed.4} − {target:number}) · 2/3", "2 · ({output:fixed.4} − {target:number}) · 2/3", **decoded),
            ],
            [T("∂L/∂z, true", "∂L/∂z（真实）"), n.true, T("the nearest code does not move with z", "最近的码字不随 z 移动")],
            [
                T("∂L/∂z, straight through", "∂L/∂z（直通）"),
                (n.through, four),
                T("∂L/∂q · 1, since sg is a constant", "∂L/∂q · 1，因为 sg 是常数"),
            ],
            [
                T("a step downhill", "下降一步"),
                (n.moved, four),
                T(
                    "{z:number} − {step:number} · {through:fixed.4}",
                    "{z:number} − {step:number} · {through:fixed.4}",
                    z=n.z,
                    step=STEP,
                    through=n.through,
                ),
            ],
        ],
    )
