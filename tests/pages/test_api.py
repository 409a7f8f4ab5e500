"""The public API: one endpoint per lab, with named parameters; the same as MCP tools."""

from __future__ import annotations

import json
import typing

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


MCP = pytest.mark.skipif(
    not site_module.mcp_installed(), reason="no mcp is installed that this Gradio's extra accepts (pip install gradio[mcp])"
)


@MCP
def test_every_lab_is_an_mcp_tool(running):
    tools = {tool["name"]: tool for tool in running.http.get("/gradio_api/mcp/schema").json()}
    assert set(tools) == {slug.replace("-", "_") for slug in SLUGS}, "and no private event is one"
    for slug in SLUGS:
        model, tool = EXPERIMENTS[slug].params, tools[slug.replace("-", "_")]
        assert tool["description"].startswith((model.__doc__ or "").strip().splitlines()[0].rstrip("."))
        told = tool["inputSchema"]["properties"]
        assert set(told) == set(model.model_fields)
        for name, field in model.model_fields.items():
            assert told[name].get("default", field.default) == field.default  # Gradio leaves out 0, "" and False
            if model.bounds(name)[0] is not None:
                assert told[name]["description"].startswith(field.title) and " to " in told[name]["description"]


@MCP
def test_an_mcp_tool_answers_and_refuses(running):
    def ask(arguments: dict) -> dict:
        reply = running.http.post(
            "/gradio_api/mcp/",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "sample_lab", "arguments": arguments}},
            headers={"accept": "application/json, text/event-stream"},
        )
        data = [line for line in reply.text.splitlines() if line.startswith("data: ")]
        return json.loads(data[-1].removeprefix("data: ") if data else reply.text)["result"]

    answered = ask({"steps": 5, "seed": 2})
    assert not answered.get("isError") and "sample-lab" in answered["content"][0]["text"]
    refused = ask({"steps": 0})
    assert refused["isError"]
    assert "steps must be a whole number from 1 to 100000; got 0" in refused["content"][0]["text"]
