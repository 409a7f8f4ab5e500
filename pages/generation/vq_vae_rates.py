"""What a bit buys, and what pages of integers show that no picture gave."""

from __future__ import annotations

import numpy as np

from engine.generation.vq_vae import VqVaed
from pages.generation.vq_vae_picture import decibels, frame
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, FOURTH, MEASURED, MUTE, SECOND, THIRD
from pages.shell.figures import Figure
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import line, picture, points

LOOKS = {"JPEG": (SECOND, "JPEG"), "WEBP": (FOURTH, "WebP"), "VQ 8": (MEASURED, "VQ-VAE, 8"), "VQ 4": (THIRD, "VQ-VAE, 4"),
         "flat": (MUTE, "")}  # fmt: skip
# Where each curve's name stands: beside which point, how many dB above it.
SPOTS = {"JPEG": (3, -2.4, "left"), "WEBP": (-4, 1.4, "right"), "VQ 8": (0, 3.4, "left"), "VQ 4": (-1, 0, "left"),
         "flat": (0, 1.3, "left")}  # fmt: skip
FLAT = T("flat cells", "单色格子")


def bits_figure(r: VqVaed) -> Figure:
    """PSNR and SSIM against bits a pixel; and pictures of about as many bits."""
    traces, labels = [], []
    for name, curve in r.rates.curves.items():
        color, called = LOOKS[name]
        words = T(called, called) if called else FLAT
        mark = {"mode": "lines+markers", "marker": {"size": 5, "color": color}}
        for panel, values in ((0, curve.psnr), (1, curve.ssim)):
            traces.append(line(curve.bits, values, color, panel=panel, name=words, dash="dot" if name == "flat" else "",
                               text=[f"{v:g}" for v in curve.setting],
                               hovertemplate="%{x:.3g}, %{y:.4g} (%{text})<extra>" + words.en + "</extra>") | mark)  # fmt: skip
        if name in r.rates.entropy:
            traces.append(
                points(
                    r.rates.entropy[name],
                    curve.psnr,
                    color,
                    size=6,
                    symbol="circle-open",
                    name=T(f"{called}, entropy of its codes", f"{called}，码字的熵"),
                )
            )
        at, lift, anchor = SPOTS[name]
        if not np.isfinite(curve.psnr[at]):  # a picture of few colours is given back exactly
            continue
        labels.append(Label(curve.bits[at], curve.psnr[at] + lift, words, color, anchor))
    traces.append(points([r.bits_per_pixel], [r.psnr], BRASS, size=13, symbol="circle-open", name=T("chosen", "所选")))
    pictures = [
        (r.image, T("original: 24 bits a pixel", "原图：每像素 24 比特")),
        (
            r.reconstruction,
            T(f"VQ-VAE: {r.bits_per_pixel:.3g} bits a pixel", f"VQ-VAE：每像素 {r.bits_per_pixel:.3g} 比特"),
        ),
    ]
    pictures += [
        (
            r.rates.rivals[kind],
            T(f"{LOOKS[kind][1]}: {r.rates.rival_bits[kind]:.3g}", f"{LOOKS[kind][1]}：{r.rates.rival_bits[kind]:.3g}"),
        )
        for kind in ("WEBP", "JPEG")
    ]
    traces += [picture(pixels, xaxis=f"x{k + 3}", yaxis=f"y{k + 3}") for k, (pixels, _) in enumerate(pictures)]
    every = np.concatenate([c.bits for c in r.rates.curves.values()])
    span = (float(every.min()) * 0.8, min(4.0, float(every.max()) * 1.1))
    return Figure(
        traces,
        [
            Panel(Axis(T("bits per pixel", "每像素比特"), log=True, range=span), Axis("PSNR (dB)"), title="PSNR"),
            Panel(Axis(T("bits per pixel", "每像素比特"), log=True, range=span), Axis("SSIM"), title="SSIM"),
            *(frame(pixels, title) for pixels, title in pictures),
        ],
        T("PSNR and SSIM of this picture against bits per pixel, for the VQ-VAE, JPEG, WebP and flat cells.", "此图的 PSNR 与 SSIM 随每像素比特的变化：VQ-VAE、JPEG、WebP 与单色格子。"),
        labels,
        columns=3,
        facts=[
            (T("chosen page", "所选整数页"), T(f"{r.bits_per_pixel:.4g} bits, {decibels(r.psnr)}", f"{r.bits_per_pixel:.4g} 比特，{decibels(r.psnr)}")),
            (T("nearest WebP", "最接近的 WebP"), T(f"{r.rates.rival_bits['WEBP']:.4g} bits", f"{r.rates.rival_bits['WEBP']:.4g} 比特")),
            (T("nearest JPEG", "最接近的 JPEG"), T(f"{r.rates.rival_bits['JPEG']:.4g} bits", f"{r.rates.rival_bits['JPEG']:.4g} 比特")),
        ],
    )  # fmt: skip


def pages_figure(r: VqVaed) -> Figure:
    """Pages that no picture gave, painted by the decoder."""
    p = r.pages
    drawn = np.concatenate(list(p.drawn), 1)
    shown = [
        (r.reconstruction, T("this picture's own page", "此图自己的整数页")),
        (p.mixed[p.mixes.size // 2], T("code vectors mixed", "码字向量的混合")),
        (p.shuffled, T("its integers, shuffled", "打乱它的整数")),
        (p.even, T("every code as likely", "每个码字等可能")),
        (p.by_use, T("as often as here, anywhere", "按使用频率随机摆放")),
        (drawn, T("drawn by the prior", "由先验抽取")),
    ]
    traces = [
        picture(pixels) if not k else picture(pixels, xaxis=f"x{k + 1}", yaxis=f"y{k + 1}")
        for k, (pixels, _) in enumerate(shown)
    ]
    frames = [Frame(f"{share:.2f}", {1: {"source": picture(p.mixed[i])["source"]}}) for i, share in enumerate(p.mixes)]
    return Figure(
        traces,
        [frame(pixels, title) for pixels, title in shown],
        T("Six pages of integers as the decoder paints them: a picture's own, mixed with another's, shuffled, drawn evenly, by use, and by the prior.", "解码器画出的六页整数：图片自己的、与另一张混合的、打乱的、均匀抽取的、按使用频率抽取的、由先验抽取的。"),
        facts=[(T("the prior", "先验"), T(f"of scenes, cells of {p.prior_factor}, K = {p.prior_codes}, whatever is chosen", f"学自场景，{p.prior_factor} 像素格，K = {p.prior_codes}，与所选无关"))],
        frames=Frames(T("share of the other picture", "另一张图片的比例"), frames, start=p.mixes.size // 2),
        columns=3,
    )  # fmt: skip
