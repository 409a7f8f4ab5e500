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
from scipy.spatial import cKDTree
from scipy.stats import entropy, norm
from skimage.metrics import structural_similarity
from sklearn.cluster import KMeans
from torch.autograd import gradcheck

from engine.core import Refused
from engine.data import pictures
from engine.generation.vq_vae import (
    VqVae,
    coding,
    compare,
    flattening,
    fsq,
    gradients,
    live,
    lloyd_max,
    number,
    quality,
    quantisers,
    rates,
    reference,
    store,
    vq_vae,
    worlds,
)
from engine.generation.vq_vae.averages import Averages, assigned, k_means
from engine.generation.vq_vae.nearest import codebook_gradient, lookup, nearest_code, unavailable
from engine.generation.vq_vae.networks import Autoencoder, Shape
from engine.generation.vq_vae.quantisers import QUANTISERS, Choice

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TRITON = pytest.mark.skipif(bool(unavailable("triton", DEVICE)), reason=unavailable("triton", DEVICE) or "-")
BACKENDS = ["reference", "torch", pytest.param("triton", marks=TRITON)]
SIZES = [(63, 60, 1), (1, 1, 16), (60, 63, 5), (257, 130, 33), (128, 64, 16)]


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


# --- the nearest code ---


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("N", "K", "D"), SIZES)
def test_indices_are_those_of_float64_where_the_gap_is_wide_enough(backend, N, K, D):
    for scale, shift in ((1.0, 0.0), (1e-3, 0.0), (1.0, 30.0)):
        z, e = scale * draw(1, N, D) + shift, scale * draw(2, K, D) + shift
        found = nearest_code(z, e, backend)
        distance = (z.double()[:, None] - e.double()[None]).square().sum(-1)
        least = distance.min(1).values
        chosen = distance.gather(1, found[:, None])[:, 0]
        assert found.dtype == torch.int64 and found.shape == (N,)
        # Only a code that is as near, up to 1e-5, may stand for the nearest; the kernel's centre is rounded to fp32.
        lost = 1e-7 * shift**2 if backend == "triton" else 0
        assert torch.all(chosen <= least * (1 + 1e-5) + lost)


@pytest.mark.parametrize(("K", "D"), [(64, 1), (1024, 1), (1024, 2), (256, 3), (512, 8), (64, 16)])
def test_close_codes_are_told_apart_among_very_many_vectors(K, D):
    """Where a distance is tiny beside the vectors' lengths, |e|² − 2 z·e has no digits left in fp32."""
    for scale, shift in ((1.0, 0.0), (1.0, 30.0), (1e-3, 0.0)):
        z, e = (scale * draw(seed, n, D).cpu() + shift for seed, n in ((K, 100_000), (D, K)))
        z[: K // 2] = e[: K // 2] + 1e-6 * scale  # nearly on a code
        chosen = (z.double() - e.double()[nearest_code(z, e)]).norm(dim=1).numpy()
        least = cKDTree(e.double().numpy()).query(z.double().numpy())[0]
        assert np.all(chosen**2 <= least**2 * (1 + 1e-5))


@pytest.mark.parametrize("backend", BACKENDS)
def test_ties_go_to_the_lower_index(backend):
    e = draw(3, 40, 4).repeat(3, 1)
    assert int(nearest_code(e[:40] + 0.0, e, backend).max()) < 40


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("N", "K", "D"), SIZES)
def test_the_codebooks_gradient_is_the_sum_over_those_that_chose(backend, N, K, D):
    gradient, index = draw(4, N, D), torch.randint(K, (N,), generator=torch.Generator().manual_seed(5)).to(DEVICE)
    one_hot = torch.nn.functional.one_hot(index, K).double()
    found = codebook_gradient(gradient, index, K, backend)
    torch.testing.assert_close(found.double().cpu(), (one_hot.T @ gradient.double()).cpu(), rtol=1e-5, atol=1e-5)


@TRITON
def test_the_kernel_writes_every_index_and_nothing_else():
    from engine.generation.vq_vae import launch

    for N in (1, 63, 129):
        z, e = draw(6, N, 7), draw(7, 50, 7)
        out = torch.full((N + 5,), -7, dtype=torch.int64, device=DEVICE)
        launch.nearest_code(z, e, out=out)
        assert torch.equal(out[:N], reference.nearest_code(z, e)) and torch.all(out[N:] == -7)
    assert launch.nearest_code(draw(6, 0, 7), e).shape == (0,)
    with pytest.raises(ValueError, match="at most 256 numbers"):
        launch.nearest_code(draw(6, 3, 300), draw(6, 3, 300))


@TRITON
def test_the_kernel_takes_half_precision():
    z, e = draw(8, 100, 16).half(), draw(9, 70, 16).half()
    assert torch.equal(nearest_code(z, e, "triton"), reference.nearest_code(z, e))


@pytest.mark.parametrize("backend", BACKENDS)
def test_lookup_sends_the_gradient_to_the_chosen_codes(backend):
    e = draw(10, 9, 3).requires_grad_(True)
    index = nearest_code(draw(11, 30, 3), e, backend)
    weight = draw(12, 30, 3)
    (lookup(e, index, backend) * weight).sum().backward()
    plain = e.detach().clone().requires_grad_(True)
    (plain[index] * weight).sum().backward()
    torch.testing.assert_close(e.grad, plain.grad)


