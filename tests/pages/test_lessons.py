"""Lessons: a declaration that names what is missing does not build; what is asked for is withheld; truths can be drawn."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest

import pages
from engine.core import Params
from engine.core.runner import Outcome, Runner
from engine.core.words import T
from pages.shell import Choice, Curve, Lab, Number, Place, Step, replies, teaching
from pages.shell.figures import Figure
from pages.shell.lesson import MOST_WORDS, about, check, framed, frozen, kept, spoken

LABS: dict[str, Lab] = {page.lab.slug: page.lab for found in pages.discover().values() for page in found}
STEPS = [(slug, n) for slug, lab in LABS.items() for n in range(1, len(lab.lesson) + 1)]
ASKED = [(slug, n) for slug, n in STEPS if LABS[slug].lesson[n - 1].predict]
EVERY_STEP = pytest.mark.parametrize(("slug", "n"), STEPS, ids=[f"{slug}-{n}" for slug, n in STEPS])
EVERY_QUESTION = pytest.mark.parametrize(("slug", "n"), ASKED, ids=[f"{slug}-{n}" for slug, n in ASKED])
EVERY_LESSON = pytest.mark.parametrize("slug", [slug for slug, lab in LABS.items() if lab.lesson])
# What a figure holds beside its data and layout, all of it empty while a step asks.
WITHHELD = ("frames", "facts", "table", "handles", "picks", "link", "divider", "recorded")
RUNNER = Runner()


def step_of(slug: str, n: int) -> tuple[Lab, Step, Params]:
    """A step, its lab, and its parameters."""
    lab = LABS[slug]
    step = lab.lesson[n - 1]
    return lab, step, lab.experiment.params.parse(step.params)


@functools.lru_cache(maxsize=8)
def outcome(slug: str, n: int) -> Outcome:
    """What a step shows: at once, or from a recording."""
    lab, _, params = step_of(slug, n)
    made = replies.recorded(lab, params)
    if made is None and RUNNER.cost(lab.experiment, params) != "instant" and lab.experiment.warm_up:
        lab.experiment.warm_up()  # as the site does, before anybody comes
    if RUNNER.cost(lab.experiment, params) != "instant":
        assert made is not None, "a step is instant or recorded: nobody waits for a lesson"
        return made.outcome
    return RUNNER.run(lab.experiment, params)


def figure_of(slug: str, n: int) -> Figure:
    lab, step, _ = step_of(slug, n)
    return about(lab.views[step.view].figure(outcome(slug, n).result), step.only)


@EVERY_STEP
def test_a_step_is_shown_as_it_is_declared(slug, n):
    lab, step, _ = step_of(slug, n)
    figure = figure_of(slug, n)
    if step.moment:
        assert figure.frames and step.moment in [frame.name for frame in figure.frames.frames]
    if step.look:
        assert np.isfinite(step.look(outcome(slug, n).result)).all()
    reply = teaching.stepped(lab, step, outcome(slug, n), n, reveal=True)
    assert set(reply["figures"]) == {str(step.view)} and reply["provenance"]["parts"]
    assert ("truth" in reply) == (step.predict is not None)


@EVERY_QUESTION
def test_what_is_asked_for_is_withheld(slug, n):
    lab, step, params = step_of(slug, n)
    asked, whole = step.predict, figure_of(slug, n)
    assert asked is not None
    reply = teaching.stepped(lab, step, outcome(slug, n), n, reveal=False)
    assert set(reply) == {"figures", "provenance", "id", "instance", "fraction", "left"} and reply["provenance"] == {"parts": []}
    (veiled,) = reply["figures"].values()
    assert not set(WITHHELD) & set(veiled) and veiled["findings"] == []
    assert veiled["says"] == spoken(asked.ask, params).data()
    stays = kept(frozen(framed(whole, asked, params), step.moment), asked)
    drawn = [trace for trace in veiled["data"] if trace["y"] != [None]] if not stays else veiled["data"]
    assert len(drawn) == len(stays) < len(whole.traces), "all is shown" if stays else ""
    for trace in drawn:
        assert english(trace.get("name", "")) in asked.keep or trace["type"] in asked.keep
    layout = veiled["layout"]
    assert "meta" not in layout and all(english(note["text"]) in asked.keep for note in layout["annotations"])
    for strip in veiled.get("strips", ()):
        assert not {"strength", "notes"} & set(strip)
    assert not asked.keep or stays or layout["annotations"] or veiled.get("strips"), "`keep` names nothing"


def english(sent) -> str:
    """The English of a text as it is sent."""
    return sent if isinstance(sent, str) else sent["en"]


@EVERY_QUESTION
def test_the_truth_can_be_seen_where_it_is_asked_for(slug, n):
    lab, step, params = step_of(slug, n)
    asked = step.predict
    assert asked is not None
    truth = asked.told(outcome(slug, n).result)
    panel = framed(figure_of(slug, n), asked, params).panels[asked.panel]
    why = asked.why(outcome(slug, n).result)
    assert why.en.strip() and why.zh.strip() and "nan" not in why.en.split()
    if isinstance(asked, Choice):
        assert 0 <= truth < len(asked.options)
        assert len({option.en for option in asked.options}) == len(asked.options)
    elif isinstance(asked, Number):
        assert asked.between[0] <= truth <= asked.between[1]
        if asked.along:
            assert inside([truth], {"x": panel.x, "y": panel.y}[asked.along].range)
    elif isinstance(asked, Place):
        assert len(truth) in ((4,) if asked.box else (2, 4))
        assert inside(truth[::2], panel.x.range) and inside(truth[1::2], panel.y.range)
    else:
        assert isinstance(asked, Curve) and len(truth["x"]) == len(truth["y"]) > 1
        assert inside(truth["x"], panel.x.range) and inside(truth["y"], panel.y.range)
        assert len(truth.get("names", truth["x"])) == len(truth["x"])
    assert lab.lesson


def inside(values, ends) -> bool:
    """Whether numbers are finite and lie between the ends of an axis."""
    assert ends is not None, "the axes are the step's own"
    low, high = sorted(ends)
    return bool(np.isfinite(values).all()) and low <= min(values) and max(values) <= high


@EVERY_LESSON
def test_a_lesson_asks_and_is_short(slug):
    lesson = LABS[slug].lesson
    assert 5 <= len(lesson) <= 8 and sum(step.predict is not None for step in lesson) >= 2


def test_the_map_of_labs_names_labs_and_has_no_circle():
    left = {slug: set(lab.needs) for slug, lab in LABS.items()}
    while free := [slug for slug, needs in left.items() if not needs & set(left)]:
        assert all(set(left[slug]) <= set(LABS) for slug in free)
        for slug in free:
            del left[slug]
    assert not left


WALK = LABS["random-walk"]
GOOD = Number(T("How far?", "多远？"), lambda walked: 1.0, lambda walked: T("So.", "所以。"), between=(0, 2))
WRONG = {
    "names no view": Step(T("Look.", "看。"), view=99),
    "is not offered": Step(T("Look.", "看。"), view=6, params={}),
    "names no parameter": Step(T("Look.", "看。"), control="nothing"),
    "words": Step(T("word " * (MOST_WORDS + 1), "字")),
    "typed numbers": Step(T("There are 31 of them.", "共有 31 个。")),
    "no options": Step(T("Look.", "看。"), predict=Choice(GOOD.ask, GOOD.truth, GOOD.why)),
    "empty line": Step(T("Look.", "看。"), predict=dataclasses.replace(GOOD, between=(2, 2))),
    "ends of both axes": Step(T("Look.", "看。"), predict=Curve(GOOD.ask, GOOD.truth, GOOD.why)),
}


@pytest.mark.parametrize("complaint", [key for key in WRONG if key != "is not offered"])
def test_a_lesson_that_is_wrong_does_not_build(complaint):
    with pytest.raises(AssertionError, match=complaint):
        check([WRONG[complaint]], WALK)


def test_numbers_in_plain_words_are_those_of_the_parameters():
    check(
        [Step(T("Of 5000 walkers in 2-D each takes 400 steps.", "5000 名行走者各走 400 步。"), params={"steps": 400}, predict=GOOD)], WALK
    )


@pytest.mark.parametrize("value", [{"lesson": 0}, {"lesson": 99}, {"lesson": "1"}, {"lesson": None, "reveal": True}])
def test_a_step_that_is_none_is_refused(value):
    reply = teaching.answer(WALK, RUNNER, value)
    assert set(reply) == {"id", "instance", "error"} and reply["error"]["name"] == "step"


def test_a_lesson_is_served_without_its_truths(running):
    told = running.http.get("/orrery-lesson/random-walk").json()
    assert [step["words"] for step in told["steps"]] == [step["words"] for step in teaching.steps(WALK)]
    assert not any("truth" in step.get("predict", {}) or "why" in step.get("predict", {}) for step in told["steps"])
    for path, opened in (("/random-walk", True), ("/random-walk?step=2", False), ("/random-walk?steps=2", True)):
        assert ('"opening":null' not in running.http.get(path).text) == opened, path
