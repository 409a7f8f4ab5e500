"""VQ-VAE: a picture as a page of integers, what each of them paints, and how such codes are learned."""

from __future__ import annotations

import numpy as np

from engine.generation.vq_vae import VqVaed, vq_vae
from pages.generation.vq_vae_picture import integer_figure, kept_figure, places_figure, used_figure
from pages.generation.vq_vae_rates import bits_figure, pages_figure
from pages.generation.vq_vae_training import (
    best_figure,
    chase_figure,
    compare_figure,
    losses_figure,
    number_figure,
)
from pages.shell import Lab, Preset, T, View

CHOSEN = ("task", "image", "side", "factor", "codebook", "corrections")
EDITED = (*CHOSEN, "edit_row", "edit_column", "edit_code")
TRAINED = ("task", "world", "method", "codes", "start", "restarts", "beta", "decay", "steps", "seed")
PICTURE, TRAIN = {"task": ["picture"]}, {"task": ["train"]}


CURES = {
    "codebook": T("Start the codes on data or by k-means, or let dead ones be drawn anew.", "让码字从数据上或用 k 均值起步，或重启死码字。"),
    "gumbel": T("Start the codes on data.", "让码字从数据上起步。"),
    "fsq": T("Its levels lie on a fixed grid, and the data do not fill it.", "它的电平在固定网格上，而数据没有占满网格。"),
}  # fmt: skip


def findings(r: VqVaed) -> list[T]:
    """What should be said aloud."""
    if r.training is not None and len(r.usage):
        return of_training(r)
    if r.compared is not None and r.compared.world in ("normal", "uniform"):
        return [T("A law has no encoder, and so no commitment: β changes nothing.", "一维分布没有编码器，也就没有承诺损失：β 不起作用。")]  # fmt: skip
    said: list[T] = []
    if (cell := r.cell) is not None:
        rows, columns = r.codes.shape
        row, column, code = cell.asked
        if code >= 0 and (row, column) != (cell.row, cell.column):
            said.append(
                T(f"The page has {rows} rows and {columns} columns: row {cell.row}, column {cell.column} is taken.",
                  f"此页有 {rows} 行 {columns} 列：取第 {cell.row} 行第 {cell.column} 列。")
            )  # fmt: skip
        if code >= r.codebook:
            said.append(
                T(f"There is no code {code} among {r.codebook}: the cell is left as it was coded.",
                  f"{r.codebook} 个码字中没有 {code} 号：格子保持编码结果。")
            )  # fmt: skip
        if cell.before != cell.after and not cell.changed:
            said.append(
                T("No pixel moved: the decoder paints both codes alike here.", "没有像素变化：解码器在此处把两个码字画得一样。")
            )  # fmt: skip
    return said


def of_training(r: VqVaed) -> list[T]:
    """What should be said aloud of a training."""
    said: list[T] = []
    dead, K, method = int((r.usage == 0).sum()), len(r.usage), r.training.method
    if dead > K / 4:
        cure = CURES[method if method in CURES else "codebook"]
        said.append(
            T(f"Collapse: {dead} of {K} codes are never chosen. {cure.en}", f"坍缩：{K} 个码字中有 {dead} 个从未被选中。{cure.zh}")
        )  # fmt: skip
    if r.codebook > K:
        said.append(
            T(f"Its number of codes is a product: {K} instead of the {r.codebook} asked for.", f"它的码字数只能是乘积：要求 {r.codebook} 个，得到 {K} 个。")
        )  # fmt: skip
    if not np.isfinite(r.training.error):
        said.append(T("The training diverged: its error is not a number.", "训练发散：误差已不是有限的数。"))
    return said


