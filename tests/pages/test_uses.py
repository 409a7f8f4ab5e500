"""Controls: a parameter that changes a view's figure is not folded away while that view is open."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args, get_origin

import pytest

import pages
from engine.core import Params, Refused
from pages.shell import Lab, View

LABS = [page.lab for found in pages.discover().values() for page in found]
# The defaults of every lab, and every preset, that are computed at once.
SETTINGS = [
    (lab, params)
    for lab in LABS
    for params in (lab.defaults(), *(lab.experiment.params.parse(preset.values) for preset in lab.presets if preset.values))
    if lab.experiment.cost_of(params) == "instant"
]


def neighbours(params: Params, name: str) -> list[Any]:
    """Values one step away: the next of a slider up and down, the other options of a choice."""
    field, value = type(params).model_fields[name], getattr(params, name)
    if get_origin(field.annotation) is Literal:
        return [option for option in get_args(field.annotation) if option != value]
    if field.annotation is bool:
        return [not value]
    if field.annotation not in (int, float):
        return []
    low, high = type(params).bounds(name)
    assert low is not None and high is not None
    if field.annotation is int:
        step = max(1, round(abs(value) * 0.1))
    else:
        step = 0.1 * abs(value) or (high - low) / 100
    return [near for near in (value - step, value + step) if low <= near <= high]


def drawn(view: View, result: Any) -> str:
    """A figure as it is sent, without its findings, which the whole reply carries."""
    return json.dumps(view.figure(result).data(), sort_keys=True)


def shown(lab: Lab, params: Params, name: str) -> bool:
    """Whether the page shows a parameter's control with these values."""
    hints = type(params).hints(name)
    whens = hints.get("when", {}).items()
    return hints.get("control") != "hidden" and all(getattr(params, other) in values for other, values in whens)


@pytest.mark.parametrize(("lab", "params"), SETTINGS, ids=[f"{lab.slug}-{i}" for i, (lab, _) in enumerate(SETTINGS)])
def test_what_moves_a_figure_is_not_folded_away(lab, params):
    views = [view for view in lab.views if lab.offers(view, params) and view.uses]
    before = lab.experiment(params)
    figures = [drawn(view, before) for view in views]
    folded = []
    for name in type(params).model_fields:
        if name == "seed" or not shown(lab, params, name) or all(name in view.uses for view in views):
            continue
        for value in neighbours(params, name):
            try:
                moved = lab.experiment.params.parse(params.model_dump() | {name: value})
            except Refused:
                continue
            if lab.experiment.cost_of(moved) != "instant":
                continue
            after = lab.experiment(moved)
            for view, figure in zip(views, figures, strict=True):
                if name not in view.uses and lab.offers(view, moved) and drawn(view, after) != figure:
                    folded.append(f"{view.question.en} answers to {name}")
    assert not folded
