"""The embedded VQ-VAE: what its checkpoints reach on pictures that they never saw, and what the page shows of them."""

from __future__ import annotations

import functools
import hashlib
import io

import numpy as np
import pytest
import torch
from PIL import Image

from engine.core import Refused
from engine.data import pictures
from engine.generation.vq_vae import (
    VqVae,
    coded,
    coding,
    judging,
    learning,
    models,
    other_pages,
    patches,
    prior_learning,
    quality,
    rates,
    store,
    train,
    vq_vae,
)
from engine.generation.vq_vae.learning import Plan
from engine.generation.vq_vae.networks import CODEBOOKS, Autoencoder, Shape
from engine.generation.vq_vae.prior import Prior, PriorShape


@functools.cache
def judged(factor: int) -> dict[str, float]:
    return judging.judge(models.autoencoder(factor), CODEBOOKS)


@pytest.mark.parametrize("factor", models.FACTORS)
@pytest.mark.reproduces("vq-vae-8", "vq-vae-4")
def test_the_written_figures_are_reached(factor):
    written = models.meta(factor)["metrics"]
    for name, value in judged(factor).items():
        near = {"psnr": 0.02, "ssim": 1e-3, "perplexity": 0.01 * value}[name.removeprefix("encoder_").partition("_")[0]]
        assert value == pytest.approx(written[name], abs=near), name


# Decibels above flat cells of as many colours, which were learned from the same photographs as the codes were.
MARGINS = {4: 2.9, 8: 2.5}


@pytest.mark.parametrize("factor", models.FACTORS)
@pytest.mark.reproduces("vq-vae-8", "vq-vae-4")
def test_a_code_says_more_than_a_colour(factor):
    written, found = models.meta(factor)["metrics"], judged(factor)
    for size in CODEBOOKS:
        assert found[f"psnr_{size}"] > written[f"palette_psnr_{size}"] + MARGINS[factor]
        assert found[f"encoder_psnr_{size}"] > written[f"palette_psnr_{size}"] + 2  # and nothing corrected
        assert found[f"psnr_{size}"] > written[f"own_palette_psnr_{size}"]  # colours fitted to the photograph itself


@pytest.mark.parametrize(("factor", "size"), [(8, 64), (8, 1024), (4, 256)])
@pytest.mark.reproduces("vq-vae-8", "vq-vae-4")
def test_the_palettes_are_what_they_are_said_to_be(factor, size):
    written = models.meta(factor)["metrics"]
    found = judging.palettes(factor, (size,))
    assert all(value == pytest.approx(written[name], abs=0.05) for name, value in found.items())


@pytest.mark.parametrize("factor", models.FACTORS)
@pytest.mark.reproduces("vq-vae-8", "vq-vae-4")
def test_most_codes_are_at_work_on_photographs_never_seen(factor):
    for size in CODEBOOKS:
        assert judged(factor)[f"perplexity_{size}"] > 0.7 * size


@pytest.mark.parametrize("factor", models.FACTORS)
@pytest.mark.reproduces("vq-vae-8", "vq-vae-4")
def test_most_codes_are_at_work(factor):
    written, plan = models.meta(factor)["metrics"], Plan(models.autoencoder(factor).shape, 1, 1)
    found = train.variety(models.autoencoder(factor), plan)
    for size in CODEBOOKS:
        name = f"patch_perplexity_{size}"
        assert found[name] == pytest.approx(written[name], rel=0.02) and found[name] > 0.85 * size


@pytest.mark.parametrize("factor", models.FACTORS)
def test_what_was_held_out_is_written_down(factor):
    data = models.meta(factor)["data"]
    assert set(data["held_out"]) == {"china", "chelsea"}
    assert not set(data["held_out"]) & {*data["photographs"], *data["others"]}
    assert {"motorcycle_left", "motorcycle_right"} <= set(data["photographs"])


