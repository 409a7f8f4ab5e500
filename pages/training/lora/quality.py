"""What a rank buys: quality against trainable parameters, loss curves, forgetting."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.core import amounts
from engine.training.lora import Adapted
from engine.training.memory import FULL
from pages.shell import T, draw
from pages.training.lora.parts import CUT, FROZEN, FULLY, color, errors, key, parameters_axis, quality, quality_axis, swept_by_rank

SMOOTHED = 40  # points of a loss curve that is drawn
LOSS_SPAN = 1e-8  # what is drawn of the losses, below the largest


def quality_figure(r: Adapted) -> draw.Figure:
    """Quality against trainable parameters, with its spread, and what theory or a truncated update says."""
    if not np.isfinite(r.quality).any():
        if (r.diverged >= 0).all():
            return draw.absent(T("Every run diverged.", "所有训练都发散了。"))
        return draw.absent(T("Training has begun; the first look at held-out data is coming.", "训练已开始，即将第一次检验留出数据。"))
    return by_rank(r) if swept_by_rank(r) else by_matrices(r)


def by_rank(r: Adapted) -> draw.Figure:
    """Ranks along the axis of their parameters."""
    low, full = np.flatnonzero(r.ranks > 0), np.flatnonzero(r.ranks == FULL)
    x, axis = r.trainable_parameters.astype(float), parameters_axis(r)
    rows_of_key: list[tuple] = [(draw.INK_3, FROZEN, "dash")]
    traces = [draw.line(axis.range, [r.frozen] * 2, draw.INK_3, dash="dash", name=FROZEN)]
    for values, hue, dash, name in (
        (r.optimum, draw.THEORY, "", T("Eckart–Young optimum", "埃卡特–杨最优值")),
        (r.truncated, draw.SECOND, "dot", CUT),
    ):
        if np.isfinite(values[low]).any():
            traces.append(draw.line(x[low], values[low], hue, dash=dash, name=name))
            rows_of_key.append((hue, name, "dash" if dash else "line"))
    traces += [dots(r, s, np.full(r.runs.shape[1], x[s]), r.runs[s]) for s in low]
    for rows, hue, name, symbol in ((low, draw.MEASURED, "LoRA", "circle"), (full, draw.SECOND, FULLY, "diamond")):
        bars = errors(r.quality_spread[rows], hue)
        traces.append(draw.points(x[rows], r.quality[rows], hue, size=11, symbol=symbol, name=name, error_y=bars))
        rows_of_key += [(hue, name, "dot" if symbol == "circle" else symbol)] if len(rows) else []
    shown_values = [r.frozen, *r.optimum[low], *r.truncated[low], *r.quality, *r.runs.ravel()]
    y = quality_axis(r, r.metric, shown_values)
    if r.task == "linear" and r.true_rank in r.ranks:
        at = float(x[r.ranks.tolist().index(r.true_rank)])
        traces.append(draw.line([at, at], y.range[::-1], draw.INK_3, dash="dot", name=T.of(f"r = r* = {r.true_rank}"), label="start"))
    panel = draw.Panel(axis, y, key=rows_of_key)
    return draw.Figure(traces, [panel], says(r), facts=facts(r), table=table(r), layout={"xaxis": {"tickangle": 0}})


def by_matrices(r: Adapted) -> draw.Figure:
    """Choices of matrices at an equal number of parameters, one below the other."""
    at = np.arange(len(r.names))[::-1]
    traces = [dots(r, s, r.runs[s], np.full(r.runs.shape[1], at[s])) for s in range(len(at))]
    mean = T("mean over seeds; single runs pale", "各种子的均值；浅色为单次训练")
    traces.append(draw.points(r.quality, at, draw.MEASURED, size=12, name=mean, error_x=errors(r.quality_spread, draw.MEASURED)))
    rows = draw.Axis(range=(-0.6, len(at) - 0.4), ticks=(at.tolist(), list(r.titles)))
    panel = draw.Panel(quality_axis(r, r.metric, [*r.runs.ravel(), *r.quality]), rows, key=[(draw.MEASURED, mean, "dot")])
    return draw.Figure(traces, [panel], says(r), facts=facts(r), table=table(r))


def dots(r: Adapted, s: int, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The single runs of a setting, pale; those that were lost leave no dot."""
    arrived = np.isfinite(r.runs[s])
    return draw.points(x[arrived], y[arrived], f"{draw.MEASURED}/0.45", size=6, name=r.titles[s])


