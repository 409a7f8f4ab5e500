"""Running the FlashAttention kernels: which tiles, which grid, and whether Hopper's copy engine moves the data."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import triton
from jaxtyping import Float
from torch import Tensor
from triton import knobs

from engine.attention.flash_attention import kernel

TILE = 128  # every block size below divides it
LONG_ROWS = 2048
DELTA_ROWS = 64
KEY = ["CASE"]
TEAM_BYTES = 16 * 2**20  # keys and values of the heads in work at one time: well inside the L2 cache
INTERPRETED_MULTIPROCESSORS = 3


class Tune(NamedTuple):
    """How a launch is cut: tile sizes, warps, stages, and programs kept per multiprocessor (0: one per tile)."""

    m: int
    n: int
    warps: int
    stages: int
    resident: int = 0

    def blocks(self) -> dict[str, int]:
        persistent = {"RESIDENT": self.resident} if self.resident else {}
        return {"BLOCK_M": self.m, "BLOCK_N": self.n, **persistent}


SMALLEST = Tune(32, 32, 4, 1)
FORWARD = (
    SMALLEST,
    *(Tune(64, 64, *rest) for rest in ((4, 3), (8, 2))),
    *(Tune(128, 64, *rest) for rest in ((4, 3), (4, 3, 2), (8, 3), (8, 3, 1))),
    *(Tune(128, 128, *rest) for rest in ((8, 2), (8, 2, 1))),
)
BACKWARD_KV = tuple(Tune(*t) for t in ((32, 32, 4, 1), (32, 64, 8, 2), (32, 128, 8, 2), (64, 64, 4, 2), (64, 128, 8, 2)))
BACKWARD_Q = tuple(Tune(*t) for t in ((32, 32, 4, 1), (64, 32, 4, 2), (64, 64, 4, 2), (64, 64, 8, 2), (128, 64, 8, 2), (128, 128, 8, 2)))
SMALL = Tune(32, 16, 4, 1)


def _kept(choices: Sequence[triton.Config], width: int, floats: Callable, tma: bool, long: bool) -> list[triton.Config]:
    """The choices whose fp32 tiles, `floats(BLOCK_M, BLOCK_N, width)` numbers, stay in registers; the smallest if none.

    A persistent grid pays only where the copy engine leaves registers for it, and on long rows small tiles never win.
    """
    kept = []
    for choice in choices:
        m, n, resident = choice.kwargs["BLOCK_M"], choice.kwargs["BLOCK_N"], "RESIDENT" in choice.kwargs
        roomy = floats(m, n, width) <= 192 * 32 * choice.num_warps
        if roomy and (tma or not resident) and not (long and width <= 128 and m * n < 64 * 64):
            kept.append(choice)
    return kept or [choices[0]]


@functools.cache
def _tuned(name: str) -> Any:
    """The kernel behind Triton's tuner, which times the choices that fit and remembers the best on disk."""
    function, choices, floats = {
        "forward": (kernel.forward_kernel, FORWARD, lambda m, n, d: 1.5 * (m * d + m * n)),
        "backward_kv": (kernel.backward_kv_kernel, BACKWARD_KV, lambda m, n, d: 2 * n * d + 2 * m * n),
        "backward_q": (kernel.backward_q_kernel, BACKWARD_Q, lambda m, n, d: m * d + 2 * m * n),
    }[name]

    def prune(configs: list[triton.Config], arguments: dict, **keywords: Any) -> list[triton.Config]:
        case = keywords["CASE"]
        return _kept(configs, case.BLOCK_D, floats, case.TMA, case.LONG)

    configs = [triton.Config(t.blocks(), num_warps=t.warps, num_stages=t.stages) for t in choices]
    return triton.autotune(configs, KEY, prune_configs_by={"early_config_prune": prune}, cache_results=True)(function)


def _run(name: str, tune: Tune | None, tiles: Callable[[dict], int], device: torch.device, case: kernel.Case, *arguments: Any) -> None:
    """Launch a kernel with the given cut, or with the best that the tuner finds on a GPU."""
    if knobs.runtime.interpret:
        tune, processors = tune or SMALL, INTERPRETED_MULTIPROCESSORS
    else:
        processors = torch.cuda.get_device_properties(device).multi_processor_count
        if case.TMA:  # descriptors made in the kernel live in memory that the launcher asks for
            triton.set_allocator(lambda size, alignment, stream: torch.empty(size, dtype=torch.int8, device=device))

    def grid(meta: dict) -> tuple[int]:
        resident = meta.get("RESIDENT", 0)
        return (min(tiles(meta), processors * resident) if resident else tiles(meta),)

    if tune is None:
        _tuned(name)[grid](*arguments, CASE=case)
    else:
        function = getattr(kernel, f"{name}_kernel")
        function[grid](*arguments, CASE=case, **tune.blocks(), num_warps=tune.warps, num_stages=tune.stages)


