"""Softmax attention as it is measured: the size of a point, naive attention, each backend of torch's own, and the truth
about a sample. What a lab brings itself joins them as one more function of q, k, v.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from engine.attention.contest import machine, race
from engine.attention.contest.race import Entry
from engine.attention.contest.result import attention_flops
from engine.core.words import T

BACKENDS = {
    "math": SDPBackend.MATH,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
}
MATRICES = {"naive": (2, 4), "math": (2, 4)}  # N x N matrices that live at one time, forward and backward
CACHE_BYTES = {"cpu": 32 * 2**20, "cuda": 128 * 2**20}
MOST_INPUTS = 16
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Shape:
    """The size of one attention. heads is a multiple of kv_heads."""

    batch: int
    heads: int
    kv_heads: int
    length: int
    head_dim: int
    causal: bool
    dtype: torch.dtype
    backward: bool

    @property
    def scale(self) -> float:
        return self.head_dim**-0.5

    @property
    def flops(self) -> float:
        return self.batch * self.heads * attention_flops(self.length, self.head_dim, self.causal, self.backward)

    @property
    def input_bytes(self) -> int:
        return 2 * self.batch * (self.heads + self.kv_heads) * self.length * self.head_dim * self.dtype.itemsize

    @property
    def matrix_bytes(self) -> int:
        return self.batch * self.heads * self.length**2 * self.dtype.itemsize

    def inputs(self, generator: torch.Generator, device: str) -> tuple[Tensor, ...]:
        """q, k, v and the gradient of the output, standard normal."""
        sizes = [(self.batch, h, self.length, self.head_dim) for h in (self.heads, self.kv_heads, self.kv_heads, self.heads)]
        return tuple(torch.randn(s, generator=generator, device=device).to(self.dtype) for s in sizes)


def naive(
    q: Float[Tensor, "B H N D"], k: Float[Tensor, "B G T D"], v: Float[Tensor, "B G T D"], *, causal: bool
) -> Float[Tensor, "B H N D"]:
    """softmax(Q K^T / sqrt(D)) V as it is written, matrix and all, in the inputs' dtype."""
    group = q.shape[1] // k.shape[1]
    if group > 1:
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
    scores = q @ k.mT * q.shape[-1] ** -0.5
    if causal:
        above = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu_(1)
        scores = scores.masked_fill(above, -torch.inf)
    return torch.softmax(scores, dim=-1) @ v


def torchs_own(q: Tensor, k: Tensor, v: Tensor, *, causal: bool, backend: SDPBackend) -> Tensor:
    """`scaled_dot_product_attention` held to one backend; RuntimeError where that one cannot."""
    with sdpa_kernel(backend):
        return scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=q.shape[1] != k.shape[1])


