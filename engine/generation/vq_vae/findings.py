"""What a result should say aloud."""

from __future__ import annotations

import numpy as np

from engine.core import Finding, T, gather
from engine.generation.vq_vae.lloyd_max import LAWS
from engine.generation.vq_vae.result import Cell, Compared, Trained

MANY_DEAD = 0.25  # of the codes never chosen is called a collapse
CURES = {
    "gumbel": T("Start the codes on data.", "让码字从数据上起步。"),
    "fsq": T("Its levels lie on a fixed grid, and the data do not fill it.", "它的电平在固定网格上，而数据没有占满网格。"),
}
CURE = T("Start the codes on data or by k-means, or let dead ones be drawn anew.", "让码字从数据上或用 k 均值起步，或重启死码字。")


def of_cell(cell: Cell, rows: int, columns: int, codebook: int) -> tuple[Finding, ...]:
    """What of a change could not be had, and that it moved nothing. The default cell was asked for by nobody."""
    row, column, code = cell.asked
    elsewhere = code >= 0 and (row, column) != (cell.row, cell.column)
    return gather(
        T(
            "The page has {rows} rows and {columns} columns: row {row}, column {column} is taken.",
            "此页有 {rows} 行 {columns} 列：取第 {row} 行第 {column} 列。",
            rows=rows,
            columns=columns,
            row=cell.row,
            column=cell.column,
        )
        if elsewhere
        else None,
        T(
            "There is no code {code} among {codebook}: the cell is left as it was coded.",
            "{codebook} 个码字中没有 {code} 号：格子保持编码结果。",
            code=code,
            codebook=codebook,
        )
        if code >= codebook
        else None,
        T("No pixel moved: the decoder paints both codes alike here.", "没有像素变化：解码器在此处把两个码字画得一样。")
        if cell.before != cell.after and not cell.changed
        else None,
    )


def of_training(found: Trained, asked: int) -> tuple[Finding, ...]:
    """Collapse, another number of codes than was asked for, divergence."""
    dead, there, judged = int((found.usage == 0).sum()), len(found.usage), int(found.usage.sum())
    return gather(
        T(
            "Collapse: {dead} of {there} codes are never chosen by {judged:count} samples. {cure}",
            "坍缩：在 {judged:count} 个样本上，{there} 个码字中有 {dead} 个从未被选中。{cure}",
            dead=dead,
            there=there,
            judged=judged,
            cure=CURES.get(found.method, CURE),
        )
        if dead > MANY_DEAD * there
        else None,
        T(
            "Its number of codes is a product: {there} instead of the {asked} asked for.",
            "它的码字数只能是乘积：要求 {asked} 个，得到 {there} 个。",
            there=there,
            asked=asked,
        )
        if asked > there
        else None,
        None if np.isfinite(found.error) else T("The training diverged: its error is not a number.", "训练发散：误差已不是有限的数。"),
    )


def of_comparison(found: Compared) -> tuple[Finding, ...]:
    """That a law's comparison leaves β without a meaning; and that one seed ranks nothing by a hair."""
    lost = found.errors[np.isfinite(found.errors)]
    return gather(
        T("A law has no encoder, and so no commitment: β changes nothing.", "一维分布没有编码器，也就没有承诺损失：β 不起作用。")
        if found.world in LAWS
        else None,
        T(
            "One training of each, from one seed: errors from {low:number} to {high:number} on the same 20 000 fresh samples. Another seed may change the order of neighbours.",
            "每种方法只从一个种子训练一次：在同样 20 000 个新样本上误差为 {low:number} 至 {high:number}。换一个种子，相邻名次可能互换。",
            low=lost.min(),
            high=lost.max(),
        )
        if len(lost) > 1
        else None,
    )
