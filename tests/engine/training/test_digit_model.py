"""The network that reads upright digits: its checkpoint and its recipe."""

from __future__ import annotations

import json

import pytest

from engine.core import checkpoints, recipes
from engine.training.digit_model import digits, train


def test_the_checkpoint_reads_as_well_as_its_meta_says():
    meta = checkpoints.load(digits.NAME, digits.RECIPE_NAME).meta
    assert train.accuracy(digits.load()) == pytest.approx(meta["metrics"]["accuracy"], abs=0.004)
    assert meta["metrics"]["accuracy"] > 0.95 and recipes.discover()[digits.RECIPE_NAME].summary
    assert meta["parameters"] == sum(t.numel() for t in digits.load().values())


def test_the_recipe_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "STEPS", 12)
    train.train(tmp_path, "cpu", True, lambda share, text: None)
    meta = json.loads((tmp_path / "checkpoints" / digits.NAME / "meta.json").read_text())
    assert 0 <= meta["metrics"]["accuracy"] <= 1 and meta["training"]["steps"] == 12