def present(shape: Shape, device: str) -> tuple[dict[str, Attend], list[T]]:
    """Naive attention and those of torch's backends that exist here for this shape; notes on those that do not."""
    found: dict[str, Attend] = {"naive": functools.partial(naive, causal=shape.causal)}
    notes = []
    tiny = Shape(1, shape.heads // shape.kv_heads, 1, 128, shape.head_dim, shape.causal, shape.dtype, shape.backward)
    inputs = tiny.inputs(torch.Generator(device).manual_seed(0), device)
    for name, backend in BACKENDS.items():
        attend = functools.partial(torchs_own, causal=shape.causal, backend=backend)
        if _runs(attend, *inputs, shape.backward):
            found[name] = attend
        else:
            notes.append(
                T(
                    "torch's {name} backend does not exist for these settings on this device.",
                    "在此设备与设置下，torch 的 {name} 后端不存在。",
                    name=name,
                )
            )
    return found, notes


def _runs(attend: Attend, q: Tensor, k: Tensor, v: Tensor, do: Tensor, backward: bool) -> bool:
    """Whether a backend accepts these inputs; torch says so only by raising, with warnings beside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            leaves = [x.requires_grad_(backward) for x in (q, k, v)]
            o = attend(*leaves)
            if backward:
                torch.autograd.grad(o, leaves, do)
        except RuntimeError:
            return False
    return True


def rotation(shape: Shape, device: str) -> int:
    """Inputs to rotate through: enough to leave the caches, at most 16 and a tenth of the memory; two where each
    brings a graph of its own."""
    enough = int(-(-CACHE_BYTES[device.partition(":")[0]] // shape.input_bytes))
    fitting = int(machine.free_memory(device) // (10 * shape.input_bytes))
    return max(1, min(2 if shape.backward else MOST_INPUTS, enough, fitting))


class Trial:
    """The inputs of one point, the truth about a sample of them, and each contender as an entry.

    The error is that of 64 rows of the first head (of the first group of heads, with grouped queries): for the
    backward pass the output's gradient is zero elsewhere, so that dQ, dK and dV of that sample are exact too.
    """

    ROWS = 64

    def __init__(self, shape: Shape, seed: int, device: str):
        self.shape = shape
        generator = torch.Generator(device).manual_seed(seed)
        self.inputs = [self.make(generator, device) for _ in range(rotation(shape, device))]
        self.group = shape.heads // shape.kv_heads
        self.rows = torch.randperm(shape.length, generator=generator, device=device)[: self.ROWS]
        q, k, v, do = self.inputs[0]
        self.sparse = torch.zeros_like(do)
        self.sparse[0, : self.group, self.rows] = do[0, : self.group, self.rows]
        self.truth = self._exact(q, k, v, do)

    def make(self, generator: torch.Generator, device: str) -> tuple[Tensor, ...]:
        """One set of inputs: q, k, v and the output's gradient."""
        return self.shape.inputs(generator, device)

    def weigh(self, scores: Float[Tensor, "G rows T"], hidden: Bool[Tensor, "rows T"] | None) -> Float[Tensor, "G rows T"]:
        """Scaled scores of the sampled rows to weights; `hidden` says which pairs are masked."""
        return torch.softmax(scores if hidden is None else scores.masked_fill(hidden, -torch.inf), -1)

    def _exact(self, q: Tensor, k: Tensor, v: Tensor, do: Tensor) -> list[Tensor]:
        """The sampled rows of O, or of dQ with the sample's dK and dV, in fp64."""
        leaves = [x.detach().double().requires_grad_() for x in (q[0, : self.group, self.rows], k[0, 0], v[0, 0])]
        scores = leaves[0] @ leaves[1].mT * self.shape.scale
        columns = torch.arange(self.shape.length, device=q.device)
        o = self.weigh(scores, columns > self.rows[:, None] if self.shape.causal else None) @ leaves[2]
        if not self.shape.backward:
            return [o.detach()]
        return list(torch.autograd.grad(o, leaves, do[0, : self.group, self.rows].double()))

    def entry(self, name: str, attend: Attend) -> Entry:
        """A contender at this point, forward or backward as the shape says."""
        shape = self.shape
        needs = shape.matrix_bytes * MATRICES.get(name, (0, 0))[shape.backward] + shape.input_bytes
        error = lambda results: race.relative_error(results, self.truth)  # noqa: E731
        if not shape.backward:
            return Entry(
                lambda: self._forward(attend, 0),
                lambda i: self._forward(attend, i),
                lambda o: error([o[0, : self.group, self.rows]]),
                shape.flops,
                needs,
            )
        graphs: list[tuple] = []

        def both() -> tuple[Tensor, ...]:
            leaves = [x.detach().requires_grad_() for x in self.inputs[0][:3]]
            return torch.autograd.grad(attend(*leaves), leaves, self.sparse)

        def prepare() -> None:
            for q, k, v, do in self.inputs:
                leaves = [x.detach().requires_grad_() for x in (q, k, v)]
                graphs.append((attend(*leaves), leaves, do))

        def back(i: int) -> tuple[Tensor, ...]:
            o, leaves, do = graphs[i]
            return torch.autograd.grad(o, leaves, do, retain_graph=True)

        sampled = lambda g: [g[0][0, : self.group, self.rows], g[1][0, 0], g[2][0, 0]]  # noqa: E731
        return Entry(both, back, lambda g: error(sampled(g)), shape.flops, needs * len(self.inputs), prepare=prepare)

    @torch.no_grad()
    def _forward(self, attend: Attend, i: int) -> Tensor:
        return attend(*self.inputs[i][:3])
