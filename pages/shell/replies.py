"""What the server answers to a page: a figure with its provenance, a refusal, or what a run would cost."""

from __future__ import annotations

import base64
import io
import json
import logging
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.core import Params, Refused, devices, recordings, results
from engine.core.params import shown
from engine.core.recordings import Recording
from engine.core.runner import Outcome, Runner, document
from pages.shell.lab import KINDS, Lab
from pages.shell.text import T, grouped

INSTANCE = secrets.token_hex(4)
STREAM_SECONDS = 0.1
EXPORT_BYTES = 64 * 2**20
log = logging.getLogger("orrery")


@dataclass(frozen=True)
class Request:
    """What a page asks: its lab's parameters, the place of the view that is open, the request's number."""

    params: Params
    view: int
    id: int

    @classmethod
    def read(cls, lab: Lab, value: Any) -> Request:
        """A request from what the browser sent. Raises `Refused`."""
        if not isinstance(value, Mapping) or not isinstance(value.get("params"), Mapping):
            raise Refused("the request must name its parameters; got none", "请求必须给出参数；未收到")
        view = value.get("view", 0)
        if not isinstance(view, int) or not 0 <= view < len(lab.views):
            raise Refused(f"view must be from 0 to {len(lab.views) - 1}; got {shown(view)}",
                          f"view 必须在 0 到 {len(lab.views) - 1} 之间；收到 {shown(view)}", "view")  # fmt: skip
        return cls(lab.experiment.params.parse(value["params"]), view, numbered(value))


def numbered(value: Any) -> int:
    """The number that the browser gave its request, or 0."""
    number = value.get("id") if isinstance(value, Mapping) else 0
    return number if isinstance(number, int) and 0 <= number < 2**53 else 0


def refused(error: Refused, value: Any) -> dict[str, Any]:
    """A refusal as a reply: one sentence in both languages."""
    return {"id": numbered(value), "instance": INSTANCE, "error": {"en": error.en, "zh": error.zh, "name": error.name}}


def broken(lab: Lab, value: Any) -> dict[str, Any]:
    """The reply to a failure that is ours: said plainly; the trace goes to the server's log alone."""
    log.exception("%s failed", lab.slug)
    return refused(Refused("the lab failed on these parameters; the fault is the program's, not yours",
                           "实验在这些参数下出错；这是程序的问题，不是你的问题"), value)  # fmt: skip


def answer(lab: Lab, runner: Runner, value: Any) -> dict[str, Any]:
    """The reply to a request: the open view's figure if the run is instant or at hand, else what the run would cost."""
    try:
        request = Request.read(lab, value)
        cost = runner.cost(lab.experiment, request.params)
        if cost != "instant":
            lab.experiment.check(request.params, devices.current().kind)
            made = recorded(lab, request.params)
            offered = drawn(lab, request.params, made.outcome, range(len(lab.views)), request.id) if made else {}
            return offered | {"id": request.id, "instance": INSTANCE, "needs": cost}
        outcome = runner.run(lab.experiment, request.params)
        return drawn(lab, request.params, outcome, [request.view], request.id)
    except Refused as error:
        return refused(error, value)
    except Exception:  # a stack trace is never a reply; the log has it
        return broken(lab, value)


def stream(lab: Lab, runner: Runner, value: Any) -> Iterator[dict[str, Any]]:
    """Replies as a costly run improves, at most ten a second, each with every view's figure; where the result is the
    very same as before, only with how far the run is."""
    try:
        request = Request.read(lab, value)
        lab.experiment.check(request.params, devices.current().kind)
        outcomes = runner.stream(lab.experiment, request.params)
        try:
            yield {"id": request.id, "instance": INSTANCE, "fraction": 0.0}
            sent, shown = -1.0, None
            for outcome in outcomes:
                if outcome.fraction < 1 and time.monotonic() - sent < STREAM_SECONDS:
                    continue
                if outcome.result is shown and outcome.fraction < 1:
                    yield progress(outcome, request.id)
                else:
                    yield drawn(lab, request.params, outcome, range(len(lab.views)), request.id)
                    shown = outcome.result
                sent = time.monotonic()
        finally:
            outcomes.close()
    except Refused as error:
        yield refused(error, value)
    except Exception:  # as above
        yield broken(lab, value)


