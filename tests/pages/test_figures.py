"""Figures: how they are packed for the browser, what Plotly thinks of them, frames, and the gallery's drawings."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import plotly.graph_objects as go
import pytest

from engine.core import amounts
from pages.shell import T, colors, panels, traces
from pages.shell.axes import Axis
from pages.shell.figures import Divider, Figure, Handle, Pick
from pages.shell.moments import Frame, Frames
from pages.shell.packing import packed
from pages.shell.panels import Label, Panel
from pages.shell.strips import Strip

RNG = np.random.Generator(np.random.PCG64(11))
TOKENS = [
    colors.MEASURED,
    colors.THEORY,
    colors.SECOND,
    colors.THIRD,
    colors.FOURTH,
    colors.ACCEPT,
    colors.REJECT,
    colors.MUTE,
    colors.BRASS,
    colors.INK,
    colors.INK_2,
    colors.INK_3,
    colors.HAIRLINE,
    colors.PAPER,
    colors.SURFACE,
]


def unpacked(value: dict) -> np.ndarray:
    """What plotly.js reads from a packed array."""
    flat = np.frombuffer(base64.b64decode(value["bdata"]), "<" + value["dtype"])
    return flat.reshape([int(n) for n in value["shape"].split(", ")]) if "shape" in value else flat


def test_float64_is_sent_as_float32():
    for size in (9, 100, 2_000):
        numbers = RNG.normal(scale=10.0 ** RNG.integers(-20, 20), size=size)
        made = packed(numbers)
        assert set(made) == {"dtype", "bdata"} and made["dtype"] == "f4"
        np.testing.assert_array_equal(unpacked(made), numbers.astype(np.float32))
    for kind in (np.float32, np.float16):
        numbers = RNG.normal(size=20).astype(kind)
        np.testing.assert_array_equal(unpacked(packed(numbers)), numbers.astype(np.float32))


def test_what_float32_cannot_hold_keeps_float64():
    made = packed(np.linspace(0, 1e300, 20))
    assert made["dtype"] == "f8"
    np.testing.assert_array_equal(unpacked(made), np.linspace(0, 1e300, 20))


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [
        (0, 255, "u1"),
        (0, 256, "i2"),
        (-1, 100, "i2"),
        (-(2**15), 2**15 - 1, "i2"),
        (0, 2**15, "i4"),
        (-(2**31), 2**31 - 1, "i4"),
        (0, 2**31, "f8"),
        (-(2**62), 0, "f8"),
    ],
)
def test_whole_numbers_are_sent_in_the_least_type(low, high, kind):
    numbers = np.concatenate([[low, high], RNG.integers(low, high, 20)]).astype(np.int64)
    made = packed(numbers)
    assert made["dtype"] == kind
    np.testing.assert_array_equal(unpacked(made), numbers if kind != "f8" else numbers.astype(float))


def test_truth_values_and_small_types():
    assert packed(np.array([True, False] * 6))["dtype"] == "u1"
    assert packed(np.arange(20, dtype=np.int8))["dtype"] == "u1"
    assert packed(np.arange(20, dtype=np.uint64))["dtype"] == "u1"


def test_grids_carry_their_shape_in_rows():
    grid = RNG.normal(size=(3, 5))
    for array in (grid, np.asfortranarray(grid), grid[:, ::-1][:, ::-1], grid.T.copy().T):
        made = packed(array)
        assert made["shape"] == "3, 5"
        np.testing.assert_array_equal(unpacked(made), grid.astype(np.float32))
    np.testing.assert_array_equal(unpacked(packed(np.arange(10)[::2].repeat(3))), np.arange(10)[::2].repeat(3))


def test_nan_and_infinity_survive():
    numbers = np.array([1.0, np.nan, -np.inf, np.inf] * 5)
    np.testing.assert_array_equal(unpacked(packed(numbers)), numbers.astype(np.float32))
    assert unpacked(packed(np.array([np.nan, 1.0])))[1] == 1  # never as JSON, which has no NaN
    assert np.isnan(unpacked(packed(np.full(12, np.nan)))).all()
    np.testing.assert_array_equal(unpacked(packed(np.full(12, np.inf))), np.full(12, np.inf, np.float32))


def test_short_rows_are_lists():
    assert packed(np.array([1, 2, 3])) == [1, 2, 3] and packed(np.array([0.5, 2])) == [0.5, 2.0]
    assert packed(np.zeros(0)) == [] and packed(np.zeros(0, int)) == []
    assert packed(np.array(["a", "乙"])) == ["a", "乙"]


def test_everything_else_becomes_plain_data():
    given = {
        "text": T("yes", "是"),
        "same": T("n", "n"),
        "token": "--measured",
        "none": None,
        "flag": True,
        "number": np.float64(2.5),
        "count": np.int32(7),
        "hole": math.nan,
        "wide": np.inf,
        "truth": np.bool_(True),
        "deep": [(T("a", "b"), 1.0), {"x": np.arange(3)}],
    }
    made = packed(given)
    assert made == {
        "text": {"en": "yes", "zh": "是"},
        "same": "n",
        "token": "--measured",
        "none": None,
        "flag": True,
        "number": 2.5,
        "count": 7,
        "hole": None,
        "wide": None,
        "truth": True,
        "deep": [[{"en": "a", "zh": "b"}, 1.0], {"x": [0, 1, 2]}],
    }
    json.dumps(made, allow_nan=False)


def whole_figure() -> Figure:
    """A figure with one of everything that lies in a plane."""
    x, y = np.arange(30), RNG.random(30)
    parts = [
        traces.bars(x, y, name=T("observed", "观测")),
        traces.line(x, y, name="law", dash="dot"),
        traces.points(x, y, size=3, symbol="x"),
        traces.ticks(x, y),
        *traces.band(x, y - 0.1, y + 0.1, colors.SECOND),
        traces.heat(RNG.normal(size=(4, 3)), panel=1, diverging=True),
        traces.heat(RNG.random((4, 3)), np.arange(3), np.arange(4), panel=1),
        traces.contours(RNG.random((4, 3)), np.arange(3), np.arange(4), panel=2),
        traces.line(x, y, panel=2, hovertemplate="%{x}"),
    ]
    panels = [
        Panel(Axis(T("n", "步"), log=True, range=(1, 100)), Axis(format=".0%", range=(0, 1)), title=T("One", "一")),
        Panel(Axis(hidden=True), Axis(reverse=True), title=T("Two", "二")),
        Panel(Axis(ticks=([0, 1], [T("no", "否"), "1"])), Axis(equal=True)),
    ]
    return Figure(
        parts,
        panels,
        says=T("All there is.", "应有尽有。"),
        labels=[Label(10, 0.5, T("half", "一半"), anchor="right")],
        frames=Frames(
            T("n", "步"),
            [
                Frame("1", {0: {"y": y[:5]}, 1: {"line": {"color": colors.ACCEPT}}}),
                Frame("2", {0: {"y": y}}, labels=[Label(100, 1, "end"), Label(0, 0, "corner", panel=2)]),
                Frame("3", {1: {"upto": 4}}),
            ],
        ),
        facts=[(T("mean", "均值"), "0.5")],
        table=[[T("row", "行"), "x"], ["1", "2"]],
        handles=[Handle("start", "up", text=T("drag", "拖动")), Handle(2.0, "p[1]", share=True)],
        link="n",
        layout={"barmode": "overlay"},
        recorded=T("long ago", "很久以前"),
    )


def solid_figure() -> Figure:
    """A figure in space."""
    z = RNG.normal(size=(5, 4))
    panel = Panel(Axis("x"), Axis("y"), Axis(T("height", "高度")))
    parts = [traces.surface(z, np.arange(4), np.arange(5)), traces.trace("scatter3d", x=[0], y=[1], z=[2], panel=1)]
    return Figure(parts, [panel, panel], says=T("A surface.", "一个曲面。"))


@pytest.mark.parametrize("figure", [whole_figure(), solid_figure()], ids=["plane", "space"])
def test_plotly_accepts_every_kind_of_trace(figure):
    made = figure.to_plotly()
    assert isinstance(made, go.Figure) and len(made.data) == len(figure.traces)
    assert "--" not in made.to_json().replace("-->", ""), "every token is resolved"


def test_plotly_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match=r"[Ii]nvalid"):
        Figure([traces.bars([1], [2], colour="red")], [Panel()], says="x").to_plotly()
    with pytest.raises(ValueError, match=r"[Ii]nvalid"):
        Figure([traces.bars([1], [2])], [Panel()], says="x", layout={"bermode": "overlay"}).to_plotly()


def test_figures_are_sent_as_json():
    made = json.loads(json.dumps(whole_figure().data(), allow_nan=False))
    assert made["says"] == {"en": "All there is.", "zh": "应有尽有。"}
    assert len(made["data"]) == 10 and made["data"][0]["name"] == {"en": "observed", "zh": "观测"}
    assert made["data"][0]["marker"]["color"] == "--measured"
    assert made["facts"] == [[{"en": "mean", "zh": "均值"}, "0.5"]] and made["table"][1] == ["1", "2"]
    assert made["handles"][0]["x"] == "start" and made["link"] == "n"
    assert made["handles"][1]["x"] == 2 and made["handles"][1]["share"] and "share" not in made["handles"][0]
    assert made["layout"]["barmode"] == "overlay" and made["recorded"] == {"en": "long ago", "zh": "很久以前"}
    bare = Figure([traces.bars([1], [2])], [Panel()], says="x").data()
    assert not {"frames", "facts", "table", "handles", "link", "recorded"} & set(bare) and bare["says"] == "x"


def test_panels_have_axes_of_their_own():
    layout = whole_figure().data()["layout"]
    assert layout["grid"] == {"rows": 2, "columns": 2, "pattern": "independent"}
    assert {"xaxis", "yaxis", "xaxis2", "yaxis2", "xaxis3", "yaxis3"} <= set(layout)
    assert layout["xaxis"]["type"] == "log" and layout["xaxis"]["range"] == [0, 2]
    assert layout["yaxis"]["tickformat"] == ".0%" and layout["yaxis2"]["autorange"] == "reversed"
    assert layout["yaxis3"]["scaleanchor"] == "x3" and layout["xaxis3"]["ticktext"] == [{"en": "no", "zh": "否"}, "1"]
    titles = [note["text"] for note in layout["annotations"]]
    assert titles == [{"en": "One", "zh": "一"}, {"en": "Two", "zh": "二"}, {"en": "half", "zh": "一半"}]
    assert layout["annotations"][2]["x"] == 1.0, "a logarithmic axis takes the value, and Plotly its logarithm"
    parts = whole_figure().data()["data"]
    assert [t.get("xaxis") for t in parts] == [None] * 6 + ["x2", "x2", "x3", "x3"]
    solid = solid_figure().data()
    assert solid["layout"]["scene2"]["domain"] == {"row": 0, "column": 1} and solid["data"][1]["scene"] == "scene2"


def test_a_figures_own_layout_adds_to_its_axes():
    panels = [Panel(Axis("x"), Axis("y"), Axis("z")), Panel(Axis("u"), Axis("v"))]
    layout = {"scene": {"aspectmode": "cube"}, "yaxis2": {"nticks": 3}, "bargap": 0}
    made = Figure([], panels, "", layout=layout).data()["layout"]
    assert made["scene"]["aspectmode"] == "cube" and made["scene"]["zaxis"]["title"]["text"] == "z"
    assert made["yaxis2"] == {"title": {"text": "v"}, "nticks": 3} and made["bargap"] == 0


def test_a_reversed_range_runs_down():
    figure = Figure([traces.bars([1], [2])], [Panel(y=Axis(range=(0, 5), reverse=True))], says="x")
    assert figure.data()["layout"]["yaxis"]["range"] == [5, 0]


def test_frames_hold_what_differs():
    made = whole_figure().data()["frames"]
    assert made["title"] == {"en": "n", "zh": "步"} and made["seconds"] == 6.0 and "real_time" not in made
    assert made["start"] == 2, "the last, counted from the end"
    first, second, third = made["list"]
    assert set(first) == {"name", "data"} and set(first["data"]) == {"0", "1"}
    assert len(first["data"]["0"]["y"]) == 5 and third["data"] == {"1": {"upto": 4}}
    assert unpacked(second["data"]["0"]["y"]).size == 30
    texts = [note["text"] for note in second["annotations"]]
    assert texts[2:] == ["end", "corner"] and len(texts) == 4, "panel titles stay"
    assert second["annotations"][2]["x"] == 2.0 and second["annotations"][3]["xref"] == "x3"
    timed = replace(whole_figure(), frames=Frames("", [Frame("0.5", {})], start=0, real_time=True)).data()
    assert timed["frames"]["real_time"] is True and timed["frames"]["start"] == 0
    tied = replace(whole_figure(), frames=Frames("", [Frame("0.5", {})], bound="p")).data()
    assert tied["frames"]["bound"] == "p" and "bound" not in made


def test_a_handle_counts_from_parameters_or_from_a_place():
    held = [Handle("dx", "dy", origin=("x", "y")), Handle("d[0]", "d[1]", origin=(0.5, 2.0), scale=0.5)]
    one, other = replace(whole_figure(), handles=held).data()["handles"]
    assert one["origin"] == ("x", "y") and other["origin"] == (0.5, 2.0) and other["scale"] == 0.5


def test_frames_are_validated_as_plotly_sees_them():
    figure = whole_figure()
    made = figure.to_plotly()
    assert [frame.name for frame in made.frames] == ["1", "2", "3"]
    assert list(made.frames[0].traces) == [0, 1]
    np.testing.assert_array_equal(made.frames[2].data[0].y, figure.traces[1]["y"][:4])


@pytest.mark.parametrize(
    "grid",
    [RNG.normal(size=(3, 4)), np.zeros((2, 2)), np.full((2, 2), np.nan), np.array([[np.nan, -3.0]]), np.ones((1, 1))],
    ids=["normal", "zeros", "nan", "mixed", "one"],
)
def test_a_diverging_map_is_centred_at_zero(grid):
    made = traces.heat(grid, diverging=True)
    assert made["zmin"] == -made["zmax"] < 0
    if np.isfinite(grid).any() and np.nanmax(np.abs(grid)):
        assert made["zmax"] == np.nanmax(np.abs(grid))
    json.dumps(Figure([made], [Panel()], says="x").data(), allow_nan=False)


def test_every_token_has_a_colour_in_light_and_dark():
    css = (Path(colors.__file__).parent / "static" / "tokens.css").read_text()
    light, dark = css[: css.index(".dark")], css[css.index(".dark") :]
    for token in TOKENS:
        for theme in (light, dark):
            assert re.search(rf"{token}:\s*#[0-9a-fA-F]{{6}}\b", theme), token


def test_texts_are_escaped_and_said_once_where_both_agree():
    assert T("a<b", "甲").html() == ('<span class="lang-en" lang="en">a&lt;b</span><span class="lang-zh" lang="zh-CN">甲</span>')
    assert T("<n>", "<n>").html() == "&lt;n&gt;" and T.of("n") == T("n", "n") and T.of(("a", "b")) == T("a", "b")
    assert amounts.count(20_000) == "20\u202f000" and amounts.count(999) == "999"


def test_strips_travel_packed_with_their_palette():
    strength = RNG.uniform(size=12)
    strip = Strip(list("abcdefghijkl"), T("text", "文本"), ["--accept", "--reject"] * 6, strength, hide_ahead=True)
    made = json.loads(json.dumps(strip.data()))
    assert made["tokens"] == list("abcdefghijkl") and made["title"] == {"en": "text", "zh": "文本"}
    assert [made["colors"]["palette"][i] for i in unpacked(made["colors"]["at"])] == ["--accept", "--reject"] * 6
    np.testing.assert_allclose(unpacked(made["strength"]), strength, rtol=1e-6)
    assert made["hide_ahead"] is True and "notes" not in made


def test_a_key_shows_a_markers_own_shape_and_the_browser_has_a_sign_for_each():
    signs = re.search(r"SWATCH = \{(.+?)\}", (Path(panels.__file__).parent / "static" / "labels.js").read_text())[1]
    known = {name.strip().strip("'") for name in re.findall(r"([\w'-]+):", signs)}
    assert known == {"line", "dash", "dot", "patch", *get_args(panels.Symbol)}
    for symbol, swatch in ((None, "dot"), ("circle", "dot"), (["x", "circle"], "dot"), ("triangle-up", "triangle-up")):
        assert panels.swatch_of(symbol) == swatch
    with pytest.raises(ValueError, match="star"):
        panels.swatch_of("star")


def test_frames_multiply_a_base_by_their_factors():
    base, factors = RNG.normal(size=(3, 5)), RNG.normal(size=(4, 3))
    maps = RNG.normal(size=(4, 2, 6))
    frames = Frames(
        "k",
        [Frame(str(k), facts=[("k", str(k))], table=[["k"], [str(k)]], tells=T("now {k}", "此刻 {k}", k=k)) for k in range(4)],
        products={0: {"z": (base, factors)}},
        rows={1: {"z": maps}},
        follow=True,
        strips={0: {"upto": np.arange(4)}},
    )
    parts = [traces.heat(base.copy()), traces.heat(maps[0], panel=1)]
    strips = [Strip(["a", "b", "c", "d"])]
    drawn = Figure(parts, [Panel(), Panel()], "says", frames=frames, strips=strips, link="tokens")
    for k in range(4):
        moved = frames.at(k)
        np.testing.assert_allclose(moved[0]["z"], np.diag(factors[k]) @ base)
        np.testing.assert_array_equal(moved[1]["z"], maps[k])
    made = json.loads(json.dumps(drawn.data()))
    sent = made["frames"]
    assert sent["follow"] is True and sent["list"][2]["facts"] == [["k", "2"]] and sent["list"][2]["table"] == [["k"], ["2"]]
    assert sent["list"][2]["tells"] == {"en": "now 2", "zh": "此刻 2"}
    np.testing.assert_allclose(unpacked(sent["products"]["0"]["z"][0]), base, rtol=1e-6)
    assert unpacked(sent["rows"]["1"]["z"]).shape == maps.shape and made["strips"][0]["tokens"] == ["a", "b", "c", "d"]
    drawn.to_plotly()


def test_an_array_that_is_shown_twice_travels_once():
    maps, base = RNG.normal(size=(5, 5)), RNG.normal(size=(3, 5))
    frames = Frames(
        "k",
        [Frame(str(k)) for k in range(5)],
        rows={1: {"y": maps, "customdata": maps.copy()}},
        products={2: {"z": (base, RNG.normal(size=(5, 3)))}},
        strips={0: {"strength": maps}},
    )
    drawn = Figure(
        [traces.heat(maps), traces.bars(np.arange(5), maps[0]), traces.heat(base)],
        [Panel()],
        "says",
        frames=frames,
        strips=[Strip(list("abcde"))],
    )
    sent = json.loads(json.dumps(drawn.data()))
    assert sent["frames"]["rows"]["1"]["y"] == {"same": ["data", 0, "z"]} == sent["frames"]["strips"]["0"]["strength"]
    assert sent["frames"]["products"]["2"]["z"][0] == {"same": ["data", 2, "z"]}
    assert unpacked(sent["frames"]["rows"]["1"]["customdata"]).shape == (5, 5)
    np.testing.assert_array_equal(frames.at(3)[1]["y"], maps[3])


def test_picks_say_which_parameters_a_click_sets():
    picks = [Pick(panel=1, x="head", y="layer", cell=9), Pick(strip=0, sets=[{"layer": 1}, {"layer": 2}])]
    made = Figure([traces.points([0], [0])], [Panel()], "says", picks=picks).data()["picks"]
    assert made[0] == {"panel": 1, "strip": None, "x": "head", "y": "layer", "cell": 9, "sets": []}
    assert made[1]["strip"] == 0 and made[1]["sets"] == [{"layer": 1}, {"layer": 2}]
    tiles = Pick(cell=9, columns=4, sets=[{"head": 1}, {"head": 2}]).data()
    assert tiles["columns"] == 4 and tiles["cell"] == 9


def test_a_divider_says_what_it_cuts():
    line = Divider(1, panel=2, start=0.25, text=T("the line", "分界线"))
    made = Figure([], [Panel()], "x", divider=line).data()
    assert made["divider"] == {"trace": 1, "panel": 2, "start": 0.25, "text": {"en": "the line", "zh": "分界线"}}
    assert "divider" not in Figure([], [Panel()], "x").data()


def test_a_picture_is_exact_or_as_small_as_it_is_asked_to_be():
    from io import BytesIO

    from PIL import Image

    rows = np.linspace(0, 255, 64).astype(np.uint8)
    pixels = np.stack(np.broadcast_arrays(rows[:, None], rows[None, :], np.uint8(90)), -1)
    exact, close, rough = (traces.source(pixels, quality) for quality in (None, 90, 10))
    read = lambda text: np.asarray(Image.open(BytesIO(base64.b64decode(text.partition(",")[2]))).convert("RGB"))  # noqa: E731
    np.testing.assert_array_equal(read(exact), pixels)
    assert np.abs(read(close).astype(int) - pixels).mean() < 4 and len(rough) < len(close) < len(exact) * 4
    assert traces.picture(pixels)["source"] == exact and traces.picture(pixels, source=rough)["source"] == rough


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("network", "network"),
        ("class only", "class<br>only"),
        ("classifier-free", "classifier-<br>free"),
        ("先查找，再用模型", "先查找，<br>再用模型"),
        ("lookup, else model", "lookup,<br>else model"),
        ("sixteen_letters_x", "sixteen_letters_x"),
    ],
)
def test_a_long_name_on_the_x_axis_stands_in_two_lines(name, shown):
    axis = Axis(ticks=([0], [name]))
    layout = Figure([traces.bars([0], [2])], [Panel(axis, axis)], says="x").data()["layout"]
    assert layout["xaxis"]["ticktext"] == [shown] and layout["yaxis"]["ticktext"] == [name]


def test_a_map_whose_scale_has_a_title_shows_its_scale():
    assert [traces.heat(np.eye(2), **options)["showscale"] for options in ({}, {"bar": True}, {"scale_title": "p"})] == [False, True, True]
