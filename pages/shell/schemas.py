"""What programs are told of a lab: its parameters as JSON schema, and its answers, cut to what a reader can take in."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.core import Params, Refused, results
from engine.core.findings import Finding
from engine.core.params import HINTS, number
from engine.core.runner import Outcome
from engine.core.words import T
from pages.shell.lab import Lab

QUOTED = 160  # characters of a value that a problem repeats
HEADS = (512, 128, 32, 8, 0)  # numbers of an array that stand in such an answer, the most that fit


@functools.cache  # a model does not change, and pydantic takes milliseconds of the thread that answers everybody
def parameters(model: type[Params]) -> dict[str, Any]:
    """The JSON schema of a lab's parameters, with units, choices' names and bounds in words, without what pages need."""
    schema = model.model_json_schema()
    fields = {}
    for name, field in schema["properties"].items():
        hints, lower, upper = field.pop(HINTS, {}), *model.bounds(name)
        said = [field.get("title", name)]
        if lower is not None and upper is not None:
            said.append(f"{number(lower)} to {number(upper)}")
        if unit := hints.get("unit"):
            said.append(f"in {unit['en'] if isinstance(unit, Mapping) else unit}")
        if labels := hints.get("labels"):
            said.append("; ".join(f"{value}: {words['en'] if isinstance(words, Mapping) else words}" for value, words in labels.items()))
        if text := hints.get("help"):
            said.append(text["en"] if isinstance(text, Mapping) else text)
        fields[name] = field | {"description": ". ".join(said)}
    return {"type": "object", "properties": fields, "additionalProperties": False, "description": schema.get("description", "")}


def described(lab: Lab) -> dict[str, Any]:
    """A lab as a program meets it."""
    return {
        "slug": lab.slug,
        "title": lab.title.en,
        "claim": lab.claim.en,
        "chapter": lab.chapter,
        "questions": [view.question.en for view in lab.views],
        "run": f"/api/v1/labs/{lab.slug}/run",
        "parameters": parameters(lab.experiment.params),
        "defaults": lab.defaults().model_dump(),
    }


def chosen(result: Any, path: str) -> Any:
    """The part of a result that a dotted path names. Raises `Refused`."""
    part = result
    for i, name in enumerate(path.split(".")):
        if dataclasses.is_dataclass(part) and name in _parts(part):
            part = getattr(part, name)
        elif isinstance(part, Mapping) and name in _parts(part):
            part = _parts(part)[name]
        elif isinstance(part, (list, tuple)) and name.isdecimal() and int(name) < len(part):
            part = part[int(name)]
        else:
            known = [str(name) for name in _parts(part)] if dataclasses.is_dataclass(part) or isinstance(part, Mapping) else []
            where = ".".join(path.split(".")[:i]) or "result"
            raise Refused(
                T(
                    "fields must name parts of the result; {where} has no {name!r}, but {known}",
                    "fields 必须是结果的组成部分；{where} 中没有 {name!r}，而有 {known}",
                    where=where,
                    name=name[:40],
                    known=", ".join(known)[:400] or "-",
                ),
                "fields",
            )
    return part


def window(text: str) -> slice:
    """The rows "from:to" of arrays. Raises `Refused`."""
    first, colon, last = text.partition(":")
    if not colon or not all(part == "" or (part.isascii() and part.isdecimal() and len(part) < 16) for part in (first, last)):
        raise Refused(
            T("slice must be from:to, such as 0:100; got {text!r}", "slice 的格式为 起:止，如 0:100；收到 {text!r}", text=text[:40]),
            "slice",
        )
    return slice(int(first or 0), int(last) if last else None)


def answer(lab: Lab, params: Params, outcome: Outcome, fields: str, rows: str, most: int) -> dict[str, Any]:
    """A document of at most so many bytes: arrays come whole where they fit, else as shape, type and first numbers.

    fields: dotted parts of the result, separated by commas; all where empty. rows: those of their arrays, "from:to".
    Raises `Refused` where a part is none.
    """
    parts: Any = outcome.result
    if fields.strip():
        parts = {path.strip(): chosen(outcome.result, path.strip()) for path in fields.split(",")}
    if rows.strip():
        cut = window(rows.strip())
        parts = {name: part[cut] if isinstance(part, np.ndarray) and part.ndim else part for name, part in _parts(parts).items()}
    told = {
        "lab": lab.slug,
        "params": params.model_dump(),
        "findings": [text.en for view in lab.views for text in lab.said(view, outcome.result)],
        "provenance": outcome.provenance.plain(),
    }
    told["findings"] = list(dict.fromkeys(told["findings"]))
    for head in HEADS:
        made = told | {"result": shortened(parts, head)}
        if len(json.dumps(made, ensure_ascii=False).encode()) <= most:
            return made
    room = most - len(json.dumps(told, ensure_ascii=False).encode()) - 400
    kept, left = {}, []
    for name, part in _parts(parts).items():
        size = len(json.dumps(piece := shortened(part, 0), ensure_ascii=False).encode()) + len(name) + 8
        if size <= room:
            kept[name], room = piece, room - size
        else:
            left.append(name)
    params_ = {name: value if len(str(value)) <= 400 else f"{str(value)[:400]}…" for name, value in told["params"].items()}
    said = f"left out for size, ask for them by fields: {', '.join(left)}"[:380]
    return told | {"params": params_, "result": kept, "left_out": said}


def _parts(value: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {str(name): part for name, part in value.items()}


def shortened(value: Any, head: int) -> Any:
    """JSON-ready data in which an array, or a list, of more than `head` numbers is told by shape, type and first numbers."""
    if isinstance(value, (T, Finding)):
        return results.plain(value)
    if isinstance(value, np.ndarray) and value.size > head:
        flat = results.plain(value.ravel()[:head])
        return {"shape": list(value.shape), "dtype": str(value.dtype)} | ({"first": flat} if head else {})
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: shortened(getattr(value, field.name), head) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): shortened(part, head) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        whole = [shortened(part, head) for part in value[: head + 8]]
        return whole if len(value) <= head + 8 else {"length": len(value), "first": whole}
    if isinstance(value, str) and len(value) > 40 * (head + 8):
        return value[: 40 * (head + 8)] + "…"
    return results.plain(value)


def problem(status: int, detail: str, **more: Any) -> dict[str, Any]:
    """A problem document (RFC 9457)."""
    titles = {
        400: "Bad request",
        404: "Not found",
        405: "Method not allowed",
        413: "Too large",
        422: "Refused",
        429: "Busy",
        500: "Fault",
        503: "Ended",
    }
    return {"type": "about:blank", "title": titles[status], "status": status, "detail": detail} | more


def refusal(lab: Lab, error: Refused, given: Mapping[str, Any]) -> dict[str, Any]:
    """A refusal as a problem: which parameter, its rule, what was given."""
    model = lab.experiment.params
    more: dict[str, Any] = {"name": error.name} if error.name else {}
    if error.name in model.model_fields:
        told = parameters(model)["properties"][error.name]
        more["rule"] = {key: told[key] for key in ("type", "minimum", "maximum", "enum", "maxLength", "pattern") if key in told}
    if error.name in given:
        more["value"] = str(given[error.name])[:QUOTED]
    return problem(422, error.en, **more)
