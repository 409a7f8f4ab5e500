"""The public API: one endpoint per lab, with named parameters; the same as MCP tools."""

from __future__ import annotations

import asyncio
import io
import json
import typing

import numpy as np
import pytest
import sample_lab
from gradio_client import Client
from gradio_client.exceptions import AppError

import pages
from engine.core import experiments
from pages.shell import site as site_module

SLUGS = [page.lab.slug for found in pages.discover().values() for page in found] + ["sample-lab", "sample-slow"]
EXPERIMENTS = experiments.discover() | {lab.slug: lab.experiment for lab in (sample_lab.SAMPLE, sample_lab.SLOW)}
INSTANT = [slug for slug in SLUGS if EXPERIMENTS[slug].cost_of(EXPERIMENTS[slug].params()) == "instant"]


@pytest.fixture(scope="module")
def client(running) -> Client:
    made = Client(running.url, verbose=False, analytics_enabled=False)
    yield made
    made.close()


@pytest.fixture(scope="module")
def info(client) -> dict:
    return client.view_api(return_format="dict", print_info=False)


def called(running, body: object, path: str = "/gradio_api/call/sample-lab") -> tuple[int, str]:
    """Status and text of the answer to a call made by plain HTTP."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = running.http.post(path, content=content, headers={"content-type": "application/json"})
    if reply.status_code != 200:
        return reply.status_code, reply.text
    told = running.http.get(f"/gradio_api/call/sample-lab/{reply.json()['event_id']}")
    return told.status_code, told.text


def test_there_is_one_endpoint_for_each_lab_and_nothing_else(info):
    assert set(info["named_endpoints"]) == {f"/{slug}" for slug in SLUGS}
    assert info["unnamed_endpoints"] == {}


@pytest.mark.parametrize("slug", SLUGS)
def test_an_endpoint_has_the_labs_parameters_by_name(slug, info):
    model = EXPERIMENTS[slug].params
    listed = {p["parameter_name"]: p for p in info["named_endpoints"][f"/{slug}"]["parameters"]}
    assert list(listed) == list(model.model_fields)
    for name, default in model().model_dump().items():
        assert listed[name]["parameter_has_default"] and listed[name]["parameter_default"] == default
    kinds = {int: "integer", float: "number", bool: "boolean", str: "string"}
    for name, field in model.model_fields.items():
        kind = listed[name]["type"]
        if typing.get_origin(field.annotation) is typing.Literal:
            assert [str(v) for v in kind["enum"]] == [str(v) for v in typing.get_args(field.annotation)]
        elif field.annotation in kinds:
            assert kind["type"] == kinds[field.annotation]


@pytest.mark.parametrize("slug", SLUGS)
def test_an_endpoint_says_what_it_does(slug, running):
    functions = {fn.api_name: fn for fn in running.site.demo.fns.values()}
    endpoint = functions[slug].fn
    assert endpoint.__name__ == slug.replace("-", "_")
    assert (EXPERIMENTS[slug].params.__doc__ or "").strip().splitlines()[0] in endpoint.__doc__
    for name, field in EXPERIMENTS[slug].params.model_fields.items():
        assert f"    {name}: {field.title}" in endpoint.__doc__
    assert running.http.get("/gradio_api/info").status_code == 200


@pytest.mark.parametrize("slug", INSTANT)
def test_a_call_gives_what_the_command_line_gives(slug, client):
    made = client.predict(api_name=f"/{slug}")
    assert list(made) == ["lab", "params", "result", "provenance"] and made["lab"] == slug
    assert made["params"] == json.loads(EXPERIMENTS[slug].params().model_dump_json())
    assert made["provenance"]["recorded"] is False
    assert made["result"]


def test_parameters_are_given_by_name_by_place_or_not_at_all(client):
    assert client.predict(steps=7, seed=3, api_name="/sample-lab")["params"] == {
        "steps": 7,
        "share": 0.5,
        "law": "fair",
        "size": 2,
        "walls": False,
        "formula": "x + 1",
        "low": 1,
        "high": 9,
        "seed": 3,
    }
    assert client.predict(4, 0.25, api_name="/sample-lab")["params"]["share"] == 0.25
    assert client.predict(size="3", api_name="/sample-lab")["params"]["size"] == 3, "as the API's listing writes it"
    assert client.predict(steps=20_000, api_name="/sample-lab")["result"]["x"] == {"shape": [20_000], "dtype": "int64"}


def test_a_costly_lab_answers_when_it_has_finished(client):
    assert client.predict(steps=30, api_name="/sample-slow")["result"]["numbers"] == list(range(30))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"steps": 0}, "steps must be a whole number from 1 to 100000; got 0"),
        ({"steps": 10**30}, "steps must be a whole number from 1 to 100000; got 1000"),
        ({"steps": 60_000}, "steps must be at most 50000 on this device"),
        ({"steps": "many"}, "steps must be a whole number from 1 to 100000; got 'many'"),
        ({"steps": None}, "steps must be a whole number from 1 to 100000; got None"),
        ({"steps": [[1]]}, "steps must be a whole number from 1 to 100000; got [[1]]"),
        ({"share": 1e300}, "share must be a number from 0 to 1; got 1e+300"),
        ({"share": "nan"}, "share must be a number from 0 to 1; got 'nan'"),
        ({"law": "odd"}, "law must be one of fair, biased; got 'odd'"),
        ({"formula": "x" * 1_000_000}, "formula must be at most 20 characters long; got 'xxx"),
        ({"low": 9}, "low must be below high, which is 9; got 9"),
        ({"share": 1}, "the lab failed on these parameters; the fault is the program's"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_bad_parameters_get_one_sentence(client, given, sentence):
    with pytest.raises(AppError) as caught:
        client.predict(**given, api_name="/sample-lab")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    assert sample_lab.SECRET not in str(caught.value)


def test_unknown_names_get_one_sentence(client, running):
    with pytest.raises(TypeError, match="nope"):
        client.predict(nope=1, api_name="/sample-lab")
    with pytest.raises(ValueError, match="nowhere"):
        client.predict(api_name="/nowhere")
    assert called(running, {"nope": 1}, "/gradio_api/call/v2/sample-lab") == (
        400,
        "the request does not fit the lab; /gradio_api/info lists its parameters",
    )


def test_nan_gets_one_sentence(running):
    whole = b'{"data": [3, NaN, "fair", 2, false, "x", 1, 9, 0]}'
    status, told = called(running, whole)
    assert status == 200 and told.startswith("event: error")
    assert "share must be a number from 0 to 1; got nan" in told
    assert "share must be" in called(running, whole.replace(b"NaN", b"-Infinity"))[1]


@pytest.mark.parametrize(
    "body",
    [
        {"data": []},
        {"data": [3]},
        {"data": "steps"},
        {},
        [],
        b"nonsense",
        b"\xff\xfe",
        b'{"data":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        b'{"data":[' + b"1" * 5000 + b"]}",
        b'{"data":["' + b"x" * 5_000_000 + b'"]}',
    ],
    ids=lambda b: str(b)[:30],
)
def test_nonsense_is_refused_and_the_server_goes_on(running, body):
    status, told = called(running, body)
    assert status in (400, 413, 422) or (status == 200 and told.startswith("event: error"))
    assert "Traceback" not in told and len(told) < 1000
    good = called(running, {"data": [3, 0.5, "fair", 2, False, "x", 1, 9, 0]})
    assert "event: complete" in good[1] and "event: error" not in good[1]


# The documented HTTP API


def test_every_lab_is_described(running):
    listed = running.http.get("/api/v1/labs").json()
    assert {lab["slug"] for lab in listed} == set(SLUGS)
    for lab in listed:
        told = running.http.get(f"/api/v1/labs/{lab['slug']}").json()
        model = EXPERIMENTS[lab["slug"]].params
        assert set(told["parameters"]["properties"]) == set(model.model_fields)
        assert told["defaults"] == json.loads(model().model_dump_json()) and told["run"] == f"/api/v1/labs/{lab['slug']}/run"
        for name in model.model_fields:
            lower, upper = model.bounds(name)
            field = told["parameters"]["properties"][name]
            assert field["description"] and "x-orrery" not in field
            if lower is not None:
                assert (field["minimum"], field["maximum"]) == (lower, upper) and " to " in field["description"]


def test_a_run_gives_what_the_command_line_gives(running):
    given = {"steps": 7, "seed": 3, "law": "biased"}
    posted = running.http.post("/api/v1/labs/sample-lab/run", json=given).json()
    asked = running.http.get("/api/v1/labs/sample-lab/run", params=given).json()
    assert posted["result"] == asked["result"] and posted["params"] | given == posted["params"] and len(posted["result"]["y"]) == 7
    packed = running.http.get("/api/v1/labs/sample-lab/run", params=given, headers={"accept": "application/x-npz"})
    with np.load(io.BytesIO(packed.content)) as store:
        np.testing.assert_allclose(store["y"], posted["result"]["y"])
    whole = running.http.post("/api/v1/labs/sample-slow/run", json={"steps": 6, "seed": 77}).json()
    assert whole["result"]["numbers"] == list(range(6)) and whole["provenance"]["backend"] == "sample"


def events(running, slug: str, given: dict) -> list[tuple[str, dict]]:
    reply = running.http.post(f"/api/v1/labs/{slug}/run", json=given, headers={"accept": "text/event-stream"})
    assert reply.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in reply.text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def test_a_run_streams(running, monkeypatch):
    monkeypatch.setattr(sample_lab.LOG, "pause", 0.02)
    told = events(running, "sample-slow", {"steps": 60, "seed": 78})
    names = [name for name, _ in told]
    assert names[-1] == "result" and set(names[:-1]) <= {"waiting", "partial"} and "partial" in names
    fractions = [data["fraction"] for name, data in told if name == "partial"]
    assert fractions == sorted(fractions) and told[-1][1]["result"]["numbers"] == list(range(60))
    ((name, data),) = events(running, "sample-lab", {"share": 1})
    assert name == "problem" and data["status"] == 500 and sample_lab.SECRET not in json.dumps(data)


def test_who_leaves_a_run_stops_it(running, monkeypatch):
    monkeypatch.setattr(sample_lab.LOG, "pause", 0.02)
    headers = {"accept": "text/event-stream"}
    with running.http.stream("POST", "/api/v1/labs/sample-slow/run", json={"steps": 5000, "seed": 79}, headers=headers) as made:
        next(line for line in made.iter_lines() if "partial" in line)
        assert not sample_lab.LOG.closed.is_set()
    assert sample_lab.LOG.closed.wait(20)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "more"),
    [
        ("POST", "labs/sample-lab/run", b'{"steps": 0}', 422, {"name": "steps", "value": "0"}),
        ("POST", "labs/sample-lab/run", b'{"nope": 1}', 422, {"name": "nope", "value": "1"}),
        ("POST", "labs/sample-lab/run", b'{"low": 9, "high": 3}', 422, {"name": "low", "value": "9"}),
        ("POST", "labs/sample-lab/run", b'{"share": NaN}', 400, {}),
        ("POST", "labs/sample-lab/run", b'{"share": 1e999}', 400, {}),
        ("POST", "labs/sample-lab/run", b"[1]", 400, {}),
        ("POST", "labs/sample-lab/run", b"nonsense", 400, {}),
        ("POST", "labs/sample-lab/run", b"[" * 100_000, 400, {}),
        ("POST", "labs/sample-lab/run", b" " * (4 * 2**20) + b"{", 413, {}),
        ("GET", "labs/sample-lab/run?share=nan", b"", 422, {"name": "share", "value": "nan"}),
        ("POST", "labs/nowhere/run", b"{}", 404, {"name": "lab"}),
        ("GET", "labs/nowhere", b"", 404, {"name": "lab"}),
        ("GET", "nowhere", b"", 404, {}),
        ("DELETE", "labs/sample-lab/run", b"", 405, {}),
        ("POST", "labs", b"{}", 405, {}),
    ],
    ids=lambda v: str(v)[:30],
)
def test_what_is_wrong_is_a_problem_document(running, method, path, body, status, more):
    reply = running.http.request(method, f"/api/v1/{path}", content=body)
    assert reply.status_code == status
    if status != 413 or reply.headers["content-type"] == "application/problem+json":  # the door is narrower than the API
        told = reply.json()
        assert reply.headers["content-type"] == "application/problem+json" and told["status"] == status
        assert {key: told.get(key) for key in more} == more and told["detail"] and "Traceback" not in reply.text


def test_the_openapi_document_holds_against_hostile_requests(running, monkeypatch):
    """Schemathesis makes requests of the document, good and bad: no fault of the server, and every refusal is a problem."""
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings

    monkeypatch.setenv("ORRERY_LONGEST_RUN", "1")
    document = running.http.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1") and f"/api/v1/labs/{SLUGS[0]}/run" in document["paths"]
    kept = {
        path: told for path, told in document["paths"].items() if "sample-lab" in path or "segmentation" in path or path.endswith("labs")
    }
    schema = schemathesis.openapi.from_dict(document | {"paths": kept})
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)
        def check(case):
            reply = case.call(base_url=running.url, timeout=60)
            assert reply.status_code < 500 or ("fault is the program" in reply.text and '"share"' in str(case.body))
            if reply.status_code >= 400 and reply.status_code != 413:
                assert "application/problem+json" in str(reply.headers["content-type"]), (reply.status_code, reply.text[:300])

        check()


# The labs as tools

MCP = pytest.mark.skipif(not site_module.mcp_installed(), reason="no mcp is installed")


def tooled(running, work):
    """What the official client gets, over the real address."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def ask():
        async with streamable_http_client(f"{running.url}/gradio_api/mcp/") as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return await work(session)

    return asyncio.run(ask())


