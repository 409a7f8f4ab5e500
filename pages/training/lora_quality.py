"""What a rank buys: quality against trainable parameters, loss curves, matrices at an equal budget, forgetting."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.training.lora import Adapted
from pages.shell import T, grouped
from pages.shell.axes import Axis
from pages.shell.colors import FOURTH, INK_2, INK_3, MEASURED, REJECT, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.panels import Label, Panel
from pages.shell.traces import band, line, points
from pages.training.lora_parts import (
    FULL,
    apart,
    color,
    count,
    number,
    parameters_axis,
    quality,
    room,
    spread,
    swept_by_rank,
    title,
)

SMOOTHED = 40  # points of a loss curve that is drawn


def metric(r: Adapted) -> T:
    return T(*r.metric)


def quality_figure(r: Adapted) -> Figure:
    """Quality against trainable parameters, with its spread, and what theory or a truncated update says."""
    if not np.isfinite(r.quality).any():
        why = T(
            "Training has begun; the first look at held-out data is coming.", "训练已开始，即将第一次检验留出数据。"
        )
        if (r.diverged >= 0).all():
            why = T("Every run diverged.", "所有训练都发散了。")
        return absent(why)
    if not swept_by_rank(r):
        return matrices_figure(r)
    low = [s for s, rank in enumerate(r.ranks) if rank > 0]
    full = [s for s, rank in enumerate(r.ranks) if rank == FULL]
    x = r.trainable_parameters.astype(float)
    axis = parameters_axis(r, 6.0)
    traces: list[Any] = []
    labels: list[Label] = []
    ends = [axis.range[0], axis.range[1]]
    traces.append(line(ends, [r.frozen] * 2, INK_3, dash="dash", width=1.2, name=T("frozen", "冻结")))
    shown = [r.frozen]
    error = lambda rows: {"type": "data", "array": np.nan_to_num(r.quality_spread[rows]), "thickness": 1.6, "width": 5}  # noqa: E731
    if np.isfinite(r.optimum).any():
        traces.append(
            line(x[low], r.optimum[low], THEORY, width=2.2, name=T("Eckart–Young optimum", "埃卡特–杨最优值"))
        )
        shown += r.optimum[low].tolist()
    if np.isfinite(r.truncated[low]).any():
        traces.append(line(x[low], r.truncated[low], SECOND, dash="dot", width=2.0,
                           name=T("full fine-tuning, cut to r", "全量微调，截断到 r")))  # fmt: skip
        traces.append(points(x[low], r.truncated[low], SECOND, size=7, symbol="x", hoverinfo="skip"))
        shown += r.truncated[low].tolist()
    traces.append(line(x[low], r.quality[low], f"{MEASURED}/0.5", width=1.4, hoverinfo="skip"))
    for s in low:
        dots = np.sort(r.runs[s][np.isfinite(r.runs[s])])
        traces.append(points(np.full(len(dots), x[s]), dots, f"{MEASURED}/0.45", size=6, name=title(r, s)))
    traces.append(
        points(x[low], r.quality[low], MEASURED, size=11, name="LoRA", error_y=error(low) | {"color": MEASURED})
    )
    if full:
        traces.append(
            points(
                x[full],
                r.quality[full],
                SECOND,
                size=12,
                symbol="diamond",
                name=T("full", "全量"),
                error_y=error(full) | {"color": SECOND},
            )
        )
        labels.append(Label(x[full[0]] * 1.25, float(r.quality[full[0]]), T("full fine-tuning", "全量微调"), SECOND))
    shown += r.quality[np.isfinite(r.quality)].tolist() + r.runs[np.isfinite(r.runs)].tolist()
    bottom, top = room(shown, 0.1)
    height = top - bottom
    above = r.frozen > np.nanmedian(r.quality)
    labels.append(
        Label(ends[1] / 1.05, r.frozen + (-0.035 if above else 0.035) * height, T("frozen", "冻结"), INK_2, "right")
    )
    labels += curve_labels(r, low, x, height)
    if r.task == "linear" and r.true_rank in r.ranks:
        at = float(x[list(r.ranks).index(r.true_rank)])
        traces.append(line([at, at], [bottom, top], INK_3, dash="dot", width=1, hoverinfo="skip"))
        labels.append(
            Label(at * 1.06, top - 0.05 * height, T(f"r = r* = {r.true_rank}", f"r = r* = {r.true_rank}"), INK_2)
        )
    return Figure(
        traces,
        [Panel(axis, Axis(metric(r), range=(bottom, top), format=".0%" if r.higher else ""))],
        says(r),
        labels,
        facts=facts(r),
        table=table(r),
    )  # fmt: skip


def curve_labels(r: Adapted, low: list[int], x: np.ndarray, height: float) -> list[Label]:
    """Words beside LoRA's points, the optimum and the truncated update, where they keep apart."""
    known = [s for s in low if np.isfinite(r.quality[s])]
    if not known:
        return []
    first = known[0]
    side = 1 if r.higher else -1
    made = [Label(float(x[first]) / 1.12, float(r.quality[first]), T("LoRA", "LoRA"), MEASURED, "right")]
    if np.isfinite(r.optimum[low]).any():
        at = low[min(1, len(low) - 1)]
        made.append(
            Label(
                float(x[at]) * 1.12,
                float(r.optimum[at]) + 0.03 * height,
                T("Eckart–Young optimum", "埃卡特–杨最优值"),
                THEORY,
            )
        )
    elif np.isfinite(r.truncated[low]).any():
        gaps = np.abs(r.truncated[low] - r.quality[low])
        at = low[int(np.nanargmax(gaps))]
        made.append(Label(float(x[at]) * 1.1, float(r.truncated[at]) - side * 0.04 * height,
                          T("full fine-tuning, cut to rank r", "全量微调截断到秩 r"), SECOND))  # fmt: skip
    return made


