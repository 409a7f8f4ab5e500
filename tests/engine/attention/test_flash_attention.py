"""The operator and the lab: backends against the equation in fp64, at awkward sizes; memory; closed forms; counts."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils._python_dispatch import TorchDispatchMode

from engine.attention.contest import machine, race
from engine.attention.contest.result import Measured
from engine.attention.flash_attention import FlashAttention, flash_lab, reference, steps, sweep, tiled, traffic
from engine.attention.flash_attention.operator import flash_attention, unavailable
from engine.attention.workers import pool
from engine.core import Refused, results

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
BACKENDS = ["torch", "triton"]
DTYPES = [torch.float32, torch.float16] + ([torch.bfloat16] if CUDA else [])
TRITON = pytest.mark.skipif(bool(unavailable("triton", DEVICE)), reason=unavailable("triton", DEVICE) or "-")
SHAPES = [  # B, H, Hkv, N, T, D, causal
    (1, 2, 1, 63, 63, 60, True),
    (2, 1, 1, 1, 1, 16, True),
    (1, 2, 2, 60, 1, 8, False),
    (1, 1, 1, 1, 63, 33, False),
    (1, 2, 1, 128, 128, 16, True),
    (1, 1, 1, 40, 70, 20, False),
    (1, 1, 1, 40, 40, 256, True),
]


def relative(got, want):
    return ((got.double() - want.double()).norm() / want.double().norm().clamp_min(1e-300)).item()


def inputs(shape, dtype, seed=0, device=DEVICE):
    B, H, heads, N, T, D, _ = shape
    generator = torch.Generator().manual_seed(seed)
    sizes = ((B, H, N, D), (B, heads, T, D), (B, heads, T, D), (B, H, N, D))
    return [torch.randn(s, generator=generator).to(device, dtype) for s in sizes]


def run(function, q, k, v, do):
    leaves = [x.detach().clone().requires_grad_() for x in (q, k, v)]
    o = function(*leaves)
    return [o.detach(), *torch.autograd.grad(o, leaves, do.to(o.dtype))]


def low_precision_attention(q, k, v, causal):
    """What torch does in the inputs' own dtype, matrix and all."""
    group = q.shape[1] // k.shape[1]
    scores = q @ k.repeat_interleave(group, 1).mT * q.shape[-1] ** -0.5
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), -torch.inf)
    return torch.softmax(scores, -1) @ v.repeat_interleave(group, 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_output_and_gradients_are_as_good_as_torch_in_the_same_dtype(backend, dtype, shape):
    q, k, v, do = inputs(shape, dtype)
    causal = shape[-1]
    truth = run(lambda *x: reference.attention(*x, causal=causal)[0], *(x.double() for x in (q, k, v)), do)
    torchs = run(lambda *x: low_precision_attention(*x, causal), q, k, v, do)
    ours = run(lambda *x: flash_attention(*x, causal=causal, backend=backend), q, k, v, do)
    for name, mine, theirs, exact in zip(("o", "dq", "dk", "dv"), ours, torchs, truth, strict=True):
        # one key alone has no gradient in q and k: there only the rounding of fp32 is left
        rounding = 4 * torch.finfo(torch.float32).eps * (exact.numel() * q.shape[2]) ** 0.5
        error, other = ((x.double() - exact).norm().item() for x in (mine, theirs))
        assert error <= 2 * other + rounding, name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(1, 6, 2, 600, 600, 12, True), (1, 2, 2, 300, 700, 24, False)], ids=str)
def test_torch_tiles_across_several_tiles_agree_with_the_equation(shape, dtype):
    q, k, v, do = inputs(shape, dtype, seed=1, device="cpu")
    truth = run(lambda *x: reference.attention(*x, causal=shape[-1])[0], *(x.double() for x in (q, k, v)), do)
    ours = run(lambda *x: flash_attention(*x, causal=shape[-1], backend="torch"), q, k, v, do)
    for mine, exact in zip(ours, truth, strict=True):
        assert relative(mine, exact) < 20 * torch.finfo(dtype).eps


