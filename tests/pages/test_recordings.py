"""What pages open on: a recording of every costly default and preset, small, and none that no page reads."""

from __future__ import annotations

import pytest

import pages
from engine.core import recordings
from house import record

LABS = [page.lab for found in pages.discover().values() for page in found]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_what_a_page_opens_on_is_at_hand_and_small(lab):
    """`make record` makes what is missing."""
    folder = recordings.ROOT / "cpu"
    asked = {folder / f"{recordings.stem(lab.slug, params)}.json": params for params in record.wanted(lab)}
    there = set(folder.glob(f"{lab.slug}.json")) | set(folder.glob(f"{lab.slug}+*.json"))
    assert set(asked) <= there <= {folder / f"{recordings.stem(lab.slug, params)}.json" for params in lab.opens_on()}
    for path, params in asked.items():
        assert record.weight(path) <= record.LARGEST, f"{path.name} has {record.weight(path) / 2**20:.1f} MB"
        assert recordings.read(lab.experiment, path).params == params


def test_all_recordings_together_are_bounded():
    assert sum(record.weight(path) for path in recordings.ROOT.glob("*/*.json")) <= record.LARGEST_TOGETHER
