"""The embedded image models are what their meta.json says; their measures are the field's; their recipe resumes."""

import dataclasses
import json
import math
import threading

import numpy as np
import pytest
import scipy.linalg
import torch
from diffusers import DDIMScheduler

from engine.core import Refused, checkpoints
from engine.generation import image_models
from engine.generation.image_models import judging, loop, networks, pictures, quality, train

WORLDS = image_models.worlds()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small operations on several threads wait for each other wherever the machine has other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise(model, count, seed=0):
    return torch.randn(count, *model.shape, generator=torch.Generator().manual_seed(seed))


def held_out(world, count):
    found = pictures.draw(world, "held out", count)
    return loop.scaled(found.pixels), torch.from_numpy(found.labels)


# The pictures


@pytest.mark.parametrize("world", WORLDS)
def test_parts_of_a_world_share_no_picture(world):
    parts = {part: pictures.draw(world, part, 400) for part in ("training", "judging", "held out")}
    seen = {part: {p.tobytes() for p in found.pixels} for part, found in parts.items()}
    if world == "digits":  # too few of them for a part of the judge's own
        assert seen["judging"] == seen["training"]
    else:
        assert not seen["judging"] & seen["training"]
        assert not seen["judging"] & seen["held out"]
    assert not seen["training"] & seen["held out"]
    for found in parts.values():
        assert found.pixels.shape == (len(found), *pictures.WORLDS[world].shape) and found.pixels.dtype == np.uint8
        assert set(found.labels) == set(range(len(pictures.WORLDS[world].classes)))
        assert (found.marks.max(0) < pictures.WORLDS[world].kinds).all()


def test_every_digit_is_on_one_side():
    training, kept = (pictures.draw("digits", part, 10_000) for part in ("training", "held out"))
    assert len(training) + len(kept) == 1797 and len(kept) == 360


# The measures


def test_the_frechet_distance_is_scipys():
    rng = np.random.default_rng(3)
    for n in (1, 2, 7, 24):
        means, roots = rng.normal(size=(2, n)), rng.normal(size=(2, n, n + 2))
        first, second = (r @ r.T for r in roots)
        expected = ((means[0] - means[1]) ** 2).sum() + np.trace(first + second - 2 * np.real(scipy.linalg.sqrtm(first @ second)))
        found = judging.frechet_distance(*(torch.from_numpy(a) for a in (means[0], first, means[1], second)))
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-8)
        same = judging.frechet_distance(*(torch.from_numpy(a) for a in (means[0], first, means[0], first)))
        assert abs(same) < 1e-8 * np.trace(first)


def test_the_frechet_distance_of_few_samples_is_finite():
    rng = np.random.default_rng(4)
    few = torch.from_numpy(rng.normal(size=(3, 8)))
    assert judging.frechet_distance(few.mean(0), torch.cov(few.T), torch.zeros(8), torch.eye(8)) > 0


def test_the_manifold_is_a_union_of_balls():
    rng = np.random.default_rng(5)
    points, reference = rng.normal(size=(40, 3)), 0.7 * rng.normal(size=(25, 3))
    for k in (1, 3, 5):
        inside = 0
        for p in points:
            for i, r in enumerate(reference):
                radius = sorted(np.linalg.norm(reference - r, axis=1)[np.arange(25) != i])[k - 1]
                if np.linalg.norm(p - r) <= radius:
                    inside += 1
                    break
        assert 0 < inside < 40
        found = judging.manifold_share(torch.from_numpy(points), torch.from_numpy(reference), k)
        assert found == pytest.approx(inside / 40)
    with pytest.raises(ValueError, match="more than 3 points; got 3"):
        judging.manifold_share(torch.zeros(5, 2), torch.zeros(3, 2))


# Noise levels


