"""VQ-VAE: nearest codes, gradients, quantisers and live training, held to closed forms and to other libraries."""

from __future__ import annotations

import concurrent.futures
import hashlib
import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import entropy, norm

from engine.core import Refused
from engine.data import pictures
from engine.generation.picture_codes import quality
from engine.generation.quantisation.nearest import nearest_code
from engine.generation.vq_vae import VqVae, compare, flattening, live, lloyd_max, number, quantisers, rates, store, vq_vae, worlds
from engine.generation.vq_vae.quantisers import QUANTISERS, Choice


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- the quantisers ---


@pytest.mark.parametrize("method", list(QUANTISERS))
@pytest.mark.parametrize("K", [2, 5, 16])
def test_every_quantiser_gives_its_own_codes(method, K):
    z = draw(26, 300, 3).cpu()
    made = QUANTISERS[method](Choice(K, 0.25, 0.9, "data", True), z, torch.Generator().manual_seed(0))
    codes = made.codes()
    assert 1 <= len(codes) <= K and codes.shape[1] == 3
    index = made.assign(z)
    assert int(index.min()) >= 0 and int(index.max()) < len(codes)
    if method != "gumbel":  # soft while it is trained
        out = made(z, 0.5, torch.Generator().manual_seed(0))
        torch.testing.assert_close(out.out.detach(), codes[index])
        assert torch.equal(out.index, index)


def test_gumbel_hardens_and_stays_within_the_codes():
    z = draw(27, 200, 2).cpu()
    made = quantisers.Gumbel(Choice(6, 0, 0.9, "data", False), z, torch.Generator().manual_seed(0))
    soft, hard = (made(z, share, torch.Generator().manual_seed(0)).out.detach() for share in (0.0, 1.0))
    apart = [float(torch.cdist(x, made.codes()).min(1).values.mean()) for x in (soft, hard)]
    assert apart[1] < 0.3 * apart[0]


def test_gumbels_law_is_the_softmax():
    """argmax(logits + Gumbel noise) draws from softmax(logits)."""
    z = torch.zeros(40_000, 1)
    made = quantisers.Gumbel(Choice(3, 0, 0.9, "data", False), draw(1, 50, 1).cpu(), torch.Generator().manual_seed(0))
    made.codebook.data = torch.tensor([[0.2], [0.5], [-0.4]])
    noise = torch.Generator().manual_seed(1)
    drawn = torch.bincount(nearest_code(made(z, 1.0, noise).out.detach(), made.codebook), minlength=3) / len(z)
    law = (-made.codebook.detach().square()[:, 0] / made.scale).softmax(0)
    assert float((drawn - law).abs().max()) < 0.02


def test_what_keeps_gumbels_codes_in_use_is_the_entropy_of_their_mean():
    z = draw(29, 300, 2).cpu()
    made = quantisers.Gumbel(Choice(7, 0, 0.9, "data", False), z, torch.Generator().manual_seed(0))
    found = made(z, 0.3, torch.Generator()).loss
    law = (-torch.cdist(z, made.codebook).square() / made.scale).softmax(-1).mean(0).detach().double().numpy()
    assert found.item() == pytest.approx(0.1 * (math.log(7) - entropy(law)), rel=1e-4)
    (slope,) = torch.autograd.grad(found, made.codebook)
    with torch.no_grad():
        made.codebook -= 0.01 * slope / slope.norm()
    assert made(z, 0.3, torch.Generator()).loss < found


@pytest.mark.parametrize("start", ["origin", "data", "k-means"])
def test_codes_start_where_they_are_told(start):
    z = draw(28, 500, 2).cpu() + 4
    codes = quantisers.begun(8, start, z, torch.Generator().manual_seed(0))
    far = float((codes - z.mean(0)).norm(dim=1).mean())
    assert codes.shape == (8, 2) and (far > 4) == (start == "origin")
    assert float(codes.abs().max()) <= 1 / 8 or start != "origin"


# --- live training ---


