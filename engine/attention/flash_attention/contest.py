"""Ways of computing one thing, measured against each other point by point: time, memory, error, rate.

All times come from `engine.core.timing`. A contender is left out of a point, with a note, where its memory would not
fit or where it would take too long. Nothing here knows what is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.attention.flash_attention import workers
from engine.core import timing

PATIENCE = {"cpu": 12.0, "cuda": 20.0}  # seconds that one run of one contender may be expected to take
ROUNDS = 7
OVERHEAD = 1.5  # seconds below which a time may say more about a busy machine than about the work
Note = tuple[str, str]


@dataclass(frozen=True)
class Entry:
    """One contender at one point. `once` computes its results, with memory to be counted; `timed(i)` runs on input i.

    once: called in one go, returns what `error` takes. error: relative error of those results against fp64.
    prepare: called before the timing, to make what `timed` starts from (a graph to go back through, say).
    flops: of the result, however it is computed. needs: bytes that it is sure to hold at once, beyond the inputs.
    work: a number in proportion to which its time grows, to judge the next point by; `flops` unless given.
    """

    once: Callable[[], Any]
    timed: Callable[[int], Any]
    error: Callable[[Any], float]
    flops: float
    needs: float
    work: float | None = None
    prepare: Callable[[], None] = lambda: None


class Board:
    """What has been measured, one row per contender and one column per point; NaN where nothing was."""

    def __init__(self, names: Sequence[str], points: int):
        self.names = list(names)
        shape = (len(names), points)
        self.milliseconds, self.low, self.high = (np.full(shape, np.nan) for _ in range(3))
        self.extra_bytes, self.tflops, self.error = (np.full(shape, np.nan) for _ in range(3))
        self.runs = np.zeros(shape, dtype=int)
        self.notes: list[Note] = []
        self._pace: dict[str, float] = {}  # seconds per unit of work at the last point, once work is what takes them

    def fields(self, ceiling: float) -> dict[str, Any]:
        """The arrays of a result, copied, so that what was yielded never changes."""
        arrays = {
            "milliseconds": self.milliseconds, "milliseconds_low": self.low, "milliseconds_high": self.high,
            "extra_bytes": self.extra_bytes, "tflops": self.tflops, "error": self.error, "runs": self.runs,
        }  # fmt: skip
        copies = {name: array.copy() for name, array in arrays.items()}
        return copies | {"share": self.tflops / ceiling, "notes": tuple(self.notes)}

    def note(self, en: str, zh: str) -> None:
        if (en, zh) not in self.notes:
            self.notes.append((en, zh))

    def race(self, point: int, where: str | Note, entries: Mapping[str, Entry], *, inputs: int, device: str,
             ceiling: float, seconds: float) -> Iterator[None]:  # fmt: skip
        """Measure the entries at a point; yields after every step, when the board is a little fuller.

        where: the point as a note names it, in both languages where they differ. inputs: how many inputs `timed` may
        rotate through. ceiling: TFLOP/s that nothing is expected to beat. seconds: aim of the timing rounds, passed by
        at most one round.
        """
        running = {name: entry for name, entry in entries.items() if self._admits(name, entry, where, device, ceiling)}
        for name, entry in list(running.items()):
            row = self.names.index(name)
            try:
                results, self.extra_bytes[row, point] = peak_memory(entry.once, device)
            except torch.cuda.OutOfMemoryError:
                self._left_out(name, where, "it ran out of memory", "内存不足")
                del running[name]
                continue
            self.error[row, point] = entry.error(results)
            del results
            entry.prepare()
            yield
        contenders = {name: entry.timed for name, entry in running.items()}
        rotation = [(i,) for i in range(inputs)]
        # On a CPU `once` has warmed up all but the threads, which the first point starts.
        warm = 2 if device != "cpu" else 1 if point == 0 else 0
        for timings in timing.interleave(
            contenders, rotation, device=device, warm_up=warm, runs=ROUNDS, seconds=seconds
        ):
            for name, t in timings.items():
                row, entry = self.names.index(name), running[name]
                self.milliseconds[row, point] = 1e3 * t.median
                self.low[row, point], self.high[row, point] = 1e3 * t.low, 1e3 * t.high
                self.tflops[row, point], self.runs[row, point] = entry.flops / t.median / 1e12, t.runs
                if t.low > OVERHEAD:
                    self._pace[name] = t.low / (entry.work or entry.flops)
            yield

    def _admits(self, name: str, entry: Entry, where: str | Note, device: str, ceiling: float) -> bool:
        room = free_memory(device)
        if entry.needs > room:
            need, have = entry.needs / 2**30, room / 2**30
            self._left_out(name, where, f"it would need {need:.1f} GiB, and {have:.1f} GiB are free",
                           f"需要 {need:.1f} GiB，而可用 {have:.1f} GiB")  # fmt: skip
            return False
        work = entry.work or entry.flops
        expected = max(self._pace.get(name, 0.0) * work, entry.flops / (ceiling * 1e12))
        if expected > PATIENCE[device.partition(":")[0]]:
            self._left_out(name, where, f"one run would take about {expected:.0f} s", f"运行一次约需 {expected:.0f} 秒")
            return False
        return True

    def _left_out(self, name: str, where: str | Note, en: str, zh: str) -> None:
        place, here = (where, where) if isinstance(where, str) else where
        self.note(f"{name} is left out at {place}: {en}.", f"{here} 处略去 {name}：{zh}。")


def exponents(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Slope of log y over log x along the last three points measured, row by row; NaN with fewer than two."""
    slopes = np.full(len(y), np.nan)
    for row, values in enumerate(y):
        measured = np.flatnonzero(np.isfinite(values) & (values > 0))[-3:]
        if len(measured) >= 2:
            slopes[row] = np.polyfit(np.log(x[measured].astype(float)), np.log(values[measured]), 1)[0]
    return slopes


