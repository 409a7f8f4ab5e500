"""What a bit buys, and what pages of integers show that no picture gave."""

from __future__ import annotations

import numpy as np

from engine.generation.vq_vae import VqVaed
from pages.generation.vq_vae.picture import decibels, frame
from pages.shell import T, draw

LOOKS = {
    "JPEG": (draw.INK, "", T.of("JPEG")),
    "WEBP": (draw.INK, "dash", T.of("WebP")),
    "VQ 8": (draw.MEASURED, "", T("VQ-VAE, f = 8", "VQ-VAE，f = 8")),
    "VQ 4": (draw.MEASURED, "dash", T("VQ-VAE, f = 4", "VQ-VAE，f = 4")),
    "flat": (draw.MUTE, "dot", T("flat cells", "单色格子")),
}


def bits_figure(r: VqVaed) -> draw.Figure:
    """PSNR and SSIM against bits a pixel; and pictures of about as many bits."""
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
            traces.append(draw.points(r.rates.entropy[name], curve.psnr, color, size=6, symbol="circle-open", name=bound))
    traces.append(draw.points([r.bits_per_pixel], [r.psnr], draw.BRASS, size=13, symbol="circle-open", name=T("chosen", "所选")))
    said = T(
        "VQ-VAE, {bits:number} bits a pixel ⇆ JPEG, {rival:number}",
        "VQ-VAE（每像素 {bits:number} 比特）⇆ JPEG（{rival:number}）",
        bits=r.bits_per_pixel,
        rival=r.rates.rival_bits["JPEG"],
    )
    webp = T("WebP, {bits:number} bits a pixel", "WebP（每像素 {bits:number} 比特）", bits=r.rates.rival_bits["WEBP"])
    traces += [
        draw.picture(r.reconstruction, panel=2),
        draw.picture(r.rates.rivals["JPEG"], panel=2),
        draw.picture(r.rates.rivals["WEBP"], panel=3),
    ]
    every = np.concatenate([c.bits for c in r.rates.curves.values()])
    bits = draw.Axis(T("bits per pixel", "每像素比特"), log=True, range=(float(every.min()) * 0.8, min(4.0, float(every.max()) * 1.1)))
    key = [(color, words, "dash" if dash else "line") for name, (color, dash, words) in LOOKS.items() if name in r.rates.curves]
    rings = [(draw.MEASURED, T("at the entropy of its codes", "按码字的熵计"), "dot"), (draw.BRASS, T("chosen", "所选"), "dot")]
    chosen = T("{bits:number.4} bits, {psnr}", "{bits:number.4} 比特，{psnr}", bits=r.bits_per_pixel, psnr=decibels(r.psnr))
    return draw.Figure(
        traces,
        [
            draw.Panel(bits, draw.Axis("PSNR (dB)"), title="PSNR", key=key),
            draw.Panel(bits, draw.Axis("SSIM"), title="SSIM", key=rings),
            frame(r.image, said),
            frame(r.image, webp),
        ],
        T(
            "PSNR and SSIM of this picture against bits per pixel, for the VQ-VAE, JPEG, WebP and flat cells.",
            "此图的 PSNR 与 SSIM 随每像素比特的变化：VQ-VAE、JPEG、WebP 与单色格子。",
        ),
        columns=2,
        layout={"height": 520},
        divider=draw.Divider(len(traces) - 2, panel=2, text=T("the line between VQ-VAE and JPEG", "VQ-VAE 与 JPEG 之间的分界线")),
        facts=[
            (T("chosen page", "所选整数页"), chosen),
            *(
                (
                    T("nearest {name}", "最接近的 {name}", name=LOOKS[kind][2]),
                    T("{bits:number.4} bits", "{bits:number.4} 比特", bits=r.rates.rival_bits[kind]),
                )
                for kind in ("WEBP", "JPEG")
            ),
        ],
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
