"""A picture as integers: what is left of it, what one integer paints, which codes are in use."""

from __future__ import annotations

import numpy as np

from engine.core import amounts
from engine.generation.vq_vae import VqVaed
from engine.generation.vq_vae.parameters import CORRECTIONS
from engine.generation.vq_vae.result import Cell
from pages.shell import T, draw

ERROR_SHOWN = 64  # mean absolute difference that is drawn brightest
MOVED_SHOWN = 16  # largest one of a changed integer's pixel that is drawn brightest
VEIL = 0.7  # how much what did not move is darkened
GLOW = np.array([2.4, 1.3, 0.6])  # how soon red, green and blue are full: black, orange, yellow
CELL = (draw.BRASS, T("the chosen cell", "选中的格子"), "line")
WHITE = "#ffffff"  # around brass on a picture: brown on a brown cat is not seen
WHOLE = T("the picture", "图片")


def frame(pixels: np.ndarray, title: T, key: list = ()) -> draw.Panel:
    """A panel for a picture, at its own proportions."""
    height, width = pixels.shape[:2]
    down = draw.Axis(hidden=True, range=(0, height), reverse=True, equal=True)
    return draw.Panel(draw.Axis(hidden=True, range=(0, width)), down, title=title, key=key)


def decibels(value: float, digits: int = 2) -> str:
    """A PSNR as it is read off; of equal pictures it is infinite."""
    return f"{amounts.fixed(value, digits)}{amounts.SPACE}dB"


def glow(error: np.ndarray, brightest: int, veil: float = 1.0) -> np.ndarray:
    """Differences as a picture: black where there is none, and there as opaque as `veil`, through orange to yellow."""
    t = np.clip(error.astype(float) / brightest, 0, 1)[..., None]
    return (255 * np.clip(np.concatenate([t * GLOW, veil + t * GLOW[:1]], -1), 0, 1)).astype(np.uint8)