def best(r: Adapted) -> int:
    """The place of the best setting."""
    return int(np.nanargmax(r.quality if r.higher else -r.quality))


def says(r: Adapted) -> T:
    """The sweep in a sentence."""
    s = best(r)
    return T(
        "Quality ({metric}) of {n} settings, {runs} runs of which {lost} were lost: frozen {frozen}, best “{best}” with {value}.",
        "{n} 种设置、共 {runs} 次训练的质量（{metric}），其中失败 {lost} 次：冻结为 {frozen}，最好的是“{best}”：{value}。",
        metric=r.metric,
        n=len(r.names),
        lost=int((r.diverged >= 0).sum()),
        runs=r.runs.size,
        frozen=quality(r, r.frozen),
        best=r.titles[s],
        value=quality(r, r.quality[s], r.quality_spread[s]),
    )


def facts(r: Adapted) -> list[tuple]:
    """What is read off first."""
    s, low = best(r), (r.ranks > 0) & np.isfinite(r.quality - r.optimum)
    if low.any():
        gap = max(0.0, float(np.max((r.quality - r.optimum)[low])))
        first = [
            (T("above the optimum, at most", "至多高于最优值"), f"{amounts.number(gap, 2)} ‖ΔW‖"),
            (T("true rank r*", "真实秩 r*"), r.true_rank),
        ]
    else:
        first = [
            (FROZEN, quality(r, r.frozen)),
            (T("best", "最好"), T("{title}: {value}", "{title}：{value}", title=r.titles[s], value=quality(r, r.quality[s]))),
            (T("its parameters", "其参数量"), (int(r.trainable_parameters[s]), "count")),
        ]
    return [*first, (T("seeds", "种子数"), r.runs.shape[1]), (T("step", "步"), f"{r.step} / {r.losses.shape[2]}")]


def table(r: Adapted) -> list[tuple]:
    """Every setting's numbers."""
    extra = [
        (words, values, spread)
        for words, values, spread in (
            (T("optimum", "最优值"), r.optimum, np.full(len(r.names), np.nan)),
            (CUT, r.truncated, r.truncated_spread),
        )
        if np.isfinite(values).any()
    ]
    head = (T("setting", "设置"), T("trainable", "可训练参数"), r.metric, *(words for words, _, _ in extra))
    rows = [
        (
            r.titles[s],
            (int(r.trainable_parameters[s]), "count"),
            quality(r, r.quality[s], r.quality_spread[s]),
            *(quality(r, values[s], spread[s]) for _, values, spread in extra),
        )
        for s in range(len(r.names))
    ]
    return [head, *rows]


def losses_figure(r: Adapted) -> draw.Figure:
    """Training losses of every setting as they come, means and spans over seeds, on a logarithmic scale."""
    if r.step == 0:
        return draw.absent(T("The first step is being made.", "正在进行第一步。"))
    steps, mean, low, high = smoothed(r)
    floor = max(float(np.nanmin(mean[mean > 0], initial=np.inf)), float(np.nanmax(mean, initial=0.0)) * LOSS_SPAN)
    floor = floor if np.isfinite(floor) and floor > 0 else 1.0
    traces: list[Any] = []
    for s, title in enumerate(r.titles):
        hue, rows = color(r, s), [np.maximum(values[s], floor) for values in (mean, low, high)]
        spread = {title: (rows[1], rows[2])} if r.runs.shape[1] > 1 else None
        traces += draw.curves(steps, {title: rows[0]}, colors=[hue if spread is None else hue.partition("/")[0]], spread=spread, width=2.2)
        traces[-1]["line"]["color"] = hue
    top, end = float(np.nanmax(high, initial=floor)) * 1.3, float(r.losses.shape[2])
    lost = np.argwhere(r.diverged >= 0)
    for s, seed in lost:
        at = int(r.diverged[s, seed])
        y = r.losses[s, seed, at - 1] if at else np.nanmax(r.losses[:, :, 0], initial=floor)
        traces.append(draw.points([at + 1], [np.clip(y, floor, top)], draw.REJECT, size=11, symbol="x", name=r.titles[s]))
    loss = draw.Axis(T("training loss", "训练损失"), log=True, range=(floor / 1.6, top))
    crosses = [(draw.REJECT, T("diverged", "发散"), "x")] if len(lost) else []
    return draw.Figure(
        traces,
        [draw.Panel(draw.Axis(T("training step", "训练步"), range=(0, end * 1.16)), loss, key=[*key(r), *crosses])],
        T(
            "Training losses up to step {step:count}, each the mean over its seeds ({seeds}); {lost} of {runs} runs diverged, a cross marks where.",
            "到第 {step:count} 步为止的训练损失，每条为 {seeds} 个种子的均值；{runs} 次训练中有 {lost} 次发散，以叉号标出。",
            step=r.step,
            seeds=r.runs.shape[1],
            lost=len(lost),
            runs=r.runs.size,
        ),
        facts=[
            (T("step", "步"), f"{r.step} / {r.losses.shape[2]}"),
            (T("runs at once", "同时训练"), r.runs.size),
            (T("diverged", "发散"), len(lost)),
        ],
    )


