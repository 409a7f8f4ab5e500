"""What the server answers to a page: a figure with its provenance, a refusal, or what a run would cost."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import secrets
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.core import Params, Refused, amounts, devices, recordings, results
from engine.core.params import shown
from engine.core.recordings import Recording
from engine.core.runner import Outcome, Runner, Waiting, document
from engine.core.turns import Asker, Turns
from engine.core.words import T
from pages.shell import files
from pages.shell.lab import KINDS, Lab

INSTANCE = secrets.token_hex(4)
STREAM_SECONDS = 0.1
EXPORT_BYTES = 64 * 2**20
ADDRESS = 8000  # characters of an address in a file
log = logging.getLogger("orrery")


@dataclass(frozen=True)
class Request:
    """What a page asks: its lab's parameters, the place of the view that is open (sent counted from 1), the request's number."""

    params: Params
    view: int
    id: int

    @classmethod
    def read(cls, lab: Lab, value: Any) -> Request:
        """A request from what the browser sent. Raises `Refused`."""
        if not isinstance(value, Mapping) or not isinstance(value.get("params"), Mapping):
            raise Refused(T("the request must name its parameters; got none", "请求必须给出参数；未收到"))
        view = value.get("view", 1)
        if not isinstance(view, int) or not 1 <= view <= len(lab.views):
            raise Refused(
                T(
                    "view must be from 1 to {views}; got {view}",
                    "view 必须在 1 到 {views} 之间；收到 {view}",
                    views=len(lab.views),
                    view=shown(view),
                ),
                "view",
            )
        return cls(lab.experiment.params.parse(files.expanded(value["params"])), view - 1, numbered(value))


def numbered(value: Any) -> int:
    """The number that the browser gave its request, or 0."""
    number = value.get("id") if isinstance(value, Mapping) else 0
    return number if isinstance(number, int) and 0 <= number < 2**53 else 0


def refused(lab: Lab, error: Refused, value: Any) -> dict[str, Any]:
    """A refusal as a reply: one sentence in both languages; the Chinese one calls the control as the page does."""
    said = {"en": error.en, "zh": named(lab.experiment.params, error), "name": error.name}
    return {"id": numbered(value), "instance": INSTANCE, "error": said}


def named(model: type[Params], error: Refused) -> str:
    """A refusal in Chinese in which the parameter at fault, and one that it must stay under, have their Chinese names.

    What is quoted, as given, stays as it is.
    """
    text = error.zh
    for name in (error.name, model.hints(error.name).get("below", "") if error.name in model.model_fields else ""):
        if name in model.model_fields:
            text = re.sub(rf"(?<![\w'\"“]){re.escape(name)}(?![\w'\"”])", model.hints(name)["zh"].replace("\\", r"\\"), text, count=1)
    return text


def broken(lab: Lab, value: Any) -> dict[str, Any]:
    """The reply to a failure that is ours: said plainly; the trace goes to the server's log alone."""
    log.exception("%s failed", lab.slug)
    return refused(
        lab,
        Refused(
            T(
                "the lab failed on these parameters; the fault is the program's, not yours",
                "实验在这些参数下出错；这是程序的问题，不是你的问题",
            )
        ),
        value,
    )


def answer(lab: Lab, runner: Runner, value: Any, line: Turns | None = None) -> dict[str, Any] | None:
    """The reply to a request: the open view's figure if the run is instant or at hand, else what the run would cost.
    None where the run belongs to another line than the one in which it has waited."""
    try:
        request = Request.read(lab, value)
        cost = runner.cost(lab.experiment, request.params)
        if cost != "instant":
            lab.experiment.check(request.params, devices.current().kind)
            made = recorded(lab, request.params)
            offered = drawn(lab, request.params, made.outcome, range(len(lab.views)), request.id) if made else {}
            return offered | {"id": request.id, "instance": INSTANCE, "needs": cost}
        if line is runner.brief and runner.line(lab.experiment, request.params) is not line:
            return None
        outcome = runner.run(lab.experiment, request.params)
        return drawn(lab, request.params, outcome, [request.view], request.id)
    except Refused as error:
        return refused(lab, error, value)
    except Exception:  # a stack trace is never a reply; the log has it
        return broken(lab, value)


def stream(lab: Lab, runner: Runner, value: Any, asker: Asker) -> Generator[dict[str, Any]]:
    """Replies as a costly run improves, at most ten a second, each with every view's figure; where the result is the
    very same as before, only with how far the run is; before it begins, with its place in the line."""
    try:
        request = Request.read(lab, value)
        lab.experiment.check(request.params, devices.current().kind)
        outcomes = runner.shared(lab.experiment, request.params, asker)
        try:
            yield {"id": request.id, "instance": INSTANCE, "fraction": 0.0}
            sent, shown = -1.0, None
            for outcome in outcomes:
                if isinstance(outcome, Waiting):
                    waiting = {"place": outcome.place, "seconds": round(outcome.seconds, 1)} if outcome.place else None
                    yield {"id": request.id, "instance": INSTANCE, "fraction": 0.0, "waiting": waiting}
                    continue
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
        yield refused(lab, error, value)
    except Exception:  # as above
        yield broken(lab, value)


