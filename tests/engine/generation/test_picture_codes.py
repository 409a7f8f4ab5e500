"""Pictures as integers: what the embedded models reach on pictures that they never saw, their networks and their recipe."""

import functools
import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from engine.data import pictures
from engine.generation.picture_codes import coding, judging, learning, models, patches, prior_learning, quality, train
from engine.generation.picture_codes.learning import Plan
from engine.generation.picture_codes.networks import CODEBOOKS, Autoencoder, Shape
from engine.generation.picture_codes.prior import Prior, PriorShape


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


# --- qualities ---


@pytest.mark.parametrize("seed", range(3))
def test_ssim_is_scikit_images(seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, (40 + seed, 37, 3), np.uint8)
    b = np.clip(a + rng.normal(0, 30, a.shape), 0, 255).astype(np.uint8)
    theirs = structural_similarity(a, b, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    assert quality.ssim(a, b) == pytest.approx(theirs, abs=1e-4) and quality.ssim(a, a) == pytest.approx(1, abs=1e-6)
    assert quality.psnr(a, b) == pytest.approx(10 * np.log10(255**2 / np.square(a - b.astype(float)).mean()))
    assert quality.psnr(a, a) == math.inf


def test_perplexity_counts_codes():
    assert quality.perplexity(np.array([3, 3, 3, 0])) == pytest.approx(3)
    assert quality.perplexity(np.array([5, 0])) == 1 and quality.perplexity(np.zeros(4)) == 0
    assert quality.bits_per_pixel(256, 8, (64, 32)) == 1 / 8 and quality.bits_per_pixel(1024, 4, (8, 4)) == 10 / 16
    assert quality.bits_per_pixel(256, 8, (171, 256)) == 704 * 8 / (171 * 256)


# --- repainting ---


def small(factor: int) -> Autoencoder:
    torch.manual_seed(factor)
    model = Autoencoder(Shape(factor, (8, 12) if factor == 4 else (8, 8, 12), 1, 2, codebooks=(64,)))
    with torch.no_grad():
        for p in model.parameters():  # nothing is zero: every path is open
            p.copy_(torch.randn(p.shape) * (0.5 / max(1, p[0].numel()) ** 0.5))
        model.codebook(64).normal_()
    return model.eval()


@pytest.mark.parametrize("factor", [4, 8])
def test_a_code_moves_nothing_beyond_the_reach(factor):
    model = small(factor)
    reach, f = model.decoder.reach, factor
    size = 2 * reach + 5
    codes = torch.randint(64, (size, size), generator=torch.Generator().manual_seed(0))
    other, at = codes.clone(), reach + 2
    other[at, at] = (codes[at, at] + 1) % 64
    apart = (coding.paint(model, codes, 64) - coding.paint(model, other, 64)).abs().amax(0) > 0
    rows = torch.nonzero(apart.any(1))[:, 0]
    assert rows.min() >= (at - reach) * f and rows.max() < (at + reach + 1) * f
    assert rows.min() <= (at - reach + 1) * f  # and it does reach that far


@pytest.mark.parametrize("factor", [4, 8])
@pytest.mark.parametrize("place", [(0, 0), (3, 25), (20, 30), (29, 33), (15, 16)])
def test_repainting_gives_what_the_whole_page_gives(factor, place):
    model = small(factor)
    codes = torch.randint(64, (30, 34), generator=torch.Generator().manual_seed(1))
    before = coding.paint(model, codes, 64)
    codes[place] = (codes[place] + 7) % 64
    whole = coding.paint(model, codes, 64)
    part, window, cells, made = coding.repaint(model, codes, 64, *place)
    assert cells <= codes.numel() and part[0].numel() <= made <= cells * factor**2
    patched = before.clone()
    patched[:, window.top : window.bottom, window.left : window.right] = part
    torch.testing.assert_close(patched, whole, rtol=1e-4, atol=1e-4)
    outside = torch.ones(whole.shape[1:], dtype=torch.bool)
    outside[window.top : window.bottom, window.left : window.right] = False
    torch.testing.assert_close(before[:, outside], whole[:, outside], rtol=1e-4, atol=1e-4)


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
