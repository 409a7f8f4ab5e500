"""The most memory that real training steps hold at once, to be laid on the formula of `engine.training.memory`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.training import memory
from engine.training.digit_model.transformer import Body
from engine.training.lora import writing
from engine.training.lora.layers import LoRALinear
from engine.training.lora.result import Peaks
from engine.training.lora.settings import Setting
from engine.training.memory import FULL, SINGLE, Architecture, trainable
from engine.training.memory.live import LiveBytes

SMALL = Architecture("checked", 4, 128, 4, 4, 352, 1024, True, biased=False)
SHAPES = ((2, 64), (8, 64))  # sequences and tokens of a step


class Model(nn.Module):
    """A small decoder as a person would train it: adapters, or whole matrices, with everything else frozen.

    Full fine-tuning trains all of it, embeddings and norms too.
    """

    def __init__(self, arch: Architecture, setting: Setting, seed: int):
        super().__init__()
        self.body = Body(arch.layers, arch.width, arch.heads, arch.inner, causal=True, base=1e4)
        drawn, full = torch.Generator().manual_seed(seed), setting.rank == FULL
        self.maps, self.rest = nn.ModuleDict(), nn.ParameterDict()
        for matrix in arch.matrices():
            weight = torch.randn(matrix.outputs, matrix.inputs, generator=drawn) / matrix.inputs**0.5
            rank = setting.of(matrix)
            if rank > 0:
                self.maps[matrix.name] = LoRALinear(weight, rank=rank, generator=drawn)
            else:
                self.maps[matrix.name] = nn.Linear(matrix.inputs, matrix.outputs, bias=False)
                self.maps[matrix.name].weight = nn.Parameter(weight, requires_grad=full)
        names = [f"before {part} {layer}" for layer in range(arch.layers) for part in ("attention", "feed-forward")]
        for name in (*names, "last"):
            self.rest[name] = nn.Parameter(torch.ones(arch.width), requires_grad=full)
        self.rest["embed"] = nn.Parameter(torch.randn(arch.vocabulary, arch.width, generator=drawn), requires_grad=full)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T + 1) token ids -> the mean loss."""
        return writing.window_losses(self.body, dict(self.rest), self.maps, ids[None]).mean()


def measured(arch: Architecture, setting: Setting, batch: int, tokens: int, seed: int, device: str = "cpu") -> float:
    """Bytes at the peak of the second step of training: by then the optimiser's moments are there.

    On a CPU every operation is watched; on a CUDA device the allocator's own count is read.
    """
    model = Model(arch, setting, seed).to(device)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=1e-4, foreach=False)
    ids = torch.randint(arch.vocabulary, (batch, tokens + 1), generator=torch.Generator().manual_seed(seed)).to(device)

    def step() -> None:
        optimiser.zero_grad()
        model(ids).backward()
        optimiser.step()

    step()
    optimiser.zero_grad()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        step()
        return float(torch.cuda.max_memory_allocated())
    moments = [v for state in optimiser.state.values() for v in state.values() if isinstance(v, Tensor)]
    with LiveBytes([*model.parameters(), *model.buffers(), *moments, ids]) as live:
        step()
    return float(live.most)


def check(settings: Sequence[Setting], seed: int, device: str = "cpu") -> Iterator[tuple[Peaks, float]]:
    """Every setting that trains anything, at two batch sizes: what was measured so far, and the share done."""
    plan = [(s, shape) for shape in SHAPES for s in settings if trainable(s.ranks, SMALL.matrices())]
    rows: list[tuple[Any, ...]] = []
    for setting, (batch, tokens) in plan:
        predicted = memory.peak(memory.parts(SMALL, setting.ranks, batch * tokens, sizes=SINGLE))
        count = SMALL.parameters if setting.rank == FULL else trainable(setting.ranks, SMALL.matrices())
        rows.append((setting.title, batch * tokens, count, predicted, measured(SMALL, setting, batch, tokens, seed, device)))
        titles, *columns = zip(*rows, strict=True)
        yield Peaks(titles, *(np.array(column) for column in columns)), len(rows) / len(plan)
