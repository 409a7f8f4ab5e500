"""Every lab's page: each view at the defaults and at every preset, each text in both languages."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import re
import typing
from collections.abc import Iterator

import numpy as np
import orjson
import pytest
import sample_lab

import pages
from engine.core import Params, recordings, results, timing
from engine.core.params import HINTS
from engine.core.runner import Outcome, Runner
from pages.shell import Lab, Page, T, frame, prose, replies
from pages.shell.figures import Figure

PAGES: list[Page] = [page for found in pages.discover().values() for page in found] + sample_lab.PAGES
LARGEST_FIGURE = 400_000  # bytes of JSON
MOST_POINTS = 20_000  # of one array of a figure
RESERVED = {"view", "step", "lang", "theme", "page", "deep_link", "id", "params", "session_hash"}
HAN = re.compile("[\u4e00-\u9fff]")
SETTINGS = [(page, place) for page in PAGES for place in range(-1, len(page.lab.presets))]
EVERY_LAB = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.lab.slug)
EVERY_SETTING = pytest.mark.parametrize(
    ("page", "place"), SETTINGS, ids=[f"{p.lab.slug}-{p.lab.presets[i].name.en if i >= 0 else 'defaults'}" for p, i in SETTINGS]
)


def setting(lab: Lab, place: int) -> Params:
    """The parameters of a preset, or the defaults at place -1."""
    return lab.experiment.params.parse(lab.presets[place].values if place >= 0 else {})


@functools.lru_cache(maxsize=3)
def outcome(slug: str, place: int) -> Outcome:
    """What a page shows at a setting: the whole, its recording, or the first that a long run streams."""
    lab = next(page.lab for page in PAGES if page.lab.slug == slug)
    params = setting(lab, place)
    for made in recordings.load(lab.experiment):
        if made.params == params and lab.experiment.cost_of(params) != "instant":
            return made.outcome
    stream = Runner(0).stream(lab.experiment, params)
    try:
        return next(stream)
    finally:
        stream.close()


def offered(lab: Lab, params: Params) -> Iterator[int]:
    """The places of the views that these parameters offer."""
    for i, view in enumerate(lab.views):
        if lab.offers(view, params):
            yield i


def bilingual(text: T, *, names: bool = False) -> None:
    """Assert that a text is said in both languages. Symbols, and names where `names`, may be the same in both."""
    english, chinese = T.of(text)
    assert english.strip() and chinese.strip()
    assert not HAN.search(english), f"{english!r} is not English"
    if english == chinese:
        assert names or not re.search(r"[A-Za-z]{4,}", english), f"{english!r} has no Chinese"
    else:
        assert HAN.search(chinese) or not re.search(r"[A-Za-z]{4,}", chinese), f"{chinese!r} is not Chinese"


def sentence(text: T) -> None:
    """Assert that a text is a sentence in both languages."""
    english, chinese = T.of(text)
    bilingual(text)
    assert HAN.search(chinese) and "\n" not in english + chinese
    assert not re.search(r"\bnan\b|\binf\b|None|array\(|np\.", english + chinese), f"{english!r} shows a program's value"


@EVERY_SETTING
def test_every_view_is_drawn(page, place):
    made, params = outcome(page.lab.slug, place), setting(page.lab, place)
    before = {name: array.copy() for name, array in results.arrays(made.result).items()}
    places = list(offered(page.lab, params))
    assert places, "at least one view is offered"
    for i in places:
        figure = page.lab.views[i].figure(made.result)
        assert isinstance(figure, Figure), page.lab.views[i].question.en
        sentence(figure.says)
        for name, value in figure.facts:
            bilingual(name)
            assert value is not None and value != ""
        text = json.dumps(figure.data(), allow_nan=False)
        assert len(text) < LARGEST_FIGURE, f"{page.lab.views[i].question.en} takes {len(text)} bytes"
        if place < 0:
            assert text == json.dumps(page.lab.views[i].figure(made.result).data()), "a figure is a pure function"
        for trace in figure.traces:
            for axis in "xyz":
                assert np.size(trace.get(axis, 0)) <= MOST_POINTS
        for handle in figure.handles:
            named = [name for name in (handle.x, handle.y, *(handle.origin or ())) if isinstance(name, str)]
            bound = {name.partition("[")[0] for name in named}
            assert bound <= set(page.lab.experiment.params.model_fields)
        figure.to_plotly()  # raises where plotly knows no such thing
    for name, array in results.arrays(made.result).items():
        np.testing.assert_array_equal(array, before[name], err_msg="a figure changed the result")


@EVERY_SETTING
def test_the_whole_reply_can_be_sent(page, place):
    made, params = outcome(page.lab.slug, place), setting(page.lab, place)
    reply = replies.drawn(page.lab, params, made, range(len(page.lab.views)), 1)
    assert [int(i) for i in reply["figures"]] == list(offered(page.lab, params))
    orjson.dumps(reply)  # as it is sent: this knows no NaN, no large whole numbers, no keys but texts
    assert reply["provenance"]["parts"]
    for part in reply["provenance"]["parts"]:
        assert part if isinstance(part, str) else part["en"] and HAN.search(part["zh"])
    for view in page.lab.views:
        for finding in page.lab.said(view, made.result):
            sentence(finding)


@EVERY_SETTING
def test_a_preset_opens_on_a_view_that_it_offers(page, place):
    params = setting(page.lab, place)
    view = page.lab.presets[place].view if place >= 0 else 0
    assert view is None or view in set(offered(page.lab, params))
    page.lab.experiment.check(params, "cpu")


@EVERY_LAB
def test_the_gallery_shows_a_view_that_is_offered(page):
    chosen = page.lab.picture
    assert page.lab.offers(page.lab.views[chosen.view], page.lab.experiment.params.parse(chosen.values))
    assert frame.picture(page.lab).count("<img") in (0, 2), "run make pictures"  # a lab that is new has none yet


@EVERY_LAB
def test_every_text_is_in_both_languages(page):
    lab = page.lab
    bilingual(lab.title)
    for text in (lab.claim, *(view.question for view in lab.views)):
        sentence(text)
    for preset in lab.presets:
        bilingual(preset.name, names=True)
    for name, field in lab.experiment.params.model_fields.items():
        hints = lab.experiment.params.hints(name)
        bilingual(T(field.title, hints["zh"]))
        if "help" in hints:
            sentence(T(*hints["help"].values()))
        if "unit" in hints:
            bilingual(T(*hints["unit"].values()))
        for option in hints.get("labels", {}).values():
            bilingual(T(*option.values()), names=True)


@EVERY_LAB
def test_questions_and_presets_are_told_apart(page):
    for texts in ([v.question for v in page.lab.views], [p.name for p in page.lab.presets]):
        assert len({t.en for t in texts}) == len({t.zh for t in texts}) == len(texts)
    whole = [setting(page.lab, place).model_dump_json() for place in range(len(page.lab.presets))]
    assert len(set(zip(whole, [p.view for p in page.lab.presets], strict=True))) == len(whole), "two presets are the same"


@EVERY_LAB
def test_the_controls_know_what_they_need(page):
    schema = frame.schema(page.lab)
    model = page.lab.experiment.params
    assert list(schema) == list(model.model_fields) and not RESERVED & set(schema)
    json.dumps(schema, allow_nan=False)
    for name, field in schema.items():
        assert field[HINTS]["en"] and field[HINTS]["zh"] and field["default"] == model.model_fields[name].default
        kind = model.model_fields[name].annotation
        if kind in (int, float):
            assert field["minimum"] <= field["default"] <= field["maximum"]
            assert field[HINTS].get("scale") != "log" or field["minimum"] > 0
        elif typing.get_origin(kind) is typing.Literal:
            assert field["enum"] == list(typing.get_args(kind))
            assert set(field[HINTS].get("labels", {})) <= {str(option) for option in field["enum"]}
    for view in page.lab.views:
        assert set(view.when) | set(view.uses) <= set(schema)
        for name, values in view.when.items():
            assert all(model.parse({name: value}) for value in values)


@EVERY_LAB
def test_a_page_starts_with_all_that_it_needs(page):
    boot = frame.lab_boot(page.lab, None)
    text = json.dumps(boot, allow_nan=False)
    assert len(text) < 60_000 and boot["lab"]["slug"] == page.lab.slug
    skeleton = frame.lab_skeleton(page.lab) + frame.lab_after(page.lab)
    assert page.lab.title.html() in skeleton and f"./orrery-code/{page.lab.slug}" in skeleton


@EVERY_LAB
def test_the_code_that_ran_is_shown(page):
    parts = prose.sources(page.lab)
    assert parts[0][1].lstrip().startswith("@experiment") and len({name for name, _ in parts}) == len(parts)
    assert all(text.strip() for _, text in parts)
    html = prose.code_html(page.lab)
    assert html.count('<pre class="code">') == len(parts)


@pytest.mark.parametrize("page", PAGES[: -len(sample_lab.PAGES)], ids=lambda page: page.lab.slug)
def test_the_call_to_paste_names_what_exists(page):
    call = prose.call(page.lab)
    module = importlib.import_module(call["module"])
    assert getattr(module, call["function"]) is page.lab.experiment
    assert getattr(module, call["params"]) is page.lab.experiment.params


def test_code_is_read_without_importing_its_module():
    assert prose.unimported("engine.core.timing") == inspect.getsource(timing)
    for part in (timing.Timing, timing.measure):
        assert prose.unimported(f"engine.core.timing:{part.__name__}") == inspect.getsource(part)
    kernel = "engine.attention.flash_attention.kernel"
    assert prose.unimported(kernel).startswith('"""') and "@triton.jit" in prose.unimported(kernel)


SOUGHT = [
    ("position-encoding", "rope"),
    ("flash-attention", "softmax"),
    ("quadratic-form", "newton"),
    ("detection-metrics", "iou"),
    ("diffusion", "cfg"),
    ("attention-maps", "注意力"),
    ("linear-attention", "注意力"),
    ("detr", "匈牙利"),
    ("lora", "微调"),
]


@pytest.mark.parametrize(("slug", "word"), SOUGHT)
def test_the_search_finds_what_people_call_things(slug, word):
    (page,) = (page for page in PAGES if page.lab.slug == slug)
    assert word in frame.searched(page.lab, pages.CHAPTERS[page.lab.chapter])


@EVERY_LAB
def test_a_lab_of_ours_says_what_else_it_is_called(page):
    if page not in sample_lab.PAGES:
        assert len(page.lab.words.en.split(",")) >= 5 and len(page.lab.words.zh.split("、")) >= 5