def test_widths_must_agree():
    with pytest.raises(ValueError, match=r"must be \(N, D\) and \(K, D\)"):
        nearest_code(draw(0, 3, 2), draw(0, 3, 4))


def test_on_a_cpu_it_holds_one_chunk_of_distances():
    z, e = torch.randn(20_000, 16), torch.randn(1024, 16)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as seen:
        nearest_code(z, e)
    largest = max(event.self_cpu_memory_usage for event in seen.events())
    assert largest <= 4 * 2**20 < 4 * len(z) * len(e)  # one chunk of distances, not all of them


# --- gradients ---


def test_straight_through_is_the_code_forward_and_the_identity_backward():
    z, q, weight = draw(13, 20, 4).requires_grad_(True), draw(14, 20, 4), draw(15, 20, 4)
    made = gradients.straight_through(z, q)
    torch.testing.assert_close(made, q)
    (made * weight).sum().backward()
    assert torch.equal(z.grad, weight)


@pytest.mark.parametrize("D", [1, 2, 5, 16])
def test_the_rotation_gives_the_code_and_turns_the_gradient(D):
    z, q, weight = draw(16, 30, D).double().requires_grad_(True), draw(17, 30, D).double(), draw(18, 30, D).double()
    made = gradients.rotated(z, q)
    torch.testing.assert_close(made.detach(), q)
    (made * weight).sum().backward()
    plain = z.detach()
    for i in range(30):
        a, b = plain[i] / plain[i].norm(), q[i] / q[i].norm()
        if float(a @ b) < -1 + 1e-9:
            torch.testing.assert_close(z.grad[i], weight[i])
            continue
        r = (a + b) / (a + b).norm()
        R = torch.eye(D, device=DEVICE).double() - 2 * torch.outer(r, r) + 2 * torch.outer(b, a)
        torch.testing.assert_close(R @ R.T, torch.eye(D, device=DEVICE).double())  # a rotation: it takes a to b
        torch.testing.assert_close(R @ a, b)
        torch.testing.assert_close(z.grad[i], q[i].norm() / plain[i].norm() * R.T @ weight[i])


def test_the_rotation_of_nothing_goes_straight_through():
    z = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    q = torch.tensor([[1.0, 2.0], [-3.0, 0.0], [0.0, 0.0]])
    made = gradients.rotated(z, q)
    made.sum().backward()
    torch.testing.assert_close(made.detach(), q)
    assert torch.equal(z.grad, torch.ones(3, 2))


def test_the_two_losses_pull_one_side_each():
    z, q = draw(19, 12, 3).double().requires_grad_(True), draw(20, 12, 3).double().requires_grad_(True)
    gradients.commitment(z, q).backward()
    assert q.grad is None
    torch.testing.assert_close(z.grad, 2 * (z - q).detach() / z.numel())
    z.grad = None
    gradients.codebook_loss(z, q).backward()
    assert z.grad is None
    torch.testing.assert_close(q.grad, 2 * (q - z).detach() / z.numel())


# --- averages, k-means, restarts ---


def test_averages_follow_their_recurrence():
    rng = np.random.default_rng(0)
    codebook = torch.from_numpy(rng.normal(size=(6, 3)))
    n, m = np.full(6, 2.0), 2.0 * codebook.numpy()
    averages = Averages.of(codebook, 2.0)
    for _ in range(12):
        z = rng.normal(size=(40, 3))
        index = rng.integers(5, size=40)  # code 5 is never chosen
        averages.update(codebook, torch.from_numpy(z), torch.from_numpy(index), 0.9)
        n = 0.9 * n + 0.1 * np.bincount(index, minlength=6)
        m = 0.9 * m + 0.1 * np.stack([z[index == k].sum(0) for k in range(6)])
        np.testing.assert_allclose(codebook.numpy(), m / n[:, None], rtol=1e-12)


def test_a_code_that_is_not_chosen_stays_where_it_is():
    codebook = draw(21, 3, 2).double().cpu()
    first, averages = codebook.clone(), Averages.of(codebook)
    for _ in range(2000):
        averages.update(codebook, draw(22, 5, 2).double().cpu(), torch.zeros(5, dtype=torch.int64), 0.5)
    torch.testing.assert_close(codebook[1:], first[1:])


def test_dead_codes_are_put_on_the_data():
    codebook, z = draw(23, 5, 2).cpu(), draw(24, 50, 2).cpu() + 10
    averages = Averages(torch.tensor([3.0, 3.0, 0.001, 3.0, 0.0]), codebook.clone())
    before = codebook.clone()
    dead = averages.restart(codebook, z, 0.1, torch.Generator().manual_seed(0))
    assert dead.tolist() == [False, False, True, False, True]
    assert torch.equal(codebook[~dead], before[~dead])
    assert all(any(torch.equal(row, other) for other in z) for row in codebook[dead])
    torch.testing.assert_close(averages.total[dead] / averages.count[dead][:, None], codebook[dead])