def best(r: Adapted) -> int:
    """The place of the best setting."""
    sign = 1 if r.higher else -1
    return int(np.nanargmax(sign * r.quality))


def says(r: Adapted) -> T:
    s = best(r)
    words, value = title(r, s), quality(r, r.quality[s])
    low = [k for k in range(len(r.names)) if r.ranks[k] > 0 and np.isfinite(r.quality[k] - r.optimum[k])]
    if low:
        pairs = [(r.titles[k], f"{r.quality[k]:.3f}", f"{r.optimum[k]:.3f}") for k in low]
        return T(
            "Error of LoRA by rank, beside the least possible: "
            + "; ".join(f"{t[0]}: {a} ({b})" for t, a, b in pairs)
            + ".",
            "LoRA 各秩的误差（括号内为可能的最小值）：" + "；".join(f"{t[1]}：{a}（{b}）" for t, a, b in pairs) + "。",
        )
    return T(
        f"Quality ({r.metric[0]}) of {len(r.names)} settings with {r.runs.shape[1]} seeds each: frozen {quality(r, r.frozen)}, best {words.en} with {value}.",
        f"{len(r.names)} 种设置、每种 {r.runs.shape[1]} 个种子的质量（{r.metric[1]}）：冻结 {quality(r, r.frozen)}，最好的是{words.zh}，为 {value}。",
    )


def facts(r: Adapted) -> list[tuple[T, Any]]:
    s = best(r)
    low = (r.ranks >= 0) & np.isfinite(r.quality - r.optimum)
    if low.any():
        gap = float(np.max((r.quality - r.optimum)[low]))
        return [
            (T("above the optimum, at most", "至多高于最优值"), f"{number(max(gap, 0.0), 2)} ‖ΔW‖"),
            (T("true rank r*", "真实秩 r*"), str(r.true_rank)), (T("seeds", "种子数"), str(r.runs.shape[1])),
            (T("step", "步"), f"{r.step} / {r.losses.shape[2]}"),
        ]  # fmt: skip
    made = [
        (T("frozen", "冻结"), quality(r, r.frozen)),
        (T("best", "最好"), T(f"{title(r, s).en}: {quality(r, r.quality[s])}", f"{title(r, s).zh}：{quality(r, r.quality[s])}")),
        (T("its parameters", "其参数量"), count(float(r.trainable_parameters[s]))),
        (T("seeds", "种子数"), str(r.runs.shape[1])), (T("step", "步"), f"{r.step} / {r.losses.shape[2]}"),
    ]  # fmt: skip
    return made


def table(r: Adapted) -> list[tuple]:
    """Every setting's numbers."""
    cut, theory = bool(np.isfinite(r.truncated).any()), bool(np.isfinite(r.optimum).any())
    head = [T("setting", "设置"), T("trainable", "可训练参数"), metric(r)]
    head += [T("optimum", "最优值")] * theory + [T("full, cut to r", "全量，截断到 r")] * cut
    rows = []
    for s in range(len(r.names)):
        row = [
            title(r, s),
            grouped(float(r.trainable_parameters[s])),
            quality(r, r.quality[s]) + spread(r, r.quality_spread[s]),
        ]
        row += [quality(r, r.optimum[s])] * theory
        row += [quality(r, r.truncated[s]) + spread(r, r.truncated_spread[s]) if r.ranks[s] >= 0 else "–"] * cut
        rows.append(tuple(row))
    return [tuple(head), *rows]


