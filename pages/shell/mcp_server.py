"""Every lab as a tool of the Model Context Protocol, at the address where Gradio would serve its own.

Gradio's server answers with `str(output)`; this one with structured content of a bounded size, and says of every
parameter its bounds, unit and format. `fields` and `slice` ask for parts of a result; a link leads to all its numbers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import urlencode

import pydantic

from engine.core import Refused
from engine.core.runner import Runner
from pages.shell import api, replies, schemas, visitors
from pages.shell.lab import Lab

PATH = "/gradio_api/mcp"
LARGEST = 9_000  # bytes of an answer, which is said twice: as text, and structured
OWN = {
    "fields": {"type": "string", "default": "", "description": "Dotted parts of the result, separated by commas; all where empty"},
    "slice": {"type": "string", "default": "", "description": "Rows of the arrays, from:to, such as 0:100"},
}
ANSWER = {
    "type": "object",
    "required": ["lab", "params", "result", "findings", "provenance"],
    "properties": {
        "lab": {"type": "string"},
        "params": {"type": "object"},
        "result": {"type": "object", "description": "Large arrays are told by shape, dtype and first numbers"},
        "findings": {"type": "array", "items": {"type": "string"}},
        "provenance": {"type": "object"},
        "left_out": {"type": "string"},
    },
}


class Tools:
    """Answers what lies under `PATH`, where the package `mcp` is installed."""

    def __init__(self, app: Any, labs: Mapping[str, Lab], runner: Runner):
        self.app, self.labs, self.runner = app, {slug.replace("-", "_"): lab for slug, lab in labs.items()}, runner
        self._manager: asyncio.Task[Any] | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") != PATH:
            return await self.app(scope, receive, send)
        if self._manager is None:
            self._manager = asyncio.create_task(self._started())
        manager = await asyncio.shield(self._manager)
        await manager.handle_request(scope, receive, send)

    async def _started(self) -> Any:
        """The sessions' manager; its task group lives in a task of its own for as long as the server."""
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        manager = StreamableHTTPSessionManager(self.server(), json_response=True, stateless=True)
        begun = asyncio.Event()

        async def live() -> None:
            async with manager.run():
                begun.set()
                await asyncio.Event().wait()

        self._life = asyncio.create_task(live())
        await begun.wait()
        return manager

    def server(self) -> Any:
        """The tools and how they are called."""
        from mcp import types
        from mcp.server.lowlevel import Server

        server: Any = Server("orrery", version=api.version())

        @server.list_tools()
        async def tools() -> list[Any]:
            return [
                types.Tool(
                    name=name,
                    title=lab.title.en,
                    description=f"{lab.claim.en} {schemas.parameters(lab.experiment.params)['description']}",
                    inputSchema=taken(lab),
                    outputSchema=ANSWER,
                )
                for name, lab in self.labs.items()
            ]

        # What is wrong with an input is said by the lab itself, in one sentence, rather than by a schema's validator.
        @server.call_tool(validate_input=False)
        async def call(name: str, arguments: dict[str, Any]) -> Any:
            lab, given = self.labs.get(name), dict(arguments or {})
            if lab is None:
                return failed(types, f"tool must be one of {', '.join(self.labs)}; got {name[:40]!r}")
            fields, rows = str(given.pop("fields", "")), str(given.pop("slice", ""))
            try:
                params = lab.experiment.params.parse(given)
                asker = visitors.asker(getattr(server.request_context.request, "scope", {}))
                outcome = await api.whole(lab, self.runner, params, asker)
                told = schemas.answer(lab, params, outcome, fields, rows, LARGEST)
            except Refused as error:
                return failed(types, error.en)
            except Exception:  # a stack trace is never a reply; the log has it
                replies.log.exception("%s failed", lab.slug)
                return failed(types, "the lab failed on these parameters; the fault is the program's, not yours")
            differs = {key: value for key, value in params.model_dump().items() if value != lab.defaults().model_dump()[key]}
            content: list[Any] = [types.TextContent(type="text", text=json.dumps(told, ensure_ascii=False))]
            if len(address := f"/api/v1/labs/{lab.slug}/run?{urlencode(differs)}") < 2000:
                said = "Every number of the result, as NPZ for Accept: application/x-npz"
                uri = pydantic.AnyUrl(base(server) + address)
                content.append(types.ResourceLink(type="resource_link", uri=uri, name=f"{lab.slug}.npz", description=said))
            return content, told

        return server


def taken(lab: Lab) -> dict[str, Any]:
    """The schema of a tool's arguments: the lab's parameters, and what asks for parts of the result."""
    schema = schemas.parameters(lab.experiment.params)
    return schema | {"properties": schema["properties"] | OWN}


def base(server: Any) -> str:
    """The address at which the server was asked."""
    url = getattr(server.request_context.request, "base_url", "http://localhost/")
    return str(url).rstrip("/")


def failed(types: Any, sentence: str) -> Any:
    """One sentence as a tool's error."""
    return types.CallToolResult(isError=True, content=[types.TextContent(type="text", text=sentence)])
