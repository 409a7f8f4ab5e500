"""Experiments: pure functions of a parameter model, found by walking the tree of packages."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from engine.core import pace
from engine.core.params import Cost, Params, Refused
from engine.core.words import T

P = TypeVar("P", bound=Params)
R = TypeVar("R")
ROOMS_WITHOUT_LABS = {"core", "data"}


@dataclass(frozen=True)
class Partial(Generic[R]):
    """A result so far: what an experiment yields while it improves. `fraction` of the work is done, 0 to 1."""

    result: R
    fraction: float


@dataclass(frozen=True)
class Experiment(Generic[P, R]):
    """A pure function from parameters to a frozen result, with what the runner must know to run it.

    `limits` gives, for a kind of device ("cpu", "cuda"), upper bounds tighter than the model's own. `warm_up` does
    beforehand what a first use would have to wait for: a site calls it in the background, once it stands. `forget`
    drops what earlier runs left at hand. `apart` tells of which parameters a costly run may compute in another process.
    """

    slug: str
    function: Callable[[P], R | Iterator[Partial[R]]]
    params: type[P]
    cost_of: Callable[[P], Cost]
    seconds_of: Callable[[P], float] | None = None
    uses_gpu: bool = False
    limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    warm_up: Callable[[], None] | None = None
    forget: Callable[[], None] | None = None
    apart: Callable[[P], bool] = lambda params: False

    @property
    def chapter(self) -> str:
        """The room of the engine in which it lives, e.g. "probability"."""
        return self.function.__module__.split(".")[1]

    @property
    def streams(self) -> bool:
        """Whether it yields partial results."""
        return inspect.isgeneratorfunction(self.function)

    def check(self, params: P, device: str) -> None:
        """Raise `Refused` where `device` ("cpu" or "cuda") cannot do what the model allows elsewhere."""
        for name, most in self.limits.get(device, {}).items():
            if getattr(params, name) > most:
                got = getattr(params, name)
                raise Refused(
                    T(
                        "{name} must be at most {most:g} on this device ({device}); got {got}",
                        "在此设备（{device}）上，{name} 不能超过 {most:g}；收到 {got}",
                        name=name,
                        most=most,
                        device=device,
                        got=got,
                    ),
                    name,
                )

    def stream(self, params: P) -> Generator[Partial[R]]:
        """Results as they improve; the last has fraction 1."""
        if not self.streams:
            yield Partial(cast(R, self.function(params)), 1.0)
            return
        outcomes = cast(Generator[Partial[R]], self.function(params))
        try:
            yield from outcomes
        finally:
            outcomes.close()

    def __call__(self, params: P) -> R:
        """The finished result."""
        last = None
        for last in self.stream(params):
            pass
        assert last is not None, f"{self.slug} yielded nothing"
        return last.result


def experiment(
    slug: str,
    *,
    cost: Cost | Callable[[Any], Cost] | None = None,
    seconds: Callable[[Any], float] | None = None,
    uses_gpu: bool = False,
    limits: Mapping[str, Mapping[str, float]] | None = None,
    warm_up: Callable[[], None] | None = None,
    forget: Callable[[], None] | None = None,
    apart: bool | Callable[[Any], bool] = False,
) -> Callable[[Callable[[P], Any]], Experiment[P, Any]]:
    """Declare a function of one parameter model as the experiment of the lab `slug`.

    cost: "instant" (at most 10 ms for the defaults, recomputed while a slider moves), "seconds" (on release,
        streamed), "minutes" (on request, with progress), or a function from the parameters to one of them. Where the
        parameters declare tasks, each task says its own.
    seconds: what a run takes on the reference machine (`engine.core.pace`), within a factor of three: a server refuses
        by it what would take too long, and where no cost is said it follows.
    uses_gpu: whether it computes on a GPU where there is one.
    limits: upper bounds per kind of device, e.g. {"cpu": {"walkers": 10_000_000}}.
    warm_up: imports heavy libraries and loads what a first use needs; several labs may have it in common.
    forget: drops results kept for later runs, so that a recording takes the time of a first run.
    apart: whether it is computed with numpy and Python alone, for all parameters or by a function of them: a server lets
        its worker (`engine.core.worker`) do what of it is costly. torch lets go of the interpreter, and its models are
        loaded once; what it leaves at hand, a slider reads off.
    """

    def declare(function: Callable[[P], Any]) -> Experiment[P, Any]:
        hints = typing.get_type_hints(function)
        model = next(hint for name, hint in hints.items() if name != "return")
        assert cost is not None or seconds is not None or model.tasks, f"{slug} must say what it costs"

        def cost_of(params: Any) -> Cost:
            if cost is not None:
                return cost(params) if callable(cost) else cost
            if seconds is not None:
                return pace.cost(seconds(params))
            return model.tasks[getattr(params, model.task_field)].cost_of(params)

        def elsewhere(params: Any) -> bool:
            return apart(params) if callable(apart) else apart

        return Experiment(slug, function, model, cost_of, seconds, uses_gpu, limits or {}, warm_up, forget, elsewhere)

    return declare


@functools.cache
def discover() -> dict[str, Experiment]:
    """Every experiment of the engine by slug, in the order of chapters and packages."""
    import engine

    found: dict[str, Experiment] = {}
    for room in pkgutil.iter_modules(engine.__path__):
        if not room.ispkg or room.name in ROOMS_WITHOUT_LABS:
            continue
        chapter = importlib.import_module(f"engine.{room.name}")
        for package in pkgutil.iter_modules(chapter.__path__):
            module = importlib.import_module(f"engine.{room.name}.{package.name}")
            for value in vars(module).values():
                if isinstance(value, Experiment) and value.function.__module__ == module.__name__:
                    assert value.slug not in found, f"two experiments are called {value.slug}"
                    found[value.slug] = value
    return found
