"""How the views of the quadratic form answer to its parameters, judged by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from driver import enter, facts, figure, parameters, preset, said, settle, view, words

LAMBDA = np.array([5 - 5**0.5, 5 + 5**0.5]) / 2  # of the default, 2, 1; 1, 3


def named(page, name: str) -> list[dict]:
    return [trace for trace in figure(page) if trace["name"] == name]


def cell(page, row: int, column: int):
    return page.locator(f".cell[aria-label='Matrix A, row {row}, column {column}']")


def drag(page, locator, right: float, down: float) -> None:
    box = locator.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right / 2, y + down / 2)
    page.mouse.move(x + right, y + down)
    page.mouse.up()
    settle(page)


def scrub(page, at: int) -> None:
    page.locator("input.scrub").fill(str(at))
    settle(page)


def test_dragging_an_entry_of_the_matrix_bends_the_bowl(open_lab):
    page = open_lab("quadratic-form")
    drag(page, cell(page, 1, 1), 60, 0)  # ten steps of 0.1
    assert parameters(page)["matrix"] == "3,1;1,3"
    assert {"λ = 2", "λ = 4"} <= set(words(page))
    assert facts(page)["κ"] == "2"


def test_an_entry_takes_arrow_keys_and_fractions_and_refuses_words(open_lab):
    page = open_lab("quadratic-form")
    cell(page, 2, 2).click()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    assert parameters(page)["matrix"] == "2,1;1,4.1"
    cell(page, 2, 2).fill("7/2")
    cell(page, 1, 2).fill("0")
    cell(page, 2, 1).fill("0")
    cell(page, 2, 1).press("Tab")
    settle(page)
    assert parameters(page)["matrix"] == "2,0;0,7/2"
    assert {"λ = 2", "λ = 3.5"} <= set(words(page))
    cell(page, 1, 1).fill("two")
    cell(page, 1, 1).press("Tab")
    assert "matrix must be made of numbers" in said(page)
    assert parameters(page)["matrix"] == "2,0;0,7/2"


def test_a_matrix_of_five_rows_is_typed_as_text(open_lab):
    page = open_lab("quadratic-form")
    text = page.locator("#p-matrix")
    text.fill(";".join(",".join("5" if i == j else "0" for j in range(5)) for i in range(5)))
    text.blur()
    settle(page)
    assert page.locator(".matrix").is_hidden() and facts(page)["κ"] == "1"
    text.fill("2,1,0;1,3,0;0,0,1")
    text.blur()
    settle(page)
    assert page.locator(".cell:visible").count() == 9


def test_the_start_is_dragged_and_newton_still_needs_one_step(open_lab):
    page = open_lab("quadratic-form")
    drag(page, page.locator(".knob").first, 120, 40)
    start = [float(v) for v in parameters(page)["start"].split(",")]
    assert start[0] > -1.5 and start[1] < 1.9
    newton = named(page, "Newton")[0]
    np.testing.assert_allclose([newton["x"][0], newton["y"][0]], start, atol=1e-5)
    np.testing.assert_allclose([newton["x"][1], newton["y"][1]], [0.4, 0.2], atol=1e-5)
    assert len(named(page, "Conjugate gradients")[0]["x"]) == 3


def test_the_worst_start_stays_on_kantorovichs_bound(open_lab):
    page = open_lab("quadratic-form")
    preset(page, 1)
    bound, seen = named(page, "Kantorovich’s bound")[0], named(page, "measured")[0]
    np.testing.assert_allclose(bound["y"], ((10 - 1) / (10 + 1)) ** (2 * bound["x"]), rtol=1e-5)
    np.testing.assert_allclose(seen["y"], bound["y"], rtol=1e-3)
    assert facts(page)["Angle from move to move"] == "90°"


def test_a_step_over_the_edge_diverges_and_one_under_it_does_not(open_lab):
    page = open_lab("quadratic-form")
    preset(page, 2)
    assert facts(page)["its edge 2/λmax"] == f"{2 / LAMBDA[1]:.4g}"
    promised = named(page, "its theory: rateᵏ")[0]
    np.testing.assert_allclose(promised["y"], np.abs(1 - 0.6 * LAMBDA[1]) ** promised["x"], rtol=1e-5)
    enter(page, "alpha", 0.5)
    promised, seen = named(page, "its theory: rateᵏ")[0], named(page, "Fixed step")[0]
    assert promised["y"][-1] < 1e-5 and (seen["y"] <= promised["y"] * 1.0001).all()


def test_two_of_three_tests_cannot_judge_a_semidefinite_matrix(open_lab):
    page = open_lab("quadratic-form", "view=3")
    settle(page)
    assert [said.split(" <")[0] for said in words(page)].count("positive definite") == 3
    preset(page, 6)
    said = [text.split(" <")[0] for text in words(page)]
    assert {"negative semidefinite", "undecided", "stops at row 1"} <= set(said)
    assert said.count("undecided") == 2
    assert "All principal minors" in page.locator(".table").inner_text()


def test_a_typed_polynomial_is_made_symmetric_and_its_escape_is_said(open_lab):
    page = open_lab("quadratic-form")
    preset(page, 3)
    assert facts(page)["M as given"] == "2, 8; 0, 2" and facts(page)["A = ½(M + Mᵀ)"] == "2, 4; 4, 2"
    assert page.locator("[data-param=matrix]").is_hidden()
    found = page.locator(".findings").inner_text()
    assert "A = ½(M + Mᵀ)" in found and "Escape along (0.7071, −0.7071)" in found
    fall = named(page, "λ = −2: falls")[0]
    np.testing.assert_allclose(fall["y"], fall["y"].max() - fall["x"] ** 2, atol=1e-4)


def test_momentum_moves_over_the_plane_by_its_handle(open_lab):
    page = open_lab("quadratic-form", "view=5")
    settle(page)
    drag(page, page.locator(".knob").first, 50, -60)
    p = parameters(page)
    assert p["alpha"] > 0.35 and p["beta"] > 0.55
    roots = [np.abs(np.roots([1, -(1 + p["beta"] - p["alpha"] * v), p["beta"]])).max() for v in LAMBDA]
    assert float(facts(page)["Rate here"]) == pytest.approx(max(roots), rel=1e-3)


def test_the_residual_polynomial_ends_with_its_zeros_at_the_eigenvalues(open_lab):
    page = open_lab("quadratic-form", "view=6")
    settle(page)
    np.testing.assert_allclose(named(page, "at the eigenvalues")[0]["x"], LAMBDA, rtol=1e-5)
    np.testing.assert_allclose(named(page, "at the eigenvalues")[0]["y"], 0, atol=1e-6)
    polynomial = named(page, "residual polynomial pₖ(λ)")[0]
    exact = (1 - polynomial["x"] / LAMBDA[0]) * (1 - polynomial["x"] / LAMBDA[1])
    np.testing.assert_allclose(polynomial["y"], exact, atol=1e-5)
    scrub(page, 0)
    np.testing.assert_allclose(named(page, "residual polynomial pₖ(λ)")[0]["y"], 1)


def test_the_turn_of_the_axes_ends_in_a_diagonal_matrix(open_lab):
    page = open_lab("quadratic-form", "view=7")
    settle(page)
    grid = next(trace for trace in figure(page) if trace["type"] == "heatmap")
    np.testing.assert_allclose(grid["z"], [[2, 1], [1, 3]])
    scrub(page, 20)
    grid = next(trace for trace in figure(page) if trace["type"] == "heatmap")
    np.testing.assert_allclose(grid["z"], np.diag(LAMBDA), atol=1e-5)
    view(page, 0)
    assert named(page, "Momentum")