@MCP
def test_every_lab_is_an_mcp_tool(running):
    tools = {tool.name: tool for tool in tooled(running, lambda session: session.list_tools()).tools}
    assert set(tools) == {slug.replace("-", "_") for slug in SLUGS}, "and no private event is one"
    for slug in SLUGS:
        model, tool = EXPERIMENTS[slug].params, tools[slug.replace("-", "_")]
        assert tool.description and tool.outputSchema["required"] == ["lab", "params", "result", "findings", "provenance"]
        assert set(tool.inputSchema["properties"]) == {*model.model_fields, "fields", "slice"}
        for name in model.model_fields:
            if model.bounds(name)[0] is not None:
                assert " to " in tool.inputSchema["properties"][name]["description"]


@MCP
def test_every_instant_tool_answers_within_bounds(running):
    async def all_of_them(session):
        return {slug: await session.call_tool(slug.replace("-", "_"), {}) for slug in INSTANT}

    for slug, answer in tooled(running, all_of_them).items():
        assert not answer.isError, (slug, answer.content)
        told = answer.structuredContent
        assert json.loads(answer.content[0].text) == told and told["lab"] == slug and told["result"]
        assert len(answer.model_dump_json(exclude_none=True).encode()) <= 20_000, slug
        assert f"/api/v1/labs/{slug}/run" in str(answer.content[-1].uri)


