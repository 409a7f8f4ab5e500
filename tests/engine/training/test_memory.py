"""The memory formula spelled out by hand, its ways of accounting, and the count of live bytes."""

from __future__ import annotations

import gc

import numpy as np
import torch

from engine.training import memory
from engine.training.memory import ACCOUNTINGS, ARCHITECTURES, FULL, HALF, KINDS, WIDE
from engine.training.memory.live import LiveBytes

SEVEN = ARCHITECTURES[3]


def test_the_table_is_the_formula_spelled_out():
    found = memory.parts(SEVEN, dict.fromkeys(KINDS, FULL), 4096)
    assert found[:3].tolist() == [2 * SEVEN.parameters, 2 * SEVEN.parameters, 12 * SEVEN.parameters]
    trained = 28 * 8 * (2 * 3584 + 3584 + 512)
    low = memory.parts(SEVEN, {"q": 8, "v": 8}, 4096)
    assert low[:3].tolist() == [2 * (SEVEN.parameters + trained), 2 * trained, 12 * trained]
    each = 4 * 3584 + 2 * 512 + 3 * 18_944 + 28 + 2 + 3584 + 16  # numbers a token, one layer
    around = 2 * (3584 + 1) + 4 * 3 * 152_064
    assert low[3] == 4096 * (2 * 28 * each + around)
    assert memory.parts(SEVEN, {"q": 8, "v": 8}, 4096, checkpointing=True)[3] == 4096 * (2 * (28 * 3584 + each) + around)
    assert memory.cards(np.array([80e9, 0, 0, 0])) == 1 and memory.cards(np.array([80e9, 1, 0, 0])) == 2


def test_ways_of_accounting_differ_in_the_gradient_alone():
    assert [a.trained for a in ACCOUNTINGS] == [16, 18, 20] and (ACCOUNTINGS[0], ACCOUNTINGS[2]) == (HALF, WIDE)
    full = {a.trained: memory.parts(SEVEN, {"q": FULL}, 4096, sizes=a) for a in ACCOUNTINGS}
    for size, found in full.items():
        assert found[:3].sum() == size * SEVEN.parameters
        np.testing.assert_array_equal(found[[0, 2, 3]], full[16][[0, 2, 3]])
    assert all(a.who.en and a.who.zh for a in ACCOUNTINGS)


def test_live_bytes_count_what_is_alive():
    gc.collect()
    held = torch.zeros(1000)
    with LiveBytes([held]) as live:
        first = torch.zeros(500)
        second = first + 1
        view = second[10:]
        assert live.now == 4000 + 2000 + 2000
        del first
        third = view * 2
        assert live.now == 4000 + 2000 + 4 * 490 and live.most == 8000
        del second, view, third
    assert live.now == 4000