@pytest.mark.parametrize("method", ["gradient", "ema"])
@pytest.mark.parametrize(("law", "K"), [("normal", 2), ("normal", 5), ("normal", 16), ("uniform", 7)])
def test_trained_codes_reach_the_best_scalar_quantiser(law, method, K):
    run = live.Training(law, method, Choice(K, 0.25, 0.8, "k-means", False), 1200, seed=K)
    for step in range(1200):
        run.step(step)
    run.judged = worlds.sample(law, 400_000, np.random.default_rng(99), fresh=True)
    run.note(1200)
    found, best = run.result(), lloyd_max.LAWS[law](K)
    assert abs(found.distortion / best.distortion - 1) < 0.03
    assert abs(found.perplexity / best.perplexity - 1) < 0.03


def test_lloyd_and_max_are_right():
    """Max 1960, table 1, and the closed form of two levels."""
    assert lloyd_max.normal(2).distortion == pytest.approx(1 - 2 / math.pi, abs=1e-12)
    np.testing.assert_allclose(lloyd_max.normal(4).levels, [-1.510, -0.4528, 0.4528, 1.510], atol=5e-4)
    for K, distortion in ((4, 0.1175), (8, 0.03454), (16, 0.009497)):
        assert lloyd_max.normal(K).distortion == pytest.approx(distortion, rel=2e-3)
    best = lloyd_max.normal(7)
    np.testing.assert_allclose(best.borders, (best.levels[1:] + best.levels[:-1]) / 2)
    x = np.random.default_rng(0).standard_normal(400_000)
    cell = np.searchsorted(best.borders, x)
    assert np.square(x - best.levels[cell]).mean() == pytest.approx(best.distortion, rel=0.01)
    assert lloyd_max.uniform(5).distortion == pytest.approx(1 / 300, rel=1e-12) and lloyd_max.uniform(5).perplexity == pytest.approx(5)


@pytest.mark.parametrize("law", ["normal", "uniform"])
@pytest.mark.parametrize("seed", range(3))
def test_what_any_codes_lose_on_a_law_is_its_integral(law, seed):
    rng = np.random.default_rng(seed)
    levels = rng.normal(0.3, 0.8, int(rng.integers(1, 9)))
    found = lloyd_max.of(law, levels)
    density, low, high = (norm.pdf, -9, 9) if law == "normal" else (lambda x: 1.0, 0, 1)
    edges = [low, *np.clip(found.borders, low, high), high]

    def integral(f) -> float:
        return sum(quad(f, a, b, epsabs=1e-12)[0] for a, b in itertools.pairwise(edges) if b > a)

    assert found.distortion == pytest.approx(integral(lambda x: np.square(x - levels).min() * density(x)), rel=1e-7)
    assert found.shares.sum() == pytest.approx(1) and lloyd_max.LAWS[law](len(levels)).distortion <= found.distortion
    used = found.shares[found.shares > 0]
    assert found.perplexity == pytest.approx(math.exp(entropy(used)))


@pytest.mark.parametrize("method", QUANTISERS)
@pytest.mark.parametrize(("world", "codes", "steps"), [("plane", 12, 150), ("digits", 16, 500), ("digits", 64, 500)])
def test_every_training_learns_and_keeps_its_codes_in_use(world, codes, steps, method):
    found = live.trained(world, method, Choice(codes, 0.25, 0.95, "data", False), steps, 1)
    x = worlds.sample(world, 2000, np.random.default_rng(5), fresh=True).numpy()
    assert found.error < {12: 0.1, 16: 0.75, 64: 0.65}[codes] * x.var(0).mean()
    assert found.usage.sum() == live.JUDGED and 0.4 * codes < found.perplexity <= len(found.usage)


