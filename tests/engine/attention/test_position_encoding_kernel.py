"""The fused rotary kernel against the reference in fp64 and against libraries' own, forward and backward."""

from __future__ import annotations

import pytest
import torch
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from engine.attention.position_encoding import launch, reference
from engine.attention.position_encoding.operator import rotate_both, tables, unavailable
from engine.attention.position_models import frequencies

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
DTYPES = [torch.float32, torch.float16] + ([torch.bfloat16] if CUDA else [])
TOLERANCE = {torch.float32: 3e-7, torch.float16: 1e-3, torch.bfloat16: 8e-3}
TRITON = pytest.mark.skipif(bool(unavailable("triton", DEVICE)), reason=unavailable("triton", DEVICE) or "-")
LAYOUTS = ["half", "interleaved"]
# B, H, Hkv, T, D: one token, one pair, sizes that are no powers of two, fewer and no fewer key heads
SHAPES = [(1, 1, 1, 1, 2), (2, 3, 1, 63, 60), (1, 4, 4, 60, 64), (2, 5, 2, 17, 6), (1, 2, 3, 33, 130)]


def inputs(B, H, Hkv, T, D, dtype, batched=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    q, dq = torch.randn(2, B, H, T, D, generator=generator)
    k, dk = torch.randn(2, B, Hkv, T, D, generator=generator)
    at = torch.randint(0, 5000, (B, T), generator=generator) if batched else torch.arange(T) + 100
    cos, sin = tables(at, torch.tensor(frequencies.rates(D, 10_000.0)), 1.1)
    return [x.to(DEVICE, dtype) for x in (q, k, dq, dk)] + [cos.to(DEVICE), sin.to(DEVICE)]


def relative(got, want):
    return ((got.double() - want.double()).norm() / want.double().norm().clamp_min(1e-300)).item()


def truth(q, k, cos, sin, layout):
    """In fp64, pair by pair as complex numbers: what no module of ours computes."""
    turn = torch.complex(cos.double(), sin.double())[..., None, :, :]
    made = []
    for x in (q.double(), k.double()):
        pairs = x.unflatten(-1, (-1, 2)) if layout == "interleaved" else torch.stack(x.chunk(2, -1), -1)
        y = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turn)
        made.append(y.flatten(-2) if layout == "interleaved" else torch.cat(y.unbind(-1), -1))
    return made


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("backend", ["reference", pytest.param("triton", marks=TRITON)])
def test_forward_and_backward(backend, shape, dtype, layout):
    q, k, dq, dk, cos, sin = inputs(*shape, dtype, batched=shape[0] == 2)
    leaves = [x.clone().requires_grad_() for x in (q, k)]
    out = rotate_both(*leaves, cos, sin, layout=layout, backend=backend)
    assert all(y.dtype == dtype and y.shape == x.shape for x, y in zip((q, k), out, strict=True))
    for name, got, want in zip("qk", out, truth(q, k, cos, sin, layout), strict=True):
        assert relative(got, want) < TOLERANCE[dtype], name
    grads = torch.autograd.grad(out, leaves, (dq, dk))
    wide = [x.double().requires_grad_() for x in (q, k)]
    wanted = torch.autograd.grad(truth(*wide, cos, sin, layout), wide, (dq.double(), dk.double()))
    for name, got, want in zip(("dq", "dk"), grads, wanted, strict=True):
        assert relative(got, want) < TOLERANCE[dtype], name


@TRITON
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tune", [launch.Tune(1, 1), launch.Tune(4, 2), launch.Tune(16, 8)])
def test_every_number_is_written_and_none_beside(tune, dtype, layout):
    q, k, *_, cos, sin = inputs(2, 3, 2, 9, 12, dtype)
    room = [torch.full((x.shape[0], x.shape[1], x.shape[2] + 5, x.shape[3] + 7), torch.nan, dtype=dtype) for x in (q, k)]
    room = [x.to(DEVICE) for x in room]
    out = tuple(x[:, :, 2:-3, 3:-4] for x in room)
    launch.rotate_both(q, k, cos, sin, layout == "interleaved", out=out, tune=tune)
    for got, want, whole in zip(out, truth(q, k, cos, sin, layout), room, strict=True):
        assert relative(got, want) < TOLERANCE[dtype]
        assert int(torch.isnan(whole).sum()) == whole.numel() - got.numel()


