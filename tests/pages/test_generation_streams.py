"""The two labs of pictures while they are computed: every view draws every result on the way, in words of both languages."""

from __future__ import annotations

import json

import pytest

from engine.core.runner import Runner
from pages.generation import diffusion, vq_vae

SETTINGS = [
    (diffusion.LAB, {"points": 150, "steps": 5}),
    (diffusion.LAB, {"points": 150, "steps": 5, "guidance": "unconditional", "world": "moons"}),
    (diffusion.LAB, {"world": "digits", "count": 3, "steps": 2, "task": "trade-off", "measured": 16}),
    (diffusion.LAB, {"world": "digits", "count": 3, "steps": 2}),
    (vq_vae.LAB, {"task": "train", "steps": 50}),
    (vq_vae.LAB, {"task": "compare", "steps": 50}),
    (vq_vae.LAB, {"task": "rate", "side": 64}),
]


@pytest.mark.parametrize(("lab", "values"), SETTINGS, ids=[f"{lab.slug}-{'-'.join(map(str, v.values()))}" for lab, v in SETTINGS])
def test_every_view_draws_every_partial_result(lab, values):
    params = lab.experiment.params.parse(values)
    before = None
    for part in Runner(0).stream(lab.experiment, params):
        if part.result is before:
            continue
        before = part.result
        for view in lab.views:
            if not lab.offers(view, params):
                continue
            figure = view.figure(part.result)
            json.dumps(figure.data(), allow_nan=False)
            for text in (figure.says, *lab.said(view, part.result)):
                assert text.en and text.zh and "nan" not in text.en and "–" not in text.en, text.en
    assert part.fraction == 1
