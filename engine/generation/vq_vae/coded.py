"""A picture as its page of integers, the codes that are in use, and the one that a person changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy import ndarray
from torch import Tensor

from engine.core import Refused
from engine.core.words import T
from engine.data import pictures, scenes
from engine.generation.picture_codes import coding, judging, models, quality
from engine.generation.vq_vae import findings, store
from engine.generation.vq_vae.parameters import IMAGES, SCENE_IMAGES, VqVae
from engine.generation.vq_vae.result import Atoms, Cell, VqVaed

NEAREST = 10  # codes whose distance is drawn
SCENE_SEED, SCENE_SIDE = 3, 256


@dataclass(frozen=True)
class Page:
    """A picture coded: pixels, flat (H, W, 3), z (h, w, D), codes (h, w), painted (H', W', 3) uint8 on whole cells.
    corrected: PSNR (dB) of the encoder's own page and after each correction; the best of them is the page."""

    pixels: ndarray
    z: Tensor
    codes: Tensor
    painted: ndarray
    corrected: tuple[float, ...]
    ssim: float
    flat: ndarray
    flat_psnr: float

    @property
    def psnr(self) -> float:
        return max(self.corrected)


def picture(name: str, side: int) -> ndarray:
    """The pixels that a parameter names: a photograph, a scene, an upload; its longer side at most `side`.

    Raises Refused for a strip that becomes too narrow for SSIM's window.
    """
    if name in SCENE_IMAGES:
        scene = scenes.compose(SCENE_SEED, list(SCENE_IMAGES).index(name))
        return pictures.reduced(scenes.render(scene, SCENE_SIDE).pixels, side)
    whole = pictures.chosen(name, (*IMAGES, *SCENE_IMAGES))
    made, narrowest = pictures.reduced(whole, side), 2 * quality.REACH + 1
    if min(made.shape[:2]) < narrowest:
        (height, width), (h, w) = whole.shape[:2], made.shape[:2]
        raise Refused(
            T(
                "image must be at least {narrowest} pixels wide and high at a longer side of {side}; got {width} x {height}, which becomes {w} x {h}",
                "image 在长边为 {side} 时宽高都必须不小于 {narrowest} 像素；收到 {width} x {height}，缩小后为 {w} x {h}",
                narrowest=narrowest,
                side=side,
                width=width,
                height=height,
                w=w,
                h=h,
            ),
            "image",
        )
    return made


def page(params: VqVae) -> Page:
    """The picture's page, made anew or at hand."""
    if params.task == "pages":
        from engine.generation.vq_vae.other_pages import LARGEST_SIDE

        params = params.model_copy(update={"side": min(params.side, LARGEST_SIDE)})
    key = store.key(params)
    if (found := store.AT_HAND.get(key)) is not None:
        return found
    pixels = picture(params.image, params.side)
    model = models.autoencoder(params.factor)
    z, codes, painted, psnr = coding.read(model, pixels, params.codebook, params.corrections)
    flat = judging.flat_cells(pixels, params.factor, judging.palette([pixels], params.factor, params.codebook, 4000, 6))
    shown = painted[: pixels.shape[0], : pixels.shape[1]]
    similar, flat_psnr = quality.ssim(pixels, shown), quality.psnr(pixels, flat)
    made = Page(pixels, z, codes, painted, psnr, similar, flat, flat_psnr)
    store.AT_HAND.put(key, made)
    return made


def looked_at(params: VqVae) -> VqVaed:
    """The result for a picture, with its change."""
    made = page(params)
    height, width = made.pixels.shape[:2]
    codes, painted, cell = made.codes, made.painted, None
    if params.task == "picture":
        codes, painted, cell = _changed(params, made)
    shown = painted[:height, :width]
    usage = np.bincount(codes.numpy().ravel(), minlength=params.codebook)
    model = models.autoencoder(params.factor)
    q = model.codebook(params.codebook)[codes]
    return VqVaed(
        params.task,
        codes=codes.numpy().astype(np.int32),
        usage=usage,
        perplexity=quality.perplexity(usage),
        distortion=float((made.z - q).double().square().mean()),
        psnr=quality.psnr(made.pixels, shown),
        ssim=_ssim(made, shown, cell),
        bits_per_pixel=quality.bits_per_pixel(params.codebook, params.factor, (height, width)),
        factor=params.factor,
        codebook=params.codebook,
        image=made.pixels,
        reconstruction=shown,
        error=np.abs(made.pixels.astype(np.int16) - shown).mean(2).round().astype(np.uint8),
        cell=cell,
        corrected=np.array(made.corrected),
        flat=made.flat,
        flat_psnr=made.flat_psnr,
        atoms=Atoms(model.atoms(params.codebook).numpy()),
        held_out=_held_out(params),
        findings=findings.of_cell(cell, *codes.shape, params.codebook) if cell else (),
    )