@pytest.mark.parametrize("factor", models.FACTORS)
@pytest.mark.reproduces("vq-vae-8", "vq-vae-4")
def test_atoms_are_what_the_decoder_paints_on_the_average(factor, monkeypatch):
    model, f = models.autoencoder(factor), factor
    apart = (model.atoms(64).int() - train.atoms(model, 64).int()).abs()
    assert model.atoms(64).shape == (64, 8, 8, 3) and apart.float().mean() < 0.5 and apart.max() <= 3
    monkeypatch.setattr(pictures, "TRAINING", ("coffee",))
    found, pixels = train.atoms(model, 64).numpy(), pictures.photograph("coffee")
    cells: dict[int, list] = {}
    for seen in (pixels, np.fliplr(pixels), np.flipud(pixels)):
        page = coding.read(model, np.ascontiguousarray(seen), 64, 0)
        for (y, x), code in np.ndenumerate(page.codes.numpy()):
            cells.setdefault(int(code), []).append(page.painted[y * f : y * f + f, x * f : x * f + f])
    for code in range(64):
        mean = np.mean(cells.get(code, [np.full((f, f, 3), 128)]), 0)
        assert np.abs(np.kron(mean, np.ones((8 // f, 8 // f, 1))) - found[code]).max() <= 0.5 + 1e-9


@pytest.mark.reproduces("vq-vae-prior", "vq-vae-8")
def test_the_prior_knows_more_than_shares():
    written, prior, plan = models.prior_meta()["metrics"], models.prior(), prior_learning.PriorPlan()
    assert written["held_out_bits"] < 0.85 * written["share_bits"] < written["even_bits"]
    unseen = prior_learning.read(models.autoencoder(prior.shape.factor), plan, lambda *_: None, first=plan.scenes)
    assert len(unseen) == plan.held_out
    assert prior_learning.bits_a_code(prior, unseen) == pytest.approx(written["held_out_bits"], abs=0.02)


def test_the_prior_looks_back_only_and_its_memory_changes_nothing():
    torch.manual_seed(0)
    model = Prior(PriorShape(side=4, codes=20, layers=2, width=32, heads=2)).eval()
    pages = torch.randint(20, (3, 16))
    with torch.inference_mode():
        logits = model(pages)
        later = pages.clone()
        later[:, 9:] = (later[:, 9:] + 1) % 20
        torch.testing.assert_close(model(later)[:, :10], logits[:, :10])
        likeliest = model.sample(2, 0.0, torch.Generator()).flatten(1)
        assert torch.equal(model(likeliest).argmax(-1), likeliest)
    a, b = (model.sample(4, 1.0, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(a, b) and a.shape == (4, 4, 4)


# --- a picture on the page ---


def test_an_uploaded_picture_is_coded_like_any_other():
    pixels = pictures.reduced(pictures.photograph("china"), 200)
    found = vq_vae(VqVae(image=pictures.as_text(pixels), side=200))
    assert np.array_equal(found.image, pixels) and found.codes.shape == (-(-pixels.shape[0] // 8), 25)
    assert found.psnr == pytest.approx(quality.psnr(pixels, found.reconstruction))
    assert found.usage.sum() == found.codes.size and found.perplexity == quality.perplexity(found.usage)
    with pytest.raises(Refused, match="damaged"):
        vq_vae(VqVae(image=pictures.as_text(pixels)[: len("data:image/png;base64,") + 900]))


@pytest.mark.parametrize("shape", [(16, 16), (17, 90), (61, 33)])
@pytest.mark.parametrize("factor", models.FACTORS)
def test_any_size_is_taken(shape, factor):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    found = vq_vae(VqVae(image=pictures.as_text(pixels), factor=factor, edit_row=150, edit_column=150, edit_code=255))
    assert found.reconstruction.shape == pixels.shape == (*found.error.shape, 3)
    h, w = found.codes.shape
    assert (found.cell.row, found.cell.column, found.cell.after) == (h - 1, w - 1, 255)


@pytest.mark.parametrize("factor", models.FACTORS)
@pytest.mark.parametrize("place", [(0, 0), (7, 11), (20, 31)])
def test_a_changed_integer_gives_what_the_whole_page_would(factor, place):
    params = VqVae(factor=factor, edit_row=place[0], edit_column=place[1], edit_code=17)
    found = vq_vae(params)
    model = models.autoencoder(factor)
    whole = coding.image(coding.paint(model, torch.from_numpy(found.codes).long(), 256))
    apart = np.abs(whole[: found.image.shape[0], : found.image.shape[1]].astype(int) - found.reconstruction)
    assert apart.max() <= 1 and (apart > 0).mean() < 1e-3  # a rounding to the other side of a half, at most
    plain = vq_vae(VqVae(factor=factor, edit_row=place[0], edit_column=place[1]))
    assert int((plain.codes != found.codes).sum()) == 1 and found.codes[place] == 17
    assert plain.cell.before == plain.cell.after == found.cell.before
    top, bottom, left, right = found.cell.window
    outside = np.ones(plain.image.shape[:2], bool)
    outside[top:bottom, left:right] = False
    assert np.array_equal(plain.reconstruction[outside], found.reconstruction[outside])
    cells, made = found.cell.decoded
    assert (bottom - top) * (right - left) <= made <= cells * factor**2 <= found.codes.size * factor**2
    assert found.cell.changed > 0 and found.cell.psnr_before == plain.psnr
    assert found.ssim == pytest.approx(quality.ssim(found.image, found.reconstruction), abs=1e-6) != plain.ssim


# --- corrections ---


def test_a_page_that_is_not_corrected_is_the_encoders():
    pixels, model = pictures.reduced(pictures.photograph("coffee"), 90), models.autoencoder(8)
    page, z = coding.read(model, pixels, 512, 0), coding.encode(model, pixels, 512)
    assert torch.equal(page.z, z) and torch.equal(page.codes, coding.quantise(model, z, 512))
    # The estimator's z + (e − z) is e up to a rounding.
    assert np.abs(page.painted.astype(int) - coding.image(coding.paint(model, page.codes, 512))).max() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_a_correction_goes_down_the_slope_of_what_the_codes_paint(seed):
    """Against the gradient in the codes themselves, which the straight-through estimator hands to the vectors."""
    rng = np.random.default_rng(seed)
    factor, size = int(rng.choice(models.FACTORS)), int(rng.choice(CODEBOOKS))
    side = int(rng.integers(40, 90))  # seldom a multiple of the cells
    pixels = pictures.reduced(pictures.photograph(str(rng.choice(["china", "chelsea", "coffee"]))), side)
    model, (height, width) = models.autoencoder(factor), pixels.shape[:2]
    z = coding.encode(model, pixels, size).clone()
    q = model.codebook(size)[coding.quantise(model, z, size).clone()].requires_grad_()
    painted = model.decoder(q.permute(2, 0, 1)[None], torch.tensor([model.book(size)]))
    x = torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)
    (painted[0, :, :height, :width] - x).square().sum().backward()
    moved = z - 0.3 / 2 * q.grad / (3 * factor**2)
    page = coding.read(model, pixels, size, 1)
    after = coding.image(coding.paint(model, coding.quantise(model, moved, size), size))[:height, :width]
    assert page.psnr[1] == pytest.approx(quality.psnr(pixels, after), abs=2e-3)
    torch.testing.assert_close(page.z, moved if page.psnr[1] > page.psnr[0] else z, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factor", models.FACTORS)
def test_corrections_help_and_the_best_page_is_kept(factor):
    model = models.autoencoder(factor)
    noise = np.random.default_rng(factor).integers(0, 256, (37, 61, 3), np.uint8)
    for name, pixels in {"china": pictures.reduced(pictures.photograph("china"), 160), "noise": noise}.items():
        page = coding.read(model, pixels, 256, 4)
        shown = page.painted[: pixels.shape[0], : pixels.shape[1]]
        assert quality.psnr(pixels, shown) == max(page.psnr) and len(page.psnr) == 5
        assert torch.equal(page.codes, coding.quantise(model, page.z, 256))
        assert name == "noise" or page.psnr[0] + 0.1 < page.psnr[1] <= max(page.psnr)


def test_a_picture_is_corrected_wherever_it_is_asked_for():
    with torch.inference_mode():
        inside = vq_vae(VqVae(image="coffee", side=80, corrections=2))
    assert inside.corrected.shape == (3,) and inside.psnr == inside.corrected.max() > inside.corrected[0]
    alone = vq_vae(VqVae(image="coffee", side=80, corrections=0))
    assert alone.corrected.tolist() == [alone.psnr] == [inside.corrected[0]]
    assert all(p.grad is None for p in models.autoencoder(8).parameters())


def test_the_nearest_codes_are_the_nearest():
    found = vq_vae(VqVae(edit_row=4, edit_column=5))
    book = models.autoencoder(8).codebook(256).numpy()
    distances = np.square(book - found.cell.vector).sum(1)
    np.testing.assert_allclose(found.cell.distances, np.sort(distances)[:10], rtol=1e-4, atol=1e-7)
    assert found.cell.nearest[0] == found.cell.before == found.codes[4, 5]
    np.testing.assert_array_equal(found.cell.first, book[found.cell.nearest[0]])


def test_a_page_at_hand_makes_the_next_change_instant(monkeypatch):
    params = VqVae(image="coffee", side=96)
    assert vq_vae.cost_of(params) == "seconds"
    vq_vae(params)
    changed = params.model_copy(update={"edit_code": 9})
    assert vq_vae.cost_of(changed) == "instant" and store.key(changed) in store.AT_HAND

    def again(*_: object) -> None:
        raise AssertionError("a picture at hand is not encoded again, and not painted whole")

    monkeypatch.setattr(coding, "encode", again)
    monkeypatch.setattr(coding, "paint", again)
    assert vq_vae(changed).cell.after == 9 == vq_vae(changed).cell.after


def test_pages_at_hand_are_bounded_by_their_bytes():
    vq_vae.forget()
    for side in range(96, 640, 48):
        params = VqVae(image="coffee", side=side, factor=4, corrections=0)
        page = coded.page(params)
        held = sum(a.nbytes for a in (page.pixels, page.painted, page.flat, page.z.numpy(), page.codes.numpy()))
        assert held <= store.AT_HAND.held <= store.CAPACITY
    assert store.key(params) in store.AT_HAND
    vq_vae.forget()
    assert store.AT_HAND.held == len(store.AT_HAND) == 0


def test_an_uploads_page_is_not_had_by_its_digest():
    text = pictures.as_text(pictures.reduced(pictures.photograph("coffee"), 64))
    vq_vae(VqVae(image=text, side=64))
    with pytest.raises(Refused, match="image must be one of"):
        vq_vae(VqVae(image=hashlib.sha256(text.encode()).hexdigest(), side=64))


@pytest.mark.parametrize("task", ["picture", "rate", "pages"])
def test_a_strip_is_refused_before_its_likeness_is_no_number(task):
    strip = np.random.default_rng(0).integers(0, 256, (16, 640, 3), np.uint8)
    with pytest.raises(Refused, match=r"at least 11 pixels wide and high.*got 640 x 16, which becomes") as caught:
        vq_vae(VqVae(image=pictures.as_text(strip), task=task))
    assert "\n" not in caught.value.en


def test_a_picture_of_one_colour_loses_nothing_to_flat_cells():
    black = pictures.as_text(np.zeros((64, 64, 3), np.uint8))
    found = vq_vae(VqVae(image=black, task="rate", side=64))
    assert found.flat_psnr == np.inf and np.isfinite(found.psnr) and np.isinf(found.rates.curves["flat"].psnr).all()


def test_what_is_asked_beyond_the_page_or_the_codebook_is_told():
    found = vq_vae(VqVae(codebook=64, edit_row=150, edit_column=2, edit_code=900))
    h, _ = found.codes.shape
    assert (found.cell.row, found.cell.column) == (h - 1, 2) and found.cell.asked == (150, 2, 900)
    assert found.cell.before == found.cell.after and found.cell.decoded == (0, 0) and found.cell.changed == 0
    said = " ".join(finding.text.en for finding in found.findings)
    assert "row 21, column 2 is taken" in said and "no code 900 among 64" in said and not vq_vae(VqVae()).findings


def test_a_recording_does_not_find_its_page_at_hand():
    vq_vae(VqVae(image="coffee", side=80))
    vq_vae.forget()
    assert vq_vae.cost_of(VqVae(image="coffee", side=80)) == "seconds"


def test_what_bits_buy_is_what_the_notes_say():
    """On the cat as the page opens on it; between its points a curve is taken as straight in the bits' logarithm."""
    pixels = pictures.reduced(pictures.photograph("chelsea"), 256)
    *early, (found, share) = rates.rates(pixels, 8, 256)
    assert share == 1 and list(early[0][0].curves) == ["JPEG", "WEBP", "flat"] and len(early) == 2 * len(CODEBOOKS)
    assert set(found.curves) == {"JPEG", "WEBP", "VQ 8", "VQ 4", "flat"}

    def at(name: str, bits: np.ndarray) -> np.ndarray:
        return np.interp(np.log(bits), np.log(found.curves[name].bits), found.curves[name].psnr)

    for name in ("VQ 8", "VQ 4"):
        curve = found.curves[name]
        assert curve.setting.tolist() == list(CODEBOOKS) and np.all(np.diff(curve.bits) > 0)
        for size, bits, ideal in zip(CODEBOOKS, curve.bits, found.entropy[name], strict=True):
            page = coding.read(models.autoencoder(int(name[-1])), pixels, size)
            share = np.bincount(page.codes.numpy().ravel()) / page.codes.numel()
            told = -(share[share > 0] * np.log2(share[share > 0])).sum() * page.codes.numel() / pixels[..., 0].size
            assert ideal == pytest.approx(told, rel=1e-9) and ideal <= bits
    small, large = found.curves["VQ 8"], found.curves["VQ 4"]
    assert small.bits[2] == pytest.approx(1 / 8, rel=0.04) and small.psnr[2] > at("JPEG", small.bits)[2] + 4
    assert 0 < small.psnr[2] - at("WEBP", small.bits)[2] < 0.6
    assert np.all(at("WEBP", large.bits) > large.psnr)
    ahead = large.psnr - at("JPEG", large.bits)
    assert ahead[large.bits < 0.5].min() > 0 and ahead[large.bits > 0.6].max() < 0
    assert small.psnr[2] > found.curves["flat"].psnr[2]  # 256 codes against 256 colours
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=1, optimize=True)
    assert file.getvalue().index(b"\xff\xda") > len(file.getvalue()) / 3  # up to the scan it is header


def test_other_pages_are_what_they_are_called():
    found = vq_vae(VqVae(task="pages", side=96, seed=3)).pages
    own = vq_vae(VqVae(side=96)).codes
    assert np.array_equal(np.sort(found.pages["shuffled"].ravel()), np.sort(own.ravel()))
    assert np.array_equal(found.pages["mixed"][0], own)
    assert set(np.unique(found.pages["by_use"])) <= set(np.unique(own))
    assert set(np.unique(found.pages["even"])) - set(np.unique(own))  # any code may come
    assert np.prod(found.pages["drawn"].shape[1:]) * found.prior_factor**2 == 128**2
    assert found.pages["drawn"].max() < found.prior_codes == 2 ** models.prior_meta()["metrics"]["even_bits"]
    assert found.drawn.shape == (2, 128, 128, 3) and found.mixed.shape[0] == other_pages.MIXES
    again = vq_vae(VqVae(task="pages", side=96, seed=3)).pages
    assert np.array_equal(found.pages["drawn"], again.pages["drawn"])


@pytest.mark.parametrize("name", [*coded.IMAGES, *coded.SCENE_IMAGES])
def test_every_picture_of_the_lab_can_be_coded(name):
    assert vq_vae(VqVae(image=name, side=64)).reconstruction.shape[2] == 3


# --- the recipe ---


def test_each_codebook_has_its_own_end_and_beginning():
    torch.manual_seed(0)
    model = Autoencoder(Shape(4, (8, 8), 1, 1, code=5, codebooks=(16, 32, 64))).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    z = {k: coding.encode(model, pixels, k) for k in (16, 32, 64)}
    assert z[32].shape == (3, 5, 5) and not torch.equal(z[16], z[64])
    for k in z:
        model.codebook(k).copy_(torch.randn(k, 5))
    model.codebook(64)[:16] = model.codebook(16)
    page = torch.randint(16, (3, 5))
    assert not torch.equal(coding.paint(model, page, 16), coding.paint(model, page, 64))  # it is told which


@pytest.mark.parametrize("seed", range(3))
def test_variety_is_the_entropy_of_codes_that_are_far_apart(seed):
    rng = np.random.default_rng(seed)
    codebook = torch.eye(6) * 100
    index = torch.from_numpy(rng.integers(0, 6, (4, 50)))
    z = codebook[index] + torch.randn(4, 50, 6, generator=torch.Generator().manual_seed(seed))
    own = np.mean([np.log(quality.perplexity(np.bincount(row, minlength=6))) for row in index.numpy()])
    together = np.log(quality.perplexity(np.bincount(index.numpy().ravel(), minlength=6)))
    assert float(learning.spread(z, codebook)) == pytest.approx((own + together) / 2, abs=1e-4)


def test_variety_pulls_vectors_to_codes_that_are_seldom_used():
    z = torch.full((1, 10, 1), 0.4).requires_grad_()
    learning.spread(z, torch.tensor([[0.0], [1.0]])).backward()
    assert (z.grad > 0).all()  # more variety towards the other code


def test_patches_are_as_they_should_be():
    found = patches.batch(patches.stock(), 12, 32, np.random.default_rng(0))
    assert found.shape == (12, 3, 32, 32) and found.dtype == np.float32 and -1 <= found.min() < found.max() <= 1
    np.testing.assert_array_equal(found, patches.batch(patches.stock(), 12, 32, np.random.default_rng(0)))


def test_patches_hold_nothing_but_the_picture():
    """However a square is turned, shrunk or mirrored, no corner of it lies outside."""
    white = tuple(np.full(shape, 255, np.uint8) for shape in ((150, 140, 3), (70, 300, 3), (200, 260, 3)))
    found = patches.batch(patches.Stock((white,) * 3), 200, 96, np.random.default_rng(1))
    assert np.ptp(found, axis=(2, 3)).max() < 1e-6


def test_an_autoencoder_begins_as_classical_vector_quantisation():
    """Principal components there and back: nothing is lost where all of them are kept."""
    model = Autoencoder(Shape(4, (8, 8), 1, 1, code=48, codebooks=(64,))).eval()
    x = torch.from_numpy(patches.batch(patches.stock(), 30, 32, np.random.default_rng(0)))
    model.begin(torch.nn.functional.pixel_unshuffle(x, 4).permute(0, 2, 3, 1).flatten(0, 2))
    with torch.inference_mode():
        (z,), book = model.encoder(x), torch.zeros(len(x), dtype=torch.int64)
        torch.testing.assert_close(model.decoder(z, book), x, rtol=1e-3, atol=1e-3)
        moved = z + 0.1 * torch.randn_like(z)
        apart = (model.decoder(moved, book) - model.decoder(z, book)).square().mean()
        torch.testing.assert_close(apart, (moved - z).square().sum(1).mean(), rtol=1e-3, atol=0)


@pytest.mark.slow
def test_the_recipe_makes_resumes_and_ends_early(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "palettes", lambda factor, sizes: {})
    shapes = [Shape(8, (8, 8, 12), 1, 1, codebooks=(16,)), Shape(4, (8, 12), 1, 1, codebooks=(16,))]
    prior = prior_learning.PriorPlan(
        PriorShape(codes=16, layers=1, width=32, heads=2), scenes=6, held_out=2, steps=4, decay=2, batch=2, every=2
    )
    plans = train.Plans(tuple(Plan(s, steps=6, decay=2, again=2, cuts=((2, 64), (1, 96)), every=2) for s in shapes), prior)
    told: list[str] = []

    class Enough(Exception):
        pass

    def stop(share: float, line: str) -> None:
        told.append(line)
        if len(told) == 2:
            raise Enough

    with pytest.raises(Enough):
        train.train(tmp_path, "cpu", False, stop, plans=plans)
    (tmp_path / "state" / "factor-8" / "decay").touch()  # from the next state on the rate falls
    train.train(tmp_path, "cpu", True, lambda share, line: told.append(line), plans=plans)
    for name in ("vq-vae-8", "vq-vae-4", "vq-vae-prior"):
        assert (tmp_path / "checkpoints" / name / "meta.json").exists()
    assert "step 2" in told[0] and any(line.startswith("prior: step") for line in told)
