"""What a page declares: a lab, its views, its presets. The shell makes the page of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.core import Experiment, Params
from pages.shell.figures import Figure
from pages.shell.text import T

Kind = Literal["measured", "exact", "modelled"]
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
    """

    question: T
    figure: Callable[[Any], Figure]
    kind: Kind = "measured"
    when: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    uses: Sequence[str] = ()


@dataclass(frozen=True)
class Preset:
    """A named set of parameters; those not named keep their defaults. `view` is the place of the view to open with."""

    name: T
    values: Mapping[str, Any]
    view: int | None = None


@dataclass(frozen=True)
class Lab:
    """A page: an experiment, what it is called and claims, its views, its presets.

    claim: the idea in one sentence. order: its place in the chapter. sources: engine objects (functions, classes,
    modules) whose source the page shows under the experiment's own; those that would import torch as texts,
    "package.module" or "package.module:name". sample: from a result, the first words of the
    provenance line: how many were observed. fit: from a result, its last words: a test of fit, or nothing.
    findings: from a result, sentences to be said aloud (a divergence, a NaN, a limit that was met).
    """

    experiment: Experiment
    title: T
    claim: T
    views: Sequence[View]
    order: int = 100
    presets: Sequence[Preset] = ()
    sources: Sequence[Any] = ()
    sample: Callable[[Any], T] | None = None
    fit: Callable[[Any], T] | None = None
    findings: Callable[[Any], Sequence[T]] | None = None

    def __post_init__(self) -> None:
        for preset in self.presets:
            self.experiment.params.parse(preset.values)
        for view in self.views:
            unknown = set(view.uses) - set(self.experiment.params.model_fields)
            assert not unknown, f"the view {view.question.en!r} names no parameters of the lab: {unknown}"

    @property
    def slug(self) -> str:
        return self.experiment.slug

    @property
    def chapter(self) -> str:
        return self.experiment.chapter

    def defaults(self) -> Params:
        return self.experiment.params()


@dataclass(frozen=True)
class Page:
    """A lab and the file that declares it; its notes stand beside that file."""

    lab: Lab
    path: Path

    def notes(self, language: str) -> str:
        """The lab's Markdown in "en" or "zh"."""
        return self.path.with_suffix(f".{language}.md").read_text()
