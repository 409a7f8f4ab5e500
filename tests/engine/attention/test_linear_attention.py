"""The operator: chunked, recurrent and all pairs at once are one thing; backends against fp64; memory; closed forms.
The lab: maps, random features, the recurrence, rotary positions, counts, and the timing sweep."""

import dataclasses
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.special
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.attention.contest import machine
from engine.attention.flash_attention.operator import unavailable
from engine.attention.linear_attention import LinearAttention, counts, features, linear_lab, maps, recurrence, reference, sweep
from engine.attention.linear_attention.features import EPS
from engine.attention.linear_attention.operator import linear_attention
from engine.attention.linear_attention.parameters import MAPS
from engine.attention.workers import pool
from engine.core import Refused, results

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
TRITON = pytest.mark.skipif(bool(unavailable("triton", DEVICE)), reason=unavailable("triton", DEVICE) or "-")
BACKENDS = ["torch", pytest.param("triton", marks=TRITON)]
DTYPES = [torch.float32, torch.float16] + ([torch.bfloat16] if CUDA else [])


def relative(got, want):
    return ((got.double() - want.double()).norm() / want.double().norm().clamp_min(1e-300)).item()


def inputs(B, H, N, F, D, dtype, seed=0, device=DEVICE):
    """Positive features, values, the gradient of the output, log-decays."""
    generator = torch.Generator().manual_seed(seed)
    q, k = torch.randn(2, B, H, N, F, generator=generator).exp().unbind()
    v, do = torch.randn(2, B, H, N, D, generator=generator).unbind()
    g = -0.3 * torch.rand(B, H, N, generator=generator)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return [x.to(device, dtype) for x in (q, k, v, do)] + [g.to(device, wide)]


def run(function, tensors, do):
    leaves = [x.detach().clone().requires_grad_() for x in tensors]
    o = function(*leaves)
    return [o.detach(), *torch.autograd.grad(o, leaves, do.to(o.dtype))]


def attend(backend, decayed, normalize, chunk=None):
    return lambda q, k, v, *g: linear_attention(
        q, k, v, causal=True, log_decay=g[0] if decayed else None, normalize=normalize, chunk=chunk, backend=backend
    )