def drawn(lab: Lab, params: Params, outcome: Outcome, views: Any, number: int) -> dict[str, Any]:
    """The reply that shows an outcome: the figures of some views, the provenance line, what there is to say."""
    shown = [(i, lab.views[i]) for i in views if lab.offers(lab.views[i], params)]
    said = {i: [text.data() for text in lab.said(view, outcome.result)] for i, view in shown}
    return {
        "figures": {str(i): view.figure(outcome.result).data() | {"findings": said[i]} for i, view in shown},
        "provenance": provenance_line(lab, outcome),
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
    device = device_words(made.device)
    parts += [T.of(amounts.duration(made.seconds)), T.of(made.backend), device]
    if made.seed is not None:
        parts.append(T("seed {seed}", "种子 {seed}", seed=made.seed))
    if lab.fit is not None:
        parts.append(lab.fit(outcome.result))
    line: dict[str, Any] = {"parts": [T.of(part).data() for part in parts if part.en]}
    if made.recorded:
        recorded = T("recorded on {device}, {date}", "录制于 {device}，{date}", device=device, date=made.date)
        if made.load is not None:
            recorded = T("{recorded}, load {load:count}", "{recorded}，负载 {load:count}", recorded=recorded, load=made.load)
        if lab.experiment.uses_gpu and all(other.folder == "cpu" for other in shelf(lab)):
            recorded = T("{recorded}; none from a GPU yet", "{recorded}；尚无 GPU 的录制", recorded=recorded)
        line["recorded"] = recorded.data()
    return line


def device_words(name: str) -> T:
    """What a person reads of a device: a CPU's threads are counted in the page's language."""
    return T(name, re.sub(r"(\d+) threads?", r"\1 线程", name))


def export(lab: Lab, runner: Runner, value: Any) -> dict[str, Any]:
    """The whole result of a request as a file, in base64: `format` is "json" or "npz"."""
    try:
        request = Request.read(lab, value)
        outcome = at_hand(lab, runner, request.params)
        whole = document(lab.experiment, request.params, outcome) | {"page": asked_on(lab, request, value)}
        if value.get("format") == "npz":
            buffer = io.BytesIO()
            about = json.dumps({name: part for name, part in whole.items() if name != "result"}, ensure_ascii=False)
            np.savez_compressed(buffer, **results.arrays(outcome.result) | {"about": np.array(about)})  # pyright: ignore[reportArgumentType]
            body = buffer.getvalue()
        else:
            body = json.dumps(whole, ensure_ascii=False, indent=1).encode()
        if len(body) > EXPORT_BYTES:
            size, most = amounts.count(len(body) / 2**20), amounts.count(EXPORT_BYTES / 2**20)
            raise Refused(
                T(
                    "the file must be at most {most} MB; this one has {size} MB: use the command line's --out",
                    "文件不能超过 {most} MB；此文件有 {size} MB：请用命令行的 --out",
                    most=most,
                    size=size,
                )
            )
        kind = "npz" if value.get("format") == "npz" else "json"
        return {"id": request.id, "instance": INSTANCE, "file": f"{lab.slug}.{kind}", "bytes": base64.b64encode(body).decode()}
    except Refused as error:
        return refused(lab, error, value)
    except Exception:  # as above
        return broken(lab, value)


def asked_on(lab: Lab, request: Request, value: Mapping[str, Any]) -> dict[str, str]:
    """The question that was open, and the address that asked it, as a file of the result names them."""
    address = value.get("address")
    return {"question": lab.views[request.view].question.en, "address": address[:ADDRESS] if isinstance(address, str) else ""}


def at_hand(lab: Lab, runner: Runner, params: Params) -> Outcome:
    """An outcome without a costly run: cached, recorded, or instant. Raises `Refused` where a run is needed first."""
    if runner.cost(lab.experiment, params) == "instant":
        return runner.run(lab.experiment, params)
    made = recorded(lab, params)
    if made is None:
        raise Refused(T("the result must be computed first: press Run", "请先计算结果：点击“运行”"))
    return made.outcome


_shelf: dict[str, list[Recording]] = {}  # recordings do not change while a site runs: read once


def shelf(lab: Lab) -> list[Recording]:
    """The lab's recordings, those from a GPU first."""
    if lab.slug not in _shelf:
        _shelf[lab.slug] = recordings.load(lab.experiment)
    return _shelf[lab.slug]


def recorded(lab: Lab, params: Params) -> Recording | None:
    """The lab's recording of exactly these parameters, one from a GPU before one from a CPU."""
    return next((made for made in shelf(lab) if made.params == params), None)


def opening(lab: Lab, runner: Runner) -> dict[str, Any] | None:
    """What a page opens on, before anything is asked: the default result, or the recording of a costly one."""
    params = lab.defaults()
    if lab.experiment.cost_of(params) == "instant":
        lab.experiment(params)  # imports are not the experiment's own time
        return drawn(lab, params, runner.run(lab.experiment, params), [0], 0)
    made = recorded(lab, params)
    return drawn(lab, params, made.outcome, range(len(lab.views)), 0) if made else None


KIND_WORDS = {kind: words.data() for kind, words in KINDS.items()}