def test_timesteps_are_the_cosine_schedules():
    a = torch.tensor([1e-6, 0.1, 0.5, 0.9, 1 - 1e-6])
    assert torch.allclose(networks.level(networks.timestep(a)), a, rtol=1e-3, atol=1e-7)
    log_snr = (a / (1 - a)).log()
    assert torch.allclose(networks.timestep(a), 2000 / math.pi * torch.atan((-log_snr / 2).exp()), rtol=1e-4)
    drawn = loop.noise_levels(64, torch.Generator().manual_seed(1))
    times = networks.timestep(drawn)
    assert ((times // (1000 / 64)).long() == torch.arange(64)).all(), "a batch holds every noise level"


# The models


@pytest.mark.parametrize("world", WORLDS)
def test_the_folder_and_the_models_agree(world):
    model, meta = image_models.load(world), image_models.meta(world)
    assert image_models.load(world) is model
    for name, module in (("denoiser", model.denoiser), ("classifier", model.classifier), ("judge", image_models.judge(world).network)):
        assert sum(p.numel() for p in module.parameters()) == meta["training"][name]["parameters"]
        assert meta["training"][name]["curve"][-1]["step"] == meta["training"][name]["plan"]["steps"]
        assert not module.training and not any(p.requires_grad for p in module.parameters())
    assert model.shape == pictures.WORLDS[world].shape and len(model.classes) == pictures.WORLDS[world].kinds[0]
    for path in (checkpoints.ROOT / image_models.folder(world)).iterdir():
        assert path.stat().st_size < 10_000_000


@pytest.mark.parametrize("world", WORLDS)
def test_epsilon_is_what_was_added(world):
    model = image_models.load(world)
    x0, labels = held_out(world, 64)
    added = noise(model, 64)
    known = {}
    for a in (0.9, 0.5, 0.1, 1e-3):
        x = a**0.5 * x0 + (1 - a) ** 0.5 * added
        given, left_out = (model.epsilon(x, a, y) for y in (labels, torch.full_like(labels, -1)))
        assert given.shape == x.shape and given.dtype == torch.float32 and not given.requires_grad
        # The best guess without looking at the picture explains nothing: 1. Half of it must be seen from 0.9 on.
        known[a] = (given - added).square().mean().item(), (left_out - added).square().mean().item()
        assert known[a][0] < (0.5 if a > 0.5 else 0.25 if a > 0.2 else 0.1)
    assert known[0.1][0] < known[0.1][1], "the class tells something where the picture is hidden"
    errors = [error for error, _ in known.values()]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("world", WORLDS)
def test_every_row_has_its_own_noise_level_and_class(world):
    model = image_models.load(world)
    rng = np.random.default_rng(6)
    x = noise(model, 6)
    a = torch.from_numpy(rng.uniform(1e-4, 1 - 1e-4, 6)).float()
    labels = torch.from_numpy(rng.integers(-1, len(model.classes), 6))
    whole, gradient = model.epsilon(x, a, labels), model.classifier_gradient(x, a, labels)
    for i in range(6):
        one = slice(i, i + 1)
        alone = model.epsilon(x[one], float(a[i]), labels[one])
        assert torch.allclose(alone, whole[one], rtol=1e-3, atol=1e-4)
        assert torch.allclose(model.classifier_gradient(x[one], float(a[i]), labels[one]), gradient[one], rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("world", WORLDS)
def test_the_classifiers_gradient_is_a_gradient(world):
    model = image_models.load(world)
    x0, labels = held_out(world, 6)
    a = 0.6
    x = a**0.5 * x0 + (1 - a) ** 0.5 * noise(model, 6)
    labels = (labels + 1) % len(model.classes)
    labels[5] = -1
    gradient = model.classifier_gradient(x, a, labels)
    assert not gradient[5].any() and gradient[:5].flatten(1).any(1).all()
    assert not x.requires_grad
    step = 1e-2
    direction = noise(model, 6, seed=1)
    chosen = torch.arange(5), labels[:5]
    after, before = (model.class_log_probabilities(x + sign * step * direction, a)[chosen].double() for sign in (1, -1))
    slope = (gradient * direction).sum((1, 2, 3))[:5].double()
    assert torch.allclose((after - before) / (2 * step), slope, rtol=0.05, atol=0.05)
    upward = x + 0.05 * gradient
    assert (model.class_log_probabilities(upward, a)[chosen] > model.class_log_probabilities(x, a)[chosen]).all()


@pytest.mark.parametrize("world", WORLDS)
def test_what_the_networks_cannot_take_is_refused(world):
    model = image_models.load(world)
    x, labels = noise(model, 2), torch.tensor([0, -1])
    for bad in (0.0, 1.0, -0.1, math.nan, torch.tensor([0.5, 1.5])):
        with pytest.raises(ValueError, match="alpha_bar must lie"):
            model.epsilon(x, bad, labels)
    for bad in (torch.tensor([0, len(model.classes)]), torch.tensor([-2, 0])):
        with pytest.raises(ValueError, match="labels must be from"):
            model.classifier_gradient(x, 0.5, bad)
    with pytest.raises(ValueError, match=r"labels must be \(2,\)"):
        model.epsilon(x, 0.5, torch.tensor([0]))
    for bad, chosen in ((x[:, :, :-1], labels), (x[0], labels), (x[:0], labels[:0])):
        with pytest.raises(ValueError, match="x must be"):
            model.epsilon(bad, 0.5, chosen)


def test_an_unknown_world_is_refused():
    for ask in (image_models.load, image_models.judge, image_models.meta):
        with pytest.raises(Refused, match="world must be scenes or digits; got 'faces'"):
            ask("faces")


def test_two_threads_share_one_model():
    image_models.load.__globals__["_load"].cache_clear()
    found = []
    threads = [threading.Thread(target=lambda: found.append(image_models.load("digits"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]


# What is written of them


@pytest.mark.parametrize("world", WORLDS)
def test_the_judge_knows_held_out_pictures(world):
    judge, meta = image_models.judge(world), image_models.meta(world)
    known, labels = held_out(world, quality.Protocol(**meta["protocol"]).known)
    assert judge.accuracy(known, labels) >= 0.98
    assert judge.accuracy(known, labels) == pytest.approx(meta["metrics"]["judge_accuracy"], abs=0.002)
    assert judge.accuracy(known, (labels + 1) % judge.classes) < 0.02
    assert judge.frechet(known) == pytest.approx(0, abs=0.02 * float(judge.covariance.trace()))
    assert judge.diversity(known) == pytest.approx(1, abs=0.02)
    # Held-out pictures themselves stand in the reference, so all lie within it.
    assert judge.precision_recall(known) == (1.0, 1.0)
    grey = torch.zeros(64, *pictures.WORLDS[world].shape)
    assert judge.diversity(grey) < 0.01
    assert judge.frechet(grey) > 5 * meta["metrics"]["unguided"]["frechet"]
    assert judge.precision_recall(grey)[1] < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.reproduces("image-model-scenes", "image-model-digits")
def test_the_figures_in_meta_are_reproduced(world):
    model, judge, meta = image_models.load(world), image_models.judge(world), image_models.meta(world)
    protocol = quality.Protocol(**meta["protocol"])
    chosen = quality.labels(model, protocol)
    for name, scale in (("guided", protocol.scale), ("unguided", 0.0)):
        written = meta["metrics"][name]
        found = quality.of_samples(judge, quality.draw(model, protocol, scale), chosen)
        # Other processors round differently, which moves a few samples over an edge.
        assert found["accuracy"] == pytest.approx(written["accuracy"], abs=0.02)
        assert found["frechet"] == pytest.approx(written["frechet"], rel=0.05)
        assert found["precision"] == pytest.approx(written["precision"], abs=0.04)
        assert found["recall"] == pytest.approx(written["recall"], abs=0.04)
        assert found["diversity"] == pytest.approx(written["diversity"], rel=0.03)
    assert meta["metrics"]["guided"]["accuracy"] >= 0.9
    assert meta["metrics"]["guided"]["accuracy"] > meta["metrics"]["unguided"]["accuracy"]


@pytest.mark.parametrize("world", WORLDS)
def test_the_noise_aware_classifier_reads_what_noise_leaves(world):
    model, meta = image_models.load(world), image_models.meta(world)
    written = meta["metrics"]["classifier_accuracy"]
    known, labels = held_out(world, 400)
    for a, share in quality.of_classifier(model, known, labels, seed=1).items():
        assert share == pytest.approx(written[a], abs=0.08)
    shares = list(written.values())
    assert shares == sorted(shares, reverse=True) and shares[0] > 0.9


def test_the_protocols_sampler_is_diffusers_ddim():
    """Step by step on the same noise levels, by the library's own scheduler."""
    model = image_models.load("digits")
    protocol = quality.Protocol(samples=4, steps=10, seed=3)
    levels = networks.level(torch.linspace(999, 0, 11))
    scheduler = DDIMScheduler(num_train_timesteps=11, trained_betas=np.full(11, 0.1), clip_sample=False, set_alpha_to_one=True)
    scheduler.alphas_cumprod = levels.flip(0)
    scheduler.set_timesteps(11)
    x = noise(model, 4, seed=3)
    labels = quality.labels(model, protocol)
    for i, t in enumerate(scheduler.timesteps[:-1]):
        epsilon = model.epsilon(x, float(levels[i]), labels)
        x = scheduler.step(epsilon, int(t), x, eta=0.0).prev_sample
    assert torch.allclose(x.clamp(-1, 1), quality.draw(model, protocol, 0.0), atol=1e-4)


# The recipe


TINY = {
    "digits": dataclasses.replace(
        train.CPU["digits"],
        widths=(8, 8),
        readers=(8, 8),
        features=8,
        plans={name: loop.Plan(steps=6, decay=3, batch=8, warm_up=2, every=2) for name in train.CPU["digits"].plans},
        protocol=quality.Protocol(samples=12, steps=2, known=40),
    )
}


def tensors(folder):
    return checkpoints.load(folder.name, "image-models", folder.parent).state


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    lines = []
    train.train(folder, "cpu", False, lambda share, line: lines.append((share, line)), setups=TINY)
    assert [share for share, _ in lines] == sorted(share for share, _ in lines) and lines[-1][0] == 1
    return folder


def test_a_recipe_makes_what_the_engine_loads(trained):
    made = trained / "checkpoints" / "image-model-digits"
    found = checkpoints.load(made.name, "image-models", made.parent)
    model = train.model.revive("digits", found.config, found.state)
    assert model.epsilon(noise(model, 2), 0.5, torch.tensor([3, -1])).shape == (2, 1, 8, 8)
    judge = judging.revive("digits", found.config, found.state)
    assert judge.reference.shape == (360, 8)
    meta = json.loads((made / "meta.json").read_text())
    assert meta["setting"] == "cpu" and meta["metrics"]["guided"].keys() == meta["metrics"]["real"].keys()
    wrong = {name: tensor for name, tensor in found.state.items() if name != "denoiser.unet.conv_out.bias"}
    with pytest.raises(ValueError, match=r"unet.conv_out.bias is missing"):
        train.model.revive("digits", found.config, wrong)


def test_the_larger_setting_is_larger():
    for setup in train.CPU.values():
        larger = train.gpu(setup)
        assert larger.widths > setup.widths
        assert all(larger.plans[name].batch > plan.batch for name, plan in setup.plans.items())


def test_the_rate_rises_stays_and_falls():
    plan = loop.Plan(steps=100, decay=20, warm_up=10)
    factors = [plan.factor(step) for step in range(100)]
    assert factors[:10] == pytest.approx(np.arange(1, 11) / 10) and set(factors[10:80]) == {1.0}
    assert factors[80:] == pytest.approx(np.arange(20, 0, -1) / 20)


def test_dropped_classes_are_as_many_as_said():
    seen = []

    class Spy(torch.nn.Module):
        def forward(self, x, time, labels):
            seen.append(labels)
            return torch.zeros_like(x)

    marks = torch.arange(1000)[:, None] % 10
    known = torch.rand(1000, 1, 8, 8) * 2 - 1
    loss = loop.DenoisingLoss(10, 0.15)(Spy(), known, marks, torch.Generator().manual_seed(0))
    dropped = seen[0] == 10
    assert dropped.float().mean().item() == pytest.approx(0.15, abs=0.04)
    assert (seen[0][~dropped] == marks[:, 0][~dropped]).all()
    # v = √ᾱ ε − √(1−ᾱ) x₀ has, over the cosine schedule, half of either's power.
    assert loss.item() == pytest.approx(0.5 + 0.5 * known.square().mean().item(), rel=0.05)


def test_moved_pictures_keep_their_ground():
    loss = loop.MarksLoss((10,), turn=0.2, shift=0.2)
    chance = torch.Generator().manual_seed(0)
    assert torch.allclose(loss.moved(torch.full((3, 1, 8, 8), -1.0), chance), torch.full((3, 1, 8, 8), -1.0), atol=1e-6)
    known, _ = held_out("digits", 20)
    moved = loss.moved(known, chance)
    assert moved.shape == known.shape and moved.min() >= -1 - 1e-5 and moved.max() <= 1 + 1e-5
    assert not torch.equal(moved, known)
    still = loop.MarksLoss((10,), turn=0.0, shift=1e-12)
    assert all(math.isfinite(v) for v in still.moved(known, chance).flatten().tolist())