def test_k_means_is_as_good_as_scikit_learns():
    z = torch.from_numpy(np.random.default_rng(3).normal(size=(600, 2)).astype(np.float32))
    ours = min(float((z - (e := k_means(z, 8, torch.Generator().manual_seed(s), 60))[nearest_code(z, e)]).square().sum()) for s in range(6))
    theirs = KMeans(8, n_init=6, random_state=0, algorithm="lloyd", init="random").fit(z.numpy()).inertia_
    assert ours < 1.04 * theirs
    with pytest.raises(ValueError, match="at least as many vectors"):
        k_means(z[:3], 8, torch.Generator())
    count, total = assigned(z, torch.zeros(600, dtype=torch.int64), 2)
    assert count.tolist() == [600, 0] and torch.equal(total[1], torch.zeros(2))


# --- FSQ ---


def test_fsq_is_the_papers_example():
    """Mentzer et al. 2023, appendix A: levels 3, 5, 4 and z = (0.25, 0.6, −7)."""
    q = fsq.quantise(torch.tensor([[0.25, 0.6, -7.0]]), (3, 5, 4))
    torch.testing.assert_close(q, torch.tensor([[0.0, 0.5, -1.0]]))
    assert fsq.indices(q, (3, 5, 4)).item() == 10


# Mentzer et al. 2023, table 1.
RECOMMENDED = {2**8: (8, 6, 5), 2**10: (8, 5, 5, 5), 2**12: (7, 5, 5, 5, 5), 2**14: (8, 8, 8, 6, 5), 2**16: (8, 8, 8, 5, 5, 5)}


@pytest.mark.parametrize("size", list(RECOMMENDED))
def test_the_papers_codebooks_are_built_and_numbered(size):
    levels, random = RECOMMENDED[size], np.random.default_rng(size)
    codes = fsq.codes(levels)
    assert codes.shape == (math.prod(levels), len(levels)) and abs(math.log2(len(codes) / size)) < 0.1
    assert torch.equal(fsq.indices(codes, levels), torch.arange(len(codes)))
    for d, level in enumerate(levels):
        assert len(torch.unique(codes[:, d])) == level and codes[:, d].min() == -1
    # By the definition: a number's digit is its level counted from the lowest, and the first digit counts least.
    z = torch.from_numpy(random.normal(0, 1.5, (500, len(levels))))
    digits = (fsq.bounded(z, levels).round() + torch.tensor([level // 2 for level in levels])).long().numpy()
    weights = np.cumprod([1, *levels[:-1]])
    assert fsq.indices(fsq.quantise(z, levels), levels).tolist() == (digits * weights).sum(1).tolist()


@pytest.mark.parametrize("levels", [(2,), (5,), (8, 6, 5), (3, 5, 4), (4, 4)])
def test_fsq_codes_and_integers_go_both_ways_and_all_are_reached(levels):
    codes = fsq.codes(levels)
    assert len(codes) == math.prod(levels) and torch.equal(fsq.indices(codes, levels), torch.arange(len(codes)))
    z = torch.randn(80_000, len(levels), generator=torch.Generator().manual_seed(1))
    q = fsq.quantise(z, levels)
    assert torch.unique(fsq.indices(q, levels)).tolist() == list(range(len(codes)))
    torch.testing.assert_close(codes[fsq.indices(q, levels)], q)
    assert float(q.abs().max()) <= 1


def test_fsqs_gradient_is_that_of_the_bound():
    z = draw(25, 10, 3).double().cpu().requires_grad_(True)
    fsq.quantise(z, (8, 6, 5)).sum().backward()
    smooth = z.detach().clone().requires_grad_(True)
    (fsq.bounded(smooth, (8, 6, 5)) / torch.tensor([4.0, 3.0, 2.0])).sum().backward()
    torch.testing.assert_close(z.grad, smooth.grad)
    assert gradcheck(lambda x: fsq.bounded(x, (8, 6, 5)), z.detach().requires_grad_(True))


@pytest.mark.parametrize("codes", [2, 3, 5, 8, 12, 30, 64])
@pytest.mark.parametrize("width", [1, 2, 8])
def test_levels_fit_the_codes_asked_for(codes, width):
    levels = fsq.levels_for(codes, width)
    numbers = min(width, int(math.log2(codes)))
    products = (
        {math.prod(way) for way in itertools.combinations_with_replacement(range(2, codes + 1), numbers)}
        if numbers < 4
        else {math.prod(levels)}
    )
    assert len(levels) == numbers and min(levels) >= 2 and list(levels) == sorted(levels, reverse=True)
    assert codes / 2 < math.prod(levels) == max(p for p in products if p <= codes)


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


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_more_bits_buy_more(kind):
    pixels = pictures.reduced(pictures.photograph("coffee"), 96)
    made = [rates.compressed(pixels, kind, q) for q in (5, 40, 85)]
    bits, psnr = [b for _, b in made], [quality.psnr(pixels, p) for p, _ in made]
    assert bits == sorted(bits) and psnr == sorted(psnr) and made[0][0].shape == pixels.shape


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
