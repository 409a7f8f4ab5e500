"""LoRA: rank, matrices and starts swept at once, on a linear map, on digits, and on the embedded language model.

The layers are `engine.training.lora.layers`; torch is imported only where it is used.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.core import Partial, devices, experiment
from engine.training.lora.parameters import LARGEST, Lora
from engine.training.lora.result import Adapted, Memory, Peaks, Spectrum


def warm_up() -> None:
    """Import torch and what training needs."""
    from engine.training.lora import running

    running.warm_up()


@experiment("lora", uses_gpu=True, warm_up=warm_up)
def lora(params: Lora) -> Iterator[Partial[Adapted]]:
    """Every setting and every seed trained at once, streamed; then what was learned, taken apart."""
    from engine.training.lora import running

    device = "cuda" if params.task == "language" and devices.current().kind == "cuda" else "cpu"
    yield from running.run(params, device)


__all__ = ["LARGEST", "Adapted", "Lora", "Memory", "Peaks", "Spectrum", "lora"]