def glow_key(brightest: int) -> list:
    """Which difference has which of these colours, in levels out of 255."""
    levels = (0, brightest // 2, brightest)
    colors = ["#" + glow(np.array(level), brightest)[:3].tobytes().hex() for level in levels]
    words = [T.of("0"), T.of(str(levels[1])), T("{level} levels or more", "{level} 级以上", level=brightest)]
    return list(zip(colors, words, strict=True))


def box(window: tuple[int, int, int, int]) -> tuple[list[int], list[int]]:
    """A window's outline (top, bottom, left, right)."""
    top, bottom, left, right = window
    return [left, right, right, left, left], [top, top, bottom, bottom, top]


def ringed(window: tuple[int, int, int, int], panel: int = 0) -> list[dict]:
    """The chosen cell's outline."""
    strokes = ((WHITE, 4.5), (draw.BRASS, 2.2))
    return [draw.line(*box(window), color, width=width, panel=panel, hoverinfo="skip") for color, width in strokes]


def beneath(r: VqVaed, panel: int) -> dict:
    """The picture in few bytes, for what is laid over it."""
    return draw.picture(r.image, panel=panel, source=draw.source(r.image, 85), name=WHOLE)


def code_map(r: VqVaed, panel: int) -> list[dict]:
    """The page: each cell in the mean colour of its code's atom, its integer told when it is pointed at."""
    means = r.atoms.pixels.mean((1, 2)).round().astype(np.uint8)
    f = r.factor
    return [beneath(r, panel), draw.picture(means[r.codes].repeat(f, 0).repeat(f, 1), panel=panel), numbers(r.codes, f, panel)]


def numbers(codes: np.ndarray, pitch: int, panel: int, hover: str = "%{z}", **more) -> dict:
    """Codes (rows, columns) that show when they are pointed at, on tiles of `pitch` data units."""
    along, down = ((np.arange(n) + 0.5) * pitch for n in codes.shape[::-1])
    hidden = {"opacity": 0, "name": T("code", "码字"), "hovertemplate": f"{hover}<extra></extra>"}
    return draw.heat(codes, along, down, panel=panel, **hidden, **more)


def kept_figure(r: VqVaed) -> draw.Figure:
    """Original and reconstruction under a line to drag, the page of integers, the error."""
    cell, f = r.cell, r.factor
    here = (cell.row * f, (cell.row + 1) * f, cell.column * f, (cell.column + 1) * f)
    changed = cell.before != cell.after
    reach = [draw.line(*box(cell.window), draw.THIRD, dash="dash", hoverinfo="skip"), *ringed(here)] if changed else []
    page = T(
        "{size:bytes} of {raw:bytes}",
        "{size:bytes} / {raw:bytes}",
        size=r.codes.size * np.log2(r.codebook) / 8,
        raw=r.image.shape[0] * r.image.shape[1] * 3,
    )
    facts = [
        (T("PSNR", "PSNR（峰值信噪比）"), decibels(r.psnr)),
        (T("SSIM", "SSIM（结构相似度）"), (r.ssim, "fixed.3")),
        (T("bits per pixel", "每像素比特"), (r.bits_per_pixel, "number.4")),
        (T("the page takes", "整页占用"), page),
        (
            T("perplexity", "困惑度"),
            T("{perplexity:count} / {codes:count}", "{perplexity:count} / {codes:count}", perplexity=r.perplexity, codes=r.codebook),
        ),
        (
            T("held-out photographs, corrections: {corrections}", "未训练过的照片（修正 {corrections} 次）", corrections=CORRECTIONS),
            decibels(r.held_out["psnr"]),
        ),
        # No more colours than cells; three bytes each.
        (T("the colours' palette, not counted", "颜色的调色板（不计入）"), (3 * min(r.codebook, r.codes.size), "bytes")),
    ]
    if len(r.corrected) > 1:
        each = " → ".join(amounts.fixed(v) for v in r.corrected)
        facts.insert(1, (T("after each correction", "每次修正后"), f"{each}{amounts.SPACE}dB"))
    if changed:
        facts.append((T("changed", "改动"), T("{before} → {after}", "{before} → {after}", before=cell.before, after=cell.after)))
    (height, width), (rows, columns) = r.image.shape[:2], r.codes.shape
    touched = [CELL, (draw.THIRD, T("where its code has a say", "其码字的影响范围"), "dash")] if changed else []
    flat = T(
        "one of {colours} colours a cell: {psnr}", "每格取 {colours} 色之一：{psnr}", colours=r.codebook, psnr=decibels(r.flat_psnr, 1)
    )
    return draw.Figure(
        [
            draw.picture(r.image),
            draw.picture(r.reconstruction),
            *reach,
            *code_map(r, 1),
            *ringed(here, 1),
            draw.picture(glow(r.error, ERROR_SHOWN), panel=2),
            draw.picture(r.flat, panel=3),
        ],
        [
            frame(
                r.image,
                T("original ⇆ reconstruction, {width} × {height}", "原图 ⇆ 重建，{width} × {height}", width=width, height=height),
                touched,
            ),
            frame(r.image, T("the page: {rows} × {columns} integers", "整数页：{rows} × {columns}", rows=rows, columns=columns), [CELL]),
            frame(r.image, T("what is lost", "丢失了什么"), glow_key(ERROR_SHOWN)),
            frame(r.image, flat),
        ],
        T(
            "A picture, its reconstruction from {size:count} integers at {psnr}, the page of integers, and the error.",
            "一张图片、由 {size:count} 个整数得到的重建（{psnr}）、整数页与误差。",
            size=r.codes.size,
            psnr=decibels(r.psnr, 1),
        ),
        facts=facts,
        columns=2,
        picks=[draw.Pick(panel=1, x="edit_column", y="edit_row", cell=f)],
        divider=draw.Divider(1, text=T("the line between original and reconstruction", "原图与重建之间的分界线")),
    )


def moved(cell: Cell) -> np.ndarray:
    """By how much of 255 each pixel of the changed cell's window moved: (rows, columns)."""
    return np.abs(cell.new.astype(int) - cell.old).max(2)


def integer_figure(r: VqVaed) -> draw.Figure:
    """One cell's integer changed: the pixels around it before and after, what moved, and which codes lie near."""
    cell, f = r.cell, r.factor
    top, _, left, _ = cell.window
    here = (cell.row * f, (cell.row + 1) * f, cell.column * f, (cell.column + 1) * f)
    within = tuple(edge - start for edge, start in zip(here, (top, top, left, left), strict=True))
    near = draw.bars(
        np.arange(len(cell.nearest)),
        cell.distances,
        panel=3,
        marker={"color": [draw.BRASS if k == cell.after else draw.THIRD for k in cell.nearest], "line": {"width": 0}},
        name=T("squared distance", "距离平方"),
        text=[str(k) for k in cell.nearest],
        textposition="none",
        hovertemplate="%{text}: %{y:.4g}<extra></extra>",
    )
    codes = (list(range(len(cell.nearest))), [str(k) for k in cell.nearest])
    chosen = [(draw.BRASS, T("the cell's code", "此格的码字"))] if cell.after in cell.nearest else []
    facts = [
        (T("cell", "格子"), T("row {row}, column {column}", "第 {row} 行第 {column} 列", row=cell.row, column=cell.column)),
        (T("pixels that moved", "变化的像素"), (cell.changed, "count")),
    ]
    says = T("The cell as it was coded: pick another integer.", "格子保持编码结果：换一个整数试试。")
    if cell.before != cell.after:
        counts = (
            (T("cells decoded again", "重新解码的格子"), r.codes.size),
            (T("pixels made of them", "由此画出的像素"), r.codes.size * f * f),
        )
        for (name, whole), part in zip(counts, cell.decoded, strict=True):
            facts.append((name, T("{part:count} of {whole:count}", "{part:count} / {whole:count}", part=part, whole=whole)))
        says = T(
            "Changing the integer {before} into {after} moves {changed:count} pixels around its cell.",
            "把整数 {before} 改成 {after}，其周围有 {changed:count} 个像素变化。",
            before=cell.before,
            after=cell.after,
            changed=cell.changed,
        )
    facts.append((T("PSNR, whole picture", "整图 PSNR"), f"{amounts.fixed(cell.psnr_before, 3)} → {decibels(r.psnr, 3)}"))
    return draw.Figure(
        [
            draw.picture(cell.old),
            draw.picture(cell.new, panel=1),
            beneath(r, 2),
            draw.picture(glow(moved(cell), MOVED_SHOWN, VEIL), panel=2, x0=left + 0.5, y0=top + 0.5),
            near,
            *ringed(within),
            *ringed(within, 1),
            *ringed(here, 2),
        ],
        [
            frame(cell.old, T("integer {before}", "整数 {before}", before=cell.before), [CELL]),
            frame(cell.new, T("integer {after}", "整数 {after}", after=cell.after)),
            frame(r.image, T("what moved", "变化"), glow_key(MOVED_SHOWN)),
            draw.Panel(
                draw.Axis(T("nearest codes: click one", "最近的码字：点一个"), ticks=codes),
                draw.Axis("‖z − e‖²"),
                title=T("how far codes are from its vector", "各码字离其向量多远"),
                key=[*chosen, (draw.THIRD, T("codes near it", "附近的码字"))],
            ),
        ],
        says,
        facts=facts,
        table=by_hand(r),
        columns=2,
        picks=[draw.Pick(panel=3, sets=[{"edit_code": int(k)} for k in cell.nearest])],
    )


def by_hand(r: VqVaed) -> list[list]:
    """The distance to the two nearest codes, number by number."""
    cell = r.cell
    rows: list[list] = [[T("number", "分量"), *(str(d + 1) for d in range(len(cell.vector))), T("sum", "总和")]]
    rows.append(["z", *((v, "fixed.3") for v in cell.vector), ""])
    for code, vector in zip(cell.nearest, (cell.first, cell.second), strict=False):
        apart = (cell.vector - vector) ** 2
        rows.append([f"e, {code}", *((v, "fixed.3") for v in vector), ""])
        rows.append(["(z − e)²", *((v, "fixed.3") for v in apart), (apart.sum(), "fixed.4")])
    return rows


def used_figure(r: VqVaed) -> draw.Figure:
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
    used, even, places = int((r.usage > 0).sum()), r.codes.size / r.codebook, np.arange(r.codebook) + 1
    entropy = T(
        "{entropy:fixed.2} of {most:count} bits",
        "{entropy:fixed.2} / {most:count} 比特",
        entropy=np.log2(max(r.perplexity, 1)),
        most=np.log2(r.codebook),
    )
    return draw.Figure(
        [
            draw.picture(sheet),
            numbers(grid, pitch, 0, "%{z}: × %{customdata}", customdata=r.usage[grid]),
            draw.bars(places, r.usage[order], draw.THIRD, panel=1, name=T("uses", "使用次数")),
            draw.line(places[[0, -1]], [even] * 2, panel=1, dash="dot", name=T("if all were used evenly", "若全部均匀使用"), label="end"),
        ],
        [
            frame(sheet, T("atoms, the most used first: click one to paint it", "原子，最常用者在前：点一个就画上去")),
            draw.Panel(draw.Axis(T("codes by use", "码字（按使用排序）")), draw.Axis(T("cells that use it", "使用它的格子数"))),
        ],
        T(
            "{used} of {codes} codes are in use on this picture; perplexity {perplexity:count}.",
            "此图用到 {codes} 个码字中的 {used} 个；困惑度 {perplexity:count}。",
            used=used,
            codes=r.codebook,
            perplexity=r.perplexity,
        ),
        facts=[
            (T("in use here", "此图用到"), T("{used} / {codes}", "{used} / {codes}", used=used, codes=r.codebook)),
            (T("perplexity here", "此图困惑度"), (r.perplexity, "fixed.1")),
            (T("perplexity, held-out photographs", "困惑度（未训练过的照片）"), (r.held_out["perplexity"], "count")),
            (T("perplexity, patches as in training", "困惑度（与训练时同样的图块）"), (r.held_out["patch_perplexity"], "count")),
            (T("entropy", "熵"), entropy),
        ],
        picks=[draw.Pick(panel=0, columns=columns, cell=pitch, sets=[{"edit_code": int(k)} for k in order])],
    )