def losses_figure(r: Adapted) -> Figure:
    """Training losses of every setting as they come, means and spans over seeds, on a logarithmic scale."""
    made, settings = r.step, len(r.names)
    if made == 0:
        return absent(T("The first step is being made.", "正在进行第一步。"))
    steps, means, lows, highs = smoothed(r)
    floor = float(np.nanmin(means[means > 0], initial=1.0)) if (means > 0).any() else 1.0
    floor = max(floor, float(np.nanmax(means, initial=floor)) * 1e-8)
    traces: list[Any] = []
    for s in range(settings):
        if r.runs.shape[1] > 1:
            traces += band(
                steps, np.maximum(lows[s], floor), np.maximum(highs[s], floor), color(r, s).partition("/")[0]
            )
        traces.append(line(steps, np.maximum(means[s], floor), color(r, s), width=2.2, name=title(r, s)))
    top = float(np.nanmax(highs)) * 1.3
    bottom = floor / 1.6
    ends = [next((float(v) for v in means[s][::-1] if np.isfinite(v)), np.nan) for s in range(settings)]
    heights = apart(np.log10(np.maximum(ends, floor)).tolist(), 0.052 * np.log10(top / bottom))
    over = max(0.0, float(np.nanmax(heights, initial=-np.inf)) - np.log10(top / 1.12))
    heights = [h - over if h - over > np.log10(bottom * 1.1) else h for h in heights]
    last = float(r.losses.shape[2])
    labels = [
        Label(steps[-1] + 0.015 * last, float(np.clip(10 ** heights[s], bottom * 1.1, top / 1.1)), title(r, s), color(r, s).partition("/")[0] if r.ranks[s] else INK_2)
        for s in range(settings) if np.isfinite(heights[s])
    ]  # fmt: skip
    for s, seed in zip(*np.nonzero(r.diverged >= 0), strict=True):
        at = int(r.diverged[s, seed])
        seen = r.losses[s, seed, :at]
        y = float(seen[-1]) if len(seen) else float(np.nanmax(r.losses[:, :, 0]))
        traces.append(points([at + 1], [min(max(y, bottom), top)], REJECT, size=11, symbol="x", name=title(r, s)))
    lost = int((r.diverged >= 0).sum())
    least = int(np.nanargmin(ends)) if np.isfinite(ends).any() else 0
    more = T(f" {lost} runs diverged; a cross marks where.", f" {lost} 次训练发散，以叉号标出。") if lost else T("", "")
    return Figure(
        traces,
        [Panel(Axis(T("training step", "训练步"), range=(0, last * 1.16)), Axis(T("training loss", "训练损失"), log=True, range=(bottom, top)))],
        T(f"Training losses up to step {made}, each the mean over {r.runs.shape[1]} seeds; lowest is {title(r, least).en}.{more.en}",
          f"到第 {made} 步为止的训练损失，每条为 {r.runs.shape[1]} 个种子的均值；最低的是{title(r, least).zh}。{more.zh}"),
        labels,
        facts=[(T("step", "步"), f"{made} / {r.losses.shape[2]}"), (T("runs at once", "同时训练"), str(r.runs.size)), (T("diverged", "发散"), str(lost))],
    )  # fmt: skip