@TRITON
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_strides_are_taken(layout):
    q, k, *_, cos, sin = inputs(2, 4, 2, 21, 16, torch.float32)
    wanted = rotate_both(q, k, cos, sin, layout=layout)
    token_first = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k)]
    joined = torch.cat(token_first, 1)
    columns = [x.mT.contiguous().mT for x in (q, k)]  # no unit stride along the head
    expanded = [x[:1].expand(2, -1, -1, -1) for x in (q, k)]
    for one, two in (token_first, (joined[:, :4], joined[:, 4:]), columns):
        for got, want in zip(rotate_both(one, two, cos, sin, layout=layout, backend="triton"), wanted, strict=True):
            torch.testing.assert_close(got, want, atol=1e-6, rtol=1e-6)
    got = rotate_both(*expanded, cos, sin, layout=layout, backend="triton")
    torch.testing.assert_close(got[0][1], wanted[0][0], atol=1e-6, rtol=1e-6)
    leaf = q.clone().requires_grad_()
    turned, _ = rotate_both(leaf, k, cos, sin, layout=layout, backend="triton")
    turned.sum().backward()  # an expanded gradient, and none for k
    other = q.clone().requires_grad_()
    rotate_both(other, k, cos, sin, layout=layout)[0].sum().backward()
    torch.testing.assert_close(leaf.grad, other.grad, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("backend", ["reference", pytest.param("triton", marks=TRITON)])
def test_the_half_layout_is_transformers(backend):
    q, k, *_, cos, sin = inputs(2, 4, 2, 31, 32, torch.float32)
    whole = [torch.cat([x, x], -1)[None].expand(2, -1, -1) for x in (cos, sin)]
    for got, want in zip(rotate_both(q, k, cos, sin, backend=backend), apply_rotary_pos_emb(q, k, *whole), strict=True):
        torch.testing.assert_close(got, want, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("backend", ["reference", pytest.param("triton", marks=TRITON)])
def test_the_interleaved_layout_is_flash_attentions(backend):
    """Its convention: x cos + r(x) sin on (B, T, H, D), each cosine twice in a row, r taking (a, b) to (−b, a)."""
    q, k, *_, cos, sin = inputs(2, 4, 2, 31, 32, torch.float32)
    doubled = [x.repeat_interleave(2, dim=-1)[:, None] for x in (cos, sin)]
    for got, x in zip(rotate_both(q, k, cos, sin, layout="interleaved", backend=backend), (q, k), strict=True):
        y = x.transpose(1, 2)
        crossed = torch.stack([-y[..., 1::2], y[..., ::2]], -1).flatten(-2)
        torch.testing.assert_close(got, (y * doubled[0] + crossed * doubled[1]).transpose(1, 2), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("backend", ["reference", pytest.param("triton", marks=TRITON)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_norm_kept_relative_only_and_inverse_by_the_negative_position(layout, backend):
    rates = torch.tensor(frequencies.rates(24, 10_000.0))
    q, k = torch.randn(2, 1, 1, 1, 24, generator=torch.Generator().manual_seed(1)).to(DEVICE).expand(2, 1, 1, 40, 24)

    def turned(shift, x=q, y=k):
        cos, sin = (t.to(DEVICE) for t in tables(torch.arange(40) + shift, rates))
        return rotate_both(x, y, cos, sin, layout=layout, backend=backend)

    one, two = turned(0), turned(333)
    torch.testing.assert_close(one[0].norm(dim=-1), q.norm(dim=-1), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(one[0] @ one[1].mT, two[0] @ two[1].mT, atol=2e-5, rtol=1e-5)
    cos, sin = (t.to(DEVICE) for t in tables(-torch.arange(40), rates))
    back = rotate_both(*one, cos, sin, layout=layout, backend=backend)
    torch.testing.assert_close(back[0], q, atol=1e-5, rtol=1e-5)


def test_the_reference_in_fp64_is_exact():
    q, k, *_ = inputs(1, 2, 1, 9, 8, torch.float64)
    angles = torch.arange(9, dtype=torch.float64)[:, None] * torch.tensor(frequencies.rates(8, 100.0))
    cos, sin = angles.cos(), angles.sin()
    for layout in LAYOUTS:
        made = reference.rotate_both(q.cpu(), k.cpu(), cos, sin, layout == "interleaved")
        for got, want in zip(made, truth(q.cpu(), k.cpu(), cos, sin, layout), strict=True):
            torch.testing.assert_close(got, want, atol=1e-14, rtol=1e-14)


def test_the_cut_fits_the_tensors():
    for shape in SHAPES:
        q, k, *_ = inputs(*shape, torch.float32)
        tokens, groups, _ = launch.choose(q, k)
        assert 1 <= groups <= shape[1] and tokens & (tokens - 1) == 0
        assert tokens < 2 * shape[3] or tokens == 1


def test_what_does_not_fit_is_refused():
    q, k, *_, cos, sin = inputs(1, 2, 2, 5, 8, torch.float32)
    for arguments, words in [
        ((q[0], k, cos, sin), "q and k must be"),
        ((q, k[:, :, :3], cos, sin), "must agree in batch, tokens"),
        ((q[..., :7], k[..., :7], cos, sin), "must be even"),
        ((q, k, cos[:3], sin[:3]), "cos and sin must be"),
        ((q, k, cos, sin[..., :2]), "cos and sin must be"),
        ((q, k.half(), cos, sin), "one floating dtype"),
        ((q[:, :0], k, cos, sin), "none of them 0"),
    ]:
        with pytest.raises(ValueError, match=words):
            rotate_both(*arguments)
    with pytest.raises(ValueError, match="layout must be"):
        rotate_both(q, k, cos, sin, layout="other")
    with pytest.raises(ValueError, match="backend must be"):
        rotate_both(q, k, cos, sin, backend="other")
    if not unavailable("triton", DEVICE):
        with pytest.raises(ValueError, match="takes fp16, bf16 or fp32"):
            rotate_both(q.double(), k.double(), cos, sin, backend="triton")
