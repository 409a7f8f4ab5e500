"""Running the linear attention kernels: segments and chunks, the tuner, and what the interpreter takes instead."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor
from triton import knobs

from engine.attention.flash_attention.launch import INTERPRETED_MULTIPROCESSORS, rows_apart
from engine.attention.linear_attention import kernel
from engine.attention.linear_attention.features import EPS

WIDEST = 256
LONGEST_CHUNK = 128  # every chunk size below divides it
PROGRAMS = 4  # wanted per multiprocessor, by cutting the tokens into segments
PRECISIONS = {torch.float32: "ieee", torch.bfloat16: "ieee", torch.float16: "tf32"}


class Tune(NamedTuple):
    """How a launch is cut: tokens to a chunk, values to a block, warps, stages."""

    chunk: int
    values: int
    warps: int
    stages: int

    def config(self) -> triton.Config:
        return triton.Config({"C": self.chunk, "BLOCK_V": self.values}, num_warps=self.warps, num_stages=self.stages)


STATE = tuple(Tune(*t) for t in ((32, 16, 4, 1), (64, 32, 4, 3), (64, 64, 4, 3), (64, 128, 8, 3), (128, 64, 8, 2)))
OUTPUT = tuple(Tune(*t) for t in ((32, 16, 4, 1), (64, 32, 4, 2), (64, 64, 4, 2), (64, 64, 8, 2), (64, 128, 8, 2)))


def _kept(choices: list[triton.Config], _arguments: dict, **keywords: Any) -> list[triton.Config]:
    """The choices that divide the width and whose state stays in registers."""
    case = keywords["CASE"]
    fits = [
        c
        for c in choices
        if c.kwargs["BLOCK_V"] <= case.W
        and c.kwargs["BLOCK_V"] * case.BLOCK_F <= 96 * 32 * c.num_warps
        and not (case.W >= 64 and c.kwargs["BLOCK_V"] < 32)
    ]
    return fits or choices[:1]


@functools.cache
def _tuned(name: str) -> Any:
    """The kernel behind Triton's tuner, which times the choices that fit and remembers the best on disk."""
    function, choices = {"state": (kernel.state_kernel, STATE), "output": (kernel.output_kernel, OUTPUT)}[name]
    configs = [choice.config() for choice in choices]
    return triton.autotune(configs, ["CASE"], prune_configs_by={"early_config_prune": _kept}, cache_results=True)(function)


def _run(name: str, chunk: int | None, programs: int, case: kernel.Case, *arguments: Any) -> None:
    """Launch a kernel: as the tuner finds best, or with the chunk that is asked for, or in the interpreter."""
    grid = lambda meta: (programs, triton.cdiv(case.W, meta["BLOCK_V"]))  # noqa: E731
    if not knobs.runtime.interpret and chunk is None:
        _tuned(name)[grid](*arguments, CASE=case)
        return
    size = max(16, min(LONGEST_CHUNK, triton.next_power_of_2(chunk or 16)))
    block = min(case.W, 16 if knobs.runtime.interpret else 64)
    getattr(kernel, f"{name}_kernel")[grid](*arguments, CASE=case, C=size, BLOCK_V=block, num_warps=4, num_stages=2)


def segment_length(N: int, heads: int, blocks: int, device: torch.device) -> int:
    """Tokens to a segment: few enough that every multiprocessor has work, but several chunks in any case."""
    processors = INTERPRETED_MULTIPROCESSORS
    if device.type == "cuda":
        processors = torch.cuda.get_device_properties(device).multi_processor_count
    wanted = max(1, PROGRAMS * processors // max(1, heads * blocks))
    least = LONGEST_CHUNK if knobs.runtime.interpret else 4 * LONGEST_CHUNK
    return max(least, triton.cdiv(triton.cdiv(N, wanted), LONGEST_CHUNK) * LONGEST_CHUNK)


def fold(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    decay: Tensor | None = None,
    reverse: bool = False,
    sums: bool = False,
    row: Tensor | None = None,
    source: Tensor | None = None,
    target_bias: Tensor | None = None,
    source_bias: Tensor | None = None,
    chunk: int | None = None,
    dtype: torch.dtype | None = None,
    out: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor | None]:
    """`chunked.fold` in three kernels. chunk is rounded up to a power of two from 16 to 128; `out` gives the tensors to
    write to. Raises ValueError where features or values are wider than 256, or the dtype is fp64."""
    if max(q.shape[-1], v.shape[-1]) > WIDEST or q.dtype not in PRECISIONS:
        raise ValueError(
            f"backend='triton' takes at most {WIDEST} features and values in fp16, bf16 or fp32; "
            f"got {q.shape[-1]}, {v.shape[-1]}, {q.dtype}"
        )
    q, k, v = rows_apart(q, k, v)
    vectors = [None if x is None else x.float().contiguous() for x in (row, source, target_bias, source_bias)]
    (B, H, N, F), D, device = q.shape, v.shape[-1], q.device
    block_f, width = (max(16, triton.next_power_of_2(x)) for x in (F, D))
    length = segment_length(N, B * H, triton.cdiv(width, 64), device)
    segments = triton.cdiv(N, length)
    size = block_f * width + block_f + width
    state = torch.empty(B * H * segments, size, dtype=torch.float32, device=device)
    kept = torch.empty(B * H * segments, dtype=torch.float32, device=device)
    o, total = out or (
        torch.empty(B, H, N, D, dtype=dtype or v.dtype, device=device),
        torch.empty(B, H, N, dtype=torch.float32, device=device) if sums else None,
    )
    r, c, a, b = (state if x is None else x for x in vectors)  # a pointer that is never read stands for what is absent
    g, g_strides = (state, (0, 0, 0)) if decay is None else (decay, decay.stride())
    case = kernel.Case(
        BLOCK_F=block_f,
        W=width,
        DECAY=decay is not None,
        ROW=row is not None,
        SOURCE=source is not None,
        TARGET_BIAS=target_bias is not None,
        SOURCE_BIAS=source_bias is not None,
        BIASED=target_bias is not None or source_bias is not None,
        SUMS=sums,
        REVERSE=reverse,
        EVEN=(block_f, width, N % LONGEST_CHUNK) == (F, D, 0),
        BF16=q.dtype == torch.bfloat16,
        PRECISION=PRECISIONS[q.dtype],
        EPS=EPS,
    )
    sizes, programs = (H, N, F, D, width, length, segments), B * H * segments
    q_strides, k_strides, v_strides, o_strides = (x.stride()[:3] for x in (q, k, v, o))
    _run("state", chunk, programs, case, k, v, g, c, b, state, kept, (k_strides, v_strides, g_strides), sizes)
    kernel.carry_kernel[(B * H, triton.cdiv(size, 1024))](state, kept, size, segments, REVERSE=reverse, BLOCK=1024)
    sums_out = o if total is None else total
    strides = (q_strides, k_strides, v_strides, o_strides, g_strides)
    _run("output", chunk, programs, case, q, k, v, o, sums_out, g, r, c, a, b, state, strides, sizes)
    return o, total