@pytest.mark.parametrize("decayed", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_every_chunk_size_gives_the_recurrence_and_the_masked_product(normalize, decayed):
    q, k, v, _, g = inputs(2, 2, 63, 9, 5, torch.float64)
    g = g if decayed else None
    pairs = reference.parallel(q, k, v, causal=True, log_decay=g, normalize=normalize)
    one_by_one, _ = reference.recurrent(q, k, v, log_decay=g, normalize=normalize)
    assert relative(one_by_one, pairs) < 1e-14
    for chunk in (1, 2, 3, 7, 16, 31, 62, 63, 64, 200):
        chunked = linear_attention(q, k, v, causal=True, log_decay=g, normalize=normalize, chunk=chunk)
        assert relative(chunked, pairs) < 1e-14, chunk


@pytest.mark.parametrize(
    ("shape", "normalize", "decayed"),
    [((1, 1, 63, 16, 20), normalize, decayed) for normalize in (False, True) for decayed in (False, True)]
    + [((2, 1, 1, 3, 1), True, True), ((1, 1, 33, 20, 8), True, True)],
    ids=str,
)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_output_and_gradients_are_as_good_as_all_pairs_in_the_same_dtype(backend, dtype, normalize, decayed, shape):
    q, k, v, do, g = inputs(*shape, dtype, seed=1)
    given = (q, k, v, g) if decayed else (q, k, v)
    truth = run(attend("reference", decayed, normalize), [x.double() for x in given], do)

    def low_precision(q, k, v, *g):
        weights = q @ k.mT
        if decayed:
            sums = g[0].cumsum(-1)
            weights = weights * torch.exp((sums[..., :, None] - sums[..., None, :]).tril()).to(dtype)
        weights = weights.tril()
        return (weights @ v) / (weights.sum(-1, keepdim=True) + EPS) if normalize else weights @ v

    torchs = run(low_precision, given, do)
    ours = run(attend(backend, decayed, normalize), given, do)
    for name, mine, theirs, exact in zip(("o", "dq", "dk", "dv", "dg"), ours, torchs, truth, strict=False):
        # where a gradient vanishes (one token, normalised) only the rounding of fp32 is left
        rounding = 8 * torch.finfo(torch.float32).eps * (exact.numel() * shape[2]) ** 0.5 * (1 + exact.abs().max().item())
        error, other = ((x.double() - exact).norm().item() for x in (mine, theirs))
        assert error <= 2 * other + rounding, name


@TRITON
@pytest.mark.parametrize("use", ["sums", "target bias", "source bias"])
def test_the_kernel_writes_all_of_its_outputs_across_segments(use):
    from engine.attention.linear_attention import chunked, launch

    q, k, v, _, g = inputs(1, 2, 200, 12, 20, torch.float32, seed=2)
    r, c, a, b = torch.rand(4, 1, 2, 200, generator=torch.Generator().manual_seed(3)).to(DEVICE).unbind()
    options = {
        "sums": {"sums": True},
        "target bias": {"row": r, "target_bias": a},
        "source bias": {"reverse": True, "source": c, "source_bias": b},
    }[use] | {"decay": g}
    empty = (torch.full_like(v, torch.nan), torch.full_like(g, torch.nan) if use == "sums" else None)
    got, total = launch.fold(q, k, v, chunk=32, out=empty, **options)
    want, sums = chunked.fold(q.double(), k.double(), v.double(), **options)
    assert torch.isfinite(got).all() and relative(got, want) < 1e-6
    if use == "sums":
        assert torch.isfinite(total).all() and relative(total, sums) < 1e-6


@pytest.mark.parametrize("backend", ["reference", *BACKENDS])
def test_equal_features_give_running_means_and_constant_values_no_gradient(backend):
    N = 60
    v = torch.randn(1, 2, N, 16, generator=torch.Generator().manual_seed(4)).to(DEVICE)
    ones = torch.ones(1, 2, N, 8, device=DEVICE)
    o = linear_attention(ones, ones, v, causal=True, backend=backend)
    counts = torch.arange(1, N + 1, device=DEVICE, dtype=torch.float64)
    assert relative(o, v.double().cumsum(2) / counts[:, None]) < 1e-6
    q, k, _, do, g = inputs(1, 2, N, 8, 16, torch.float32, seed=5)
    constant = run(attend(backend, True, True), (q, k, torch.ones_like(v), g), do)
    assert all(x.abs().max() < 2e-4 for x in (constant[1], constant[2], constant[4]))


def test_a_decay_per_head_is_a_decay_per_token():
    q, k, v, _, _ = inputs(2, 3, 40, 6, 7, torch.float64, seed=6)
    rates = torch.log(1 - 2.0 ** -torch.arange(1, 4, dtype=torch.float64, device=DEVICE))
    per_head = linear_attention(q, k, v, causal=True, log_decay=rates, normalize=False)
    exponent = torch.arange(40, dtype=torch.float64, device=DEVICE)
    gamma = rates.exp()[:, None, None] ** (exponent[:, None] - exponent).clamp_min(0)
    assert relative(per_head, ((q @ k.mT) * gamma).tril() @ v) < 1e-13


def test_gradients_by_finite_differences():
    q, k, v, _, g = inputs(1, 1, 6, 3, 2, torch.float64, seed=7, device="cpu")
    leaves = [x.requires_grad_() for x in (q, k, v, g)]
    assert torch.autograd.gradcheck(attend("torch", True, True, chunk=4), leaves)


@pytest.mark.parametrize("normalize", [False, True])
def test_without_a_mask_the_brackets_may_be_moved(normalize):
    q, k, v, do, _ = inputs(2, 2, 50, 8, 9, torch.float64, seed=8)
    plain = lambda *x: reference.parallel(*x, causal=False, normalize=normalize)  # noqa: E731
    moved = lambda *x: linear_attention(*x, causal=False, normalize=normalize)  # noqa: E731
    assert all(relative(a, b) < 1e-13 for a, b in zip(*(run(f, (q, k, v), do) for f in (plain, moved)), strict=True))
    half = linear_attention(*(x.half() for x in (q, k, v)), causal=False, normalize=normalize)
    assert relative(half, plain(*(x.half() for x in (q, k, v)))) < 1e-3


class Held(TorchDispatchMode):
    """The largest tensor that an operation returns, in bytes."""

    largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for x in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(x, torch.Tensor):
                self.largest = max(self.largest, x.untyped_storage().nbytes())
        return out


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_buffer_grows_with_the_square_of_the_length(backend):
    F = 16
    for N in (256, 512) if backend == "torch" or CUDA else (192,):
        tensors = inputs(1, 1, N, F, F, torch.float32, seed=9)
        with Held() as held, pool.inline():
            run(attend(backend, True, True, chunk=16), [*tensors[:3], tensors[4]], tensors[3])
        records = 4 * -(-N // 128) * (F * F + 2 * F)  # one state to a segment
        assert held.largest <= max(8 * N * F, records) < 4 * N * N


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"q": (1, 2, 8)}, "batch, heads"),
        ({"k": (1, 2, 8, 5)}, "one shape"),
        ({"v": (1, 2, 9, 4)}, "batch, heads and length"),
        ({"log_decay": (3,)}, "log_decay must be of shape"),
        ({"causal": False, "log_decay": (2,)}, "needs causal=True"),
        ({"chunk": 0}, "chunk must be at least 1"),
        ({"backend": "metal"}, "backend must be one of"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, word):
    shapes = {"q": (1, 2, 8, 4), "k": (1, 2, 8, 4), "v": (1, 2, 8, 4)}
    tensors = {name: torch.zeros(arguments.get(name, shape)) for name, shape in shapes.items()}
    rest = {name: value for name, value in arguments.items() if name not in shapes}
    if "log_decay" in rest:
        rest["log_decay"] = torch.zeros(rest["log_decay"])
    with pytest.raises(ValueError, match=word):
        linear_attention(**tensors, **({"causal": True} | rest))


