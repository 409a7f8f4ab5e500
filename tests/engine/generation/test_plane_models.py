"""Exact worlds: scores, posteriors, marginals, ODE solutions and guided densities in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import solve_ivp

from engine.core import Refused
from engine.generation.diffusion import fields, schedules
from engine.generation.diffusion.guidance import GUIDANCE, Guided, Plan, within
from engine.generation.diffusion.samplers import SAMPLERS
from engine.generation.plane_models import judging, mixtures
from engine.generation.plane_models.drawing import MOST_CELLS, drawn
from engine.generation.plane_models.mixtures import Mixture

WORLDS = {"gaussian": mixtures.gaussian(), "lobes": mixtures.lobes(), "moons": mixtures.moons(), "spirals": mixtures.spirals()}


def mixture(seed: int, classes: int = 3, parts: int = 7) -> Mixture:
    """A random mixture with unequal weights and spreads."""
    rng = np.random.default_rng(seed)
    owners = np.concatenate([np.arange(classes), rng.integers(0, classes, parts - classes)])
    weights = rng.dirichlet(np.ones(parts))
    names = tuple((f"class {k}", f"类 {k}") for k in range(classes))
    return Mixture(rng.normal(0, 1.2, (parts, 2)), rng.uniform(0.1, 0.8, (parts, 2)), weights, owners, names)


def points(seed: int, count: int = 40) -> torch.Tensor:
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def density(world: Mixture, x: np.ndarray, alpha_bar: float, label: int = -1) -> np.ndarray:
    """The noised density by scipy, component by component."""
    weights = world.weights * ((world.owners == label) | (label < 0))
    made = np.zeros(len(x))
    for mean, spread, weight in zip(world.means, world.deviations, weights / weights.sum(), strict=True):
        covariance = np.diag(alpha_bar * spread**2 + 1 - alpha_bar)
        made += weight * stats.multivariate_normal(math.sqrt(alpha_bar) * mean, covariance).pdf(x)
    return made


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("alpha_bar", [1.0, 0.93, 0.4, 1e-3])
def test_density_score_and_posterior_are_the_closed_forms(seed, alpha_bar):
    world, x = mixture(seed), points(seed)
    for label in (-1, 0, 2):
        labels = torch.full((len(x),), label)
        wanted = density(world, x.numpy(), alpha_bar, label)
        np.testing.assert_allclose(world.log_density(x, alpha_bar, labels).exp(), wanted, rtol=1e-9)
        inputs = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(world.log_density(inputs, alpha_bar, labels).sum(), inputs)
        torch.testing.assert_close(world.score(x, alpha_bar, labels), slope, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(world.epsilon(x, alpha_bar, labels), -math.sqrt(1 - alpha_bar) * slope, rtol=1e-8, atol=1e-8)
    share = np.bincount(world.owners, world.weights)
    each = np.stack([share[y] * density(world, x.numpy(), alpha_bar, y) for y in range(3)], -1)
    np.testing.assert_allclose(world.log_posterior(x, alpha_bar).exp(), each / each.sum(-1, keepdims=True), rtol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_the_classifier_s_gradient_is_that_of_the_log_posterior(seed):
    world, x = mixture(seed), points(seed + 9)
    labels = torch.arange(len(x)) % 3
    inputs = x.clone().requires_grad_()
    chosen = world.log_posterior(inputs, 0.6).gather(1, labels[:, None]).sum()
    torch.testing.assert_close(world.classifier_gradient(x, 0.6, labels), torch.autograd.grad(chosen, inputs)[0])


def test_draws_follow_the_law():
    for seed in range(3):
        world = mixture(seed)
        drawn_points, owners = world.draw_labelled(40_000, seed)
        share = np.bincount(world.owners, world.weights)
        counts = np.bincount(owners, minlength=3)
        assert stats.chisquare(counts, 40_000 * share).pvalue > 1e-4
        mean = world.weights @ world.means
        spread = world.weights @ (world.deviations**2 + (world.means - mean) ** 2)
        assert (np.abs(drawn_points.mean(0) - mean) < 5 * np.sqrt(spread / 40_000)).all()
        target = judging.quantiles(world, 40_000)
        for row, way in zip(target[::8], judging.directions()[::8], strict=True):
            assert stats.ks_2samp(drawn_points @ way, row).pvalue > 1e-4
        assert (world.draw_labelled(500, seed, 1)[1] == 1).all()


def test_of_one_gaussian_the_ode_is_solved_by_a_stretch():
    world, x = WORLDS["gaussian"], points(1)
    levels = 1 / (1 + np.geomspace(30, 1e-3, 1500) ** 2)
    none = torch.full((len(x),), -1)
    *_, last = SAMPLERS["heun"](lambda x, a: world.epsilon(x, a, none), x, levels, None, 0.0)
    mean, variance = world.means[0], world.deviations[0] ** 2
    begin, end = levels[0], levels[-1]
    stretch = np.sqrt((end * variance + 1 - end) / (begin * variance + 1 - begin))
    wanted = math.sqrt(end) * mean + stretch * (x.numpy() - math.sqrt(begin) * mean)
    np.testing.assert_allclose(last.x, wanted, atol=2e-4)


@pytest.mark.parametrize("seed", range(2))
def test_of_mixtures_the_ode_is_followed_as_a_general_solver_does(seed):
    world, x = mixture(seed), points(seed, 6)
    none = torch.full((len(x),), -1)

    def slope(sigma: float, wide: np.ndarray) -> np.ndarray:
        alpha_bar = 1 / (1 + sigma**2)
        state = torch.from_numpy(wide.reshape(-1, 2) * math.sqrt(alpha_bar))
        return world.epsilon(state, alpha_bar, none).numpy().ravel()

    sigma = np.geomspace(20, 0.01, 600)
    wide = x.numpy() * math.sqrt(1 + sigma[0] ** 2)
    wanted = solve_ivp(slope, (sigma[0], sigma[-1]), wide.ravel(), method="DOP853", rtol=1e-8, atol=1e-9).y[:, -1]
    levels = 1 / (1 + sigma**2)
    *_, last = SAMPLERS["heun"](lambda x, a: world.epsilon(x, a, none), x, levels, None, 0.0)
    np.testing.assert_allclose(last.x.numpy() / math.sqrt(levels[-1]), wanted.reshape(-1, 2), atol=3e-3)


def test_in_one_dimension_the_ode_keeps_quantiles():
    means = np.array([[-1.0, 0.0], [0.4, 0.0], [1.7, 0.0]])
    world = Mixture(means, np.array([[0.3, 1.0], [0.2, 1.0], [0.5, 1.0]]), np.array([0.5, 0.2, 0.3]), np.zeros(3, int), (("all", "全部"),))

    def share_below(x: np.ndarray, alpha_bar: float) -> np.ndarray:
        spread = np.sqrt(alpha_bar * world.deviations[:, 0] ** 2 + 1 - alpha_bar)
        return stats.norm.cdf((x[:, None] - math.sqrt(alpha_bar) * means[:, 0]) / spread) @ world.weights

    x = torch.stack([torch.linspace(-2.2, 2.2, 23, dtype=torch.float64), torch.zeros(23, dtype=torch.float64)], -1)
    levels = 1 / (1 + np.geomspace(40, 0.01, 800) ** 2)
    none = torch.full((23,), -1)
    *_, last = SAMPLERS["heun"](lambda x, a: world.epsilon(x, a, none), x, levels, None, 0.0)
    np.testing.assert_allclose(share_below(last.x[:, 0].numpy(), levels[-1]), share_below(x[:, 0].numpy(), levels[0]), atol=2e-3)


@pytest.mark.parametrize(("sampler", "eta"), [("ddpm", 0.0), ("ddim", 0.5), ("heun", 0.0)])
def test_many_steps_from_noise_end_in_the_world(sampler, eta):
    world = WORLDS["lobes"]
    x, chance = points(3, 20_000), torch.Generator().manual_seed(4)
    none = torch.full((len(x),), -1)
    noise = lambda _: torch.randn(x.shape, generator=chance, dtype=x.dtype)  # noqa: E731
    levels = schedules.alphas_cumprod("edm", 60 if sampler == "heun" else 250)
    *_, last = SAMPLERS[sampler](lambda x, a: world.epsilon(x, a, none), x, levels, noise, eta)
    target = judging.quantiles(world, len(x))
    floor = judging.sliced_w2(world.draw(len(x), 5), target)
    assert judging.sliced_w2(last.x.numpy(), target) < 3 * floor + 0.01


def test_both_kinds_of_guidance_agree_where_the_score_is_exact():
    for seed in range(3):
        world, x = mixture(seed), points(seed)
        labels = torch.arange(len(x)) % 3
        for against in (-1, 1):
            made = {}
            for kind in ("classifier", "classifier-free"):
                guided = Guided(world, Plan(kind, labels, 2.5, against))
                made[kind] = guided(x, 0.3), guided.push
            torch.testing.assert_close(*(m[0] for m in made.values()), rtol=1e-8, atol=1e-9)
            torch.testing.assert_close(*(m[1] for m in made.values()), rtol=1e-8, atol=1e-9)


def test_guidance_is_the_formula_of_its_paper():
    world, x, level, w = mixture(5), points(5), 0.4, 1.7
    labels, none = torch.arange(len(x)) % 3, torch.full((len(x),), -1)
    with_class, without = world.epsilon(x, level, labels), world.epsilon(x, level, none)
    wanted = {
        "unconditional": without,
        "conditional": with_class,
        "classifier": without - math.sqrt(1 - level) * (1 + w) * world.classifier_gradient(x, level, labels),
        "classifier-free": (1 + w) * with_class - w * without,
    }
    for kind, value in wanted.items():
        torch.testing.assert_close(Guided(world, Plan(kind, labels, w))(x, level), value)
    assert set(wanted) == set(GUIDANCE)


def test_one_call_serves_both_branches_and_the_interval_saves_one_of_them():
    class Counting:
        rows: list[int] = []

        def epsilon(self, x, alpha_bar, labels):
            self.rows.append(len(x))
            return x * 0.1 * (labels[:, None] + 2)

    x, labels = points(1, 8), torch.zeros(8, dtype=torch.int64)
    guided = Guided(Counting(), Plan("classifier-free", labels, 3.0, lowest=0.2, highest=0.5))
    for level in (0.1, 0.2, 0.5, 0.6):
        guided(x, level)
    assert Counting.rows == [8, 16, 16, 8] and (guided.calls, guided.evaluations) == (4, 48)
    assert guided.push is None
    guided(x, 0.3)
    torch.testing.assert_close(guided.push, 3.0 * 0.1 * x)


def test_a_held_prediction_stays_within_its_limit_and_leaves_the_rest():
    x, found = points(2), points(3)
    clean = (x - math.sqrt(0.9) * within(x, found, 0.1, 1.0)) / math.sqrt(0.1)
    loose = (x - math.sqrt(0.9) * found) / math.sqrt(0.1)
    torch.testing.assert_close(clean, loose.clamp(-1, 1))


def test_the_tilted_law_is_the_product_of_powers_and_only_at_clean_time():
    world, w = WORLDS["lobes"], 2.0
    cells = torch.from_numpy(fields.grid(160))
    tilted = np.exp(fields.tilt(world, cells, 1, w))
    tilted /= tilted.sum()
    made = fields.draw_tilted(world, np.full(40_000, 1), w, 0)
    assert np.abs(made.mean(0) - tilted @ cells.numpy()).max() < 0.02
    assert np.abs(made.var(0) - tilted @ (cells.numpy() - tilted @ cells.numpy()) ** 2).max() < 0.02
    # Noising the tilted law is not the same as tilting the noised one: guided sampling aims at the latter.
    level = 0.5
    noised = math.sqrt(level) * made + math.sqrt(1 - level) * np.random.default_rng(0).standard_normal(made.shape)
    labels = torch.full((len(cells),), 1)
    aimed = world.log_density(cells, level, labels) + w * world.log_posterior(cells, level)[:, 1]
    aimed = torch.softmax(aimed, 0).numpy()
    assert np.abs(noised.mean(0) - aimed @ cells.numpy()).max() > 0.1


def test_quantiles_and_distance_are_those_of_known_laws():
    one = Mixture(np.array([[0.3, -1.0]]), np.array([[0.5, 2.0]]), np.ones(1), np.zeros(1, int), (("all", "全部"),))
    target = judging.quantiles(one, 999)
    for row, way in zip(target, judging.directions(), strict=True):
        law = stats.norm(one.means[0] @ way, np.sqrt(one.deviations[0] ** 2 @ way**2))
        np.testing.assert_allclose(row, law.ppf((np.arange(999) + 0.5) / 999), atol=3e-3)
    moved = one.draw(60_000, 1) + np.array([0.4, 0.0])  # a shift by v is W₂ |⟨v, θ⟩| along θ: 0.4 / √2 in the mean square
    assert judging.sliced_w2(moved, judging.quantiles(one, 60_000)) == pytest.approx(0.4 / math.sqrt(2), abs=0.02)
    assert judging.sliced_w2(one.draw(60_000, 2), judging.quantiles(one, 60_000)) < 0.03


def test_what_was_asked_for_has_every_class_as_often():
    world = mixture(3)
    law = fields.asked(world, -1)
    np.testing.assert_allclose(np.bincount(law.owners, law.weights), 1 / 3)
    assert set(fields.asked(world, 2).owners[fields.asked(world, 2).weights > 0]) == {2}


def test_a_drawing_is_a_mixture_of_its_cells():
    world = drawn("0,0,0,0;0,1,1,0;0,2,0,0;0,0,0,0")
    assert [name[0] for name in world.names] == ["colour 1", "colour 2"] and len(world.means) == 3
    np.testing.assert_allclose(world.weights, 1 / 3)
    assert sorted(map(tuple, world.means.round(6).tolist())) == [(-0.55, -0.55), (-0.55, 0.55), (0.55, 0.55)]
    solid = drawn("3*200 x150")
    assert len(solid.means) <= MOST_CELLS and solid.weights.sum() == pytest.approx(1)
    assert abs(solid.weights @ solid.means).max() < 0.01 and solid.means[:, 0].max() < 2.2


@pytest.mark.parametrize("text", ["0,0;0,1", "0*8 x8", "0,12;12,0", "a,b", "1,1;1", ""])
def test_a_drawing_that_is_none_is_refused_in_a_sentence(text):
    with pytest.raises(Refused, match=r"drawing must (have|be)"):
        drawn(text)