def smoothed(r: Adapted) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(p,) steps and (S, p) means, lowest and highest over seeds, of losses averaged over equal parts of the steps."""
    width = max(1, r.losses.shape[2] // (2 * SMOOTHED))
    begin = np.arange(0, r.step, width)
    known = np.isfinite(r.losses[:, :, : r.step])
    count = np.add.reduceat(known, begin, axis=2, dtype=float)
    with np.errstate(invalid="ignore"):
        parts = np.add.reduceat(np.where(known, r.losses[:, :, : r.step], 0.0), begin, axis=2) / np.where(count, count, np.nan)
    alive = np.isfinite(parts)
    some = alive.any(1)
    mean = np.where(some, np.where(alive, parts, 0.0).sum(1) / np.maximum(alive.sum(1), 1), np.nan)
    low = np.where(some, np.where(alive, parts, np.inf).min(1), np.nan)
    return np.minimum(begin + width, r.step).astype(float), mean, low, np.where(some, np.where(alive, parts, -np.inf).max(1), np.nan)


def forgetting_figure(r: Adapted) -> draw.Figure:
    """The new task's quality against the old one's, a point for each setting."""
    x, y = r.quality, r.original
    shown = [s for s in range(len(r.names)) if np.isfinite(x[s] + y[s]) and r.ranks[s] != 0]
    if not shown:
        return draw.absent(T("This is measured when training is done, of the runs that arrive.", "训练结束后才会测量训练成功的那些。"))
    new, old = {
        "digits": (T("new digits", "新数字"), T("upright digits", "正立的数字")),
        "language": (T("new text", "新文本"), T("library code", "库代码")),
    }.get(r.task, (r.metric, r.metric))
    traces = [draw.points([r.frozen], [r.original_frozen], draw.INK_3, size=12, symbol="square", name=T("before", "调整之前"), label="end")]
    cut = np.flatnonzero((r.ranks > 0) & np.isfinite(r.truncated + r.truncated_original))
    if len(cut):
        traces.append(draw.line(r.truncated[cut], r.truncated_original[cut], draw.SECOND, dash="dot", name=CUT))
    for s in shown:
        hue, symbol = color(r, s), "diamond" if r.ranks[s] == FULL else "circle"
        bars = {"error_x": errors(r.quality_spread[[s]], hue), "error_y": errors(r.original_spread[[s]], hue)}
        traces.append(draw.points([x[s]], [y[s]], hue, size=12, symbol=symbol, name=r.titles[s], label="end", **bars))
    kept = max(shown, key=lambda s: y[s] if r.higher else -y[s])
    return draw.Figure(
        traces,
        [
            draw.Panel(
                quality_axis(
                    r, T("{new}: {metric}", "{new}：{metric}", new=new, metric=r.metric), [*x[shown], r.frozen, *r.truncated[cut]]
                ),
                quality_axis(
                    r, T("{old}, after adapting", "调整之后的{old}", old=old), [*y[shown], r.original_frozen, *r.truncated_original[cut]]
                ),
                key=[*key(r), *([(draw.SECOND, CUT, "dash")] if len(cut) else [])],
            )
        ],
        T(
            "On the task it came from the network had {before}; after adapting “{title}” keeps most, {kept}.",
            "网络在原任务上本为 {before}；调整之后“{title}”保留最多，为 {kept}。",
            before=quality(r, r.original_frozen),
            title=r.titles[kept],
            kept=quality(r, y[kept], r.original_spread[kept]),
        ),
        facts=[
            (T("before", "调整之前"), quality(r, r.original_frozen)),
            (T("kept best by", "保留最多"), r.titles[kept]),
            (T("it keeps", "保留"), quality(r, y[kept], r.original_spread[kept])),
        ],
        table=[
            (T("setting", "设置"), new, old),
            *((r.titles[k], quality(r, x[k], r.quality_spread[k]), quality(r, y[k], r.original_spread[k])) for k in range(len(r.names))),
        ],
    )
