"""Token strips, frames that follow what is pointed at, clicks that set parameters: what any lab's figure may have."""

from __future__ import annotations

import numpy as np
from driver import figure, parameters, settle, wait_painted

from pages.shell.axes import Axis
from pages.shell.figures import Figure, Pick
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Panel
from pages.shell.strips import Strip
from pages.shell.traces import bars, heat

TOKENS = ["def", " f", "(", "x", ")", ":", "\n", "\t"]
N = len(TOKENS)
WEIGHTS = np.tril(np.arange(1.0, N * N + 1).reshape(N, N))
BASE, FACTORS = np.arange(1.0, 25).reshape(3, 8), np.arange(1.0, 25).reshape(8, 3)
DRAWN = Figure(
    [bars(np.arange(N), WEIGHTS[0]), heat(BASE, panel=1), heat(WEIGHTS, panel=2)],
    [Panel(Axis(), Axis()), Panel(), Panel()],
    "a text and its rows",
    frames=Frames(
        "token",
        [Frame(t.strip() or "·", facts=[("row", str(i))]) for i, t in enumerate(TOKENS)],
        start=0,
        follow=True,
        rows={0: {"y": WEIGHTS}},
        products={1: {"z": (BASE, FACTORS)}},
        strips={0: {"strength": WEIGHTS / WEIGHTS.max(), "upto": np.arange(1, N + 1)}},
    ),
    strips=[Strip(TOKENS, "text", notes=[f"token {i}" for i in range(N)])],
    picks=[Pick(strip=0, x="steps"), Pick(panel=2, x="walkers", y="steps", cell=1)],
    link="tokens",
    columns=3,
)


def drawn(page):
    """The figure above in the place of the lab's own."""
    before = page.evaluate("Orrery.stage.drawing.painted")
    page.evaluate("f => { const s = Orrery.stage; s.state.figures = { 0: f }; s.drawing.figure = null; s.drawing.set(f); }", DRAWN.data())
    wait_painted(page, before)
    return page


def test_pointing_at_a_token_goes_to_its_frame(open_lab):
    page = drawn(open_lab("random-walk"))
    chips = page.locator("#figure .token")
    assert chips.count() == N and "↵" in chips.nth(6).inner_text() and "→" in chips.nth(7).inner_text()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for i in (5, 2):
        chips.nth(i).hover()
        page.wait_for_function(f"Orrery.stage.drawing.at === {i} && Orrery.stage.settled()")
        row, products, _ = figure(page)
        np.testing.assert_allclose(row["y"], WEIGHTS[i])
        np.testing.assert_allclose(products["z"], BASE * FACTORS[i][:, None])
        assert page.locator("#figure .token.marked").inner_text() == chips.nth(i).inner_text()
        assert page.locator("#figure .token.ahead").count() == N - i - 1
        assert page.locator(".facts dd").inner_text() == str(i)
    assert not asked


def test_a_click_sets_the_parameters_that_are_bound_to_its_place(open_lab):
    page = drawn(open_lab("random-walk"))
    page.locator("#figure .token").nth(4).click()
    settle(page)
    assert parameters(page)["steps"] == 4
    page = drawn(page)
    page.evaluate(
        "Orrery.stage.drawing.plot.emit('plotly_click', {points: [{x: 6, y: 3, pointNumber: [3, 6], data: {}, fullData: {xaxis: 'x3'}}]})"
    )
    settle(page)
    assert parameters(page)["steps"] == 3 and parameters(page)["walkers"] == 6