def test_a_training_is_a_function_of_its_seed_whoever_else_draws():
    """Gumbel noise and first weights come from the training's own generator, not from the process's."""
    choice = Choice(8, 0.25, 0.9, "data", False)
    alone = live.trained("digits", "gumbel", choice, 30, 5)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda _: live.trained("digits", "gumbel", choice, 30, 5), range(3)))
    assert [found.error for found in together] == [alone.error] * 3
    before = torch.random.get_rng_state()
    live.trained("plane", "gumbel", choice, 5, 5)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_decoder_that_does_not_begin_as_the_identity_begins_at_the_mean():
    x = worlds.sample("digits", 1000, np.random.default_rng(0))
    encoder, decoder = worlds.networks(worlds.WORLDS["digits"], x, True, torch.Generator().manual_seed(0))
    with torch.no_grad():
        z = encoder(x)
        torch.testing.assert_close(z.mean(0), torch.zeros(8), atol=1e-5, rtol=0)
        torch.testing.assert_close(z.std(0), torch.ones(8), atol=1e-4, rtol=0)
        assert (decoder(z) - x.mean(0)).square().mean() < 0.02 * x.var(0).mean()
    same, _ = worlds.networks(worlds.WORLDS["plane"], x, True, torch.Generator())
    assert torch.equal(same(z[:, :2]), z[:, :2])


def test_a_training_notes_its_course_and_ends_as_alone():
    choice = Choice(6, 0.25, 0.9, "data", True)
    *early, (last, share) = live.train("plane", "ema", choice, 60, 3)
    assert share == 1 and last.steps[0] == 0 and last.steps[-1] == 60 and len(last.steps) == len(early) + 1
    assert last.codes.shape == (len(last.steps), 6, 2) and last.vectors.shape[1:] == (live.SHOWN, 2)
    alone = live.trained("plane", "ema", choice, 60, 3)
    np.testing.assert_array_equal(alone.codes[-1], last.codes[-1])
    assert alone.error == last.error
    assert not np.array_equal(live.trained("plane", "ema", choice, 60, 4).codes[-1], last.codes[-1])


def test_straight_through_hands_on_what_the_code_receives_and_rotation_does_not():
    for method, same in (("gradient", True), ("rotation", False)):
        found = live.trained("plane", method, Choice(6, 0.25, 0.9, "data", False), 40, 0)
        assert np.allclose(found.gradient_in, found.gradient_out, rtol=1e-4, atol=1e-7) == same


def test_the_noted_gradient_is_downhill_by_differences():
    run = live.Training("plane", "gradient", Choice(6, 0.25, 0.9, "data", False), 50, 0)
    for step in range(50):
        run.step(step)
    run.note(50)
    noted = run.noted[-1]
    q = torch.from_numpy(noted["codes"][noted["index"]][: live.ARROWS]).double()
    decoder = run.decoder.double()
    x = run.shown[: live.ARROWS].double()
    for d in range(2):
        step = torch.zeros(2).double()
        step[d] = 1e-6
        up, down = ((decoder(q + s * step) - x).square().mean(1) for s in (1, -1))
        slope = ((up - down) / 2e-6).detach().numpy()
        np.testing.assert_allclose(noted["gradient_out"][:, d], -slope, rtol=1e-3, atol=1e-5)


def test_collapse_and_its_cures():
    def perplexity(**how: object) -> float:
        choice = Choice(32, 0.25, 0.9, how.get("start", "origin"), how.get("restarts", False))
        return live.trained("plane", how.get("method", "ema"), choice, 200, 0).perplexity

    fallen = perplexity()
    assert fallen < 16
    assert perplexity(restarts=True) > 1.6 * fallen and perplexity(start="k-means") > 1.6 * fallen


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    np.testing.assert_array_equal(worlds.digits() * 16, load_digits().data)
    fresh = worlds.sample("digits", 500, np.random.default_rng(0), fresh=True).numpy()
    held_out = {row.tobytes() for row in worlds.digits()[-worlds.HELD_OUT_DIGITS :]}
    assert {row.tobytes() for row in fresh} <= held_out


@pytest.mark.parametrize("world", list(worlds.WORLDS))
def test_what_is_drawn_lies_in_a_plane(world):
    found = live.trained(world, "gradient", Choice(5, 0.25, 0.9, "data", False), 5, 0)
    vectors, codes, out, into = flattening.plane(found)
    assert vectors.shape == (1, live.SHOWN, 2) and codes.shape == (1, 5, 2)
    assert out.shape == into.shape == (1, live.ARROWS, 2)


