"""A picture as integers: what is left of it, what one integer paints, which codes are in use, where they lie."""

from __future__ import annotations

import numpy as np

from engine.generation.vq_vae import CORRECTIONS, VqVaed
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, HAIRLINE, INK, INK_2, MEASURED, MUTE, SECOND
from pages.shell.figures import Divider, Figure, Pick
from pages.shell.panels import Label, Panel
from pages.shell.text import grouped
from pages.shell.traces import bars, heat, line, picture, points

ERROR_SHOWN = 64  # mean absolute difference that is drawn brightest


def frame(pixels: np.ndarray, title: T) -> Panel:
    """A panel for a picture, at its own proportions."""
    height, width = pixels.shape[:2]
    return Panel(
        Axis(hidden=True, range=(0, width)), Axis(hidden=True, range=(0, height), reverse=True, equal=True), title=title
    )


def decibels(value: float, digits: int = 2) -> str:
    """A PSNR as it is read off; of equal pictures it is infinite."""
    return f"{value:.{digits}f} dB" if np.isfinite(value) else "∞ dB"


def glow(error: np.ndarray) -> np.ndarray:
    """Differences as a picture: black where there is none, through orange to white."""
    t = np.clip(error.astype(float) / ERROR_SHOWN, 0, 1)[..., None]
    return (255 * np.clip(t * np.array([2.4, 1.3, 0.6]), 0, 1)).astype(np.uint8)


def box(window: tuple[int, int, int, int]) -> tuple[list[int], list[int]]:
    """A window's outline (top, bottom, left, right)."""
    top, bottom, left, right = window
    return [left, right, right, left, left], [top, top, bottom, bottom, top]


def code_map(r: VqVaed, panel: int) -> list[dict]:
    """The page: each cell in the mean colour of its code's atom, its integer told when it is pointed at."""
    means = r.atoms.pixels.mean((1, 2)).round().astype(np.uint8)
    f, (h, w) = r.factor, r.codes.shape
    axes = {"xaxis": f"x{panel + 1}", "yaxis": f"y{panel + 1}"}
    return [
        picture(means[r.codes].repeat(f, 0).repeat(f, 1), **axes),
        heat(r.codes, (np.arange(w) + 0.5) * f, (np.arange(h) + 0.5) * f, panel=panel, opacity=0, name=T("code", "码字"),
             hovertemplate="%{z}<extra></extra>"),
    ]  # fmt: skip