LAB = Lab(
    experiment=vq_vae,
    title=T("VQ-VAE", "VQ-VAE"),
    claim=T(
        "A picture becomes a page of integers, each the number of a learned code; a decoder paints the page back. Change one integer, and see what it paints.",
        "一张图片变成一页整数，每个整数是一个学得码字的编号；解码器把这页整数画回图片。改动一个整数，看它画的是什么。",
    ),
    order=20,
    views=[
        View(T("What does a page of integers keep?", "一页整数留下了什么？"), kept_figure, when=PICTURE, uses=EDITED),
        View(T("What does one integer paint?", "一个整数画的是什么？"), integer_figure, when=PICTURE, uses=EDITED),
        View(T("Which codes are in use?", "用到了哪些码字？"), used_figure, when=PICTURE, uses=EDITED),
        View(T("Where do the codes lie?", "码字在哪里？"), places_figure, when=PICTURE, uses=EDITED),
        View(T("What does a bit buy?", "一个比特换来什么？"), bits_figure, when={"task": ["rate"]}, uses=CHOSEN),
        View(
            T("What do other pages show?", "其他整数页画出什么？"),
            pages_figure,
            when={"task": ["pages"]},
            uses=(*CHOSEN, "other", "temperature", "seed"),
        ),
        View(T("Do the codes find the data?", "码字找得到数据吗？"), chase_figure, when=TRAIN, uses=TRAINED),
        View(
            T("What happens to losses and perplexity?", "损失与困惑度如何变化？"),
            losses_figure,
            when=TRAIN,
            uses=TRAINED,
        ),
        View(
            T("Do they reach the best there is?", "能达到最优吗？"),
            best_figure,
            when=TRAIN | {"world": ["normal", "uniform"]},
            uses=TRAINED,
        ),
        View(
            T("Which quantiser wastes least?", "哪种量化器浪费最少？"),
            compare_figure,
            when={"task": ["compare"]},
            uses=("task", "world", "codes", "steps", "seed"),
        ),
        View(
            T("How does a gradient pass a rounding?", "梯度怎样穿过取整？"),
            number_figure,
            "exact",
            when={"task": ["number"]},
            uses=("task", "value", "target"),
        ),
    ],
    presets=[
        Preset(T("A cat, 704 integers", "704 个整数的猫"), {}, 0),
        Preset(T("One integer changed", "改动一个整数"), {"edit_row": 9, "edit_column": 8, "edit_code": 5}, 1),
        Preset(T("Cells of 4 pixels", "4 像素格子"), {"factor": 4, "codebook": 1024}, 0),
        Preset(T("Corrected four times", "修正四次"), {"corrections": 4}, 0),
        Preset(T("Against JPEG", "与 JPEG 相比"), {"task": "rate"}, 4),
        Preset(T("Pages nobody coded", "无人编码的页"), {"task": "pages"}, 5),
        Preset(T("Collapse", "坍缩"), {"task": "train", "method": "ema", "codes": 64}, 6),
        Preset(
            T("Cured", "治好坍缩"),
            {"task": "train", "method": "ema", "codes": 64, "start": "k-means", "restarts": True},
            6,
        ),
        Preset(
            T("Digits, RVQ", "手写数字，RVQ"),
            {"task": "train", "world": "digits", "method": "rvq", "start": "data"},
            6,
        ),
        Preset(
            T("Lloyd and Max", "Lloyd 与 Max"),
            {
                "task": "train",
                "world": "normal",
                "method": "ema",
                "start": "data",
                "decay": 0.8,
                "codes": 8,
                "steps": 800,
            },
            8,
        ),
        Preset(T("All quantisers", "所有量化器"), {"task": "compare", "steps": 300}, 9),
        Preset(T("By hand", "手算"), {"task": "number"}, 10),
    ],
    sources=[
        "engine.generation.vq_vae.reference:nearest_code",
        "engine.generation.vq_vae.nearest",
        "engine.generation.vq_vae.kernel",
        "engine.generation.vq_vae.gradients",
        "engine.generation.vq_vae.quantisers",
        "engine.generation.vq_vae.coding:read",
        "engine.generation.vq_vae.coding:repaint",
        "engine.generation.vq_vae.networks",
    ],
    findings=findings,
)