def smoothed(r: Adapted) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(p,) steps and (S, p) means, lowest and highest over seeds, of losses averaged over equal parts of the steps."""
    width = max(1, r.losses.shape[2] // (2 * SMOOTHED))
    parts = range(0, r.step, width)
    made = np.full((r.losses.shape[0], r.losses.shape[1], len(parts)), np.nan)
    for p, at in enumerate(parts):
        piece = r.losses[:, :, at : min(at + width, r.step)]
        held = np.isfinite(piece).sum(2)
        made[..., p] = np.where(held, np.where(np.isfinite(piece), piece, 0).sum(2) / np.maximum(held, 1), np.nan)
    held = np.isfinite(made).any(1)
    reduce = lambda f, fill: np.where(held, f(np.where(np.isfinite(made), made, fill), axis=1), np.nan)  # noqa: E731
    lived = np.isfinite(made).sum(1)
    mean = np.where(held, np.where(np.isfinite(made), made, 0).sum(1) / np.maximum(lived, 1), np.nan)
    steps = np.array([min(at + width, r.step) for at in parts], float)
    return steps, mean, reduce(np.min, np.inf), reduce(np.max, -np.inf)


def matrices_figure(r: Adapted) -> Figure:
    """Choices of matrices at an equal number of parameters, beside the paper's own table."""
    p = r.published
    ours = not swept_by_rank(r)
    if ours and not np.isfinite(r.quality).any():
        return absent(T("Nothing has been judged on held-out data yet.", "尚未在留出数据上检验。"))
    traces: list[Any] = []
    labels: list[Label] = []
    panels = []
    if ours:
        names = [title(r, s) for s in range(len(r.names))]
        at = np.arange(len(names))[::-1]
        error = {
            "type": "data",
            "array": np.nan_to_num(r.quality_spread),
            "color": MEASURED,
            "thickness": 1.6,
            "width": 5,
        }
        traces.append(points(r.quality, at, MEASURED, size=12, name=T("this network", "本网络"), error_x=error))
        for s in range(len(names)):
            dots = np.sort(r.runs[s][np.isfinite(r.runs[s])])
            traces.append(points(dots, np.full(len(dots), at[s]), f"{MEASURED}/0.45", size=6, name=names[s]))
        low, high = room(np.concatenate([r.runs.ravel(), r.quality]), 0.12)
        panels.append(
            Panel(Axis(metric(r), range=(low, high), format=".0%" if r.higher else ""),
                  Axis("", range=(-0.6, len(names) - 0.4), ticks=(at.tolist(), names)), title=T("here", "本实验"))
        )  # fmt: skip
    place = len(panels)
    names = [T.of(f"{n}, r = {k}") for n, k in zip(p.budget_names, p.budget_ranks, strict=True)]
    at = np.arange(len(names))[::-1]
    for values, shade, words in ((p.budget_wikisql, SECOND, "WikiSQL"), (p.budget_multinli, THIRD, "MultiNLI")):
        traces.append(points(values, at, shade, size=11, name=words, panel=place))
        labels.append(Label(float(values[0]), float(at[0]) + 0.42, words, shade, "center", place))
    panels.append(
        Panel(Axis(T("validation accuracy, %", "验证正确率，%"), range=(66, 95)),
              Axis("", range=(-0.6, len(names) - 0.1), ticks=(at.tolist(), names)), title=T("GPT-3, Hu et al. table 5", "GPT-3，Hu 等人表 5"))
    )  # fmt: skip
    if not ours:
        traces, panels, labels = by_rank_published(r, traces, panels, labels)
        return Figure(
            traces, panels,
            T("The paper’s own figures on GPT-3: at 18 M trained parameters W_q and W_v together do best on WikiSQL; by rank they hardly change. Sweep the matrices to put ours beside them.",
                   "论文在 GPT-3 上的数字：训练 1 800 万参数时，W_q 与 W_v 合在一起在 WikiSQL 上最好；随秩几乎不变。把扫描改为矩阵，即可与本实验并列。"),
            labels,
            table=[
                (T("GPT-3, table 6", "GPT-3，表 6"), *(f"r = {k}" for k in p.ranks)),
                *((words, *(f"{v:.1f}" for v in row)) for words, row in zip(("WikiSQL: W_q", "WikiSQL: W_q, W_v", "WikiSQL: W_q, W_k, W_v, W_o", "MultiNLI: W_q, W_v"), (*p.wikisql, p.multinli), strict=True)),
            ],
            recorded=T("published: Hu et al. 2021, tables 5 and 6", "论文发表的数字：Hu 等人 2021，表 5 与表 6"),
        )  # fmt: skip
    s = best(r)
    return Figure(
        traces, panels,
        T(f"At about {count(float(np.median(r.trainable_parameters)))} parameters each, {title(r, s).en} does best here with {quality(r, r.quality[s])}; the paper found W_q and W_v together, or all four, ahead of W_q alone.",
          f"每种约 {count(float(np.median(r.trainable_parameters)))} 个参数时，本实验中{title(r, s).zh}最好，为 {quality(r, r.quality[s])}；论文发现 W_q 与 W_v 合用或四个全用，都优于只用 W_q。"),
        labels, facts=facts(r), table=table(r),
    )  # fmt: skip


def by_rank_published(
    r: Adapted, traces: list[Any], panels: list[Panel], labels: list[Label]
) -> tuple[list, list, list]:
    """The paper's table by rank as a second panel."""
    p, place = r.published, len(panels)
    names = (T.of("W_q"), T.of("W_q, W_v"), T("all four", "四个全用"))
    for values, shade, words, up in zip(p.wikisql, (FOURTH, SECOND, MEASURED), names, (-1, -1, 1), strict=True):
        traces += [
            line(p.ranks, values, shade, width=1.6, hoverinfo="skip", panel=place),
            points(p.ranks, values, shade, size=9, name=words, panel=place),
        ]
        labels.append(Label(13, float(values[3]) + 0.28 * up, words, shade, "center", place))
    panel = Panel(Axis(T("rank r", "秩 r"), log=True, range=(0.8, 90), ticks=(p.ranks.tolist(), [str(k) for k in p.ranks])),
                  Axis(T("WikiSQL accuracy, %", "WikiSQL 正确率，%"), range=(68, 75)), title=T("GPT-3, Hu et al. table 6", "GPT-3，Hu 等人表 6"))  # fmt: skip
    return traces, [*panels, panel], labels


