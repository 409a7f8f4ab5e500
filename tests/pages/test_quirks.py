"""What the shell takes for granted about Gradio. Each of these fails when a new Gradio changes it."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import textwrap
import time
import unittest.mock
from pathlib import Path

import gradio as gr
import plotly
import pytest
from gradio import state_holder

from pages.shell import frame, quirks, statics, theme, wire
from pages.shell.quirks import LightSessionState

PACKAGE = Path(gr.__file__).parent
ROOT = Path(__file__).parents[2]
ORIGINAL = LightSessionState.__mro__[1]


def assigned(cls: type) -> set[str]:
    """The attributes that a class's __init__ gives an object."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls.__init__)))
    targets = [t for node in ast.walk(tree) for t in getattr(node, "targets", [getattr(node, "target", None)])]
    return {t.attr for t in targets if isinstance(t, ast.Attribute) and getattr(t.value, "id", "") == "self"}


@pytest.mark.parametrize(("package", "version"), [("gradio", gr.__version__), ("plotly", plotly.__version__)])
def test_the_version_that_was_looked_at_is_installed(package, version):
    assert f"\n{package}=={version}\n" in (ROOT / "requirements.txt").read_text()


def test_a_session_is_what_it_was():
    assert ORIGINAL.__name__ == "SessionState" and ORIGINAL.__module__ == "gradio.state_holder"
    assert list(inspect.signature(ORIGINAL.__init__).parameters) == ["self", "blocks"]
    assert (
        assigned(ORIGINAL)
        == assigned(LightSessionState)
        == {"blocks_config", "config_values", "state_data", "_state_ttl", "is_closed", "STATE_TTL_WHEN_CLOSED"}
    )
    members = {name for name in vars(ORIGINAL) if not name.startswith("__") or name.endswith("item__")}
    assert members == {"__getitem__", "__setitem__", "get", "_update_config", "_update_value_in_config", "components", "state_components"}
    for name in ("_update_config", "_update_value_in_config"):
        assert (
            inspect.signature(getattr(ORIGINAL, name)).parameters.keys()
            == inspect.signature(getattr(LightSessionState, name)).parameters.keys()
        )


def test_nothing_else_reads_what_a_light_session_leaves_out():
    readers = [p.name for p in sorted(PACKAGE.rglob("*.py")) if "config_values" in p.read_text(errors="replace")]
    assert readers == ["state_holder.py"]
    assert "config_values" not in inspect.getsource(state_holder.StateHolder)


def test_new_sessions_are_light(running):
    quirks.lighten_sessions()
    assert state_holder.SessionState is LightSessionState
    holder = running.site.demo.state_holder
    session = holder["a session of this test"]
    assert type(session) is LightSessionState
    assert session.config_values == {} and list(session.components) == [] and list(session.state_components) == []
    number = next(iter(running.site.demo.blocks))
    assert session[number] is running.site.demo.blocks[number] and number in session
    sent = {"data": [3, 0.5, "fair", 2, False, "x", 1, 9, 0], "session_hash": "light"}
    assert running.http.post("/gradio_api/run/sample-lab", json=sent).json()["data"][0]["lab"] == "sample-lab"
    assert "light" in holder and holder["light"].config_values == {}, "a call leaves nothing behind"
    assert holder.capacity == 500


def test_a_state_is_kept_in_a_light_session():
    with gr.Blocks(analytics_enabled=False) as demo:
        state = gr.State([1])
        box = gr.Textbox()
    session = LightSessionState(demo)
    assert session[state._id] == [1]
    session[state._id] = [2]
    assert session[state._id] == [2] and state._id in session and session.get(-1) is None
    assert session[box._id] is demo.blocks[box._id]


def test_pages_are_what_route_makes_of_them():
    with gr.Blocks(analytics_enabled=False) as routed:
        gr.Markdown("home")
    with routed.route("A page", "a-page"):
        gr.Markdown("a")
    with gr.Blocks(analytics_enabled=False) as ours:
        assert ours.pages == [("", "Home", True)] and ours.current_page == ""
        gr.Markdown("home")
        quirks.begin_page(ours, "a-page", "A page")
        button = gr.Button()
        button.click(lambda: "b", None, button)
        quirks.end_pages(ours)
    assert ours.pages == routed.pages == [("", "Home", True), ("a-page", "A page", True)]
    assert ours.current_page == ""
    one, two = (demo.get_config_file()["page"] for demo in (ours, routed))
    assert one.keys() == two.keys() and one["a-page"].keys() == two["a-page"].keys()
    assert len(one["a-page"]["components"]) == len(two["a-page"]["components"]) == 1
    assert len(one["a-page"]["dependencies"]) == 1 and one[""]["dependencies"] == []