def test_sdpa_of_torch_is_a_second_judge():
    q, k, v, do = inputs((2, 3, 3, 200, 200, 32, True), torch.float32, seed=2, device="cpu")
    theirs = run(lambda *x: scaled_dot_product_attention(*x, is_causal=True), q, k, v, do)
    for backend in ("reference", "torch"):
        ours = run(lambda *x: flash_attention(*x, causal=True, backend=backend), q, k, v, do)  # noqa: B023
        assert all(relative(a, b) < 2e-6 for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("backend", ["reference", *BACKENDS])
def test_zero_queries_give_running_means(backend):
    N, D = 63, 16
    v = torch.randn(1, 2, N, D, generator=torch.Generator().manual_seed(3)).to(DEVICE)
    q, k = torch.zeros_like(v), torch.randn_like(v)
    o, lse = flash_attention(q, k, v, causal=True, backend=backend, return_lse=True)
    counts = torch.arange(1, N + 1, dtype=torch.float64, device=DEVICE)
    assert relative(o, v.double().cumsum(2) / counts[:, None]) < 1e-6
    assert torch.allclose(lse.double(), counts.log().expand(1, 2, N), atol=1e-6)


@pytest.mark.parametrize("backend", ["reference", *BACKENDS])
@pytest.mark.parametrize("causal", [False, True])
def test_a_constant_value_has_no_gradient_in_queries_and_keys(backend, causal):
    q, k, _, do = inputs((1, 2, 1, 60, 60, 24, causal), torch.float32, seed=4)
    v = torch.ones_like(k)
    o, dq, dk, _ = run(lambda *x: flash_attention(*x, causal=causal, backend=backend), q, k, v, do)
    assert torch.allclose(o, torch.ones_like(o), atol=1e-6)
    assert dq.abs().max() < 1e-5 and dk.abs().max() < 1e-5


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_head_of_huge_scores_stays_finite(backend):
    q, k, v, do = inputs((1, 1, 1, 60, 60, 16, True), torch.float32, seed=5)
    ours = run(lambda *x: flash_attention(*x, causal=True, scale=500.0, backend=backend), q, k, v, do)
    truth = run(lambda *x: reference.attention(*x, causal=True, scale=500.0)[0], *(x.double() for x in (q, k, v)), do)
    assert all(torch.isfinite(x).all() for x in ours)
    assert relative(ours[0], truth[0]) < 1e-3 and relative(ours[3], truth[3]) < 1e-3


@pytest.mark.parametrize("backend", BACKENDS)
def test_strides_of_the_inputs_do_not_matter(backend):
    q, k, v, do = inputs((1, 2, 2, 40, 40, 16, True), torch.float32, seed=6)
    apart = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)]
    apart[2] = v.mT.contiguous().mT
    want = run(lambda *x: flash_attention(*x, causal=True, backend=backend), q, k, v, do)
    leaves = [x.requires_grad_() for x in apart]
    o = flash_attention(*leaves, causal=True, backend=backend)
    got = [o, *torch.autograd.grad(o, leaves, do)]
    assert all(relative(a, b) < 1e-6 for a, b in zip(got, want, strict=True))
    expanded = torch.autograd.grad(flash_attention(*leaves, causal=True, backend=backend).sum(), leaves)
    exact = torch.autograd.grad(reference.attention(*leaves, causal=True)[0].sum(), leaves)
    assert relative(expanded[2], exact[2]) < 1e-5


