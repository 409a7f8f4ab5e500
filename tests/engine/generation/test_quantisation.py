"""Vector quantisation: nearest codes, gradients, averages and FSQ, held to closed forms and to other libraries."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from sklearn.cluster import KMeans
from torch.autograd import gradcheck

from engine.generation.quantisation import fsq, gradients, reference
from engine.generation.quantisation.averages import Averages, assigned, k_means
from engine.generation.quantisation.nearest import codebook_gradient, lookup, nearest_code, unavailable

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
    from engine.generation.quantisation import launch

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