@TRITON
def test_the_kernel_says_what_it_does_not_take():
    x = torch.zeros(1, 1, 4, 300, device=DEVICE)
    with pytest.raises(ValueError, match="at most 256"):
        linear_attention(x, x, x, causal=True, backend="triton")
    with pytest.raises(ValueError, match="float64"):
        linear_attention(*[x[..., :4].double()] * 3, causal=True, backend="triton")


AHEAD = """
import sys, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from engine.attention.linear_attention import kernel

name, tensors, on = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")
function = getattr(kernel, name)
given = dict.fromkeys(kernel.Case._fields, False) | dict.fromkeys(on, True)
given |= {"BLOCK_F": 64, "W": 64, "EVEN": True, "BF16": True, "PRECISION": "ieee", "EPS": 1e-6}
constexpr = {"CASE": kernel.Case(**given), "BLOCK_V": 64, "C": 64}
kinds, constants = {}, {}
for place, argument in enumerate(function.arg_names):
    if argument in constexpr:
        kinds[argument], constants[place,] = "constexpr", constexpr[argument]
    else:
        kinds[argument] = {"strides": (("i64",) * 3,) * tensors, "sizes": ("i32",) * 7}.get(
            argument, "*bf16" if argument in {"Q", "K", "V", "O"} else "*fp32"
        )
made = triton.compile(ASTSource(function, kinds, constants, {}), target=GPUTarget("cuda", 90, 32), options={"num_warps": 4})
print(made.asm["ptx"].count("mma"), made.metadata.shared)
"""


