"""VQ-VAE: a picture as a page of integers, what each of them paints, and how such codes are learned."""

from __future__ import annotations

from engine.generation.vq_vae import vq_vae
from pages.generation.vq_vae.lesson import LESSON
from pages.generation.vq_vae.picture import integer_figure, kept_figure, used_figure
from pages.generation.vq_vae.rates import bits_figure, pages_figure, rival_figure
from pages.generation.vq_vae.training import best_figure, chase_figure, compare_figure, losses_figure, number_figure
from pages.shell import Lab, Picture, Preset, T, View

LAWS = {"world": ["normal", "uniform"]}

LAB = Lab(
    experiment=vq_vae,
    picture=Picture(),
    needs=("gradient",),
    title=T("VQ-VAE", "VQ-VAE"),
    words=T(
        "vector quantization, codebook, quantizer, autoencoder, VAE, VQGAN, latent, tokenizer, perplexity, straight-through, discrete codes, image compression",
        "向量量化、码本、自编码器、变分自编码器、潜变量、离散编码、图像压缩、直通估计",
    ),
    claim=T(
        "A picture becomes a page of integers, each the number of a learned code; a decoder paints the page back. Change one integer, and see what it paints.",
        "一张图片变成一页整数，每个整数是一个学得码字的编号；解码器把这页整数画回图片。改动一个整数，看它画的是什么。",
    ),
    order=20,
    views=[
        View(T("What does one integer paint?", "一个整数画的是什么？"), integer_figure, task="picture"),
        View(T("What does a page of integers keep?", "一页整数留下了什么？"), kept_figure, task="picture"),
        View(T("Which codes are in use?", "用到了哪些码字？"), used_figure, task="picture"),
        View(T("Who keeps more in as many bits?", "同样多的比特，谁留下的更多？"), rival_figure, task="rate"),
        View(T("What does a bit buy?", "一个比特换来什么？"), bits_figure, task="rate", more=True),
        View(T("What do other pages show?", "其他整数页画出什么？"), pages_figure, task="pages"),
        View(T("Do the codes find the data?", "码字找得到数据吗？"), chase_figure, task="train"),
        View(T("How do losses and perplexity go?", "损失与困惑度如何变化？"), losses_figure, task="train", more=True),
        View(T("Do they reach the best there is?", "能达到最优吗？"), best_figure, task="train", when=LAWS, more=True),
        View(T("Which quantiser wastes least?", "哪种量化器浪费最少？"), compare_figure, task="compare", more=True),
        View(T("How does a gradient pass a rounding?", "梯度怎样穿过取整？"), number_figure, "exact", task="number", more=True),
    ],
    lesson=LESSON,
    presets=[
        Preset(T("One integer changed", "改动一个整数"), {}, 0),
        Preset(T("A cat, 704 integers", "704 个整数的猫"), {"edit_code": -1}, 1),
        Preset(T("Against JPEG", "与 JPEG 相比"), {"task": "rate"}, 3),
        Preset(T("Pages nobody coded", "无人编码的页"), {"task": "pages"}, 5),
        Preset(T("Collapse", "坍缩"), {"task": "train", "method": "ema", "codes": 64}, 6),
        Preset(T("Cured", "治好坍缩"), {"task": "train", "method": "ema", "codes": 64, "start": "k-means", "restarts": True}, 6),
        Preset(
            T("Lloyd and Max", "Lloyd 与 Max"),
            {"task": "train", "world": "normal", "method": "ema", "start": "data", "decay": 0.8, "codes": 8, "steps": 800},
            8,
        ),
        Preset(T("By hand", "手算"), {"task": "number"}, 10),
    ],
    sources=[
        "engine.generation.quantisation.reference:nearest_code",
        "engine.generation.quantisation.nearest",
        "engine.generation.quantisation.kernel",
        "engine.generation.quantisation.gradients",
        "engine.generation.vq_vae.quantisers",
        "engine.generation.picture_codes.coding:read",
        "engine.generation.picture_codes.coding:repaint",
        "engine.generation.picture_codes.networks",
    ],
)
