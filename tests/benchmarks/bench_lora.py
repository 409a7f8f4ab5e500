"""LoRA: the digits sweep, to its first curve and to its end, and what a merged layer costs beside the base."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch.nn.functional import linear

from engine.core.timing import measure
from engine.training.lora import Lora, lora, running
from engine.training.lora.layers import LoRALinear


def sweep() -> None:
    """8 settings × 3 seeds, all trained together, at the default number of steps."""
    running.warm_up()
    begun, used, first = time.perf_counter(), time.process_time(), 0.0
    for partial in lora.stream(Lora(task="digits")):
        if not first and np.isfinite(partial.result.losses[:, :, 0]).all():
            first = time.perf_counter() - begun
    wall, cpu = time.perf_counter() - begun, time.process_time() - used
    print(f"  digits, 8 settings of 3 seeds: first curve {first:.2f} s, all {wall:.1f} s ({cpu:.1f} s of CPU)")


def merged() -> None:
    """One layer of 512 × 512 at rank 64, on 256 tokens."""
    weight = torch.randn(512, 512)
    beside, inside = (LoRALinear(weight, rank=64) for _ in range(2))
    inside.merge()
    inputs = [(torch.randn(256, 512),) for _ in range(8)]
    with torch.no_grad():
        found = measure({"base": lambda x: linear(x, weight), "beside": beside, "merged": inside}, inputs, runs=400)
    base = found["base"].median
    for name, timing in found.items():
        print(f"  {name:7s} {1e3 * timing.median:.3f} ms, {timing.median / base:.3f} of the base")


def main() -> None:
    """Print both."""
    sweep()
    merged()


if __name__ == "__main__":
    main()