@pytest.mark.slow
@pytest.mark.parametrize("on", ["SUMS,DECAY", "ROW,TARGET_BIAS,BIASED,DECAY", "SOURCE,SOURCE_BIAS,BIASED,REVERSE"])
@pytest.mark.parametrize(("name", "tensors"), [("state_kernel", 3), ("output_kernel", 5)])
def test_kernels_compile_for_hopper_ahead_of_time(name, tensors, on):
    """Without a GPU: the matrix unit's instructions are there, and shared memory suffices."""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    ran = subprocess.run(
        [sys.executable, "-c", AHEAD, name, str(tensors), on],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.returncode == 0, ran.stderr[-800:]
    products, shared = map(int, ran.stdout.split())
    assert products > 0 and shared <= 227 * 1024


# The lab


def rng(seed):
    return np.random.Generator(np.random.PCG64(seed))


def drawn(seed, n=None):
    """Random settings of the maps: tokens, their features by map, and causal or not."""
    draw = rng(seed)
    n, d, m = n or int(draw.integers(4, 41)), int(draw.integers(2, 20)), int(draw.integers(1, 33))
    tokens = maps.example(n, d, float(draw.uniform(0, 6)), seed)
    return tokens, maps.mapped(tokens, m, seed), bool(seed % 2), float(draw.uniform(0.5, 1))


@pytest.mark.parametrize("seed", range(6))
def test_maps_are_what_their_formulas_say(seed):
    tokens, pairs, causal, decay = drawn(seed)
    n = len(tokens.q)
    found = maps.all_maps(tokens, pairs, causal, decay)
    mask = np.tril(np.ones((n, n))) if causal else np.ones((n, n))
    softmax = scipy.special.softmax(np.where(mask > 0, tokens.q @ tokens.k.T, -np.inf), axis=1)
    np.testing.assert_allclose(found.weights[0], softmax, atol=1e-12)
    for row, (fq, fk) in enumerate(pairs.values(), 1):
        weights = np.array([[fq[i] @ fk[j] * mask[i, j] * (decay ** (i - j) if causal else 1) for j in range(n)] for i in range(n)])
        undivided = np.linalg.norm(weights @ tokens.v - softmax @ tokens.v) / np.linalg.norm(softmax @ tokens.v)
        assert found.raw_error[row] == pytest.approx(undivided)
        sums = weights.sum(1, keepdims=True)
        np.testing.assert_allclose(found.weights[row], weights / np.where(sums == 0, 1, sums), atol=1e-12)
        assert found.rank[row] <= min(n, fq.shape[1]) == min(n, found.features[row])
    np.testing.assert_allclose(found.outputs, found.weights @ tokens.v, atol=1e-12)
    wanted = softmax @ tokens.v
    relative_errors = [np.linalg.norm(o - wanted) / np.linalg.norm(wanted) for o in found.outputs]
    np.testing.assert_allclose(found.error, relative_errors, atol=1e-9)
    seen = np.arange(1, n + 1) if causal else np.full(n, n)
    assert (found.entropies <= np.log(seen) + 1e-9).all() and (found.entropies >= -1e-12).all()
    assert (found.distance <= 1 + 1e-12).all() and found.distance[0] == 0
    assert (found.effective_rank >= np.minimum(found.rank, 1) - 1e-9).all()
    assert (found.effective_rank <= found.rank + 1e-6).all()


def test_without_sharpness_softmax_and_every_positive_map_are_the_mean_and_relu_is_nothing():
    tokens = maps.example(12, 4, 0.0, 3)
    found = maps.all_maps(tokens, maps.mapped(tokens, 8, 3), False, 1.0)
    for name in ("softmax", "elu", "exp", "performer", "orthogonal"):
        np.testing.assert_allclose(found.weights[tuple(MAPS).index(name)], 1 / 12, rtol=1e-12)
    relu = tuple(MAPS).index("relu")
    assert not found.weights[relu].any() and found.rank[relu] == 0 and found.effective_rank[relu] == 0


def test_more_random_features_come_nearer_to_softmax():
    errors = []
    for m in (4, 64, 1024):
        each = []
        for seed in range(8):
            tokens = maps.example(16, 4, 0.5, seed)
            each.append(maps.all_maps(tokens, maps.mapped(tokens, m, seed), True, 1.0).error[4:])
        errors.append(np.mean(each, axis=0))
    assert (np.diff(errors, axis=0) < 0).all() and (errors[-1] < 0.1).all()


@pytest.mark.parametrize(("m", "d"), [(5, 8), (8, 8), (21, 6), (3, 1)])
def test_orthogonal_directions_are_orthogonal_and_as_long_as_gaussian_ones(m, d):
    squares = []
    for seed in range(200):
        w = features.directions(m, d, True, rng(seed))
        products = w @ w.T - np.diag((w**2).sum(1))
        blocks = np.arange(m) // d
        assert np.abs(products[blocks[:, None] == blocks]).max() < 1e-9
        squares.append((w**2).sum(1))
    z = (np.mean(squares) - d) / math.sqrt(2 * d / np.size(squares))
    assert abs(z) <= 4.5


@pytest.mark.parametrize("orthogonal", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_random_features_are_unbiased_and_vary_as_the_formula_says(orthogonal, seed):
    draw = rng(seed)
    d, m = int(draw.integers(2, 9)), int(draw.integers(1, 14))
    x, y = draw.uniform(0.2, 0.5) * draw.standard_normal((2, d)) / math.sqrt(d)
    ratios = np.array(
        [
            (features.positive(x[None], w) @ features.positive(y[None], w).T)[0, 0]
            for w in (features.directions(m, d, orthogonal, draw) for _ in range(4000))
        ]
    ) / math.exp(x @ y)
    squared = float(((x + y) ** 2).sum())
    exact = features.orthogonal_variance(squared, m, d) if orthogonal else features.relative_variance(squared, m)
    assert abs(ratios.mean() - 1) / math.sqrt(exact / len(ratios)) <= 4.5
    squares = (ratios - 1) ** 2
    assert abs(squares.mean() - exact) / (squares.std() / math.sqrt(len(squares))) <= 4.5


def test_the_lab_measures_the_variance_that_the_formulas_give():
    draw = rng(0)
    for d in (3, 8, 20):
        radius, angle = float(draw.uniform(0.2, 0.5)), float(draw.uniform(0, 120))
        each = [features.variances(d, radius, angle, 8, seed) for seed in range(60)]
        for name in ("independent", "orthogonal"):
            exact = getattr(each[0], f"{name}_exact")
            shares = np.array([getattr(v, name) for v in each]) / exact
            assert np.abs((shares.mean(0) - 1) / (shares.std(0) / math.sqrt(60))).max() <= 4.5
            errors = np.array([getattr(v, f"{name}_error") for v in each]) / exact
            assert (np.sqrt((errors**2).mean(0)) / shares.std(0) > 0.5).all()


def test_orthogonal_features_never_vary_more_and_one_feature_is_the_same():
    squared = np.linspace(0, 9, 40)
    for d in (2, 3, 8, 32):
        assert features.orthogonal_variance(squared, 1, d) == pytest.approx(features.relative_variance(squared, 1))
        for m in (2, 7, 64):
            one, other = features.orthogonal_variance(squared, m, d), features.relative_variance(squared, m)
            assert (one <= other * (1 + 1e-9)).all() and (one >= -1e-9).all()


@pytest.mark.parametrize("seed", range(6))
def test_the_recurrence_is_the_operator_and_every_chunk_size_agrees(seed):
    tokens, pairs, _, decay = drawn(seed)
    fq, fk = pairs["elu" if seed % 2 else "performer"]
    r = recurrence.trace(fq, fk, tokens.v, decay)
    tensors = [torch.tensor(x)[None, None] for x in (fq, fk, tokens.v)]
    rate = torch.tensor([math.log(decay)], dtype=torch.float64)
    o = linear_attention(*tensors, causal=True, log_decay=rate)[0, 0].numpy()
    t = len(r.outputs)
    total = r.totals[:, None] / (r.totals[:, None] + EPS)
    np.testing.assert_allclose(r.outputs * total, o[:t], atol=1e-10)
    for i in (0, t // 2, t - 1):
        direct = sum(decay ** (i - j) * np.outer(fk[j], tokens.v[j]) for j in range(i + 1))
        np.testing.assert_allclose(r.states[i], direct, atol=1e-10 * np.abs(direct).max())
        np.testing.assert_allclose(r.reads[i], fq[i] @ direct, atol=1e-9 * np.abs(r.reads[i]).max())
    np.testing.assert_allclose(r.kept, recurrence.kept(t, True, decay))
    assert max(r.chunk_difference.max(), r.parallel_difference) < 1e-11
    assert r.chunks[-1] == len(fq) and r.chunks[0] == min(4, len(fq))


@pytest.mark.parametrize(("N", "F", "D"), [(4096, 64, 64), (64, 16, 24), (65_536, 256, 256)])
def test_counts(N, F, D):
    b, c, cached = counts.brackets(N, F, D), counts.chunks(N, F, D), counts.cache(6, F, D, 2, N)
    at = lambda y: np.interp(b.crossing, b.lengths, y)  # noqa: E731
    if b.lengths[0] < b.crossing:
        assert 2 * b.crossing**2 * (F + D) == pytest.approx(4 * b.crossing * F * D)
        assert at(b.left_flops) == pytest.approx(at(b.right_flops), rel=0.1)
    assert b.here["left_flops"] == 2 * N * N * (F + D) and b.here["right_numbers"] == F * D
    assert (b.chosen, b.width, b.moments[-1]) == (N, D, N) and (np.diff(b.moments) > 0).all()
    assert b.moments_left[-1] == b.here["left_flops"] and b.moments_right[-1] == b.here["right_flops"]
    assert c.sizes[0] == 1 and c.sizes[-1] == N and c.steps[0] == N and c.steps[-1] == 1
    assert c.flops[-1] == b.here["left_flops"] + b.here["right_flops"]
    assert (np.diff(c.flops) > -1e-9 * c.flops[-1]).all() and (np.diff(c.moved) <= 0).all()
    if F == D and N > 10 * D:  # work 4nd(C + d) and numbers moved 4nd + 2nd^2/C cross near d / sqrt(2)
        assert c.best == pytest.approx(D / math.sqrt(2), rel=0.2)
    before, after = cached.crossing * 0.999, cached.crossing * 1.001
    bytes_of = lambda t: 2 * 6 * D * 2 * t  # noqa: E731
    assert bytes_of(before) < cached.state_bytes == 4 * 6 * F * (D + 1) < bytes_of(after)
    assert cached.cache_bytes[-1] == bytes_of(N)


def test_typed_tokens_share_a_topic_where_they_are_equal():
    r = linear_lab(LinearAttention.parse({"text": "abba cab", "first": "right"}))
    assert r.topics.tolist() == [0, 1, 1, 0, 2, 0, 1] and r.letters == "abbacab" and r.brackets.first == "right"
    one = linear_lab(LinearAttention.parse({"text": "我"}))
    np.testing.assert_array_equal(one.maps.weights[0], 1)


def test_the_crossing_is_found_between_the_points():
    x = np.array([100.0, 200, 400, 800])
    flat, steep = np.full(4, 30.0), x**2 / 3000
    assert sweep.crossing(x, flat, steep) == pytest.approx(300)
    assert math.isnan(sweep.crossing(x, steep, flat)), "slower at the end"
    assert math.isnan(sweep.crossing(x, steep / 100, flat)), "ahead from the start"
    assert sweep.crossing(x, np.array([9, 30, 30, 30.0]), np.array([np.nan, *steep[1:]])) == pytest.approx(300)
    assert math.isnan(sweep.crossing(x[:1], flat[:1], steep[:1]))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"decay": 0.8},
        {"causal": False, "feature_map": "performer"},
        {"tokens": 64, "width": 3, "features": 64, "sharpness": 6},
        {"tokens": 4, "width": 2, "features": 1, "feature_map": "orthogonal"},
        {"sharpness": 0, "feature_map": "relu", "radius": 1.5, "length": 64},
    ],
    ids=str,
)
def test_the_instant_result(settings):
    params = LinearAttention.parse(settings)
    r = linear_lab(params)
    n, d = params.tokens, params.width
    assert r.maps.weights.shape == (6, n, n) and r.maps.outputs.shape == (6, n, d)
    for name, array in results.arrays(r).items():
        if array.dtype.kind == "f":
            assert np.isfinite(array).all(), name
    width = r.maps.features[r.chosen]
    assert r.recurrence.states.shape == (min(n, recurrence.SHOWN), width, d) and r.timing is None
    assert r.variance.at == params.features and r.maps.names[r.chosen] == params.feature_map
    best = 1 + int(np.argmin(r.maps.error[1:]))
    assert r.maps.titles[best].en in r.findings[0].text.en and f"these {n} tokens" in r.findings[0].text.en