def _ssim(made: Page, shown: ndarray, cell: Cell | None) -> float:
    """The whole picture's SSIM after a change, from what differs: the places whose windows meet the changed pixels."""
    if cell is None or not cell.changed:
        return made.ssim
    top, bottom, left, right = cell.window
    far, (height, width) = 2 * quality.REACH, made.pixels.shape[:2]
    rows = slice(max(0, min(top - far, height - far - 1)), min(height, bottom + far))
    columns = slice(max(0, min(left - far, width - far - 1)), min(width, right + far))
    before = made.painted[:height, :width][rows, columns]
    place = (height - far) * (width - far) * 3
    apart = quality.similarity(made.pixels[rows, columns], shown[rows, columns]).sum(dtype=np.float64)
    apart -= quality.similarity(made.pixels[rows, columns], before).sum(dtype=np.float64)
    return made.ssim + float(apart) / place


def _held_out(params: VqVae) -> dict[str, float]:
    metrics = models.meta(params.factor)["metrics"]
    end = f"_{params.codebook}"
    return {name.removesuffix(end): value for name, value in metrics.items() if name.endswith(end)}


def other_pages(params: VqVae) -> VqVaed:
    """The result with pages that no picture gave."""
    from engine.generation.vq_vae import other_pages as others

    made, model, size = page(params), models.autoencoder(params.factor), params.codebook
    other = _fitted(pictures.photograph(params.other), made.pixels.shape[:2])
    far = coding.read(model, other, size, params.corrections).codes
    found = others.other_pages(model, size, made.pixels, made.codes, far, params.temperature, params.seed)
    return replace(looked_at(params), pages=found)


def rates(params: VqVae) -> Iterator[tuple[VqVaed, float]]:
    """The result with what bits buy on this picture, curve by curve, and the share of them that is done."""
    from engine.generation.vq_vae import rates as bits

    found = looked_at(params)
    for made, share in bits.rates(found.image, params.factor, params.codebook, params.corrections):
        yield replace(found, rates=made), share


def _fitted(pixels: ndarray, size: tuple[int, int]) -> ndarray:
    """The middle of a picture, as large as can be in another one's proportions, at its size."""
    from PIL import Image, ImageOps

    made = ImageOps.fit(Image.fromarray(pixels), (size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(made)


def _changed(params: VqVae, made: Page) -> tuple[Tensor, ndarray, Cell]:
    """The page and its picture with the change, and what it changed."""
    model, size = models.autoencoder(params.factor), params.codebook
    rows, columns = made.codes.shape
    row, column = min(params.edit_row, rows - 1), min(params.edit_column, columns - 1)
    before = int(made.codes[row, column])
    after = params.edit_code if 0 <= params.edit_code < size else before
    codes, painted, decoded = made.codes, made.painted, (0, 0)
    top, bottom, left, right = window = coding.moved(model, codes, row, column)
    if after != before:
        codes = codes.clone()
        codes[row, column] = after
        again = coding.repaint(model, codes, size, row, column)
        decoded, painted = (again.cells, again.made), painted.copy()
        painted[top:bottom, left:right] = coding.image(again.pixels)
    old, new = made.painted[top:bottom, left:right], painted[top:bottom, left:right]
    vectors = model.codebook(size)
    z = made.z[row, column]
    distances = (vectors - z).square().sum(1)
    order = distances.argsort()[:NEAREST]
    cell = Cell(
        row,
        column,
        before,
        after,
        tuple(int(v) for v in window),
        old,
        new,
        int((old != new).any(2).sum()),
        decoded,
        made.psnr,
        z.numpy(),
        order.numpy().astype(np.int32),
        distances[order].numpy(),
        vectors[order[0]].numpy(),
        vectors[order[1]].numpy(),
        (params.edit_row, params.edit_column, params.edit_code),
    )
    return codes, painted, cell
