"""The machine of a contest: its memory, how much of it a call takes, and the ceilings that it reaches now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from engine.attention.workers import pool
from engine.core import devices, timing

USABLE = 0.8  # of the free memory: the rest is left to the system and to whoever else computes
SMALL_MACHINE = 4.0 * 2**30  # bytes that are assumed free where a system does not say


def device() -> str:
    """Where torch computes: "cuda" or "cpu"."""
    return "cuda" if devices.current().kind == "cuda" else "cpu"


def free_memory(device: str) -> float:
    """Bytes that a contender may take."""
    if device.startswith("cuda"):
        free, _total = torch.cuda.mem_get_info(device)
        return USABLE * (free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    found = [_available()]
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and limit.read_text().strip() != "max":
        found.append(float(limit.read_text()) - float(used.read_text()))
    return USABLE * min(found)


def _available() -> float:
    path = Path("/proc/meminfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((1024 * float(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), SMALL_MACHINE)


def peak_memory(call: Callable[[], Any], device: str) -> tuple[Any, float]:
    """What `call` returns, and the most bytes that torch's allocator had given out for it at any one time.

    On a CPU this includes the scratch of torch's own kernels, but not that of the matrix libraries beneath them.
    """
    if device.startswith("cuda"):
        call()  # tuning and lazily made workspaces are not the contender's own
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        result = call()
        torch.cuda.synchronize(device)
        return result, float(torch.cuda.max_memory_allocated(device) - before)
    # Of torch's profilers only this one keeps to its own thread, prints nothing and records each allocation.
    wanted = torch.autograd.ProfilerConfig(
        torch.autograd.ProfilerState.CPU, False, True, False, False, False, torch._C._profiler._ExperimentalConfig()
    )
    torch.autograd._enable_profiler_legacy(wanted)
    try:
        with pool.inline():
            result = call()
    finally:
        records = torch.autograd._disable_profiler_legacy()
    held = peak = 0
    for record in (record for thread in records for record in thread if record.kind() == "memory_alloc"):
        held += record.cpu_memory_usage()
        peak = max(peak, held)
    return result, float(peak)


def ceilings(dtype: torch.dtype, device: str) -> tuple[float, float]:
    """What this device reaches now: TFLOP/s of a large matrix product, and GB/s of a copy (read and written)."""
    side, count = (8192, 2**28) if device.startswith("cuda") else (1024, 2**24)
    a, b, c = (torch.randn(side, side, device=device).to(dtype) for _ in range(3))
    source, target = torch.zeros(count, device=device), torch.empty(count, device=device)
    jobs = {"product": lambda: torch.mm(a, b, out=c), "copy": lambda: target.copy_(source)}
    best = timing.measure(jobs, [()], device=device, warm_up=2, runs=5, seconds=0.5)
    return 2 * side**3 / best["product"].median / 1e12, 8 * count / best["copy"].median / 1e9
