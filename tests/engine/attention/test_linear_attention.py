"""The operator: chunked, recurrent and all pairs at once are one thing; backends against fp64; memory; closed forms."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.attention.flash_attention import workers
from engine.attention.flash_attention.operator import unavailable
from engine.attention.linear_attention import reference
from engine.attention.linear_attention.operator import linear_attention

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


@pytest.mark.parametrize("shape", [(1, 1, 63, 16, 20), (2, 1, 1, 3, 1), (1, 1, 60, 40, 8)], ids=str)
@pytest.mark.parametrize("decayed", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
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
        return (weights @ v) / (weights.sum(-1, keepdim=True) + reference.EPS) if normalize else weights @ v

    torchs = run(low_precision, given, do)
    ours = run(attend(backend, decayed, normalize), given, do)
    for name, mine, theirs, exact in zip(("o", "dq", "dk", "dv", "dg"), ours, torchs, truth, strict=False):
        # where a gradient vanishes (one token, normalised) only the rounding of fp32 is left
        rounding = (
            8 * torch.finfo(torch.float32).eps * (exact.numel() * shape[2]) ** 0.5 * (1 + exact.abs().max().item())
        )
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
    for N in (256, 512):
        tensors = inputs(1, 1, N, F, F, torch.float32, seed=9)
        with Held() as held, workers.inline():
            run(attend(backend, True, True, chunk=16), [*tensors[:3], tensors[4]], tensors[3])
        records = 4 * (N // 128) * (F * F + 2 * F)  # one state to a segment
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