def kept_figure(r: VqVaed) -> Figure:
    """Original and reconstruction under a line to drag, the page of integers, the error."""
    cell, f = r.cell, r.factor
    here = (cell.row * f, (cell.row + 1) * f, cell.column * f, (cell.column + 1) * f)
    changed = cell.before != cell.after
    reach = [line(*box(cell.window), BRASS, width=1.2, dash="dot", hoverinfo="skip")] if changed else []
    size = r.codes.size * np.log2(r.codebook) / 8
    raw = r.image.shape[0] * r.image.shape[1] * 3
    palette = 3 * min(r.codebook, r.codes.size)  # bytes; no more colours than cells
    traces = [
        picture(r.image),
        picture(r.reconstruction),
        *reach,
        *code_map(r, 1),
        line(*box(here), BRASS, width=2.5, panel=1, hoverinfo="skip"),
        picture(glow(r.error), xaxis="x3", yaxis="y3"),
        picture(r.flat, xaxis="x4", yaxis="y4"),
    ]
    facts = [
        (T("PSNR", "PSNR（峰值信噪比）"), decibels(r.psnr)), (T("SSIM", "SSIM（结构相似度）"), f"{r.ssim:.3f}"),
        (T("bits per pixel", "每像素比特"), f"{r.bits_per_pixel:.4g}"),
        (T("the page takes", "整页占用"), T(f"{grouped(size)} of {grouped(raw)} bytes", f"{grouped(size)} / {grouped(raw)} 字节")),
        (T("perplexity", "困惑度"), f"{r.perplexity:.0f} / {r.codebook}"),
        (T(f"held-out photographs, corrections: {CORRECTIONS}", f"未训练过的照片（修正 {CORRECTIONS} 次）"), f"{r.held_out['psnr']:.2f} dB"),
    ]  # fmt: skip
    facts.append((T("the colours' palette, not counted", "颜色的调色板（不计入）"), T(f"{grouped(palette)} bytes", f"{grouped(palette)} 字节")))  # fmt: skip
    if len(r.corrected) > 1:
        facts.insert(1, (T("after each correction", "每次修正后"), " → ".join(f"{v:.2f}" for v in r.corrected) + " dB"))
    if changed:
        facts.append((T("changed", "改动"), f"{cell.before} → {cell.after}"))
    return Figure(
        traces,
        [
            frame(r.image, T(f"original ⇆ reconstruction, {r.image.shape[1]} × {r.image.shape[0]}", f"原图 ⇆ 重建，{r.image.shape[1]} × {r.image.shape[0]}")),
            frame(r.image, T(f"the page: {r.codes.shape[0]} × {r.codes.shape[1]} integers", f"整数页：{r.codes.shape[0]} × {r.codes.shape[1]}")),
            frame(r.image, T("what is lost", "丢失了什么")),
            frame(r.image, T(f"one of {r.codebook} colours a cell: {decibels(r.flat_psnr, 1)}", f"每格取 {r.codebook} 色之一：{decibels(r.flat_psnr, 1)}")),
        ],
        T(f"A picture, its reconstruction from {r.codes.size} integers at {decibels(r.psnr, 1)}, the page of integers, and the error.",
          f"一张图片、由 {r.codes.size} 个整数得到的重建（{decibels(r.psnr, 1)}）、整数页与误差。"),
        facts=facts,
        columns=2,
        layout={"height": 400},
        picks=[Pick(panel=1, x="edit_column", y="edit_row", cell=f)],
        divider=Divider(1, text=T("the line between original and reconstruction", "原图与重建之间的分界线")),
    )  # fmt: skip


def integer_figure(r: VqVaed) -> Figure:
    """One cell's integer changed: the pixels around it before and after, what moved, and which codes lie near."""
    cell, f = r.cell, r.factor
    moved = np.abs(cell.new.astype(int) - cell.old).max(2)
    top, _, left, _ = cell.window
    here = box(((cell.row * f) - top, (cell.row + 1) * f - top, cell.column * f - left, (cell.column + 1) * f - left))
    outlines = [line(*here, BRASS, width=2, panel=k, hoverinfo="skip") for k in range(3)]
    chosen = [BRASS if k == cell.after else MEASURED for k in cell.nearest]
    near = bars(np.arange(len(cell.nearest)), cell.distances, panel=3, marker={"color": chosen, "line": {"width": 0}},
                name=T("squared distance", "距离平方"), text=[str(k) for k in cell.nearest], textposition="none", hovertemplate="%{text}: %{y:.4g}<extra></extra>")  # fmt: skip
    panels = [
        frame(cell.old, T(f"integer {cell.before}", f"整数 {cell.before}")),
        frame(cell.new, T(f"integer {cell.after}", f"整数 {cell.after}")),
        frame(cell.old, T("what moved (×4)", "变化（×4）")),
        Panel(Axis(T("nearest codes: click one", "最近的码字：点一个"), ticks=(list(range(len(cell.nearest))), [str(k) for k in cell.nearest])),
              Axis("‖z − e‖²"), title=T("how far codes are from its vector", "各码字离其向量多远")),
    ]  # fmt: skip
    facts = [
        (T("cell", "格子"), T(f"row {cell.row}, column {cell.column}", f"第 {cell.row} 行第 {cell.column} 列")),
        (T("pixels that moved", "变化的像素"), grouped(cell.changed)),
    ]  # fmt: skip
    if cell.before != cell.after:
        cells, made = cell.decoded
        facts += [
            (T("cells decoded again", "重新解码的格子"), T(f"{grouped(cells)} of {grouped(r.codes.size)}", f"{grouped(cells)} / {grouped(r.codes.size)}")),
            (T("pixels made of them", "由此画出的像素"), T(f"{grouped(made)} of {grouped(r.codes.size * f * f)}", f"{grouped(made)} / {grouped(r.codes.size * f * f)}")),
        ]  # fmt: skip
    facts.append((T("PSNR, whole picture", "整图 PSNR"), f"{cell.psnr_before:.3f} → {decibels(r.psnr, 3)}"))
    says = (
        T(f"Changing the integer {cell.before} into {cell.after} moves {cell.changed} pixels around its cell.", f"把整数 {cell.before} 改成 {cell.after}，其周围有 {cell.changed} 个像素变化。")
        if cell.before != cell.after
        else T("The cell as it was coded: pick another integer.", "格子保持编码结果：换一个整数试试。")
    )  # fmt: skip
    return Figure(
        [
            picture(cell.old),
            picture(cell.new, xaxis="x2", yaxis="y2"),
            picture(glow(np.minimum(4 * moved, 255)), xaxis="x3", yaxis="y3"),
            near,
            *outlines,
        ],
        panels,
        says,
        facts=facts,
        table=by_hand(r),
        columns=2,
        picks=[Pick(panel=3, sets=[{"edit_code": int(k)} for k in cell.nearest])],
    )


