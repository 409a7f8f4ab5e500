"""What the lab makes of the models' losses: recorded, measured live, and said."""

from __future__ import annotations

import dataclasses

import numpy as np

from engine.attention.position_encoding import PositionEncoding, family, findings, losses, parameters, position_encoding
from engine.attention.position_models import frequencies, measure
from engine.attention.position_models.models import ENCODINGS
from engine.attention.position_models.record import document

RELATIVE = ("none", "shaw", "xlnet", "t5", "deberta", "alibi", "rotary")


def test_the_recorded_losses_are_of_every_encoding_and_scaling():
    assert tuple(ENCODINGS) == family.NAMES and tuple(parameters.SCALINGS) == frequencies.SCALINGS
    meta = document()
    made = losses.recorded()
    assert made.small.names == tuple(ENCODINGS) and made.small.losses.shape == (11, 64)
    assert made.target.losses.shape == (4, 64) and made.target.context == 512
    learned = made.small.names.index("learned")
    assert np.isnan(made.small.losses[learned]).sum() == 56, "an eighth of the text has learned positions"
    assert np.isfinite(np.delete(made.small.losses, learned, 0)).all()
    assert made.target.windows == meta["target"]["windows"] and meta["measured"]["date"] in made.small_source[0]


def test_live_runs_stream_and_end(monkeypatch):
    import engine.attention.position_encoding as lab

    monkeypatch.setitem(lab.LIVE_LENGTH, "target", 640)
    monkeypatch.setitem(lab.LIVE_LENGTH, "models", 192)
    before = losses.recorded()
    for task, part in (("target", "target"), ("models", "small")):
        stream = list(position_encoding.stream(PositionEncoding(task=task, windows=1, factor=2.0)))
        fractions = [partial.fraction for partial in stream]
        assert fractions == sorted(fractions) and fractions[-1] == 1 and len(stream) >= 12
        made = stream[-1].result
        found = made.loss_by_position
        assert made.backend == "torch" and getattr(found, f"{part}_source")[0].startswith("measured here on")
        assert found.target_recorded == (task != "target") and found.small_recorded == (task != "models")
        if task == "target":
            t = found.target
            assert np.isfinite(t.losses).all() and (t.factor, t.length, t.windows) == (2.0, 640, 1)
            assert found.small is before.small
        else:
            s = found.small
            assert s.losses.shape == (11, 64) and np.isfinite(s.losses[0]).all() and s.length == 192
            assert np.isnan(s.losses[s.names.index("learned")]).sum() == 64 - 42
        said = {one.topic: one.text for one in made.findings}
        assert set(said) == {"scores", "target", "small"} and "nats" in said[part].en
        assert "1 texts cannot tell" in said[part].en or "these texts cannot tell" in said[part].en
    early = next(iter(position_encoding.stream(PositionEncoding(task="target", windows=1)))).result
    assert np.isnan(early.loss_by_position.target.losses).all()


def test_texts_may_begin_at_any_position(monkeypatch):
    import engine.attention.position_encoding as lab

    monkeypatch.setitem(lab.LIVE_LENGTH, "models", 128)
    runs = [list(position_encoding.stream(PositionEncoding(task="models", windows=2, shift=shift)))[-1].result for shift in (0, 100)]
    here, moved = (run.loss_by_position.small for run in runs)
    assert (here.shift, moved.shift) == (0, 100) and here.windows == moved.windows == 2
    for name, one, two in zip(here.names, here.losses, moved.losses, strict=True):
        if name in RELATIVE:
            np.testing.assert_allclose(two, one, atol=2e-3, err_msg=name)
        else:
            known = np.isfinite(two)
            assert known.sum() == (14 if name == "learned" else 64), "28 of 128 learned positions are left"
            assert np.abs(two[known] - one[known]).max() > 0.01, name


def test_what_an_encoding_comes_to_is_said():
    small = losses.recorded().small
    for at, name in enumerate(family.NAMES):
        text = findings.consequence(small, name).text
        assert f"{small.inside[at]:.2f}" in text.en and f"{small.inside[at]:.2f}" in text.zh
        assert ("no positions beyond" in text.en) == (name == "learned")
    assert findings.consequence(dataclasses.replace(small, names=("x",) * 11), "rotary") is None


def test_a_closed_run_stops(monkeypatch):
    read = []
    whole = measure.chunked_losses
    monkeypatch.setattr(measure, "chunked_losses", lambda *a: (read.append(1) or part for part in whole(*a)))
    stream = position_encoding.stream(PositionEncoding(task="target", windows=1))
    next(stream)
    stream.close()
    assert len(read) <= 2


def test_what_sees_the_distance_alone_does_not_notice_a_shift():
    recorded = losses.recorded().small
    for name, row in zip(recorded.names, recorded.shifted, strict=True):
        known = row[np.isfinite(row)]
        if name in RELATIVE:
            assert np.ptp(known) < 2e-3, name
        else:
            assert known.max() - known[0] > 0.01, name