@TRITON
@pytest.mark.parametrize("tma", [False, True], ids=["pointers", "copy engine"])
@pytest.mark.parametrize("resident", [0, 2], ids=["grid", "persistent"])
@pytest.mark.parametrize("shape", [(1, 2, 1, 63, 63, 40, True), (2, 1, 1, 40, 33, 64, False)], ids=str)
def test_every_path_of_the_kernel_writes_all_of_its_outputs(shape, resident, tma):
    from engine.attention.flash_attention import launch

    if CUDA and tma and torch.cuda.get_device_capability()[0] != 9:
        pytest.skip("the copy engine of Hopper needs a GPU of capability 9")
    q, k, v, do = inputs(shape, torch.float16, seed=7)
    scale, causal = q.shape[-1] ** -0.5, shape[-1]
    empty = [torch.full_like(x, torch.nan) for x in (q, q[..., 0].float(), q, k, v)]
    tune = launch.Tune(32, 16, 4, 1, resident)
    o, lse = launch.forward(q, k, v, causal, scale, out=tuple(empty[:2]), tma=tma, tune=tune)
    grads = launch.backward(q, k, v, o, lse, do, causal, scale, out=tuple(empty[2:]), tma=tma, tune=tune._replace(resident=0))
    assert all(torch.isfinite(x).all() for x in empty)
    truth = run(lambda *x: reference.attention(*x, causal=causal)[0], *(x.double() for x in (q, k, v)), do)
    assert all(relative(a, b) < 1e-3 for a, b in zip((o, *grads), truth, strict=True))
    exact = torch.logsumexp(_scores(q, k, causal, scale), -1)
    assert relative(lse, exact) < 1e-6


def _scores(q, k, causal, scale):
    scores = q.double() @ k.double().repeat_interleave(q.shape[1] // k.shape[1], 1).mT * scale
    return scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), -torch.inf) if causal else scores


