"""The devices at hand, and why a device is not."""

from __future__ import annotations

import functools
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Device:
    """Where experiments compute. `kind` is "cpu" or "cuda"; `name` is what a person reads."""

    kind: str
    name: str
    threads: int
    why_no_gpu: str = ""


def threads() -> int:
    """Processor threads that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpu_may_exist() -> bool:
    """Whether a look through torch, which takes seconds to import, can be worth it."""
    return os.environ.get("SPACES_ZERO_GPU") == "true" or any(
        Path(p).exists() for p in ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")
    )


def cpu_name() -> str:
    """What a person reads of the CPU."""
    count = threads()
    return f"CPU · {count} thread{'s' if count != 1 else ''}"


@functools.cache
def current() -> Device:
    """Where experiments compute: on a CUDA GPU where there is one, else the CPU. ORRERY_DEVICE=cpu forces the CPU."""
    count, cpu = threads(), cpu_name()
    if os.environ.get("ORRERY_DEVICE") == "cpu":
        return Device("cpu", cpu, count, "ORRERY_DEVICE=cpu was set")
    if not gpu_may_exist():
        return Device("cpu", cpu, count, "no NVIDIA driver was found on this machine")
    if os.environ.get("SPACES_ZERO_GPU") == "true":
        return Device("cuda", "ZeroGPU", count)
    import torch

    if not torch.cuda.is_available():
        why = "torch was built without CUDA" if torch.version.cuda is None else "torch finds no usable CUDA device"
        return Device("cpu", cpu, count, why)
    return Device("cuda", torch.cuda.get_device_name(0), count)


def processor() -> str:
    """The CPU's model name, as the system tells it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