@pytest.mark.parametrize(
    "settings", [{}, {"causal": False, "heads": 3}, {"decay": 0.9, "pass_": "backward"}, {"dtype": "bfloat16", "batch": 2}], ids=str
)
def test_the_sweep_fills_point_by_point(settings):
    params = LinearAttention.parse({"task": "timing", "length": 130, "head_dim": 16} | settings)
    parts = list(linear_lab.stream(params))
    fractions = [part.fraction for part in parts]
    assert fractions == sorted(fractions) and fractions[-1] == 1 and len(parts) > 12
    filled = [np.isfinite(part.result.timing.milliseconds).sum() for part in parts]
    assert filled[0] == 0 and filled == sorted(filled) and len(set(filled)) >= 5
    result = parts[-1].result
    r = result.timing
    assert r.lengths.tolist() == [16, 32, 65, 130]
    ours = "chunked" if params.causal else "unmasked"
    expected = {"naive", ours, "with features", "all pairs"} | ({"recurrent"} if params.causal else set())
    assert expected <= set(r.contenders) and result.crossing.ours == r.row(ours)
    assert np.isfinite(r.milliseconds).all() and (r.milliseconds_low <= r.milliseconds_high).all()
    assert (r.runs >= 1).all() and (r.extra_bytes > 0).all() and r.ceiling_tflops > 0
    np.testing.assert_allclose(r.share, r.tflops / r.ceiling_tflops)
    measured = r.error[[name != "with features" for name in r.contenders]]
    assert (measured < (0.1 if params.dtype == "bfloat16" else 2e-5)).all()
    assert result.backend == ("triton" if CUDA else "torch")
    rows = [r.row(name) for name in sweep.SOFTMAXES if name in r.contenders]
    np.testing.assert_array_equal(result.crossing.best_softmax_milliseconds, r.milliseconds[rows].min(0))


