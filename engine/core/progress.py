"""How far a training has come, kept on disk so that it can be interrupted anywhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Part(Protocol):
    """What a training changes: a module, an optimiser, `Tensors`."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any) -> Any: ...


class Tensors:
    """Tensors that belong to no module, such as moving averages. They are changed in place only."""

    def __init__(self, held: Mapping[str, Tensor]):
        self.held = dict(held)

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors by name."""
        return self.held

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take the values of a state of the same names."""
        for name, tensor in self.held.items():
            tensor.data.copy_(state[name])


class Progress:
    """The steps, seconds and curve of a training, and the states of its parts.

    step: how many are done. cpu_seconds, wall_seconds: of all sittings together, up to the last `keep`. curve: points,
    each with its "step". more: what else a recipe carries on, of plain values and tensors. resumed: whether a state was
    found and taken.
    """

    def __init__(self, folder: Path, parts: Mapping[str, Part], device: str, resume: bool, **more: Any):
        import torch

        self.path, self.parts, self.more = folder / "state.pt", parts, more
        self.step, self.cpu_seconds, self.wall_seconds = 0, 0.0, 0.0
        self.curve: list[dict[str, float]] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.resumed = resume and self.path.exists()
        if self.resumed:
            state = torch.load(self.path, map_location=device, weights_only=True)
            for name, part in parts.items():
                part.load_state_dict(state["parts"][name])
            self.step, self.cpu_seconds, self.wall_seconds = state["step"], state["cpu_seconds"], state["wall_seconds"]
            self.curve, self.more = state["curve"], more | state["more"]
        self._seen = time.process_time(), time.perf_counter()

    @property
    def took(self) -> str:
        """The seconds so far, as a recipe reports them."""
        return f"{self.wall_seconds:.0f} s, CPU {self.cpu_seconds:.0f} s"

    def note(self, **figures: float) -> dict[str, float]:
        """Add a point of this step to the curve, and keep the state."""
        point = {"step": self.step, **figures}
        self.curve.append(point)
        self.keep()
        return point

    def keep(self) -> None:
        """Write the state, whole or not at all."""
        import torch

        now = time.process_time(), time.perf_counter()
        self.cpu_seconds += now[0] - self._seen[0]
        self.wall_seconds += now[1] - self._seen[1]
        self._seen = now
        state = {
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "more": self.more,
            "step": self.step,
            "cpu_seconds": self.cpu_seconds,
            "wall_seconds": self.wall_seconds,
            "curve": self.curve,
        }
        torch.save(state, self.path.with_suffix(".part"))
        self.path.with_suffix(".part").replace(self.path)