def _case(q: Tensor, k: Tensor, causal: bool, tma: bool) -> kernel.Case:
    N, T, D = q.shape[-2], k.shape[-2], q.shape[-1]
    even = N % TILE == 0 and T % TILE == 0
    return kernel.Case(max(N, T) >= LONG_ROWS, even, D, max(16, triton.next_power_of_2(D)), causal, tma)


def _sizes(q: Tensor, k: Tensor) -> tuple[int, ...]:
    (B, H, N, _), (_, heads, T, _) = q.shape, k.shape
    return B, H, H // heads, N, T, _team(k)


def _strides(*tensors: Tensor) -> tuple[tuple[int, ...], ...]:
    return tuple(x.stride()[:3] for x in tensors)


def _team(k: Tensor) -> int:
    """Heads whose keys and values fit in `TEAM_BYTES` together, at least one."""
    return max(1, TEAM_BYTES // (2 * k.shape[-2] * k.shape[-1] * k.element_size()))


def rows_apart(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors as the kernels take them: unit stride along a row, and 32-bit offsets within a head."""
    fit = lambda x: x.stride(-1) == 1 and x.shape[-2] * x.stride(-2) < 2**31  # noqa: E731
    return tuple(x if fit(x) else x.contiguous() for x in tensors)


def copy_engine_takes(*tensors: Tensor) -> bool:
    """Whether Hopper's tensor memory accelerator can fetch the tensors: two-byte numbers in 16-byte steps, on sm_90."""
    return all(
        x.is_cuda
        and torch.cuda.get_device_capability(x.device)[0] == 9
        and x.element_size() == 2
        and x.data_ptr() % 16 == 0
        and all(s > 0 and s % 8 == 0 for s in x.stride()[:3])
        for x in tensors
    )


def forward(
    q: Float[Tensor, "B H N D"],
    k: Float[Tensor, "B Hkv T D"],
    v: Float[Tensor, "B Hkv T D"],
    causal: bool,
    scale: float,
    *,
    out: tuple[Tensor, Tensor] | None = None,
    tma: bool | None = None,
    tune: Tune | None = None,
) -> tuple[Float[Tensor, "B H N D"], Float[Tensor, "B H N"]]:
    """Output and log-sum-exp. `out` gives the tensors to write to; `tma` and `tune` overrule the choice of path."""
    q, k, v = rows_apart(q, k, v)
    B, H, N, _ = q.shape
    o, lse = out or (torch.empty_like(q), torch.empty(B, H, N, dtype=torch.float32, device=q.device))
    case = _case(q, k, causal, copy_engine_takes(q, k, v) if tma is None else tma)
    tiles = lambda meta: B * H * triton.cdiv(N, meta["BLOCK_M"])  # noqa: E731
    _run("forward", tune, tiles, q.device, case, q, k, v, o, lse, _strides(q, k, v, o), _sizes(q, k), scale)
    return o, lse


def backward(
    q: Float[Tensor, "B H N D"],
    k: Float[Tensor, "B Hkv T D"],
    v: Float[Tensor, "B Hkv T D"],
    o: Float[Tensor, "B H N D"],
    lse: Float[Tensor, "B H N"],
    do: Float[Tensor, "B H N D"],
    causal: bool,
    scale: float,
    *,
    out: tuple[Tensor, Tensor, Tensor] | None = None,
    tma: bool | None = None,
    tune: Tune | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """dQ, dK and dV from the saved output and log-sum-exp. The keywords are those of `forward`."""
    q, k, v, o, do = rows_apart(q, k, v, o, do)
    (B, H, N, _), (_, heads, T, _) = q.shape, k.shape
    dq, dk, dv = out or (torch.empty_like(q), torch.empty_like(k), torch.empty_like(v))
    case = _case(q, k, causal, copy_engine_takes(q, k, v, do) if tma is None else tma)
    delta = torch.empty_like(lse)
    grid = (B * H * triton.cdiv(N, DELTA_ROWS),)
    kernel.delta_kernel[grid](o, do, delta, o.stride()[:3], do.stride()[:3], H, N, CASE=case, BLOCK_M=DELTA_ROWS)
    sizes, saved = _sizes(q, k), (q, k, v, do, lse, delta)
    columns = lambda meta: B * heads * triton.cdiv(T, meta["BLOCK_N"])  # noqa: E731
    _run("backward_kv", tune, columns, q.device, case, *saved, dk, dv, _strides(q, k, v, do, dk, dv), sizes, scale)
    rows = lambda meta: B * H * triton.cdiv(N, meta["BLOCK_M"])  # noqa: E731
    _run("backward_q", tune, rows, q.device, case, *saved, dq, _strides(q, k, v, do, dq), sizes, scale)
    return dq, dk, dv
