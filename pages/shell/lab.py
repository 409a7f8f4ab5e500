"""What a page declares: a lab, its views, its presets. The shell makes the page of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.core import Experiment, Params
from engine.core.findings import Finding, texts
from engine.core.words import T
from pages.shell.figures import Figure
from pages.shell.lesson import Step, check

Kind = Literal["measured", "exact", "modelled"]
MOST_QUESTIONS = 6  # in tabs: more teach less, and cost twice as much
KINDS: dict[str, T] = {
    "measured": T("measured", "实测"),
    "exact": T("exact", "精确"),
    "modelled": T("modelled", "模型估算"),
    "recorded": T("recorded", "录制"),
}


@dataclass(frozen=True)
class View:
    """One question that the lab answers, and the figure that answers it.

    question: the tab's words. figure: a pure function from the result. kind: what its numbers are.
    when: the view is offered only while these parameters have one of these values.
    uses: the parameters that it answers to; while it is open, the other controls are folded away. Empty for all.
    task: the task, or tasks, of the lab's parameters that it belongs to: `when` said in one word.
    topics: what it speaks of: it shows the result's findings of these topics, and those of none.
    more: it stands under *More*, behind the questions of the lesson.
    """

    question: T
    figure: Callable[[Any], Figure]
    kind: Kind = "measured"
    when: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    uses: Sequence[str] = ()
    task: str | Sequence[str] = ()
    topics: Sequence[str] = ()
    more: bool = False


@dataclass(frozen=True)
class Picture:
    """What the gallery shows of a lab, drawn by `make pictures`: a panel of a view at a moment.

    view, panel: their places. moment: from 0, the first, to 1, the last. values: parameters that differ from the defaults.
    across, up: the part of the panel that is kept, as shares of its axes.
    """

    view: int = 0
    panel: int = 0
    moment: float = 1.0
    values: Mapping[str, Any] = field(default_factory=dict)
    across: tuple[float, float] = (0.0, 1.0)
    up: tuple[float, float] = (0.0, 1.0)


def tasks_of(view: View) -> Sequence[str]:
    return (view.task,) if isinstance(view.task, str) else view.task


@dataclass(frozen=True)
class Preset:
    """A named set of parameters; those not named keep their defaults. `view` is the place of the view to open with."""

    name: T
    values: Mapping[str, Any]
    view: int | None = None


@dataclass(frozen=True)
class Lab:
    """A page: an experiment, what it is called and claims, its views, its presets.

    claim: the idea in one sentence. words: what else people call it, for the search. order: its place in the chapter. sources: engine objects (functions, classes,
    modules) whose source the page shows under the experiment's own; those that would import torch as texts,
    "package.module" or "package.module:name". sample: from a result, the first words of the
    provenance line: how many were observed. fit: from a result, its last words: a test of fit, or nothing.
    findings: from a result, sentences to be said aloud (a divergence, a NaN, a limit that was met); by default the
    result's own `findings`. lesson: the path through the lab. needs: the labs, by their slugs, that this one builds on.
    picture: what the gallery shows of it.
    """

    experiment: Experiment
    title: T
    claim: T
    views: Sequence[View]
    words: T = T("", "")
    order: int = 100
    presets: Sequence[Preset] = ()
    sources: Sequence[Any] = ()
    sample: Callable[[Any], T] | None = None
    fit: Callable[[Any], T] | None = None
    findings: Callable[[Any], Sequence[T | Finding]] | None = None
    lesson: Sequence[Step] = ()
    needs: Sequence[str] = ()
    picture: Picture = Picture()

    def __post_init__(self) -> None:
        for preset in self.presets:
            self.experiment.params.parse(preset.values)
        asked = sum(not view.more for view in self.views)
        assert asked <= MOST_QUESTIONS, f"{self.slug} asks {asked} questions; at most {MOST_QUESTIONS}, the rest under More"
        for view in self.views:
            unknown = set(view.uses) - set(self.experiment.params.model_fields)
            assert not unknown, f"the view {view.question.en!r} names no parameters of the lab: {unknown}"
            strange = set(tasks_of(view)) - set(self.experiment.params.tasks)
            assert not strange, f"the view {view.question.en!r} names no tasks of the lab: {strange}"
        check(self.lesson, self)

    @property
    def slug(self) -> str:
        return self.experiment.slug

    @property
    def chapter(self) -> str:
        return self.experiment.chapter

    def when(self, view: View) -> dict[str, list[Any]]:
        """The values of parameters with which a view is offered."""
        own = {name: list(values) for name, values in view.when.items()}
        return own | ({self.experiment.params.task_field: list(tasks_of(view))} if view.task else {})

    def offers(self, view: View, params: Params) -> bool:
        """Whether a view is offered with these parameters."""
        return all(getattr(params, name) in values for name, values in self.when(view).items())

    def said(self, view: View, result: Any) -> list[T]:
        """The findings that stand under a view."""
        found = self.findings(result) if self.findings else getattr(result, "findings", ())
        return texts(found if isinstance(found, (tuple, list)) else (), view.topics)

    def defaults(self) -> Params:
        return self.experiment.params()

    def opens_on(self) -> list[Params]:
        """The parameters that this page itself sets: its defaults, those of every preset, those of every step of the lesson."""
        given = [preset.values for preset in self.presets] + [step.params for step in self.lesson]
        return [self.defaults(), *(self.experiment.params.parse(values) for values in given)]


@dataclass(frozen=True)
class Page:
    """A lab and the folder of the package that declares it; its notes stand in that folder."""

    lab: Lab
    folder: Path

    def notes(self, language: str) -> str:
        """The lab's Markdown in "en" or "zh"."""
        return (self.folder / f"{language}.md").read_text()