def raced(low, median, high):
    """Naive softmax and the chunked form at lengths 100 and 200, as times in milliseconds: rows by points."""
    parts = list(linear_lab.stream(LinearAttention(task="timing", length=64, head_dim=16, heads=1)))
    whole = parts[-1].result.timing
    two = np.ones((2, 2))
    found = dataclasses.replace(
        whole,
        contenders=("naive", "chunked"),
        titles=(sweep.TITLES["naive"], sweep.TITLES["chunked"]),
        lengths=np.array([100, 200]),
        milliseconds=np.array(median),
        milliseconds_low=np.array(low),
        milliseconds_high=np.array(high),
        extra_bytes=two,
        runs=7 * two,
    )
    plan = sweep.planned(LinearAttention(task="timing", length=200))
    return sweep.overtaking(found, sweep.crossed(plan, found)).text


def test_a_lead_is_said_only_where_the_clock_carries_it():
    clear = raced([[0.9, 7.0], [1.9, 1.9]], [[1.0, 8.0], [2.0, 2.0]], [[1.1, 8.5], [2.1, 2.1]])
    assert "linear attention is 4 times as fast as the best softmax" in clear.en and "7 runs each" in clear.en and "7 次" in clear.zh
    assert "cross near length 126" in clear.en  # where a line of slope 3 from 1 reaches 2
    vague = raced([[0.9, 1.5], [1.9, 1.0]], [[1.0, 8.0], [2.0, 2.0]], [[1.1, 9.0], [2.1, 8.0]])
    assert "cannot tell" in vague.en and "cross" not in vague.en
    slow = raced([[0.9, 0.9], [1.9, 1.9]], [[1.0, 1.0], [2.0, 2.0]], [[1.1, 1.1], [2.1, 2.1]])
    assert "linear attention takes 2 times as long" in slow.en