def by_hand(r: VqVaed) -> list[list]:
    """The distance to the two nearest codes, number by number."""
    cell = r.cell
    first, second = cell.nearest[:2]
    a, b = (cell.vector - cell.first) ** 2, (cell.vector - cell.second) ** 2

    def row(name: T | str, values: np.ndarray, total: str = "") -> list:
        return [name, *(f"{v:.3f}" for v in values), total]

    return [
        [T("number", "分量"), *(str(d + 1) for d in range(len(cell.vector))), T("sum", "总和")],
        row("z", cell.vector),
        row(f"e, {first}", cell.first),
        row("(z − e)²", a, f"{a.sum():.4f}"),
        row(f"e, {second}", cell.second),
        row("(z − e)²", b, f"{b.sum():.4f}"),
    ]


def used_figure(r: VqVaed) -> Figure:
    """The codes as atoms, the most used first, and how often each is used on this picture."""
    order = np.argsort(-r.usage, kind="stable")
    columns = {64: 8, 128: 16, 256: 16, 512: 32, 1024: 32}[r.codebook]
    rows, side = r.codebook // columns, r.atoms.pixels.shape[1]
    pitch = side + 1
    sheet = np.full((rows * pitch, columns * pitch, 3), 128, np.uint8)
    for place, code in enumerate(order):
        y, x = (n * pitch for n in divmod(place, columns))
        sheet[y : y + side, x : x + side] = r.atoms.pixels[code]
    grid = order.reshape(rows, columns)
    used, even = int((r.usage > 0).sum()), r.codes.size / r.codebook
    hover = heat(grid, (np.arange(columns) + 0.5) * pitch, (np.arange(rows) + 0.5) * pitch, opacity=0, name=T("code", "码字"),
                 customdata=r.usage[grid], hovertemplate="%{z}: × %{customdata}<extra></extra>")  # fmt: skip
    counts = np.maximum(r.usage[order], 0)
    dead = (
        [Label(r.codebook * 0.98, even + 0.2 * counts[0], T(f"{r.codebook - used} unused here", f"此图未用 {r.codebook - used} 个"), INK_2, "right", 1)]
        if used < r.codebook
        else []
    )  # fmt: skip
    return Figure(
        [
            picture(sheet),
            hover,
            bars(np.arange(r.codebook) + 1, counts, panel=1, name=T("uses", "使用次数")),
            line([0.5, r.codebook + 0.5], [even, even], panel=1, name=T("evenly", "均匀"), dash="dot"),
        ],
        [
            frame(sheet, T("atoms, the most used first: click one to paint it", "原子，最常用者在前：点一个就画上去")),
            Panel(Axis(T("codes by use", "码字（按使用排序）")), Axis(T("cells that use it", "使用它的格子数"))),
        ],
        T(f"{used} of {r.codebook} codes are in use on this picture; perplexity {r.perplexity:.0f}.", f"此图用到 {r.codebook} 个码字中的 {used} 个；困惑度 {r.perplexity:.0f}。"),
        [*dead, Label(r.codebook * 0.98, even + 0.05 * counts[0], T("if all were used evenly", "若全部均匀使用"), "--theory", "right", 1)],
        facts=[
            (T("in use here", "此图用到"), f"{used} / {r.codebook}"),
            (T("perplexity here", "此图困惑度"), f"{r.perplexity:.1f}"),
            (T("perplexity, held-out photographs", "困惑度（未训练过的照片）"), f"{r.held_out['perplexity']:.0f}"),
            (T("perplexity, patches as in training", "困惑度（与训练时同样的图块）"), f"{r.held_out['patch_perplexity']:.0f}"),
            (T("entropy", "熵"), T(f"{np.log2(max(r.perplexity, 1)):.2f} of {np.log2(r.codebook):.0f} bits", f"{np.log2(max(r.perplexity, 1)):.2f} / {np.log2(r.codebook):.0f} 比特")),
        ],
        picks=[Pick(panel=0, columns=columns, cell=pitch, sets=[{"edit_code": int(k)} for k in order])],
    )  # fmt: skip