def drawn(lab: Lab, params: Params, outcome: Outcome, views: Any, number: int) -> dict[str, Any]:
    """The reply that shows an outcome: the figures of some views, the provenance line, what there is to say."""
    values = params.model_dump()
    offered = [i for i in views if all(values[name] in allowed for name, allowed in lab.views[i].when.items())]
    return {
        "figures": {str(i): lab.views[i].figure(outcome.result).data() for i in offered},
        "provenance": provenance_line(lab, outcome),
        "findings": [T.of(finding).data() for finding in lab.findings(outcome.result)] if lab.findings else [],
    } | progress(outcome, number)


def progress(outcome: Outcome, number: int) -> dict[str, Any]:
    """The reply that says how far a run is, and no more."""
    return {
        "id": number,
        "instance": INSTANCE,
        "fraction": outcome.fraction,
        "left": None if outcome.seconds_left == float("inf") else round(outcome.seconds_left, 1),
    }


def provenance_line(lab: Lab, outcome: Outcome) -> dict[str, Any]:
    """The parts of the line under a figure: how many, how long, backend, device, seed, a test of fit."""
    made = outcome.provenance
    parts = [lab.sample(outcome.result)] if lab.sample else []
    parts += [T.of(duration(made.seconds)), T.of(made.backend), T.of(made.device)]
    if made.seed is not None:
        parts.append(T(f"seed {made.seed}", f"种子 {made.seed}"))
    if lab.fit is not None:
        parts.append(lab.fit(outcome.result))
    line: dict[str, Any] = {"parts": [T.of(part).data() for part in parts if part.en]}
    if made.recorded:
        line["recorded"] = T(f"recorded on {made.device}, {made.date}", f"录制于 {made.device}，{made.date}").data()
    return line


def duration(seconds: float) -> str:
    """A time as a person reads it: 6.2 ms, 1.4 s, 3 min 20 s."""
    if seconds < 1:
        return f"{1000 * seconds:.2g} ms" if seconds < 0.01 else f"{1000 * seconds:.0f} ms"
    minutes, rest = divmod(round(seconds), 60)
    return f"{seconds:.1f} s" if seconds < 100 else f"{minutes} min {rest} s"


def export(lab: Lab, runner: Runner, value: Any) -> dict[str, Any]:
    """The whole result of a request as a file, in base64: `format` is "json" or "npz"."""
    try:
        request = Request.read(lab, value)
        outcome = at_hand(lab, runner, request.params)
        if value.get("format") == "npz":
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **results.arrays(outcome.result))
            body = buffer.getvalue()
        else:
            body = json.dumps(document(lab.experiment, request.params, outcome), ensure_ascii=False, indent=1).encode()
        if len(body) > EXPORT_BYTES:
            size, most = grouped(len(body) / 2**20), grouped(EXPORT_BYTES / 2**20)
            raise Refused(f"the file must be at most {most} MB; this one has {size} MB: use the command line's --out",
                          f"文件不能超过 {most} MB；此文件有 {size} MB：请用命令行的 --out")  # fmt: skip
        kind = "npz" if value.get("format") == "npz" else "json"
        return {
            "id": request.id,
            "instance": INSTANCE,
            "file": f"{lab.slug}.{kind}",
            "bytes": base64.b64encode(body).decode(),
        }
    except Refused as error:
        return refused(error, value)
    except Exception:  # as above
        return broken(lab, value)


def at_hand(lab: Lab, runner: Runner, params: Params) -> Outcome:
    """An outcome without a costly run: cached, recorded, or instant. Raises `Refused` where a run is needed first."""
    if runner.cost(lab.experiment, params) == "instant":
        return runner.run(lab.experiment, params)
    made = recorded(lab, params)
    if made is None:
        raise Refused("the result must be computed first: press Run", "请先计算结果：点击“运行”")
    return made.outcome


_shelf: dict[str, list[Recording]] = {}  # recordings do not change while a site runs: read once


def recorded(lab: Lab, params: Params) -> Recording | None:
    """The lab's recording of exactly these parameters, one from a GPU before one from a CPU."""
    if lab.slug not in _shelf:
        _shelf[lab.slug] = recordings.load(lab.experiment)
    return next((made for made in _shelf[lab.slug] if made.params == params), None)


def opening(lab: Lab, runner: Runner) -> dict[str, Any] | None:
    """What a page opens on, before anything is asked: the default result, or the recording of a costly one."""
    params = lab.defaults()
    if lab.experiment.cost_of(params) == "instant":
        return drawn(lab, params, runner.run(lab.experiment, params), [0], 0)
    made = recorded(lab, params)
    return drawn(lab, params, made.outcome, range(len(lab.views)), 0) if made else None


KIND_WORDS = {kind: words.data() for kind, words in KINDS.items()}