def test_what_does_not_fit_in_memory_is_left_out_with_a_note(monkeypatch):
    monkeypatch.setattr(machine, "free_memory", lambda device: 2e6)
    result = linear_lab(LinearAttention(task="timing", length=512, head_dim=16, heads=1))
    at = lambda name: np.isfinite(result.timing.milliseconds[result.timing.row(name)])  # noqa: E731
    assert not at("naive")[-1] and not at("all pairs")[-1] and at("naive")[0] and at("chunked").all()
    said = [one.text for one in result.findings]
    assert any("softmax, naive" in text.en and "512" in text.en and "朴素" in text.zh and "512" in text.zh for text in said)


def test_memory_of_the_chunked_form_grows_with_the_length_and_of_pairs_with_its_square():
    r = linear_lab(LinearAttention(task="timing", length=1024, head_dim=16, heads=1)).timing
    slopes = dict(zip(r.contenders, r.memory_exponents, strict=True))
    assert slopes["chunked"] < 1.2 and slopes["all pairs"] > 1.8 and slopes["naive"] > 1.8


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"tokens": 3}, "from 4 to 64"),
        ({"decay": 0.1}, "from 0.5 to 1"),
        ({"feature_map": "cosine"}, "one of elu"),
        ({"length": 10**6}, "from 64 to 65536"),
        ({"chunk": 3}, "not a parameter"),
        ({"angle": math.nan}, "angle"),
    ],
)
def test_bad_parameters_are_refused(values, word):
    with pytest.raises(Refused, match=word):
        LinearAttention.parse(values)


def test_a_cpu_takes_shorter_lengths_and_long_sweeps_are_asked_for():
    with pytest.raises(Refused, match="at most 16384"):
        linear_lab.check(LinearAttention(task="timing", length=32_768), "cpu")
    assert linear_lab.cost_of(LinearAttention()) == "instant"
    if not CUDA:
        assert linear_lab.cost_of(LinearAttention(task="timing")) == "seconds"
        assert linear_lab.cost_of(LinearAttention(task="timing", length=16_384, heads=16)) == "minutes"
