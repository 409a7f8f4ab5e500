"""How the views of the gradient answer to its parameters, judged by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from driver import enter, facts, figure, parameters, preset, settle


def bowl(open_lab, view: int):
    page = open_lab("gradient", f"f=x%5E2%2By%5E2&x=1&y=2&vx=3&vy=4&half_width=3&view={view}")
    settle(page)
    return page


def named(page, name: str) -> dict:
    return next(trace for trace in figure(page) if trace["name"] == name)


def number(text: str) -> float:
    return float(text.replace("−", "-").replace("°", ""))


def test_the_slope_along_v_is_the_gradient_times_its_unit_vector(open_lab):
    page = bowl(open_lab, 1)
    assert number(facts(page)["Dᵥf, one number"]) == pytest.approx((2 * 3 + 4 * 4) / 5)
    tangent = named(page, "tangent")
    rise = (tangent["y"][-1] - tangent["y"][0]) / (tangent["x"][-1] - tangent["x"][0])
    assert rise == pytest.approx(4.4, rel=1e-5)
    enter(page, "vx", -2)  # with (−2, 1) along the circle through (1, 2)
    enter(page, "vy", 1)
    assert number(facts(page)["Dᵥf, one number"]) == pytest.approx(0, abs=1e-12)


def test_the_bold_arrow_points_along_the_gradient(open_lab):
    page = bowl(open_lab, 1)
    arrow = named(page, "∇f")
    along = np.arctan2(arrow["y"][1] - arrow["y"][0], arrow["x"][1] - arrow["x"][0])
    assert along == pytest.approx(np.arctan2(4, 2), abs=1e-5)


def test_dragging_the_point_moves_the_parameters_and_the_numbers(open_lab):
    page = bowl(open_lab, 1)
    knob = page.locator(".knob").first
    box = knob.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 40, box["y"] + 60, steps=3)
    page.mouse.up()
    settle(page)
    p = parameters(page)
    assert p["x"] < 0.9 and p["y"] < 1.9
    assert number(facts(page)["f at the point"]) == pytest.approx(p["x"] ** 2 + p["y"] ** 2, rel=1e-3)


def test_the_rose_is_a_cosine_with_its_zeros_along_the_contour(open_lab):
    page = bowl(open_lab, 2)
    plane, seen = named(page, "∇f·u"), named(page, "measured slope")
    turn = np.deg2rad(plane["x"])
    np.testing.assert_allclose(plane["y"], 2 * np.cos(turn) + 4 * np.sin(turn), atol=1e-5)
    np.testing.assert_allclose(seen["y"], plane["y"][::3], atol=1e-3)
    assert number(facts(page)["steepest slope |∇f|"]) == pytest.approx(np.sqrt(20), abs=1e-3)
    zeros = np.deg2rad(named(page, "along the contour: 0")["x"])
    np.testing.assert_allclose(2 * np.cos(zeros) + 4 * np.sin(zeros), 0, atol=1e-5)


def test_partial_derivatives_are_functions_over_the_map(open_lab):
    page = bowl(open_lab, 3)
    for name, axis in (("∂f/∂x", 1), ("∂f/∂y", 0)):
        z = named(page, name)
        places = np.meshgrid(z["x"], z["y"])[1 - axis]
        np.testing.assert_allclose(z["z"], 2 * places, atol=1e-5)


def test_slopes_without_a_plane(open_lab):
    page = open_lab("gradient")
    preset(page, 3)
    gap = named(page, "largest gap / r")
    np.testing.assert_allclose(gap["y"], 2 / np.sqrt(27), rtol=2e-3)  # the greatest cos²θ·sinθ
    assert facts(page)["tangent plane"].startswith("no")
    assert number(facts(page)["Dᵥf, measured"]) == pytest.approx(2**-1.5, rel=1e-3)
    assert number(facts(page)["∇f·v, if a plane touched"]) == 0


def test_gradient_descent_on_a_bowl_shrinks_by_its_factor(open_lab):
    page = bowl(open_lab, 5)
    enter(page, "rate_gd", 0.1)
    page.locator("[data-scrub]").focus()
    page.keyboard.press("End")
    settle(page)
    way = next(trace for trace in figure(page) if trace["name"] == "Gradient descent")
    np.testing.assert_allclose(way["x"], 0.8 ** np.arange(61), atol=1e-6)
    np.testing.assert_allclose(way["y"], 2 * 0.8 ** np.arange(61), atol=1e-6)


def test_basins_of_newton_have_all_starts(open_lab):
    page = open_lab("gradient", "view=6")
    assert "No starts yet" in page.locator(".js-plotly-plot").inner_text()
    enter(page, "starts", 10_000)
    page.wait_for_function("(Orrery.stage.drawing.plot._fullData || [])[0].type === 'heatmap'")
    settle(page)
    assert facts(page)["starts"].replace("\u202f", "") == "10000"


def test_the_error_of_differences_is_v_shaped(open_lab):
    page = open_lab("gradient", "view=8&f=exp(x)&x=1&y=0&vx=1&vy=0")
    settle(page)
    central = named(page, "central difference")
    h, error = central["x"], central["y"]
    law = np.e * h**2 / 6
    some = (h > 1e-3) & (h < 1e-1)
    np.testing.assert_allclose(error[some], law[some], rtol=0.01)
    assert 1e-7 < h[np.argmin(error)] < 1e-4
