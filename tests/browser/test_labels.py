"""Words on every figure: apart, inside the card, large and dark enough; at two widths, in two languages."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import sheet
from playwright.sync_api import Browser, Page

import pages
from pages.shell import T, draw

LABS = [page.lab for found in pages.discover().values() for page in found]
WAYS = list(itertools.product((390, 1440), ("en", "zh")))


@pytest.fixture(scope="module")
def drawn(browser: Browser) -> Iterator[Page]:
    page = sheet.open_sheet(browser)
    yield page
    page.close()


@pytest.mark.parametrize("lab", LABS, ids=[lab.slug for lab in LABS])
def test_words_stand_apart_and_within_the_card(lab, drawn):
    """The first figure in all four ways; the other views of the defaults, and half of those of every preset, in one of them,
    in turn: the whole would take minutes."""
    found, turn = {}, itertools.cycle(WAYS)
    for place in range(-1, len(lab.presets)):
        for i, draw_it in sheet.figures(lab, place):
            if place >= 0 and (i + place) % 2:
                continue
            for width, language in WAYS if place < 0 and i == 0 else [next(turn)]:
                if faults := sheet.faults(drawn, draw_it(), width, language):
                    found[f"preset {place}, view {i}, {width} px, {language}"] = faults
    assert not found, "\n".join(f"{where}: {faults[:4]}" for where, faults in found.items())


def crowd(count: int) -> dict:
    """Curves that all end at one height, each with a long name."""
    x = np.arange(50.0)
    named = {T(f"a curve with a long name {k}", f"名字很长的曲线 {k}"): np.sin(x / 9) + 0.001 * k for k in range(count)}
    return draw.Figure(draw.curves(x, named), [draw.Panel(draw.Axis("x", range=(0, 49)), draw.Axis("y"))], T("All.", "全部。")).data()


@pytest.mark.parametrize(("width", "language"), WAYS)
def test_names_of_curves_that_end_together_are_moved_apart(drawn, width, language):
    assert sheet.faults(drawn, crowd(6), width, language) == []
    texts = drawn.evaluate("[...document.querySelectorAll('.annotation-text')].map(node => node.textContent)")
    assert len(texts) == 6


def test_an_overlap_is_seen(drawn):
    """The measure itself: without moving anything, the same names lie on each other."""
    drawn.evaluate("Orrery.labels.kept = Orrery.labels.place; void (Orrery.labels.place = () => ({}))")
    assert any("overlap" in fault for fault in sheet.faults(drawn, crowd(6), 1440, "en"))
    drawn.evaluate("void (Orrery.labels.place = Orrery.labels.kept)")


def test_what_is_saved_has_its_words_where_they_stand(drawn):
    sheet.faults(drawn, crowd(6), 1440, "en")
    where = """svg => [...svg.querySelectorAll('.annotation-text')].map(node => {
        const [a, b] = [node.getBoundingClientRect(), svg.getBoundingClientRect()];
        return [a.x - b.x, a.y - b.y];
    })"""
    shown = drawn.evaluate(f"({where})(document.querySelector('.plot'))")
    saved = drawn.evaluate(
        f"""async () => {{
        const frame = document.body.appendChild(document.createElement('div'));
        frame.innerHTML = decodeURIComponent((await sheet.image('svg')).replace(/^data:image.svg.xml,/, ''));
        const found = ({where})(frame.firstChild);
        frame.remove();
        return found;
        }}"""
    )
    assert len(saved) == 6
    np.testing.assert_allclose(saved, shown, atol=1.5)


@pytest.mark.parametrize(
    ("high", "shown"), [(1e9, ["1", "100", "10 000", "10⁶", "10⁸"]), (500, ["1", "10", "100"]), (40, ["1", "2", "5", "10", "20"])]
)
@pytest.mark.parametrize("given", [True, False], ids=["range", "auto"])
def test_a_logarithmic_axis_shows_decades_or_1_2_5(drawn, high, shown, given):
    axis = draw.Axis("x", log=True, range=(0.9, high * 1.1) if given else None)
    figure = draw.Figure([draw.line([1, high], [0, 1])], [draw.Panel(axis)], T("A line.", "一条线。"))
    assert sheet.faults(drawn, figure.data(), 390, "en") == []
    ticks = drawn.evaluate("[...document.querySelectorAll('.xtick text')].map(node => node.textContent.replace(/\\s/g, ' '))")
    assert ticks == shown


def test_named_ticks_of_a_logarithmic_axis_keep_apart(drawn):
    """Six ranks, a factor of two from each to the next: all of them where there is room, every second or third elsewhere."""
    places, names = [128 * 2**k for k in range(6)], [f"r = {2**k}<br>{128 * 2**k} numbers" for k in range(6)]
    axis = draw.Axis("x", log=True, range=(100, 5000), ticks=(places, names))
    figure = draw.Figure([draw.line(places, places)], [draw.Panel(axis)], T("A line.", "一条线。"), layout={"xaxis": {"tickangle": 0}})
    shown = []
    for width in (390, 1440):
        assert sheet.faults(drawn, figure.data(), width, "en") == []
        shown.append(drawn.locator(".xtick text").count())
    assert 2 <= shown[0] < 6 == shown[1]


def test_a_key_names_the_colours_and_a_scale_the_numbers(drawn):
    figure = draw.Figure(
        [draw.line([0, 1], [0, 1], name=T("law", "定律")), draw.heat(np.eye(3) - 0.5, panel=1, diverging=True, bar=True)],
        [draw.Panel(key=True), draw.Panel(key=[(draw.ACCEPT, T("right", "对")), (draw.REJECT, T("wrong", "错"), "dot")])],
        T("Two.", "两幅。"),
    )
    for width, language in WAYS:
        assert sheet.faults(drawn, figure.data(), width, language) == []
        texts = drawn.evaluate("[...document.querySelectorAll('.annotation-text')].map(node => node.textContent)")
        said = " ".join(texts)
        assert all(word in said for word in (("law", "right", "wrong") if language == "en" else ("定律", "对", "错")))
        assert drawn.locator(".colorbar").count() == 1


def test_sizes_follow_the_open_view(drawn):
    """A view of four panels, then one of one, and one whose axes are hidden: nothing of another's height and room is kept."""
    none = draw.Figure(
        [draw.line([0, 1], [0, 1])], [draw.Panel(draw.Axis(hidden=True), draw.Axis(hidden=True))], T("One.", "一幅。")
    ).data()
    one = draw.Figure([draw.line([0, 1], [0, 1])], [draw.Panel()], T("One.", "一幅。")).data()
    many = draw.Figure([draw.line([0, 1], [0, 1e6], panel=k) for k in range(4)], [draw.Panel()] * 4, T("Four.", "四幅。")).data()
    size = "() => (({width, height, _size: {l, r, t, b}}) => [width, height, l, r, t, b])(sheet.plot._fullLayout)"
    sheet.faults(drawn, none, 1440, "en")
    bare = drawn.evaluate(size)
    sheet.faults(drawn, one, 1440, "en")
    before = drawn.evaluate(size)
    sheet.faults(drawn, many, 1440, "en")
    assert drawn.evaluate(size) != before
    sheet.faults(drawn, one, 1440, "en")
    assert drawn.evaluate(size) == before != bare
    sheet.faults(drawn, none, 1440, "en")
    assert drawn.evaluate(size) == bare


def test_the_wheel_scrolls_the_page_over_a_solid_figure(drawn):
    figure = draw.Figure([draw.surface(np.eye(3), [0, 1, 2], [0, 1, 2])], [draw.Panel(z=draw.Axis("z"))], T("A surface.", "曲面。"))
    sheet.faults(drawn, figure.data(), 1440, "en")
    drawn.evaluate("document.body.style.minHeight = '3000px'; scrollTo(0, 0)")
    drawn.mouse.move(400, 200)
    drawn.mouse.wheel(0, 300)
    drawn.wait_for_function("scrollY > 100")


def test_a_table_that_is_cut_says_so(open_lab):
    page = open_lab("random-walk", width=390, height=844)
    wide = [[f"column {k}" for k in range(12)], [str(k) for k in range(12)]]
    for rows, cut in ((wide, True), ([["one"], ["1"]], False)):
        page.evaluate("rows => { const s = Orrery.stage.state; s.figures[s.view].table = rows; Orrery.stage.state.shown = -1; }", rows)
        page.evaluate("dispatchEvent(new CustomEvent('orrery:language'))")
        page.wait_for_function(f"document.querySelector('.table').classList.contains('cut') === {str(cut).lower()}")
        assert page.locator(".table").is_visible()
