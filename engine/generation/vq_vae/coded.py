"""A picture as its page of integers, the codes that are in use, and the one that a person changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from engine.data import pictures, scenes
from engine.generation.vq_vae import (
    IMAGES,
    SCENE_IMAGES,
    VqVae,
    VqVaed,
    coding,
    flattening,
    judging,
    models,
    quality,
    store,
)

SHOWN, NEAREST = 1500, 10
SCENE_SEED, SCENE_SIDE = 3, 256


@dataclass(frozen=True)
class Atoms:
    """pixels: (K, a, a, 3) uint8, the mean of what the decoder paints where a code stands in training photographs."""

    pixels: ndarray


@dataclass(frozen=True)
class Cell:
    """The cell at (row, column): before and after, its integer; window: the pixels (top, bottom, left, right) that its
    integer has a say in. old, new: (…, 3) uint8 the picture there before and after. changed: how many pixels moved.
    psnr_before: of the whole picture, before the change. vector: (D,) the encoder's. nearest: (m,) the closest codes,
    distances: (m,) their squared distances; first, second: (D,) the two closest codes themselves."""

    row: int
    column: int
    before: int
    after: int
    window: tuple[int, int, int, int]
    old: ndarray
    new: ndarray
    changed: int
    psnr_before: float
    vector: ndarray
    nearest: ndarray
    distances: ndarray
    first: ndarray
    second: ndarray


@dataclass(frozen=True)
class Projection:
    """vectors: (n, 2) the encoder's, of some of the cells; chosen: (n,) their codes; colours: (n, 3) uint8 the mean
    colour of each; codes: (K, 2). shares: (2,) of the vectors' variance along each direction. cell: (2,) the cell's."""

    vectors: ndarray
    chosen: ndarray
    colours: ndarray
    codes: ndarray
    shares: ndarray
    cell: ndarray


@dataclass(frozen=True)
class Page:
    """A picture coded: pixels, flat (H, W, 3), z (h, w, D), codes (h, w), painted (H', W', 3) uint8 on whole cells.
    corrected: PSNR (dB) of the encoder's own page and after each correction; the best of them is the page.
    places: (h, w, 2) of the vectors in the projection."""

    pixels: ndarray
    z: Tensor
    codes: Tensor
    painted: ndarray
    corrected: tuple[float, ...]
    ssim: float
    flat: ndarray
    flat_psnr: float
    projection: Projection
    places: ndarray

    @property
    def psnr(self) -> float:
        return max(self.corrected)


def picture(name: str, side: int) -> ndarray:
    """The pixels that a parameter names: a photograph, a scene, an upload; its longer side at most `side`."""
    if name in SCENE_IMAGES:
        scene = scenes.compose(SCENE_SEED, list(SCENE_IMAGES).index(name))
        return pictures.reduced(scenes.render(scene, SCENE_SIDE).pixels, side)
    return pictures.reduced(pictures.chosen(name, (*IMAGES, *SCENE_IMAGES)), side)


def page(params: VqVae) -> Page:
    """The picture's page, made anew or at hand."""
    key = store.key(params)
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
    projection, places = _projection(params, pixels, z, codes)
    made = Page(pixels, z, codes, painted, psnr, similar, flat, flat_psnr, projection, places)
    store.AT_HAND.put(key, made)
    return made


def _projection(params: VqVae, pixels: ndarray, z: Tensor, codes: Tensor) -> tuple[Projection, ndarray]:
    model, f = models.autoencoder(params.factor), params.factor
    flat = z.flatten(0, 1)
    vectors, places, shares = flattening.projected(flat.numpy(), model.codebook(params.codebook).numpy())
    colours = torch.nn.functional.avg_pool2d((coding.tensor(pixels, f) + 1) * 127.5, f)[0].flatten(1).T
    at = np.random.default_rng(0).permutation(len(flat))[:SHOWN]
    projection = Projection(
        vectors[at].astype(np.float32), codes.flatten()[at].numpy().astype(np.int32),
        colours[at].round().clamp(0, 255).to(torch.uint8).numpy(), places.astype(np.float32), shares, np.zeros(2),
    )  # fmt: skip
    return projection, vectors.reshape(*codes.shape, 2)


def looked_at(params: VqVae) -> VqVaed:
    """The result for a picture: with its change, its rates or its other pages, as is asked."""
    made = page(params)
    height, width = made.pixels.shape[:2]
    codes, painted, cell = made.codes, made.painted, None
    if params.task == "picture":
        codes, painted, cell = _changed(params, made)
    shown = painted[:height, :width]
    usage = np.bincount(codes.numpy().ravel(), minlength=params.codebook)
    model = models.autoencoder(params.factor)
    q = model.codebook(params.codebook)[codes]
    more = _more(params, made)
    return VqVaed(
        params.task, codes=codes.numpy().astype(np.int32), usage=usage, perplexity=quality.perplexity(usage),
        distortion=float((made.z - q).double().square().mean()), psnr=quality.psnr(made.pixels, shown),
        ssim=_ssim(made, shown, cell),
        bits_per_pixel=quality.bits_per_pixel(params.codebook, params.factor),
        factor=params.factor, codebook=params.codebook, image=made.pixels, reconstruction=shown,
        error=np.abs(made.pixels.astype(np.int16) - shown).mean(2).round().astype(np.uint8), cell=cell,
        corrected=np.array(made.corrected), flat=made.flat, flat_psnr=made.flat_psnr,
        atoms=Atoms(model.atoms(params.codebook).numpy()), projection=_with(made, cell),
        held_out=_held_out(params), **more,
    )  # fmt: skip


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


def _more(params: VqVae, made: Page) -> dict[str, object]:
    if params.task == "rate":
        from engine.generation.vq_vae import rates

        return {"rates": rates.rates(made.pixels, params.factor, params.codebook, params.corrections)}
    if params.task == "pages":
        from engine.generation.vq_vae import other_pages

        model, size = models.autoencoder(params.factor), params.codebook
        other = _fitted(pictures.photograph(params.other), made.pixels.shape[:2])
        far = coding.read(model, other, size, params.corrections).codes
        return {"pages": other_pages.other_pages(model, size, made.pixels, made.codes, far, params.temperature,
                                                 params.seed)}  # fmt: skip
    return {}


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
    after = before if params.edit_code < 0 else min(params.edit_code, size - 1)
    codes, painted = made.codes, made.painted
    top, bottom, left, right = window = coding.moved(model, codes, row, column)
    if after != before:
        codes = codes.clone()
        codes[row, column] = after
        part, _ = coding.repaint(model, codes, size, row, column)
        painted = painted.copy()
        painted[top:bottom, left:right] = coding.image(part)
    old, new = made.painted[top:bottom, left:right], painted[top:bottom, left:right]
    vectors = model.codebook(size)
    z = made.z[row, column]
    distances = (vectors - z).square().sum(1)
    order = distances.argsort()[:NEAREST]
    cell = Cell(
        row, column, before, after, tuple(int(v) for v in window), old, new, int((old != new).any(2).sum()), made.psnr,
        z.numpy(), order.numpy().astype(np.int32), distances[order].numpy(), vectors[order[0]].numpy(),
        vectors[order[1]].numpy(),
    )  # fmt: skip
    return codes, painted, cell


def _with(made: Page, cell: Cell | None) -> Projection:
    """The projection with the place of the changed cell's vector."""
    return replace(made.projection, cell=made.places[cell.row, cell.column]) if cell else made.projection