@TRITON
def test_a_repeated_run_gives_the_same_bits():
    q, k, v, do = inputs((1, 2, 1, 63, 63, 32, True), torch.float16, seed=8)
    runs = [run(lambda *x: flash_attention(*x, causal=True, backend="triton"), q, k, v, do) for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


@TRITON
def test_tiles_too_large_for_the_registers_are_left_out():
    from engine.attention.flash_attention import launch

    configs = [launch.triton.Config(t.blocks(), num_warps=t.warps, num_stages=t.stages) for t in launch.FORWARD]
    floats = lambda m, n, d: 1.5 * (m * d + m * n)  # noqa: E731
    for width in (16, 64, 128, 256):
        kept = launch._kept(configs, width, floats, tma=True, long=True)
        assert kept and all(floats(c.kwargs["BLOCK_M"], c.kwargs["BLOCK_N"], width) <= 192 * 32 * c.num_warps for c in kept)
    assert not any("RESIDENT" in c.kwargs for c in launch._kept(configs, 128, floats, tma=False, long=True))


AHEAD = """
import sys, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from engine.attention.flash_attention import kernel, launch

function, tune = getattr(kernel, sys.argv[1]), launch.Tune(*map(int, sys.argv[2:]))
given = {"CASE": kernel.Case(True, True, 128, 128, True, True), "RESIDENT": 0} | tune.blocks()
tensors = {"forward_kernel": 4, "backward_kv_kernel": 6, "backward_q_kernel": 5}[sys.argv[1]]
kinds, constants, aligned = {}, {}, {}
for place, name in enumerate(function.arg_names):
    if name in given:
        kinds[name], constants[place,] = "constexpr", given[name]
    elif name == "strides":
        kinds[name] = (("i64",) * 3,) * tensors
        aligned |= {(place, i, j): [["tt.divisibility", 16]] for i in range(tensors) for j in range(3)}
    elif name == "sizes":
        kinds[name] = ("i32",) * 6
    elif name == "scale":
        kinds[name] = "fp32"
    else:
        kinds[name], aligned[place,] = "*fp32" if name in {"LSE", "DELTA"} else "*bf16", [["tt.divisibility", 16]]
source = ASTSource(function, kinds, constants, aligned)
options = {"num_warps": tune.warps, "num_stages": tune.stages}
made = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
print(made.asm["ptx"].count("wgmma.mma_async"), made.asm["ptx"].count("cp.async.bulk.tensor"), made.metadata.shared)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tune"),
    [("forward_kernel", (128, 128, 8, 2, 1)), ("backward_kv_kernel", (32, 128, 8, 2)), ("backward_q_kernel", (64, 64, 8, 2))],
)
def test_kernels_compile_for_hopper_ahead_of_time(name, tune):
    """Without a GPU: the tensor cores' and the copy engine's instructions are there, and shared memory suffices."""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    ran = subprocess.run(
        [sys.executable, "-c", AHEAD, name, *map(str, tune)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.returncode == 0, ran.stderr[-800:]
    products, copies, shared = map(int, ran.stdout.split())
    assert products > 0 and copies > 0 and shared <= 227 * 1024


class Held(TorchDispatchMode):
    """The bytes of every tensor that an operation returns, and the largest of them."""

    def __init__(self):
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for x in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(x, torch.Tensor):
                self.largest = max(self.largest, x.untyped_storage().nbytes())
        return out


@pytest.mark.parametrize("backend", ["torch", pytest.param("triton", marks=TRITON)])
def test_no_buffer_grows_with_the_square_of_the_length(backend, monkeypatch):
    monkeypatch.setattr(tiled, "ROWS", 16)
    monkeypatch.setattr(tiled, "COLUMNS", 16)
    tiles = 2 * torch.get_num_threads() * 4 * 16 * 16
    for N in (64, 128):
        q, k, v, do = inputs((1, 1, 1, N, N, 16, True), torch.float32, seed=9)
        with Held() as held, pool.inline():
            run(lambda *x: flash_attention(*x, causal=True, backend=backend), q, k, v, do)
        assert held.largest <= max(4 * N * 16, tiles) < 4 * N * N


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"q": (1, 2, 8)}, "batch, heads"),
        ({"q": (1, 2, 0, 4)}, "none of them 0"),
        ({"k": (1, 2, 8, 5)}, "one shape"),
        ({"q": (1, 3, 8, 4)}, "multiple"),
        ({"q": (1, 2, 7, 4)}, "as many queries as keys"),
        ({"q": (1, 2, 8, 300), "k": (1, 2, 8, 300), "v": (1, 2, 8, 300)}, "at most 256"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change, word):
    shapes = {"q": (1, 2, 8, 4), "k": (1, 2, 8, 4), "v": (1, 2, 8, 4)} | change
    with pytest.raises(ValueError, match=word):
        flash_attention(*(torch.zeros(shapes[x]) for x in "qkv"), causal=True)


def test_backends_that_cannot_run_say_why(monkeypatch):
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(ValueError, match="backend must be one of"):
        flash_attention(x, x, x, causal=False, backend="metal")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(RuntimeError, match="needs a CUDA device"):
        flash_attention(x, x, x, causal=False, backend="triton")
    with pytest.raises(ValueError, match="floating dtype"):
        flash_attention(x, x, x.double(), causal=False)


def test_gradients_by_finite_differences():
    shape = (1, 2, 1, 5, 5, 3, True)
    q, k, v, _ = inputs(shape, torch.float64, seed=10, device="cpu")
    leaves = [x.requires_grad_() for x in (q, k, v)]
    assert torch.autograd.gradcheck(lambda *x: flash_attention(*x, causal=True, backend="torch"), leaves)


def test_the_scale_is_one_over_the_root_of_the_head_dimension():
    q, k, v, _ = inputs((1, 1, 1, 9, 9, 7, False), torch.float64, seed=11, device="cpu")
    default, given = (flash_attention(q, k, v, causal=False, scale=s) for s in (None, 1 / math.sqrt(7)))
    assert relative(default, given) < 1e-14


# The lab


@pytest.mark.parametrize("seed", range(6))
def test_steps_are_the_online_softmax_and_end_at_the_answer(seed):
    rng = np.random.default_rng(seed)
    n, d, rows, columns = (int(rng.integers(*span)) for span in ((2, 33), (1, 9), (1, 17), (1, 17)))
    causal = bool(seed % 2)
    q, k, v = steps.example(n, d, float(rng.uniform(0, 20)), seed)
    s = steps.trace(q, k, v, rows, columns, causal)
    tensors = [torch.tensor(x)[None, None] for x in (q, k, v)]
    o, lse = reference.attention(*tensors, causal=causal)
    assert np.allclose(s.output, o[0, 0], atol=1e-12) and np.allclose(s.lse, lse[0, 0], atol=1e-12)
    assert np.allclose(np.nansum(s.weights, 1), 1)
    b, columns = (min(max(size, -(-n // steps.MOST_TILES)), n) for size in (rows, columns))
    for t, (i, j) in enumerate(zip(s.row, s.column, strict=True)):
        seen = s.scores[i : i + b, : j + columns]
        top = np.nanmax(seen, 1)
        assert np.allclose(s.maximum[t, : len(top)], top)
        assert np.allclose(s.total[t, : len(top)], np.nansum(np.exp(seen - top[:, None]), 1))
        if j + columns >= (i + b if causal else n):
            assert s.distance[t] < 1e-12 and s.stored[t] == len(top) * (d + 1)
    first = s.column == 0
    assert (s.factor[first][~np.isnan(s.factor[first])] == 0).all() and np.isnan(s.maximum_before[first]).all()
    tiles = -(-n // b) * -(-n // columns)
    assert len(s.row) <= steps.MOST_TILES**2
    assert len(s.row) + len(s.skipped) == tiles and (causal or not len(s.skipped))
    assert s.moved[-1] == traffic.forward_numbers(n, d, b, columns, causal)


def test_the_passes_of_the_softmax_agree_where_half_precision_does_not_overflow():
    mild = steps.trace(*steps.example(20, 4, 1.0, 0), 4, 4, True).passes
    last = np.arange(20)
    assert np.allclose(mild.online_sum[last, last], mild.safe_sum[last, last])
    naive = mild.naive_sum[last, last] / np.exp(mild.maximum[last, last])
    assert np.allclose(naive, mild.safe_sum[last, last], rtol=5e-3)
    lse = steps.trace(*steps.example(20, 4, 1.0, 0), 4, 4, True).lse
    assert np.allclose(np.log(mild.online_sum[last, last]) + mild.maximum[last, last], lse, atol=1e-12)
    assert np.allclose(mild.distance[last, last], 0, atol=1e-12) and (mild.distance[-1, :-1] > 0).all()
    sharp = steps.trace(*steps.example(20, 4, 20.0, 0), 4, 4, True).passes
    overflowed = np.isnan(sharp.naive_sum) & ~np.isnan(sharp.maximum)
    assert overflowed.any() and (sharp.maximum[overflowed] > 0).all()
    assert not np.isnan(sharp.online_sum[~np.isnan(sharp.maximum)]).any()
    assert (overflowed >= (sharp.maximum > sharp.overflow + 0.01)).all()


@pytest.mark.parametrize("seed", range(8))
def test_counted_tiles_are_the_tiles_of_the_loop(seed):
    rng = np.random.default_rng(seed)
    N, R, C = (int(rng.integers(1, top)) for top in (200, 40, 40))
    for causal in (False, True):
        columns = sum(min(C, N - c) for r in range(0, N, R) for c in range(0, N, C) if not causal or c < min(r + R, N))
        rows = sum(min(R, N - r) for c in range(0, N, C) for r in range(0, N, R) if not causal or r + R > c)
        assert traffic.columns_visited(N, R, C, causal) == columns
        assert traffic.rows_visited(N, R, C, causal) == rows


@pytest.mark.parametrize(("kept", "scores"), [((2, 2), 1), ((3, 2), 2), ((4, 2), 2)])
def test_the_largest_tile_fits_and_the_next_does_not(kept, scores):
    for d in (16, 64, 250):
        for M in (2000, 24_000, 500_000):
            R, C = traffic.largest_tile(10**6, d, M, *kept, scores)
            numbers = lambda r, c: kept[0] * r * d + kept[1] * c * d + scores * r * c  # noqa: B023, E731
            assert numbers(R, C) <= M or (R, C) == (1, 1)
            assert numbers(R + 1, min(C + 1, d)) > M and C in range(1, d + 1)


def accounted(**values):
    p = FlashAttention(**values)
    a = traffic.account(p)
    return a, traffic.datasheet(p, a)


def test_bytes_follow_their_laws():
    far, roof = accounted(heads=4, length=65_536, fast_memory=64, dtype="bfloat16", chip="h100")
    assert far.naive_bytes / (4 * 2 * 4 * 65_536**2) == pytest.approx(1, rel=0.01)
    assert far.by_length.tiled[-1] / far.by_length.law[-1] == pytest.approx(1, rel=0.4)
    doubled = [traffic.tiled_numbers(65_536, 64, m, False, False) for m in (100_000, 200_000)]
    assert doubled[0] / doubled[1] == pytest.approx(2, rel=0.1)
    wider = [traffic.tiled_numbers(65_536, d, 1e6, False, False) for d in (128, 64)]
    assert wider[0] / wider[1] == pytest.approx(4, rel=0.2)
    back, _ = accounted(heads=1, length=65_536, dtype="bfloat16", pass_="backward", chip="a100")
    assert back.by_length.tiled[-1] / back.by_length.law[-1] == pytest.approx(1, rel=0.3)
    assert back.flops == pytest.approx(2.5 * 4 * 65_536**2 * 64)
    assert roof.ridge == pytest.approx(989.4e3 / 3350) and roof.roof.max() == roof.peak_tflops
    assert roof.intensity["naive"] < roof.intensity["tiled"] == pytest.approx(far.flops / far.tiled_bytes)
    assert roof.attainable["naive"] == pytest.approx(roof.intensity["naive"] * 3350 / 1000)
    assert far.least_bytes < far.tiled_bytes < far.naive_bytes


@pytest.mark.parametrize(("heads", "group"), [(8, 1), (8, 4), (12, 6), (7, 3)])
@pytest.mark.parametrize("backward", [False, True])
def test_the_least_bytes_are_those_of_the_tensors_that_there_are(heads, group, backward):
    p = FlashAttention(
        batch=3, heads=heads, group=group, head_dim=96, length=1000, dtype="bfloat16", pass_="backward" if backward else "forward"
    )
    q, k = torch.empty(3, heads, 1000, 96), torch.empty(3, p.kv_heads, 1000, 96)  # also O, dO, dQ; also V, dK, dV
    numbers = (4 if backward else 2) * (q.numel() + k.numel()) + 3 * heads * 1000
    a = traffic.account(p)
    assert a.least_bytes == 2 * numbers <= a.tiled_bytes
    whole = traffic.account(p.model_copy(update={"group": 1}))
    assert whole.tiled_bytes - a.tiled_bytes == (2 * 4 * (q.numel() - k.numel()) if backward else 0)


def test_the_lab_at_its_defaults_is_instant_and_imports_no_torch():
    code = (
        "import sys; from engine.attention.flash_attention import *; from engine.attention.linear_attention import *;"
        "flash_lab(FlashAttention()); linear_lab(LinearAttention()); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200)
    result = flash_lab(FlashAttention())
    assert result.timing is None and flash_lab.cost_of(FlashAttention()) == "instant"
    assert results.size(result) < 100_000
    json.dumps(results.plain(result))


@pytest.mark.parametrize("changes", [{}, {"causal": True, "pass_": "backward", "heads": 2, "group": 2}])
def test_a_sweep_fills_in_point_by_point(changes):
    params = FlashAttention(task="timing", length=128, head_dim=16, heads=changes.pop("heads", 1), **changes)
    parts = list(flash_lab.stream(params))
    fractions = [part.fraction for part in parts]
    assert fractions == sorted(fractions) and fractions[-1] == 1 and all(f < 1 for f in fractions[:-1])
    known = [np.isfinite(part.result.timing.milliseconds).sum() for part in parts]
    assert known == sorted(known) and known[0] == 0
    result = parts[-1].result
    r = result.timing
    assert r.lengths.tolist() == [16, 32, 64, 128] and {"naive", "ours", "math"} <= set(r.contenders)
    for field in ("milliseconds", "milliseconds_low", "milliseconds_high", "extra_bytes", "tflops", "share", "error"):
        assert getattr(r, field).shape == (len(r.contenders), 4) and np.isfinite(getattr(r, field)).all(), field
    assert (r.milliseconds_low <= r.milliseconds).all() and (r.milliseconds <= r.milliseconds_high).all()
    assert (r.error < 1e-5).all() and (r.runs >= 1).all()
    assert np.allclose(r.share, r.tflops / r.ceiling_tflops)
    pairs = 128 * 129 / 2 if params.causal else 128**2
    work = params.heads * pairs * 16 * (10 if params.pass_ == "backward" else 4)
    assert np.allclose(r.tflops[:, -1] * 1e12 * r.milliseconds[:, -1] / 1e3, work)
    assert np.allclose(result.roof.roof, np.minimum(r.ceiling_tflops, result.roof.intensities * r.bandwidth / 1000))
    assert results.decode(results.encode(result, store := {}), store).findings == result.findings


def test_ours_holds_less_memory_which_grows_as_it_should():
    r = flash_lab(FlashAttention(task="timing", length=1024, head_dim=16, heads=1)).timing
    naive, ours = r.row("naive"), r.row("ours")
    beyond = r.lengths > tiled.ROWS
    assert (r.extra_bytes[ours, beyond] < r.extra_bytes[naive, beyond]).all()
    assert r.extra_bytes[naive, -1] >= 2 * 4 * 1024**2
    assert r.memory_exponents[naive] == pytest.approx(2, abs=0.1) and r.memory_exponents[ours] < 1.2


@pytest.mark.parametrize(
    ("asked", "values", "flops"),
    [
        ({"axis": "heads", "heads": 6, "group": 4, "head_dim": 40}, [1, 3, 6], [4 * h * 64**2 * 40 for h in (1, 3, 6)]),
        ({"axis": "head_dim", "heads": 1, "head_dim": 40}, [16, 20, 40], [4 * 64**2 * d for d in (16, 20, 40)]),
        ({"axis": "tokens", "heads": 1, "head_dim": 16, "batch": 3}, [16, 32, 64], [4 * 3 * 64 * n * 16 for n in (16, 32, 64)]),
    ],
)
def test_heads_head_dimensions_and_a_length_with_held_tokens_are_swept_too(asked, values, flops):
    r = flash_lab(FlashAttention(task="timing", length=64, **asked)).timing
    assert r.swept.tolist() == values and np.isfinite(r.milliseconds).all() and r.rounding == 2.0**-24
    assert r.lengths.tolist() == (values if asked["axis"] == "tokens" else [64, 64, 64])
    assert np.allclose(r.tflops * 1e12 * r.milliseconds / 1e3, flops)
    assert np.allclose(r.least_milliseconds, np.array(flops) / (r.ceiling_tflops * 1e9))


def test_what_would_not_fit_or_end_is_left_out_and_said(monkeypatch):
    params = FlashAttention(task="timing", length=1024, head_dim=16, heads=1)
    monkeypatch.setattr(machine, "free_memory", lambda device: 3e6)
    result = flash_lab(params)
    r = result.timing
    assert np.isnan(r.milliseconds[r.row("naive"), -1]) and np.isfinite(r.milliseconds[r.row("ours"), -1])
    said = [one.text for one in result.findings if "naive” is left out at length 1\u202f024" in one.text.en]
    assert len(said) == 1 and "MB" in said[0].en and "略去“朴素”" in said[0].zh
    monkeypatch.undo()
    monkeypatch.setattr(race, "PATIENCE", {"cpu": 1e-9, "cuda": 1e-9})
    result = flash_lab(params.model_copy(update={"length": 64}))
    assert np.isnan(result.timing.milliseconds).all() and any("No point" in one.text.en for one in result.findings)


def timed(naive, ours, share=0.5):
    """A sweep of one point whose times are (low, median, high) in milliseconds."""
    low, median, high = (np.array([[naive[i]], [ours[i]]]) for i in range(3))
    one, two = np.ones((2, 1)), np.ones(2)
    point = np.array([2048])
    titles = sweep.TITLES["naive"], sweep.TITLES["ours"]
    rest = (one * 7, one * [[8], [2]], one, one * share, one, 1.0, 1.0, two[:1], two[:1], 1e-7, two, two)
    return Measured("length", point, point, ("naive", "ours"), titles, median, low, high, *rest)


@pytest.mark.parametrize(
    ("naive", "ours", "says"),
    [
        ((3.8, 4.0, 4.4), (1.9, 2.0, 2.2), "2 times as fast"),
        ((0.9, 1.0, 1.1), (1.9, 2.0, 2.2), "2 times as long"),
        ((1.0, 4.0, 9.0), (1.5, 2.0, 8.0), "cannot tell"),  # medians 2 to 1, and a busy machine
        ((2.0, 2.2, 2.5), (1.9, 2.0, 2.1), "cannot tell"),
    ],
)
def test_a_verdict_is_withheld_where_the_clock_cannot_carry_it(naive, ours, says):
    time, memory = (one.text for one in sweep.compared(timed(naive, ours)))
    assert says in time.en and "7 runs" in time.en and "7 次" in time.zh and "4 times the memory" in memory.en
    low, high = naive[0] / ours[2], naive[2] / ours[0]  # of the ratio, by either's worst
    assert ("cannot" in time.en) == (low <= 1 <= high)


def test_a_share_beyond_the_ceiling_is_the_clocks_fault():
    beyond = sweep.findings(timed((4.0, 4, 4), (2.0, 2, 2), share=1.3), [], done=True)
    assert any("130\u00a0% of the ceiling" in one.text.en for one in beyond)
    within = sweep.findings(timed((4.0, 4, 4), (2.0, 2, 2), share=0.9), [], done=True)
    assert not any("of the ceiling" in one.text.en for one in within)


@pytest.mark.parametrize("grouped", [(4, 3, 2), (6, 4, 3), (5, 16, 5), (7, 2, 1)])
def test_groups_are_taken_down_to_what_divides_the_heads(grouped):
    heads, asked, group = grouped
    assert FlashAttention(heads=heads, group=asked).kv_heads == heads // group


@pytest.mark.parametrize("values", [{"length": 65_537}, {"dtype": "int8"}, {"head_dim": 8}, {"pass_": "sideways"}, {"M": 3}])
def test_bad_parameters_are_refused_in_a_sentence(values):
    with pytest.raises(Refused) as refused:
        FlashAttention.parse(values)
    assert next(iter(values)) in refused.value.en and refused.value.zh


def test_a_cpu_takes_shorter_rows_and_long_sweeps_cost_minutes():
    with pytest.raises(Refused, match="at most 16384"):
        flash_lab.check(FlashAttention(length=20_000), "cpu")
    assert flash_lab.cost_of(FlashAttention(task="timing")) == "seconds"
    if not CUDA:
        assert flash_lab.cost_of(FlashAttention(task="timing", length=16_384, heads=32)) == "minutes"
