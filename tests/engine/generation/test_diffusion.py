"""The lab: what a run gives in a plane and for pictures, what it refuses, and how well a network learns on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, linregress

from engine.core import Refused, recipes
from engine.core.params import Params
from engine.core.runner import Runner
from engine.generation import image_models
from engine.generation.diffusion import PICTURES, PLANES, Diffuse, diffusion, findings, worlds
from engine.generation.diffusion.paths import Noise, moments
from engine.generation.diffusion.result import GUIDANCES, Quality
from engine.generation.diffusion.samplers import SAMPLERS, calls
from engine.generation.diffusion.schedules import alphas_cumprod
from engine.generation.image_models import judging, model, networks
from engine.generation.plane_models import judging as plane_judging
from engine.generation.plane_models import mixtures

LOBES = {"world": "lobes"}
SMALL = LOBES | {"points": 200, "steps": 8}
UNET = {"channels": 3, "side": 32, "fold": 4, "widths": [16, 32], "layers": 1, "embeddings": 7}
JUDGE = {"channels": 3, "fold": 4, "widths": [8, 16], "features": 8, "outputs": 6, "timed": False}


def run(**values):
    """The finished result of some parameters."""
    return diffusion(Diffuse.parse({**SMALL, **values}))


@pytest.fixture
def untrained(monkeypatch):
    """The world of scenes with small networks that have learnt nothing."""
    torch.manual_seed(0)
    timed = JUDGE | {"timed": True}
    made = model.ImageModel("scenes", networks.denoiser(UNET).eval(), networks.classifier(timed).eval())
    features = torch.randn(40, 8)
    judge = judging.Judge("scenes", networks.classifier(JUDGE).eval(), 6, features, features.mean(0), torch.cov(features.T), 4.0)
    monkeypatch.setattr(image_models, "load", lambda *_: made)
    monkeypatch.setattr(image_models, "judge", lambda *_: judge)
    return made


@pytest.mark.parametrize("world", PLANES)
def test_a_run_in_a_plane_gives_all_that_it_promises(world):
    r = run(world=world, scale=1.5, seed=3)
    classes = len(r.classes)
    norms = r.chosen.guidance_norm
    assert r.chosen.samples.shape == (200, 2) and r.alphas_cumprod.shape == (9,) and r.alphas_cumprod[-1] == 1
    assert r.chosen.trajectory.shape == (9, 200, 2) and norms.shape == (8,)
    np.testing.assert_array_equal(r.labels, np.arange(200) % classes)
    assert list(r.paths) == list(GUIDANCES) == list(r.quality)
    for path in r.paths.values():
        np.testing.assert_array_equal(path.trajectory[0], r.chosen.trajectory[0])  # the same noise
        np.testing.assert_allclose(path.trajectory[-1], path.samples, atol=1e-6)
        assert np.isfinite(path.samples).all()
    free, bent = r.paths["classifier-free"], r.paths["classifier"]
    np.testing.assert_allclose(free.samples, bent.samples, atol=1e-5)
    assert (free.calls, free.evaluations) == (8, 3200) and (bent.calls, bent.evaluations) == (16, 3200)
    assert (r.paths["conditional"].guidance_norm == 0).all()
    assert (norms > 0).all() == (classes > 1)
    assert r.quality["classifier-free"].accuracy >= r.quality["conditional"].accuracy
    assert {finding.topic for finding in r.findings} == {"guidance", "law", "solvers"}
    assert r.sweep.accuracy.shape == (2, 6) and np.isfinite(r.sweep.frechet).all()
    np.testing.assert_allclose(r.sweep.accuracy[:, 0], r.quality["conditional"].accuracy)
    assert r.field.w2_exact == r.field.w2[3] and (r.field.score_error == 0).all()
    assert (r.convergence.error[:, -1] < r.convergence.error[:, 0]).all()


def test_results_stream_with_the_chosen_guidance_first_and_are_the_same_again():
    params = Diffuse.parse({**SMALL, "guidance": "classifier", "label": 1, "seed": 11})
    parts = list(Runner(0).stream(diffusion, params))
    assert parts[0].result.paths.keys() == {"classifier"} and parts[-1].fraction == 1
    fractions = [part.fraction for part in parts]
    assert fractions == sorted(fractions) and len(parts) > 30
    assert len({id(part.result) for part in parts}) < len(parts) / 2, "a result is built only where there is news"
    again = diffusion(params)
    np.testing.assert_array_equal(again.chosen.samples, parts[-1].result.chosen.samples)
    assert not np.array_equal(again.chosen.samples, diffusion(params.model_copy(update={"seed": 12})).chosen.samples)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("schedule", ["linear", "cosine", "edm"])
def test_every_sampler_runs_on_every_schedule(sampler, schedule):
    r = run(sampler=sampler, schedule=schedule, steps=12, eta=0.3, scale=1.0)
    assert r.paths["conditional"].calls == calls(sampler, 12) and np.isfinite(r.chosen.samples).all()
    if (sampler, schedule) == ("heun", "cosine"):  # its first step spans σ from 20,000 to 9: no slope holds that long
        lost = (np.abs(r.chosen.samples) > findings.FAR).any(1).sum()
        assert f"diverged: {lost} of 200" in r.findings[0].text.en
    else:
        assert r.quality[r.guidance].accuracy > 0.6 and "diverged" not in r.findings[0].text.en


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_one_step_goes_straight_to_the_mean(sampler):
    r = run(sampler=sampler, steps=1, guidance="unconditional", eta=0.0)
    assert len(r.moments) == 2 and np.abs(r.chosen.samples).max() < 0.2


def test_guidance_acts_in_its_interval_alone():
    r = run(guide_from=0.25, guide_to=0.75)
    assert r.guided == (2, 6) and ((r.chosen.guidance_norm > 0) == [0, 0, 1, 1, 1, 1, 0, 0]).all()
    assert r.paths["classifier-free"].evaluations == 200 * (4 + 2 * 4)
    np.testing.assert_array_equal(run(steps=1, guide_from=0.1, guide_to=0.2).guided, (0, 1))


def test_negative_strength_and_a_class_to_stay_away_from():
    away = run(label=0, scale=-3.0)
    assert away.quality["classifier-free"].accuracy < away.quality["conditional"].accuracy
    from_left, from_none = run(label=0, against=1, scale=3.0), run(label=0, scale=3.0)
    assert np.isfinite(from_left.chosen.samples).all() and not np.allclose(from_left.chosen.samples, from_none.chosen.samples)
    np.testing.assert_allclose(from_left.paths["classifier"].samples, from_left.paths["classifier-free"].samples, atol=1e-4)
    same = run(label=0, against=0, scale=3.0)
    np.testing.assert_allclose(same.chosen.samples, same.paths["conditional"].samples, atol=1e-6)


@pytest.mark.parametrize(("seen", "count"), [(16, 16), (15, 16), (0, 7), (1794, 2000), (1, 1)])
def test_the_interval_of_a_share_is_scipys(seen, count):
    exact = binomtest(seen, count).proportion_ci(method="wilson")
    assert findings.wilson(seen / count, count) == pytest.approx((exact.low, exact.high), abs=1e-6)


def test_the_interval_of_a_difference_is_newcombes():
    """56 of 70 against 48 of 80, and 9 of 10 against 3 of 10: Newcombe 1998, table II, method 10."""
    for (a, m), (b, n), known in (((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090))):
        one, other = (Quality(count, seen / count, *[np.nan] * 4) for seen, count in ((a, m), (b, n)))
        assert findings.difference(one, other) == pytest.approx(known, abs=1e-4)


def test_few_samples_carry_no_verdict():
    few, many = run(points=100, world="spirals"), run(points=2000)
    assert "100 % of 2\u202f000" in many.findings[0].text.en.replace("\u00a0", " ") and "more often" in many.findings[0].text.en
    assert "of 100 (95 % interval:" in few.findings[0].text.en and "too few samples" in few.findings[0].text.en
    assert "one class" in run(world="gaussian").findings[0].text.en


def test_another_law_is_claimed_beyond_the_solvers_own_error_alone():
    """One class has one law, whatever w: what is left is what 8 steps do. Of lobes the guided law is far away."""
    said = {world: next(f.text.en for f in run(world=world, points=1000).findings if f.topic == "law") for world in ("gaussian", "lobes")}
    assert "not told apart" in said["gaussian"] and "another law" in said["lobes"]


@pytest.mark.parametrize("world", ["lobes", "gaussian", "spirals"])
def test_the_slopes_are_said_as_they_are_measured(world):
    r = run(world=world)
    said = next(f.text.en for f in r.findings if f.topic == "solvers")
    calls, error = np.log(r.convergence.calls[:, 3:]), np.log(r.convergence.error[:, 3:])
    for x, y in zip(calls, error, strict=True):
        assert f"{-linregress(x, y).slope:.2f}" in said
    assert "13 to 40 steps" in said
    if world == "lobes":  # what the notes say of the page as it opens
        text = (Path(__file__).parents[3] / "pages" / "generation" / "diffusion" / "en.md").read_text()
        found = diffusion(Diffuse(**LOBES)).convergence.slopes
        assert "the slopes are {:.2f}, {:.2f} and {:.2f}".format(*found) in text


def test_classes_that_a_world_lacks_are_read_as_its_last_and_said():
    r = run(world="moons", label=7, against=9)
    assert (r.labels == 1).all() and ["is read as that" in f.text.en for f in r.findings] == [True, True, False, False, False]
    assert "7 is read as that" in r.findings[0].text.en


def test_moments_hold_both_ends():
    for steps in (1, 2, 20, 21, 333, 1000):
        made = moments(steps)
        assert made[0] == 0 and made[-1] == steps and len(made) <= 21 and (np.diff(made) > 0).all()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"steps": 0}, "steps must be a whole number from 1 to 1000; got 0"),
        ({"scale": float("nan")}, "scale must be a number from -4 to 20; got nan"),
        ({"world": "drawn", "drawing": "0,0;0,1"}, "drawing must have paint in at least 2 places; got 1"),
        ({"guide_from": 0.8, "guide_to": 0.2}, "guide_from must be below guide_to, which is 0.2; got 0.8"),
        ({"world": "scenes", "count": 64, "steps": 1000}, "count × steps must stay below"),
        ({"label": 10}, "label must be one of -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; got 10"),
        ({"sampler": "magic"}, "sampler must be one of ddpm, ddim, euler, heun, dpm; got 'magic'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(values, sentence):
    with pytest.raises(Refused, match=sentence.replace("(", r"\(")):
        diffusion(Diffuse.parse(values))


def test_a_network_learns_a_mixture_on_the_spot():
    """Within 1.1 times the sliced W₂ of the exact score, at the same number of network calls; 1.03 ± 0.003 from seed to seed."""
    world = mixtures.lobes()
    *_, training = worlds.trained(world)
    assert training.fraction == 1 and training.losses[-1] < training.losses[0]
    count, none = 20_000, torch.full((20_000,), -1)
    target = plane_judging.quantiles(world, count)
    for sampler, schedule, steps, seeds in (("ddim", "linear", 20, 5), ("dpm", "edm", 20, 2)):
        levels = alphas_cumprod(schedule, steps)
        found: dict[str, list[float]] = {"exact": [], "network": []}
        for seed in range(seeds):
            noise = Noise((count, 2), seed, torch.float32)
            for name, source in (("exact", world), ("network", training.network)):
                epsilon = lambda x, a, source=source: source.epsilon(x, a, none)  # noqa: E731
                *_, last = SAMPLERS[sampler](epsilon, noise(-1), levels, noise)
                found[name].append(plane_judging.sliced_w2(last.x.numpy(), target))
        ratio = np.mean(found["network"]) / np.mean(found["exact"])
        assert ratio <= 1.1, f"{sampler} {schedule}: {ratio:.3f}"


def test_a_run_with_a_learnt_score_says_how_far_it_is_from_the_exact_one():
    parts = list(diffusion.stream(Diffuse.parse({**SMALL, "score": "network"})))
    r = parts[-1].result
    assert r.losses and r.field.score_error[:-1].max() < 0.5 and r.field.score_error[:-1].max() > 0
    assert r.field.w2_exact != r.field.w2[3] and r.quality["classifier-free"].accuracy > 0.9
    assert not np.array_equal(r.paths["classifier"].samples, r.paths["classifier-free"].samples)


def test_the_same_recipe_gives_the_same_network_and_leaves_the_generator_alone():
    from engine.generation.plane_models.network import train

    torch.manual_seed(5)
    before = torch.get_rng_state()
    x, none = torch.randn(20, 2, generator=torch.Generator().manual_seed(1)), torch.full((20,), -1)
    one, two = ([*train(mixtures.moons(), 1, rounds=3)][-1].network.epsilon(x, 0.5, none) for _ in range(2))
    torch.testing.assert_close(one, two)
    assert torch.equal(torch.get_rng_state(), before)


def test_pictures_are_drawn_whatever_the_network(untrained):
    params = Diffuse.parse({"world": "scenes", "steps": 4, "count": 5, "scale": 1.0, "label": 2})
    parts = list(diffusion.stream(params))
    r = parts[-1].result
    assert parts[0].result.paths.keys() == {"classifier-free"}
    assert r.chosen.samples.shape == (5, 3, 32, 32) and r.chosen.trajectory.shape == (5, 5, 3, 32, 32)
    assert np.abs(r.chosen.samples).max() <= 1 + 1e-5 and (r.labels == 2).all()
    own = r.quality["classifier-free"]
    assert list(r.paths) == list(GUIDANCES) and 0 <= own.accuracy <= 1 and np.isnan(own.frechet) and own.count == 5
    assert r.sweep.samples.shape == (1, 6, 6, 3, 32, 32) and np.isnan(r.sweep.accuracy).all()
    assert r.field is r.convergence is None
    assert r.dtype == "float32"


def test_the_trade_off_measures_every_scale(untrained):
    r = diffusion(Diffuse.parse({"world": "scenes", "steps": 2, "count": 2, "task": "trade-off", "measured": 40}))
    assert r.sweep.count == 40 and r.sweep.kinds == ("classifier", "classifier-free")
    for name in ("accuracy", "diversity", "precision", "recall", "frechet"):
        assert np.isfinite(getattr(r.sweep, name)).all()


def test_costs_grow_with_the_work():
    cost = diffusion.cost_of
    assert cost(Diffuse()) == "seconds" and cost(Diffuse(**LOBES, points=20_000, steps=1000)) == "minutes"
    assert cost(Diffuse(world="scenes")) == "seconds" and cost(Diffuse(world="scenes", steps=100)) == "minutes"
    assert cost(Diffuse(world="scenes", task="trade-off")) == "minutes"
    assert issubclass(Diffuse, Params) and set(PLANES + PICTURES) == set(Diffuse.model_fields["world"].annotation.__args__)


def test_a_missing_checkpoint_names_its_recipe(monkeypatch, tmp_path):
    monkeypatch.setattr("engine.core.checkpoints.ROOT", tmp_path)
    image_models._load.cache_clear()  # what other tests have loaded
    with pytest.raises(Refused, match=r"world digits has no trained model .*`python -m engine train image-models`"):
        diffusion(Diffuse(world="digits"))
    assert image_models.RECIPE_NAME in recipes.discover()


def test_a_drawing_is_read_as_it_is_typed_in_chinese():
    plain, typed = (worlds.mixture("drawn", text) for text in ("0,1,1;2,0,2", "０，１，１；２，０，２"))
    np.testing.assert_array_equal(plain.means, typed.means)