def test_a_pages_configuration_holds_only_its_own(running):
    for slug in running.site.pages:
        config = running.http.get("/config", params={"page": slug}).json()
        assert config["current_page"] == slug and [p[0] for p in config["pages"]] == ["", *running.site.pages]
        kinds = [component["type"] for component in config["components"]]
        assert kinds.count("html") == 2 and kinds.count("markdown") == 2 and len(kinds) - kinds.count("api") <= 8
        events = [kind for d in config["dependencies"] for _, kind in d["targets"]]
        assert {"start", "stop"} <= set(events)
        assert all(d["api_visibility"] == "private" or d["api_name"] == slug for d in config["dependencies"])


def test_gradios_page_has_the_anchors_in_their_order():
    html = (PACKAGE / "templates" / "frontend" / "index.html").read_text()
    for anchor in frame.ANCHORS:
        assert anchor in html
    order = ["<style>", "window.gradio_config =", "</head>", "<body", "<gradio-app", "</gradio-app>"]
    places = [html.index(part) for part in order]
    assert places == sorted(places)
    assert html.index('<script type="module"') > html.index("<style>"), "our scripts come before Gradio's"
    assert html.count("<gradio-app") == html.count("</head>") == 1
    assert re.search(r"<body[\s>]", html) and 'id="' not in re.search(r"<body[^>]*>", html)[0]


def test_the_query_of_a_page_is_read_for_nothing_new(running):
    """The frame keeps pages whatever their query says."""
    endpoints = {route.path: route.endpoint for route in running.site.demo.app.routes if hasattr(route, "endpoint")}
    assert set(inspect.signature(endpoints["/"]).parameters) == {"request", "user", "page", "deep_link"}
    for slug in running.site.pages:
        assert set(inspect.signature(endpoints[f"/{slug}"]).parameters) == {"request", "user", "deep_link"}


def test_events_exist_where_their_quoted_names_stand_in_js_on_load():
    with gr.Blocks(analytics_enabled=False):
        named = gr.HTML(js_on_load="nothing // 'run' \"start\"")
        bare = gr.HTML(js_on_load="nothing // run")
        assert callable(named.run) and callable(named.start)
        with pytest.raises(AttributeError):
            bare.run  # noqa: B018
        made = wire.Wire(f"x() // {wire.EVENTS}")
        assert all(callable(getattr(made, name)) for name in ("start", "stop"))


def test_a_wire_carries_plain_data():
    with gr.Blocks(analytics_enabled=False):
        made = wire.Wire("x()")
    value = {"a": [1, None, {"b": "<i>"}], "id": 3}
    assert made.preprocess(value) is value and made.postprocess(value) is value
    assert made.api_info() == {"type": "object"} and made.html_template == ""
    config = made.get_config()
    assert config["js_on_load"] == "x()" and config["apply_default_css"] is False


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (gr.HTML.__init__, {"html_template", "apply_default_css", "js_on_load", "elem_classes"}),
        (gr.Markdown.__init__, {"elem_classes", "latex_delimiters", "container"}),
        (gr.api, {"api_name", "api_description", "concurrency_id", "concurrency_limit"}),
        (gr.Blocks.queue, {"max_size", "default_concurrency_limit"}),
        (gr.Blocks.launch, {"prevent_thread_lock"}),
        (gr.Button.click, {"queue", "trigger_mode", "show_progress", "api_visibility", "concurrency_id", "concurrency_limit", "cancels"}),
    ],
    ids=lambda v: getattr(v, "__qualname__", ""),
)
def test_arguments_that_the_shell_gives_exist(function, names):
    assert names <= set(inspect.signature(function).parameters)


def test_an_idle_queue_looks_rarely(running):
    own, looks = asyncio.sleep, []

    async def counted(seconds, *rest):
        looks.append(seconds)
        await own(seconds, *rest)

    with unittest.mock.patch.object(asyncio, "sleep", counted):
        time.sleep(0.5)
    assert quirks.IDLE_SECONDS in looks, "the queue takes its rest from where it was set"
    assert len(looks) < 100, "Gradio's own pace is some 450 looks in half a second"


def test_every_setting_is_an_argument_of_launch(running):
    assert set(running.site.settings()) <= set(inspect.signature(gr.Blocks.launch).parameters)


def test_the_theme_is_our_tokens_and_fetches_nothing():
    css = theme.orrery()._get_theme_css()
    assert "var(--paper)" in css and "var(--brass)" in css
    assert "url(http" not in css and "@import" not in css and theme.orrery()._stylesheets == []
    for name in theme.TOKENS:
        assert f"--{name.replace('_', '-')}: " in css


def test_plotly_comes_from_the_installed_package():
    text = statics.files()["plotly.min.js"].raw[:400].decode()
    version = re.search(r"plotly\.js v(\d+\.\d+\.\d+)", text)
    assert version, "plotly.min.js says its version"
    assert plotly.__version__.startswith("7.") and version[1].startswith("4.")