def test_all_quantisers_are_compared():
    *early, (found, share) = compare.compare("plane", 8, 60, 0)
    assert [s for _, s in early] == sorted(s for _, s in early) and len(early) == 2 * 18 - 1  # a pause within each
    assert share == 1 and np.isfinite(found.errors).all() and np.isfinite(found.beta_errors).all()
    assert np.all(found.perplexities <= found.sizes + 1e-9) and len(found.names) == 10
    # The stronger the commitment, the closer the encoder keeps to the codes.
    assert found.beta_distortions[-1] < found.beta_distortions[0]


# --- one number ---


@pytest.mark.parametrize("z", [-1.7, -0.5, 0.3, 0.5, 1.49])
@pytest.mark.parametrize("target", [-1.0, 0.4])
def test_one_number_by_autograd(z, target):
    found = number.passed(z, target)
    x = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    code = torch.tensor(number.nearest(z), dtype=torch.float64)
    loss = (number.SLOPE * (x + (code - x).detach()) + number.SHIFT - target) ** 2
    loss.backward()
    assert found.loss == pytest.approx(loss.item()) and found.through == pytest.approx(x.grad.item())
    assert found.forward == pytest.approx(found.code) and abs(found.code - z) <= 0.5
    if abs(abs(z % 1) - 0.5) > 1e-6:
        assert number.loss_at(z + 1e-6, target) == number.loss_at(z - 1e-6, target)  # the true slope is 0
    assert found.moved == pytest.approx(z - number.STEP * found.through)


def test_three_tenths_by_hand():
    """z = 0.3 becomes 0; the decoder gives 0.2, the loss is 1, and the estimator hands on 2 · (0.2 − 1.2) · 2/3."""
    found = number.passed(0.3, 1.2)
    assert (found.code, found.kept, found.output) == (0, -0.3, 0.2)
    assert found.loss == pytest.approx(1.0) and found.through == pytest.approx(-4 / 3)
    assert found.moved == pytest.approx(0.3 + 1 / 3) and found.moved_loss < found.loss


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_more_bits_buy_more(kind):
    pixels = pictures.reduced(pictures.photograph("coffee"), 96)
    made = [rates.compressed(pixels, kind, q) for q in (5, 40, 85)]
    bits, psnr = [b for _, b in made], [quality.psnr(pixels, p) for p, _ in made]
    assert bits == sorted(bits) and psnr == sorted(psnr) and made[0][0].shape == pixels.shape


# --- the experiment's other tasks ---


def test_tasks_give_their_parts_and_costs():
    store_key = store.key(VqVae(image="coffee"))
    assert store_key == ("coffee", 256, 8, 256, 1)
    found = vq_vae(VqVae(task="number"))
    assert found.number is not None and vq_vae.cost_of(VqVae(task="number")) == "instant"
    found = vq_vae(VqVae(task="train", world="uniform", steps=50, codes=4, start="data"))
    assert found.best.distortion == pytest.approx(1 / 192) and found.best.distortion <= found.reached.distortion
    assert found.reached.distortion == lloyd_max.of("uniform", found.training.codes[-1, :, 0]).distortion
    assert vq_vae(VqVae(task="train", world="normal", method="rvq", steps=50, codes=4)).reached is None
    assert found.training.world == "uniform" and len(found.usage) == 4
    collapsed = vq_vae(VqVae(task="train", method="ema", codes=64, steps=50))
    assert f"{(collapsed.usage == 0).sum()} of 64 codes are never chosen by 20\u202f000 samples" in collapsed.findings[0].text.en
    assert vq_vae.cost_of(VqVae(task="train")) == vq_vae.cost_of(VqVae(task="rate")) == "seconds"
    for long in ({"task": "compare", "steps": 4000}, {"task": "rate", "side": 640, "corrections": 4}):
        assert vq_vae.cost_of(VqVae(**long)) == "minutes"


def test_bad_input_is_refused_in_one_sentence():
    for values in ({"factor": 5}, {"codebook": 100}, {"side": 5000}, {"image": "x" * (pictures.TEXT + 1)}, {"codes": 1}):
        with pytest.raises(Refused) as caught:
            VqVae.parse(values)
        assert "\n" not in caught.value.en and len(caught.value.en) < 200
    for name in ("nobody", hashlib.sha256(b"another's picture").hexdigest()):
        with pytest.raises(Refused, match="image must be one of"):
            vq_vae(VqVae(image=name))