@MCP
def test_an_mcp_tool_gives_parts_and_refuses(running):
    async def work(session):
        call = session.call_tool
        return [
            await call("sample_lab", {"steps": 5, "seed": 2}),
            await call("sample_lab", {"steps": 50_000, "fields": "y, seed", "slice": "10:14"}),
            await call("sample_lab", {"steps": 0}),
            await call("sample_lab", {"fields": "nope"}),
            await call("sample_lab", {"slice": "a:b"}),
            await call("sample_lab", {"share": 1}),
            await call("no_lab", {}),
            await call("sample_slow", {"steps": 9, "seed": 80}),
        ]

    answered, parts, *refused, slow = tooled(running, work)
    assert answered.structuredContent["result"]["seed"] == 2 and len(answered.structuredContent["result"]["y"]) == 5
    assert list(parts.structuredContent["result"]) == ["y", "seed"] and len(parts.structuredContent["result"]["y"]) == 4
    whole = running.http.post("/api/v1/labs/sample-lab/run", json={"steps": 20}).json()["result"]["y"]
    assert len(whole) == 20 and parts.structuredContent["params"]["steps"] == 50_000
    said = [
        "steps must be a whole number from 1 to 100000; got 0",
        "result has no 'nope', but x, y, grid, seed, steps",
        "slice must be from:to",
        "the fault is the program's",
        "tool must be one of",
    ]
    for answer, sentence in zip(refused, said, strict=True):
        assert answer.isError and sentence in answer.content[0].text and sample_lab.SECRET not in answer.content[0].text
    assert slow.structuredContent["result"]["numbers"] == list(range(9))
