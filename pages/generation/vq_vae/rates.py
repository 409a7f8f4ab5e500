"""What a bit buys, and what pages of integers show that no picture gave."""

from __future__ import annotations

import numpy as np

from engine.generation.vq_vae import VqVaed
from pages.generation.vq_vae.picture import decibels, frame
from pages.shell import T, draw

RING = "circle-open"
LOOKS = {  # what it is compared with is grey
    "JPEG": (draw.INK_2, "", T.of("JPEG")),
    "WEBP": (draw.INK_2, "dash", T.of("WebP")),
    "VQ 8": (draw.MEASURED, "", T("VQ-VAE, f = 8", "VQ-VAE，f = 8")),
    "VQ 4": (draw.MEASURED, "dash", T("VQ-VAE, f = 4", "VQ-VAE，f = 4")),
    "flat": (draw.INK_2, "dot", T("flat cells", "单色格子")),
}


def sized(r: VqVaed, kind: str) -> tuple[T, T]:
    """A rival's file of about as many bits as the page: its name, and its bits and PSNR."""
    bits, curve = r.rates.rival_bits[kind], r.rates.curves[kind]
    return T("as {name}", "存为 {name}", name=LOOKS[kind][2]), at_bits(bits, float(curve.psnr[np.abs(curve.bits - bits).argmin()]))


def at_bits(bits: float, psnr: float) -> T:
    """A rate and what it keeps."""
    return T("{bits:number} bits, {psnr}", "{bits:number} 比特，{psnr}", bits=bits, psnr=decibels(psnr, 1))


def beside(r: VqVaed, kind: str, panel: int = 0, after: int = 0) -> tuple[list[dict], draw.Panel, draw.Divider]:
    """The page's picture and a rival's on both sides of a line to drag, after so many traces."""
    name = LOOKS[kind][2]
    title = T("page of integers ⇆ {name}", "整数页 ⇆ {name}", name=name)
    line = T("the line between the page and {name}", "整数页与 {name} 之间的分界线", name=name)
    drawn = [draw.picture(r.reconstruction, panel=panel), draw.picture(r.rates.rivals[kind], panel=panel)]
    return drawn, frame(r.image, title), draw.Divider(after + 1, panel=panel, text=line)


def rival_figure(r: VqVaed) -> draw.Figure:
    """The page and a JPEG of as many bits, as large as there is room."""
    drawn, panel, divider = beside(r, "JPEG")
    page, (rival, told) = at_bits(r.bits_per_pixel, r.psnr), sized(r, "JPEG")
    return draw.Figure(
        drawn,
        [panel],
        T(
            "One picture in as many bits per pixel: as a page of integers, {page}; as JPEG, {told}.",
            "同一张图片，每像素比特数相近：整数页 {page}；JPEG {told}。",
            page=page,
            told=told,
        ),
        divider=divider,
        facts=[(T("the page of integers", "整数页"), page), (rival, told), sized(r, "WEBP")],
    )


def bits_figure(r: VqVaed) -> draw.Figure:
    """PSNR and SSIM against bits a pixel; and the WebP of about as many bits."""
    traces = []
    for name, curve in r.rates.curves.items():
        color, dash, words = LOOKS[name]
        mark = {"mode": "lines+markers", "marker": {"size": 5, "color": color}}
        more = {"dash": dash, "text": [f"{v:g}" for v in curve.setting]}
        more["hovertemplate"] = "%{x:.3g}, %{y:.4g} (%{text})"
        for panel, values in enumerate((curve.psnr, curve.ssim)):
            finite = np.isfinite(values)  # a picture of few colours is given back exactly
            traces.append(draw.line(curve.bits[finite], values[finite], color, panel=panel, name=words, **more) | mark)
        if name in r.rates.entropy:
            bound = T("{words}, entropy of its codes", "{words}，码字的熵", words=words)
            traces.append(draw.points(r.rates.entropy[name], curve.psnr, color, size=6, symbol=RING, name=bound))
    traces.append(draw.points([r.bits_per_pixel], [r.psnr], draw.BRASS, size=13, symbol=RING, name=T("chosen", "所选")))
    pictures, webp, divider = beside(r, "WEBP", 2, len(traces))
    every = np.concatenate([c.bits for c in r.rates.curves.values()])
    bits = draw.Axis(T("bits per pixel", "每像素比特"), log=True, range=(float(every.min()) * 0.8, min(4.0, float(every.max()) * 1.1)))
    key = [(color, words, "dash" if dash else "line") for name, (color, dash, words) in LOOKS.items() if name in r.rates.curves]
    rings = [(draw.MEASURED, T("at the entropy of its codes", "按码字的熵计"), RING), (draw.BRASS, T("chosen", "所选"), RING)]
    return draw.Figure(
        [*traces, *pictures],
        [
            draw.Panel(bits, draw.Axis("PSNR (dB)"), title="PSNR", key=key),
            draw.Panel(bits, draw.Axis("SSIM"), title="SSIM", key=rings),
            webp,
        ],
        T(
            "PSNR and SSIM of this picture against bits per pixel, for the VQ-VAE, JPEG, WebP and flat cells.",
            "此图的 PSNR 与 SSIM 随每像素比特的变化：VQ-VAE、JPEG、WebP 与单色格子。",
        ),
        columns=3,
        divider=divider,
        facts=[(T("chosen page", "所选整数页"), at_bits(r.bits_per_pixel, r.psnr)), sized(r, "WEBP")],
    )


def pages_figure(r: VqVaed) -> draw.Figure:
    """Pages that no picture gave, painted by the decoder."""
    p = r.pages
    middle = p.mixes.size // 2
    shown = [
        (r.reconstruction, T("this picture's own page", "此图自己的整数页")),
        (p.mixed[middle], T("code vectors mixed", "码字向量的混合")),
        (p.shuffled, T("its integers, shuffled", "打乱它的整数")),
        (p.even, T("every code as likely", "每个码字等可能")),
        (p.drawn[0], T("drawn by the prior", "由先验抽取")),
        (p.drawn[1], T("drawn by the prior, again", "由先验再次抽取")),
    ]
    frames = [draw.Frame(f"{share:.2f}", {1: {"source": draw.source(p.mixed[i])}}) for i, share in enumerate(p.mixes)]
    prior = T(
        "of scenes, cells of {factor}, K = {codes}, whatever is chosen",
        "学自场景，{factor} 像素格，K = {codes}，与所选无关",
        factor=p.prior_factor,
        codes=p.prior_codes,
    )
    return draw.Figure(
        [draw.picture(pixels, panel=k) for k, (pixels, _) in enumerate(shown)],
        [frame(pixels, title) for pixels, title in shown],
        T(
            "Six pages of integers as the decoder paints them: a picture's own, mixed with another's, shuffled, drawn evenly, and two drawn by the prior.",
            "解码器画出的六页整数：图片自己的、与另一张混合的、打乱的、均匀抽取的，以及由先验抽取的两页。",
        ),
        facts=[(T("the prior", "先验"), prior)],
        frames=draw.Frames(T("share of the other picture", "另一张图片的比例"), frames, start=middle),
        columns=3,
    )
