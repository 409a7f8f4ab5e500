"""How the views of attention maps answer to pointing, clicking and parameters, judged by the engine's own numbers."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np
import pytest
from driver import enter, facts, figure, parameters, preset, said, settle, view

from engine.core import recordings
from engine.language.attention_maps import attention_maps

# What the page opens on.
RECORDED = next(m for m in recordings.load(attention_maps) if m.folder == "cpu").outcome.result


def named(page, name: str) -> dict:
    return next(trace for trace in figure(page) if trace["name"] == name)


def place(page, x: float, y: float, panel: int = 0) -> tuple[float, float]:
    """Where on the screen a point of a panel is, in its data's units."""
    page.locator("#figure .plot").scroll_into_view_if_needed()
    return tuple(
        page.evaluate(
            """([x, y, n]) => {
            const d = Orrery.stage.drawing.plot, f = d._fullLayout, b = d.getBoundingClientRect();
            const [u, v] = [f[`xaxis${n}`], f[`yaxis${n}`]];
            return [b.left + u._offset + u.l2p(x), b.top + v._offset + v.l2p(y)];
        }""",
            [x, y, str(panel + 1) if panel else ""],
        )
    )


def at_token(page, i: int) -> None:
    page.wait_for_function(f"Orrery.stage.drawing.at === {i} && Orrery.stage.settled()")


@pytest.fixture
def asked(open_lab):
    """A page, and what it asks the server for from then on."""

    def open_(query: str = ""):
        page, seen = open_lab("attention-maps", query), []
        settle(page)
        page.on("request", lambda r: seen.append(r.url) if "/orrery-ask/" in r.url or "/queue/" in r.url else None)
        return page, seen

    return open_


def test_pointing_at_a_token_lights_it_up_everywhere_without_a_trip(asked):
    page, seen = asked("view=2")
    weights = RECORDED.chosen.weights
    for i in (30, 12):
        page.locator("#figure .token").nth(i).hover()
        at_token(page, i)
        np.testing.assert_allclose(named(page, "weight")["z"][i], weights[i], atol=1e-6)
        rows = [t for t in figure(page) if t["name"] == "weight" and t["type"] == "bar"]
        np.testing.assert_allclose(rows[0]["y"], weights[i], atol=1e-6)
        assert facts(page)["query"].startswith(f"{i + 1} ")
        assert page.locator("#figure .token.marked").get_attribute("data-i") == str(i)
    page.mouse.move(*place(page, 3, 20))  # the map's row 20
    at_token(page, 20)
    assert page.locator("#figure .token.marked").get_attribute("data-i") == "20"
    assert not seen


def test_a_row_unfolds_to_the_products_of_its_numbers(asked):
    page, seen = asked("view=3")
    one = RECORDED.chosen
    page.locator("#figure .token").nth(40).hover()
    at_token(page, 40)
    products = named(page, "product")["z"]
    np.testing.assert_allclose(products, (one.q[40] * one.k).T, rtol=1e-4, atol=1e-4)
    scores = named(page, "score")["y"]
    np.testing.assert_allclose(products.sum(0)[:41] * one.scaling, scores[:41], atol=1e-3)
    assert np.isnan(scores[41:]).all()
    e = np.exp(scores[:41] - scores[:41].max())
    np.testing.assert_allclose(named(page, "weight")["y"][:41], e / e.sum(), atol=1e-4)
    assert not seen


