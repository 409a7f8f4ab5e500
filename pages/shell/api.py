"""The HTTP API for programs: /api/v1, described by /api/v1/openapi.json.

    GET  /api/v1/labs                 every lab
    GET  /api/v1/labs/{slug}          its questions, parameters and defaults
    POST /api/v1/labs/{slug}/run      a result, from a JSON object of parameters
    GET  /api/v1/labs/{slug}/run      the same, from a query

A result comes as JSON, whole; as a stream of partial results for `Accept: text/event-stream`; as NPZ for
`Accept: application/x-npz`. What is refused is a problem document (RFC 9457) with the name, the rule and the value.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import tomllib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import anyio
import anyio.to_thread
import numpy as np
import orjson

from engine.core import Params, Refused, devices, results
from engine.core.runner import Outcome, Runner, Waiting, document
from engine.core.turns import Asker, Busy
from engine.core.worker import Ended
from pages.shell import replies, schemas, visitors
from pages.shell.lab import Lab
from pages.shell.respond import Send, body_of, respond

PREFIX = "/api/v1/"
LARGEST = 4 * 2**20  # bytes of a question
PROBLEM = "application/problem+json"
EVENTS, NPZ = "text/event-stream", "application/x-npz"
NUMBERS = 10_000  # of an array that comes whole in JSON; larger ones are in the NPZ
BETWEEN = 0.5  # seconds between two partial results

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Problem(Exception):
    """An answer that is no result."""

    def __init__(self, told: dict[str, Any]):
        super().__init__(told["detail"])
        self.told = told


async def outcomes(lab: Lab, runner: Runner, params: Params, asker: Asker) -> AsyncGenerator[Outcome | Waiting]:
    """What a run gives, in its turn, the last the whole. Raises `Refused`; leaving it leaves the run."""
    lab.experiment.check(params, devices.current().kind)
    if runner.cost(lab.experiment, params) == "instant":
        line = runner.line(lab.experiment, params)
        turn = line.ask(asker)
        try:
            await asyncio.wrap_future(turn.granted)
            yield await anyio.to_thread.run_sync(runner.run, lab.experiment, params)
        finally:
            line.leave(turn)
        return
    running = runner.shared(lab.experiment, params, asker)
    try:
        while (told := await anyio.to_thread.run_sync(next, running, None)) is not None:
            yield told
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(running.close)


async def whole(lab: Lab, runner: Runner, params: Params, asker: Asker) -> Outcome:
    """The finished outcome. Raises `Refused`."""
    last: Outcome | Waiting | None = None
    async with contextlib.aclosing(outcomes(lab, runner, params, asker)) as found:
        async for last in found:
            pass
    assert isinstance(last, Outcome), f"{lab.slug} yielded nothing"
    return last


class Api:
    """Answers what lies under /api/v1."""

    def __init__(self, app: Any, labs: Mapping[str, Lab], runner: Runner):
        self.app, self.labs, self.runner = app, labs, runner

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            return await self.app(scope, receive, send)
        try:
            await self.route(scope, receive, send)
        except Problem as problem:
            await tell(send, problem.told)

    async def route(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        path, method = scope["path"].removeprefix(PREFIX).strip("/").split("/"), scope["method"]
        match path:
            case ["openapi.json"]:
                self.only(method, "GET")
                await say(send, openapi(self.labs))
            case ["labs"]:
                self.only(method, "GET")
                keys = ("slug", "title", "claim", "chapter", "run")
                await say(send, [{key: schemas.described(lab)[key] for key in keys} for lab in self.labs.values()])
            case ["labs", slug]:
                self.only(method, "GET")
                await say(send, schemas.described(self.lab(slug)))
            case ["labs", slug, "run"]:
                lab = self.lab(slug)
                self.only(method, "GET", "POST")
                given = await self.given(scope, receive)
                if given is not None:
                    await self.run(lab, given, scope, receive, send)
            case _:
                raise Problem(schemas.problem(404, f"there is nothing at {scope['path'][:200]}; {PREFIX}openapi.json says what there is"))

    def lab(self, slug: str) -> Lab:
        if slug not in self.labs:
            raise Problem(schemas.problem(404, f"lab must be one of {', '.join(self.labs)}; got {slug[:40]!r}", name="lab"))
        return self.labs[slug]

    @staticmethod
    def only(method: str, *allowed: str) -> None:
        if method not in (*allowed, *(("HEAD",) if "GET" in allowed else ())):
            raise Problem(schemas.problem(405, f"method must be {' or '.join(allowed)}; got {method[:20]}"))

    @staticmethod
    async def given(scope: Mapping[str, Any], receive: Receive) -> dict[str, Any] | None:
        """The parameters of a request, from its query or its body; None if the asker has left."""
        if scope["method"] != "POST":
            return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        body = await body_of(receive, LARGEST)
        if body is None:
            return None
        if len(body) > LARGEST:
            raise Problem(schemas.problem(413, f"a question must be at most {LARGEST} bytes long"))
        try:
            value = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError as error:
            raise Problem(schemas.problem(400, f"the body must be a JSON object of parameters; {error}"[:300])) from None
        if not isinstance(value, dict):
            raise Problem(schemas.problem(400, f"the body must be a JSON object of parameters; got a {type(value).__name__}"))
        return value

    async def run(self, lab: Lab, given: dict[str, Any], scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer with a result; if the asker leaves before, the run is left."""
        accepted = b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1")
        try:
            params = lab.experiment.params.parse(given)
        except Refused as error:
            raise Problem(schemas.refusal(lab, error, given)) from None
        asker = visitors.asker(scope)
        answer: tuple[bytes, str] | None = None
        failed: Problem | None = None
        # One is left waiting for the end of the connection: a run that nobody waits for is left, its thread not torn off.
        async with anyio.create_task_group() as group:
            group.start_soon(left, receive, group.cancel_scope)
            try:
                if EVENTS in accepted:
                    await self.stream(lab, params, asker, given, send)
                else:
                    answer = await self.result(lab, params, asker, given, NPZ in accepted)
            except Problem as problem:
                failed = problem
            group.cancel_scope.cancel()
        if failed is not None:
            raise failed
        if answer is not None:
            await respond(send, 200, *answer, cache_control="no-store")

    async def result(self, lab: Lab, params: Params, asker: Asker, given: Mapping[str, Any], packed: bool) -> tuple[bytes, str]:
        """The whole result and its type. Raises `Problem`."""
        with self.problems(lab, given):
            outcome = await whole(lab, self.runner, params, asker)
            if packed:
                return await anyio.to_thread.run_sync(npz, outcome), NPZ
            return await anyio.to_thread.run_sync(lambda: orjson.dumps(document(lab.experiment, params, outcome))), "application/json"

    async def stream(self, lab: Lab, params: Params, asker: Asker, given: Mapping[str, Any], send: Send) -> None:
        """Partial results as server-sent events: `waiting`, `partial`, and at the end `result` or `problem`."""
        headers = [(b"content-type", EVENTS.encode()), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def event(name: str, told: Any, more: bool = True) -> None:
            body = b"event: " + name.encode() + b"\ndata: " + orjson.dumps(told) + b"\n\n"
            await send({"type": "http.response.body", "body": body, "more_body": more})

        told_at = -BETWEEN
        try:
            with self.problems(lab, given):
                async with contextlib.aclosing(outcomes(lab, self.runner, params, asker)) as found:
                    async for told in found:
                        now = asyncio.get_running_loop().time()
                        if isinstance(told, Outcome) and told.fraction == 1:
                            await event("result", document(lab.experiment, params, told), more=False)
                        elif now - told_at > BETWEEN:
                            told_at = now
                            if isinstance(told, Waiting):
                                await event("waiting", {"place": told.place, "seconds": told.seconds})
                            else:
                                await event("partial", document(lab.experiment, params, told) | {"fraction": told.fraction})
        except Problem as problem:
            await event("problem", problem.told, more=False)

    @contextlib.contextmanager
    def problems(self, lab: Lab, given: Mapping[str, Any]):
        """Make problems of refusals, and of our own failures, of which the log has the trace."""
        try:
            yield
        except Busy as error:
            raise Problem(schemas.problem(429, error.en)) from None
        except Ended as error:
            raise Problem(schemas.problem(503, error.en)) from None
        except Refused as error:
            raise Problem(schemas.refusal(lab, error, given)) from None
        except Exception:
            replies.log.exception("%s failed", lab.slug)
            raise Problem(schemas.problem(500, "the lab failed on these parameters; the fault is the program's, not yours")) from None


async def left(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel a scope when the asker has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def npz(outcome: Outcome) -> bytes:
    """Every number of a result, by its dotted name."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **results.arrays(outcome.result))  # pyright: ignore[reportArgumentType]
    return buffer.getvalue()


async def say(send: Send, told: Any) -> None:
    await respond(send, 200, orjson.dumps(told), "application/json", cache_control="no-cache")


async def tell(send: Send, told: dict[str, Any]) -> None:
    await respond(send, told["status"], orjson.dumps(told), PROBLEM, cache_control="no-store")


def openapi(labs: Mapping[str, Lab]) -> dict[str, Any]:
    """The OpenAPI 3.1 document, made of the parameter models."""
    failures = {
        str(status): {"description": told, "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        for status, told in (
            (400, "No JSON object of parameters"),
            (413, "The body is too large"),
            (422, "A parameter breaks its rule, or the run would take too long"),
            (429, "This visitor has as many runs as one may have"),
            (503, "The process that computed it has ended: ask again"),
        )
    }
    document_ = {"schema": {"$ref": "#/components/schemas/Document"}}
    answered = {
        "application/json": document_,
        EVENTS: {"schema": {"type": "string"}},
        NPZ: {"schema": {"type": "string", "format": "binary"}},
    }
    done = {"200": {"description": "The result", "content": answered}} | failures
    paths: dict[str, Any] = {f"{PREFIX}labs": {"get": listed("listLabs", "Every lab", {"type": "array", "items": {"type": "object"}})}}
    for slug, lab in labs.items():
        told, name = schemas.described(lab), slug.replace("-", "_")
        body = {"schema": told["parameters"], "example": told["defaults"]}
        query = [
            {"name": key, "in": "query", "required": False, "schema": field} for key, field in told["parameters"]["properties"].items()
        ]
        paths[f"{PREFIX}labs/{slug}"] = {"get": listed(f"describe_{name}", told["title"], {"type": "object"})}
        paths[f"{PREFIX}labs/{slug}/run"] = {
            "post": {
                "operationId": f"run_{name}",
                "summary": told["claim"],
                "requestBody": {"required": False, "content": {"application/json": body}},
                "responses": done,
            },
            "get": {"operationId": f"get_{name}", "summary": told["claim"], "parameters": query, "responses": done},
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Orrery", "version": version(), "description": (__doc__ or "").strip()},
        "paths": paths,
        "components": {"schemas": {"Problem": PROBLEM_SCHEMA, "Document": DOCUMENT_SCHEMA}},
    }


def listed(name: str, summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": summary, "content": {"application/json": {"schema": schema}}}},
    }


def version() -> str:
    """The project's version."""
    with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]["version"]


PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence: the name, the rule, what was given"},
        "name": {"type": "string", "description": "The parameter at fault"},
        "rule": {"type": "object", "description": "Its rule, as JSON schema"},
        "value": {"type": "string", "description": "What was given"},
    },
}
DOCUMENT_SCHEMA = {
    "type": "object",
    "required": ["lab", "params", "result", "provenance"],
    "properties": {
        "lab": {"type": "string"},
        "params": {"type": "object"},
        "result": {"type": "object", "description": f"Arrays of over {NUMBERS} numbers are told by shape and dtype; the NPZ has them"},
        "provenance": {"type": "object", "description": "Device, dtype, backend, seed, seconds, versions"},
    },
}
