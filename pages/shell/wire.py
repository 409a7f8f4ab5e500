"""Long runs through Gradio: two invisible components of a page, and a lab's public API endpoint.

The browser puts a request into `Controls.value` and fires one of its events; the reply arrives as `Stage.value`.
Gradio carries the events, the queue, streaming, cancelling and the API. What is seen is drawn by `static/`.
"""

from __future__ import annotations

import contextlib
import inspect
import time
import typing
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import orjson
from gradio.context import LocalContext

from engine.core import Refused, devices
from engine.core.params import Params, number
from engine.core.runner import Outcome, Runner, document
from engine.core.turns import Asker
from pages.shell import replies, visitors
from pages.shell.lab import Lab
from pages.shell.listening import Patience

# Events exist on a gr.HTML only where their quoted names stand in `js_on_load`.
EVENTS = "'start' 'stop'"
PROGRESS_SECONDS = 1.0  # between two words of how far an API's run is


class Wire(gr.HTML):
    """An invisible component whose value is plain JSON."""

    def __init__(self, js_on_load: str, **options: Any):
        super().__init__(None, html_template="", apply_default_css=False, js_on_load=js_on_load, elem_classes=["wire"], **options)

    def preprocess(self, payload: Any) -> Any:
        return payload

    def postprocess(self, value: Any) -> Any:
        return value

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def connect(lab: Lab, runner: Runner) -> None:
    """Put a lab's wires and its endpoint into the page that is being built."""
    asks = Wire(f"Orrery.wireControls(props, trigger) // {EVENTS}")
    replied = Wire("Orrery.wireStage(props, watch)")
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def stream(value: Any, request: gr.Request) -> Iterator[str]:
        # As text: Gradio would walk through a large reply, and copy it, a dozen times.
        asker, patience = asked_by(request)
        with contextlib.closing(replies.stream(lab, runner, value, asker)) as answers:
            for reply in answers:
                if patience.over():
                    return
                yield orjson.dumps(reply).decode()

    # Turns are the runner's: Gradio's own line, first in and first out, only carries.
    streaming = asks.start(stream, asks, replied, trigger_mode="multiple", concurrency_limit=None, **quiet)
    asks.stop(None, None, None, cancels=[streaming], **quiet)
    gr.api(  # pyright: ignore[reportPrivateImportUsage]
        endpoint(lab, runner),
        api_name=lab.slug,
        concurrency_limit=None,
        api_description=inspect.cleandoc(lab.experiment.params.__doc__ or lab.title.en),
    )


def asked_by(request: gr.Request | None) -> tuple[Asker, Patience]:
    """Whom an event of Gradio comes from, and how long it is worth computing for."""
    scope = getattr(getattr(request, "request", None), "scope", {})
    return visitors.asker(scope), Patience(getattr(request, "session_hash", None), LocalContext.event_id.get(None))


def endpoint(lab: Lab, runner: Runner) -> Callable[..., Iterator[dict]]:
    """A function with the lab's parameters as its own: named, typed and documented, as the API and MCP show them. It says
    once a second how far a costly run is, and last the result; it stops when nobody listens any more."""
    model = lab.experiment.params

    def call(*values: Any, **named: Any) -> Iterator[dict]:
        try:
            params = model.parse(dict(zip(model.model_fields, values, strict=False)) | named)
            lab.experiment.check(params, devices.current().kind)
            asker, patience = asked_by(LocalContext.request.get(None))
            if runner.cost(lab.experiment, params) == "instant":
                with runner.line(lab.experiment, params).turn(asker):
                    outcome = runner.run(lab.experiment, params)
                yield document(lab.experiment, params, outcome)
                return
            told = time.monotonic()
            with contextlib.closing(runner.shared(lab.experiment, params, asker)) as outcomes:
                for outcome in outcomes:
                    if patience.over():
                        return
                    if isinstance(outcome, Outcome) and outcome.fraction == 1:
                        yield document(lab.experiment, params, outcome)
                    elif time.monotonic() - told > PROGRESS_SECONDS:
                        told = time.monotonic()
                        far = {"fraction": outcome.fraction} if isinstance(outcome, Outcome) else {"waiting": outcome.place}
                        yield {"lab": lab.slug, "params": params.model_dump()} | far
        except Refused as error:
            raise gr.Error(error.en, print_exception=False) from None
        except Exception:  # a stack trace is never a reply; the log has it
            replies.log.exception("%s failed", lab.slug)
            raise gr.Error("the lab failed on these parameters; the fault is the program's", print_exception=False) from None

    types = typing.get_type_hints(model)
    fields = {name: (types[name], field.default) for name, field in model.model_fields.items()}
    call.__name__ = lab.slug.replace("-", "_")
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)
            for name, (kind, default) in fields.items()
        ],
        return_annotation=dict,
    )
    call.__annotations__ = {name: kind for name, (kind, _) in fields.items()} | {"return": dict}
    call.__doc__ = "\n\n".join([inspect.cleandoc(model.__doc__ or lab.title.en), described(model)])
    return call


def described(model: type[Params]) -> str:
    """The parameters as a docstring's `Args:` section, with their bounds."""
    rows = []
    for name, field in model.model_fields.items():
        lower, upper = model.bounds(name)
        span = f", {number(lower)} to {number(upper)}" if lower is not None and upper is not None else ""
        rows.append(f"    {name}: {field.title or name}{span}")
    return "Args:\n" + "\n".join(rows)
