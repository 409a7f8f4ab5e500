"""How many bits buy how much: the pages of integers beside JPEG, WebP and flat cells, on one picture."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy import ndarray
from PIL import Image

from engine.generation.picture_codes import coding, judging, models, quality
from engine.generation.picture_codes.networks import CODEBOOKS
from engine.generation.vq_vae.parameters import CORRECTIONS
from engine.generation.vq_vae.result import Curve, Rates

QUALITIES = {"JPEG": (1, 3, 6, 10, 15, 22, 30, 45, 60, 75, 85), "WEBP": (0, 2, 5, 10, 20, 30, 45, 60, 75, 85)}


def compressed(pixels: ndarray, kind: str, setting: int) -> tuple[ndarray, float]:
    """The picture as JPEG or WebP gives it back, and the bits a pixel that its whole file takes."""
    file = io.BytesIO()
    options = {"optimize": True} if kind == "JPEG" else {"method": 4}
    Image.fromarray(pixels).save(file, kind, quality=setting, **options)
    with Image.open(io.BytesIO(file.getvalue())) as back:
        made = np.asarray(back.convert("RGB"))
    return made, 8 * len(file.getvalue()) / (pixels.shape[0] * pixels.shape[1])


def _curve(points: list[tuple[float, float, float, float]]) -> Curve:
    bits, psnr, ssim, setting = (np.array(column) for column in zip(*points, strict=True))
    return Curve(bits, psnr, ssim, setting)


def rates(pixels: ndarray, factor: int, codebook: int, corrections: int = CORRECTIONS) -> Iterator[tuple[Rates, float]]:
    """The curves, one after another, and the share of them that is done; the chosen page is that of this factor and
    codebook."""
    size = pixels.shape[:2]
    wanted = quality.bits_per_pixel(codebook, factor, size)
    found = Rates({}, {}, {}, {})
    pages = [(f, k) for f in (factor, *(f for f in models.FACTORS if f != factor)) for k in CODEBOOKS]
    for kind, settings in QUALITIES.items():
        made = [(*compressed(pixels, kind, q), q) for q in settings]
        curve = _curve([(b, quality.psnr(pixels, p), quality.ssim(pixels, p), q) for p, b, q in made])
        nearest = min(made, key=lambda one: abs(np.log(one[1] / wanted)))
        found = Rates(found.curves | {kind: curve}, {}, found.rivals | {kind: nearest[0]}, found.rival_bits | {kind: nearest[1]})
    found = replace(found, curves=found.curves | {"flat": _flat(pixels, factor)})
    yield found, 1 / (1 + len(pages))
    points: dict[str, list[tuple[float, float, float, float]]] = {}
    for done, (f, k) in enumerate(pages):
        name, page = f"VQ {f}", coding.read(models.autoencoder(f), pixels, k, corrections)
        made = page.painted[: pixels.shape[0], : pixels.shape[1]]
        bits = quality.bits_per_pixel(k, f, size)
        points.setdefault(name, []).append((bits, quality.psnr(pixels, made), quality.ssim(pixels, made), k))
        varied = quality.perplexity(np.bincount(page.codes.numpy().ravel(), minlength=k))
        entropy = np.append(found.entropy.get(name, []), quality.bits_per_pixel(varied, f, size))
        found = replace(found, curves=found.curves | {name: _curve(points[name])}, entropy=found.entropy | {name: entropy})
        yield found, (done + 2) / (1 + len(pages))


def _flat(pixels: ndarray, factor: int) -> Curve:
    """Of cells of one colour each, the colours fitted to this picture and not counted."""
    points = []
    for k in (16, 64, 256, 1024):
        made = judging.flat_cells(pixels, factor, judging.palette([pixels], factor, k, 8000))
        bits = quality.bits_per_pixel(k, factor, pixels.shape[:2])
        points.append((bits, quality.psnr(pixels, made), quality.ssim(pixels, made), k))
    return _curve(points)