def test_the_mosaic_shows_every_head_a_click_chooses_one_and_a_second_switches_it_off(asked):
    page, seen = asked()
    n = len(RECORDED.tokens)
    mosaic = np.concatenate([t["z"] for t in figure(page) if t["name"] == "weights of all heads"], axis=1)
    cell = len(mosaic) // 4
    assert mosaic.shape == (4 * cell, 6 * cell)
    # Head 1 of layer 3 (the previous token): the largest weight of each tile's row stands just left of the diagonal.
    tile = mosaic[0 : cell - 1, 2 * cell : 3 * cell - 1]
    assert np.median(np.arange(3, cell - 1) - tile[3:].argmax(1)) in (0, 1)
    x, y = place(page, 5 * cell + 4, 2 * cell + (cell - 2))  # layer 5, head 2, its last row
    page.mouse.move(x, y)
    page.wait_for_function(f"Orrery.stage.drawing.at >= {n - 3}")
    assert not seen
    page.mouse.click(x, y)
    settle(page)
    assert parameters(page)["layer"] == 5 and parameters(page)["head"] == 2
    view(page, 1)
    settle(page)
    assert facts(page)["head"].startswith("5.2")
    np.testing.assert_allclose(named(page, "weight")["z"], RECORDED.attentions[4, 1], atol=1e-4)
    view(page, 0)
    np.testing.assert_allclose(named(page, "now")["y"], named(page, "all heads")["y"])
    x, y = place(page, 5 * cell + 4, 2 * cell + (cell - 2))
    page.mouse.move(x - 40, y - 40)
    page.mouse.move(x, y)
    page.wait_for_timeout(200)  # Plotly clicks what the pointer was seen over
    page.mouse.click(x, y)
    page.wait_for_function("Orrery.controls.state.ablate === '5.2'")
    settle(page)
    whole = dict(zip(RECORDED.next_token.tokens, RECORDED.next_token.whole, strict=True))
    assert named(page, "all heads")["y"][0] == pytest.approx(whole["b"], abs=1e-4) != pytest.approx(named(page, "now")["y"][0], abs=1e-3)


def test_switching_heads_off_changes_the_loss_and_the_next_token(open_lab):
    page = open_lab("attention-maps", "view=4")
    settle(page)
    before, cut = facts(page), RECORDED.ablated
    np.testing.assert_allclose(named(page, "change of the loss")["y"], cut.alone.ravel(), atol=1e-5)
    assert before["switched off"].startswith("none")
    head = 3 * 4 + 2
    page.mouse.click(*place(page, head, cut.alone.ravel()[head] / 2))  # head 4.3's bar
    settle(page)
    assert parameters(page)["ablate"] == "4.3" and facts(page)["switched off"] == "4.3"
    enter(page, "ablate", "4.2, 4.3, 5.3, 5.4")
    after = facts(page)
    loss = [float(shown["loss now"].split()[0]) for shown in (before, after)]
    assert loss[1] > loss[0] + 0.1
    assert after["next token was"].split()[0] != after["next token now"].split()[0]
    enter(page, "ablate", "9.9")
    assert "which has 6 layers of 4 heads" in said(page)


def test_temperature_redoes_the_drawing_alone(open_lab):
    page = open_lab("attention-maps", "view=6&text=x%20%3D%20%5B1%2C%202")
    settle(page)
    own = named(page, "the model's own")["y"]
    replies = []
    page.on("response", lambda r: replies.append(r.request.url) if "/orrery-ask/" in r.url or "/queue/" in r.url else None)
    for t in (0.5, 2.0):
        enter(page, "temperature", t)
        law = named(page, "the law drawn from")["y"]
        np.testing.assert_allclose(law / law[0], (own / own[0]) ** (1 / t), rtol=2e-3, atol=1e-6)
        np.testing.assert_allclose(named(page, "the model's own")["y"], own)
    assert replies and all("/orrery-ask/" in url for url in replies)  # answered at once: nothing ran long


def test_a_model_that_is_not_there_is_one_sentence_and_the_embedded_one_stays(open_lab):
    page = open_lab("attention-maps")
    settle(page)
    enter(page, "model", "no such model")
    assert "model must be embedded, a Hub id such as owner/name, or folder:NAME" in said(page)
    enter(page, "model", "embedded")
    assert not said(page) and named(page, "weights of all heads")["z"].size
    preset(page, 3)  # a prefix of 12 tokens, read both ways
    z = next(t["z"] for t in figure(page) if t["type"] == "heatmap")
    i, j = np.indices(z.shape)
    assert (z[(j > i) & ((i >= 12) | (j >= 12))] == 0).all() and (z[0, 1:12] > 0).any() and np.allclose(z.sum(1), 1, atol=1e-4)


def test_the_address_keeps_the_text(open_lab):
    text = "def f(x):\n    return x"
    page = open_lab("attention-maps", f"text={quote(text)}")
    settle(page)
    assert page.locator("#figure .token").count() == 10
    assert parameters(page)["text"] == text
