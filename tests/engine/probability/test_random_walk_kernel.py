"""The random walk's kernel (under Triton's interpreter without a GPU): laws, walls, and its place in a run."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("triton")

from engine.probability.random_walk import Plan, RandomWalk, end_points, exact, functionals, kernel, plan, simulate, walls  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BLOCK = 4096
Z = 4.5


def ends(steps, walkers, up, dimension=1, seed=3, **given) -> np.ndarray:
    return kernel.ends(steps, walkers, up, dimension, seed, device=DEVICE, block=BLOCK, **given).cpu().numpy()


def worst(at: np.ndarray, law: np.ndarray, lowest: int = 0) -> float:
    """Largest deviate of a count from its chance, over sites with at least ten expected."""
    counts = np.bincount(at - lowest, minlength=len(law))
    assert counts.sum() == len(at) and counts[law < 1e-12].sum() == 0
    often = law * len(at) > 10
    error = np.sqrt(len(at) * law[often] * (1 - law[often]))
    return float(np.abs((counts[often] - len(at) * law[often]) / np.maximum(error, 1e-9)).max())


@pytest.mark.parametrize("p", [0.5, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("n", [1, 33, 129])
def test_line_against_the_binomial_law(n, p):
    at = ends(n, 3001, p, seed=round(100 * p) + n)
    assert at.shape == (1, 3001) and at.dtype == np.int32
    law = exact.walk(np.array([n]), p, np.array([-n]), 2 * n + 1)[0]
    assert worst(at[0], law, -n) <= Z


@pytest.mark.parametrize(("dimension", "p"), [(2, 0.5), (2, 0.2), (3, 0.5), (3, 0.9)])
def test_plane_and_space(dimension, p):
    n = 45
    at = ends(n, 4000, p, dimension)
    assert at.shape == (dimension, 4000)
    law = exact.axis(np.array([n]), p, dimension, np.array([-n]), 2 * n + 1)[0]
    for coordinate in at:
        assert worst(coordinate, np.where(law < 1e-12, 0, law), -n) <= Z
    assert ((at.sum(0) - n) % 2 == 0).all() and np.abs(at).sum(0).max() <= n
    m = (2 * p - 1) / dimension
    covariance = np.mean((at[0] - n * m) * (at[1] - n * m))
    assert abs(covariance + n * m * m) <= Z * n / dimension / np.sqrt(4000)


@pytest.mark.parametrize("kind", ["absorbing", "reflecting"])
@pytest.mark.parametrize("p", [0.5, 0.45])
def test_walls(kind, p):
    at = ends(50, 4000, p, walls=(kind, 3, 9))
    assert worst(at[0], walls.lattice_law(p, 9, 3, kind, (50,))[0]) <= Z


def test_gaussian_steps():
    n, drift, sigma = 21, 0.1, 0.9
    at = ends(n, 4000, 0.5, gaussian=(drift, sigma))[0]
    assert at.dtype == np.float32
    z = (at - n * drift) / (sigma * np.sqrt(n))
    assert abs(z.mean()) <= Z / np.sqrt(4000) and abs(z.var() - 1) <= Z * np.sqrt(2 / 4000)


def test_gaussian_coordinates_are_independent():
    at = ends(10, 4000, 0.5, dimension=3, gaussian=(0.0, 1.0)) / np.sqrt(10)
    assert at.shape == (3, 4000)
    assert np.abs(np.corrcoef(at) - np.eye(3)).max() <= Z / np.sqrt(4000)


@pytest.mark.parametrize("given", [{}, {"gaussian": (0.0, 1.0)}, {"walls": ("reflecting", 2, 5)}])
def test_a_walker_is_the_same_in_any_block_and_call(given):
    whole = ends(34, 100, 0.5, **given)
    part = kernel.ends(34, 40, 0.5, 1, 3, begin=30, device=DEVICE, block=32, **given).cpu().numpy()
    assert (whole[:, 30:70] == part).all()
    assert (ends(34, 100, 0.5, seed=4, **given) != whole).any()


@pytest.mark.parametrize("given", [{}, {"up": 0.3}, {"dimension": 2}, {"walls": "absorbing"}, {"steps_law": "gaussian"}], ids=str)
def test_a_run_with_the_kernel(given, monkeypatch):
    monkeypatch.setattr(plan, "TRACKED_STEPS", {1: 500 * 20, 2: 500 * 20, 3: 500 * 20})
    monkeypatch.setattr(simulate, "FOLLOWED_BESIDE_GPU", 500 * 20)
    run = simulate.Simulation(Plan.of(RandomWalk.parse({"steps": 20, "walkers": 3000, **given})), DEVICE)
    assert [block.walkers for block in simulate.blocks(run.plan, True) if block.kind == "kernel"] == [2500]
    assert list(run.run())[-1] == 1
    fields = end_points.where(run) | end_points.spread(run) | functionals.home(run)
    assert fields["ended"] == 3000 and fields["tracked"] == 500
    assert fields["observed"].sum() == pytest.approx(1)
    error = np.sqrt(fields["variance_exact"] / 3000)
    assert abs(fields["mean"] - fields["mean_exact"]) <= Z * error
    often = fields["exact"] * 3000 > 10
    chance = fields["exact"][often]
    assert np.abs((fields["observed"][often] - chance) / np.sqrt(chance * (1 - chance) / 3000)).max() <= Z


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: ten million walkers")
def test_many_walkers():
    at = kernel.ends(1000, 10**7, 0.5, 1, 1)
    assert abs(float(at.double().mean())) <= Z * np.sqrt(1000 / 10**7)
