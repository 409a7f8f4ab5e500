"""The contest that the labs of this chapter share: memory to the byte, growth, and what a race leaves out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.attention.contest import machine, race, softmax
from engine.attention.contest.result import attention_flops
from engine.attention.contest.sweep import halves
from engine.core import T


def test_memory_is_counted_to_the_byte():
    x = torch.zeros(1000)
    _, held = machine.peak_memory(lambda: (x + 1).sum(), "cpu")
    assert 4000 <= held <= 4100


def test_exponents_are_slopes_on_a_log_log_plot():
    x = np.array([1, 2, 4, 8, 16.0])
    y = np.stack([3 * x**2, np.where(x > 4, np.nan, x), np.full(5, np.nan)])
    slopes = race.exponents(x, y)
    assert slopes[0] == pytest.approx(2) and slopes[1] == pytest.approx(1) and np.isnan(slopes[2])


def test_flops_are_counted_pair_by_pair():
    for causal in (False, True):
        pairs = sum(1 for i in range(9) for j in range(9) if not causal or j <= i)
        assert attention_flops(9, 5, causal, False) == 2 * 2 * pairs * 5
        assert attention_flops(9, 5, causal, True) == 5 * 2 * pairs * 5


def test_points_halve_down_to_the_least():
    assert halves(130, 16) == (16, 32, 65, 130) and halves(8, 16) == (16,) and halves(6, 1) == (1, 3, 6)


@pytest.mark.parametrize("backward", [False, True])
def test_a_trial_knows_the_truth_about_its_sample(backward):
    shape = softmax.Shape(2, 4, 2, 80, 8, True, torch.float32, backward)
    trial = softmax.Trial(shape, 0, "cpu")
    entry = trial.entry("naive", lambda q, k, v: softmax.naive(q, k, v, causal=True))
    assert entry.error(entry.once()) < 1e-6
    wrong = trial.entry("naive", lambda q, k, v: softmax.naive(q, k, 1.01 * v, causal=True))
    assert wrong.error(wrong.once()) == pytest.approx(0.01, rel=0.3)


def test_a_contender_that_does_not_fit_is_left_out_by_its_title(monkeypatch):
    monkeypatch.setattr(machine, "free_memory", lambda device: 1e6)
    titles = {"slow": T("slow way", "慢法"), "fast": T("fast way", "快法")}
    entry = lambda needs: race.Entry(lambda: 0, lambda i: 0, lambda _: 0.0, 1.0, needs)  # noqa: E731
    board = race.Board(titles, 1)
    entries = {"slow": entry(2e9), "fast": entry(0.0)}
    for _ in board.race(0, T("here", "此处"), entries, inputs=1, device="cpu", ceiling=1.0, seconds=0.01):
        pass
    assert np.isnan(board.milliseconds[0, 0]) and board.milliseconds[1, 0] > 0
    assert [note.en for note in board.notes] == ["“slow way” is left out at here: it would need 2\u00a0GB, and 1\u00a0MB are free."]
    assert board.notes[0].zh.startswith("此处 处略去“慢法”")