def places_figure(r: VqVaed) -> Figure:
    """The cells' vectors and the codes along the two directions in which the vectors spread most; a click on a code sets
    it."""
    p, cell = r.projection, r.cell
    colours = [f"rgb({a},{b},{c})" for a, b, c in p.colours.tolist()]
    mine = p.vectors[p.chosen == cell.after]
    spokes_x = np.stack([mine[:, 0], np.full(len(mine), p.codes[cell.after, 0]), np.full(len(mine), np.nan)], 1).ravel()
    spokes_y = np.stack([mine[:, 1], np.full(len(mine), p.codes[cell.after, 1]), np.full(len(mine), np.nan)], 1).ravel()
    used = np.isin(np.arange(r.codebook), p.chosen)
    text = [str(k) for k in range(r.codebook)]
    share = 100 * p.shares
    return Figure(
        [
            points(p.vectors[:, 0], p.vectors[:, 1], size=5, marker={"color": colours, "size": 5, "line": {"width": 0.5, "color": HAIRLINE}}, name=T("cells", "格子"), hoverinfo="skip"),
            line(spokes_x, spokes_y, BRASS, width=0.8, name=T("cells of this code", "属于此码字的格子"), hoverinfo="skip"),
            points(p.codes[~used, 0], p.codes[~used, 1], MUTE, size=6, symbol="x-thin-open", name=T("codes unused here", "此图未用的码字"), text=np.array(text)[~used].tolist(), hovertemplate="%{text}<extra></extra>"),
            points(p.codes[used, 0], p.codes[used, 1], INK, size=6, symbol="cross", name=T("codes", "码字"), text=np.array(text)[used].tolist(), hovertemplate="%{text}<extra></extra>"),
            points([p.cell[0]], [p.cell[1]], BRASS, size=13, symbol="circle-open", name=T("the chosen cell", "所选格子")),
            points([p.codes[cell.after, 0]], [p.codes[cell.after, 1]], SECOND, size=11, symbol="diamond", name=T("its code", "它的码字"), text=[str(cell.after)], hovertemplate="%{text}<extra></extra>"),
        ],
        [Panel(title=T("click a code: the cell is given it", "点一个码字：格子改用它"), x=Axis(T(f"first direction ({share[0]:.0f} % of the variance)", f"第一方向（方差的 {share[0]:.0f} %）")), y=Axis(T(f"second ({share[1]:.0f} %)", f"第二方向（{share[1]:.0f} %）"), equal=True))],
        T(f"The vectors of {len(p.vectors)} cells in two of their dimensions, in the colours of the cells, among {r.codebook} codes.", f"{len(p.vectors)} 个格子的向量（投影到两维，以格子颜色显示）与 {r.codebook} 个码字。"),
        facts=[
            (T("cell's integer", "格子的整数"), str(cell.after)),
            (T("cells with it, of those shown", "所示格子中使用它的"), str(len(mine))),
            (T("lost by quantising, a number", "量化损失（每分量）"), f"{r.distortion:.3g}"),
        ],
        picks=[Pick(trace=k, sets=[{"edit_code": int(code)} for code in np.flatnonzero(shown)]) for k, shown in ((2, ~used), (3, used))],
    )  # fmt: skip
