"""What the server answers to a lesson: its steps without their truths; a step's figure, veiled while it asks; the truth.

The state is the step's own, whatever the browser sends, and the guess is never sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import Refused
from engine.core.params import shown
from engine.core.runner import Outcome, Runner
from engine.core.words import T
from pages.shell import replies
from pages.shell.lab import Lab
from pages.shell.lesson import Step, about, framed, veiled


def steps(lab: Lab) -> list[dict[str, Any]]:
    """The steps as the browser takes them."""
    return [step.data(lab.experiment.params) for step in lab.lesson]


def answer(lab: Lab, runner: Runner, value: Mapping[str, Any]) -> dict[str, Any]:
    """The reply to {"lesson": n, "id": …}: the step's figure, veiled if it asks; with "reveal" the whole, and the truth.

    Where the step needs a run first, {"needs": cost}, on the empty axes of the default's recording.
    """
    try:
        at = value.get("lesson")
        if not isinstance(at, int) or not 1 <= at <= len(lab.lesson):
            most = len(lab.lesson)
            raise Refused(
                T("step must be from 1 to {most}; got {at}", "step 必须在 1 到 {most} 之间；收到 {at}", most=most, at=shown(at)), "step"
            )
        step, number, reveal = lab.lesson[at - 1], replies.numbered(value), bool(value.get("reveal"))
        params = lab.experiment.params.parse(step.params)
        made = replies.recorded(lab, params)
        cost = runner.cost(lab.experiment, params)
        if cost == "instant":
            return stepped(lab, step, runner.run(lab.experiment, params), number, reveal)
        if made is not None:
            return stepped(lab, step, made.outcome, number, reveal)
        needs = {"id": number, "instance": replies.INSTANCE, "needs": cost}
        stand_in = replies.recorded(lab, lab.defaults())
        if step.predict is None or reveal or stand_in is None:
            return needs
        return stepped(lab, step, stand_in.outcome, number, False) | needs
    except Refused as error:
        return replies.refused(lab, error, value)
    except Exception:  # a stack trace is never a reply; the log has it
        return replies.broken(lab, value)


def stepped(lab: Lab, step: Step, outcome: Outcome, number: int, reveal: bool) -> dict[str, Any]:
    """A step's figure; once one has committed oneself with the truth, and why people go wrong there."""
    view, result, asked = lab.views[step.view], outcome.result, step.predict
    params = lab.experiment.params.parse(step.params)
    figure = about(view.figure(result), step.only)
    if asked is not None and not reveal:
        shown_ = veiled(figure, asked, params, step.moment).data() | {"findings": []}
        return {"figures": {str(step.view): shown_}, "provenance": {"parts": []}} | replies.progress(outcome, number)
    whole = figure if asked is None else framed(figure, asked, params)
    drawn = whole.data() | {"findings": [text.data() for text in lab.said(view, result)]}
    reply = {"figures": {str(step.view): drawn}, "provenance": replies.provenance_line(lab, outcome)}
    if step.look is not None:
        reply["look"] = [float(v) for v in step.look(result)]
    if asked is not None:
        reply |= {"truth": asked.told(result), "why": asked.why(result).data()}
    return reply | replies.progress(outcome, number)
