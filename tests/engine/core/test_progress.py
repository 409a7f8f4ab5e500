"""A training's state on disk: what is taken up again, and that a half-written state is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from engine.core.progress import Progress, Tensors


class Small:
    """A line that is fitted, with the moving average of its weights."""

    def __init__(self, folder: Path, resume: bool):
        torch.manual_seed(0)
        self.line = nn.Linear(3, 1)
        self.optimiser = torch.optim.Adam(self.line.parameters(), 0.05)
        self.average = {name: p.detach().clone() for name, p in self.line.named_parameters()}
        parts = {"line": self.line, "optimiser": self.optimiser, "average": Tensors(self.average)}
        self.progress = Progress(folder, parts, "cpu", resume, falls=7, seen=[])

    def go(self, last: int) -> None:
        now = self.progress
        while now.step < last:
            x = torch.randn(8, 3, generator=torch.Generator().manual_seed(now.step))
            loss = (self.line(x) - x.sum(1, keepdim=True)).square().mean()
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.values()), list(self.line.parameters()), 0.1)
            now.step += 1
            now.more["seen"].append(x[0])
            if now.step % 5 == 0:
                now.note(loss=loss.item())

    def weights(self) -> list[torch.Tensor]:
        return [*self.line.parameters(), *self.average.values()]


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(tmp_path):
    whole = Small(tmp_path / "whole", False)
    whole.go(20)
    first = Small(tmp_path / "parts", False)
    assert not first.progress.resumed
    first.progress.more["falls"] = 3
    first.go(12)  # two steps after the last state: they are lost
    again = Small(tmp_path / "parts", True)
    assert again.progress.resumed and again.progress.step == 10 and again.progress.more["falls"] == 3
    assert len(again.progress.more["seen"]) == 10
    again.go(20)
    for one, other in zip(whole.weights(), again.weights(), strict=True):
        assert torch.equal(one, other)
    assert again.progress.curve == whole.progress.curve
    assert [point["step"] for point in again.progress.curve] == [5, 10, 15, 20]


def test_the_seconds_of_all_sittings_are_added(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    monkeypatch.setattr("time.process_time", lambda: 2 * clock[0])
    one = Small(tmp_path, False)
    clock[0] += 3
    one.progress.keep()
    clock[0] += 50  # never kept
    other = Small(tmp_path, True)
    clock[0] += 4
    other.progress.keep()
    assert (other.progress.wall_seconds, other.progress.cpu_seconds) == (7.0, 14.0)
    assert other.progress.took == "7 s, CPU 14 s"


def test_without_resume_a_state_is_not_taken(tmp_path):
    Small(tmp_path, False).go(5)
    fresh = Small(tmp_path, False)
    assert not fresh.progress.resumed and fresh.progress.step == 0 and fresh.progress.curve == []


def test_a_state_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    made = Small(tmp_path, False)
    made.go(5)

    def full(state: object, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        with pytest.raises(OSError, match="no space"):
            made.go(10)
    assert Small(tmp_path, True).progress.step == 5