def forgetting_figure(r: Adapted) -> Figure:
    """The new task's quality against the old one's, a point for each setting."""
    if not np.isfinite(r.original).any():
        return absent(T("This is measured when training is done.", "训练结束后才会测量。"))
    traces: list[Any] = [
        points([r.frozen], [r.original_frozen], INK_3, size=12, symbol="square", name=T("before", "调整之前"))
    ]
    x, y = r.quality, r.original
    shown = [s for s in range(len(r.names)) if np.isfinite(x[s]) and np.isfinite(y[s]) and r.ranks[s] != 0]
    for s in shown:
        both = {axis: {"type": "data", "array": [float(np.nan_to_num(v[s]))], "color": color(r, s), "thickness": 1.3, "width": 4}
                for axis, v in (("error_x", r.quality_spread), ("error_y", r.original_spread))}  # fmt: skip
        traces.append(
            points(
                [x[s]],
                [y[s]],
                color(r, s),
                size=12,
                symbol="diamond" if r.ranks[s] == FULL else "circle",
                name=title(r, s),
                **both,
            )
        )
    cut = [
        s
        for s in range(len(r.names))
        if r.ranks[s] > 0 and np.isfinite(r.truncated[s]) and np.isfinite(r.truncated_original[s])
    ]
    if cut:
        traces.append(
            line(
                r.truncated[cut],
                r.truncated_original[cut],
                SECOND,
                dash="dot",
                width=1.4,
                name=T("full, cut to r", "全量，截断到 r"),
            )
        )
    low, high = room([*x[shown], r.frozen, *r.truncated[cut]], 0.12)
    bottom, top = room([*y[shown], r.original_frozen, *r.truncated_original[cut]], 0.14)
    heights = apart([float(y[s]) for s in shown], 0.055 * (top - bottom))
    left = not r.higher
    labels = [
        Label(float(x[s]) + (0.015 if not left else -0.015) * (high - low) * (1 if not left else -1), h, title(r, s), color(r, s).partition("/")[0], "left")
        for s, h in zip(shown, heights, strict=True)
    ]  # fmt: skip
    labels.append(Label(r.frozen, r.original_frozen + 0.06 * (top - bottom), T("before", "调整之前"), INK_2, "center"))
    if cut:
        middle = cut[len(cut) // 2]
        labels.append(
            Label(
                float(r.truncated[middle]),
                float(r.truncated_original[middle]) - 0.05 * (top - bottom),
                T("full, cut to r", "全量，截断到 r"),
                SECOND,
                "center",
            )
        )
    words = {
        "digits": (T("new digits", "新数字"), T("upright digits", "正立的数字")),
        "language": (T("new text", "新文本"), T("library code", "库代码")),
    }
    new, old = words.get(r.task, (metric(r), metric(r)))
    pct = ".0%" if r.higher else ""
    sign = 1 if r.higher else -1
    s = max(shown, key=lambda k: sign * y[k]) if shown else 0
    return Figure(
        traces,
        [Panel(Axis(T(f"{new.en}: {r.metric[0]}", f"{new.zh}：{r.metric[1]}"), range=(low, high), format=pct),
               Axis(T(f"{old.en}, after adapting", f"调整之后的{old.zh}"), range=(bottom, top), format=pct))],
        T(f"On the task it came from the network had {quality(r, r.original_frozen)}; after adapting {title(r, s).en} keeps most, {quality(r, y[s])}.",
          f"网络在原任务上本为 {quality(r, r.original_frozen)}；调整之后{title(r, s).zh}保留最多，为 {quality(r, y[s])}。"),
        labels,
        facts=[(T("before", "调整之前"), quality(r, r.original_frozen)), (T("kept best by", "保留最多"), title(r, s)), (T("it keeps", "保留"), quality(r, y[s]))],
        table=[(T("setting", "设置"), new, old), *((title(r, k), quality(r, x[k]) + spread(r, r.quality_spread[k]), quality(r, y[k]) + spread(r, r.original_spread[k])) for k in range(len(r.names)))],
    )  # fmt: skip