def free_memory(device: str) -> float:
    """Bytes that a contender may take: what is free on the device, less a fifth."""
    if device.startswith("cuda"):
        free, _total = torch.cuda.mem_get_info(device)
        return 0.8 * (free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    found = [_number("/proc/meminfo", "MemAvailable:", 1024)]
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and limit.read_text().strip() != "max":
        found.append(float(limit.read_text()) - float(used.read_text()))
    return 0.8 * min(found)


def _number(path: str, label: str, unit: int) -> float:
    if Path(path).exists():
        for line in Path(path).read_text().splitlines():
            if line.startswith(label):
                return float(line.split()[1]) * unit
    return 4.0 * 2**30  # a system that does not say: assume a small one


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
        torch.autograd.ProfilerState.CPU, False, True, False, False, False,
        torch._C._profiler._ExperimentalConfig(),
    )  # fmt: skip
    torch.autograd._enable_profiler_legacy(wanted)
    try:
        with workers.inline():
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
    on_gpu = device.startswith("cuda")
    side, count = (8192, 2**28) if on_gpu else (1024, 2**24)
    a, b, c = (torch.randn(side, side, device=device).to(dtype) for _ in range(3))
    source, target = torch.zeros(count, device=device), torch.empty(count, device=device)
    jobs = {"product": lambda: torch.mm(a, b, out=c), "copy": lambda: target.copy_(source)}
    best = timing.measure(jobs, [()], device=device, warm_up=2, runs=5, seconds=0.5)
    return 2 * side**3 / best["product"].median / 1e12, 8 * count / best["copy"].median / 1e9


def relative_error(results: Sequence[Tensor], truths: Sequence[Tensor]) -> float:
    """The largest of ||result - truth|| / ||truth|| over the tensors, in fp64."""
    errors = [(r.double() - t).norm() / t.norm().clamp_min(1e-300) for r, t in zip(results, truths, strict=True)]
    return float(torch.stack(errors).max())
