"""Samplers and schedules: step by step diffusers' schedulers on the same noise, and the order of their errors."""

from __future__ import annotations

import math
import warnings

import diffusers
import numpy as np
import pytest
import torch

from engine.generation.diffusion import samplers, schedules
from engine.generation.diffusion.paths import Noise
from engine.generation.diffusion.samplers import SAMPLERS
from engine.generation.plane_models import mixtures

# diffusers hands tensors to numpy in a way that numpy is about to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SHAPE = (3, 2, 5)
BETAS = {"linear": "linear", "cosine": "squaredcos_cap_v2"}
STEPS = (1, 2, 7, 20, 50)


def model(x: torch.Tensor, alpha_bar: float) -> torch.Tensor:
    """A noise predictor that is neither linear in x nor constant in the level."""
    return torch.tanh(x) * math.sqrt(1 - alpha_bar) + 0.1 * torch.sin(3 * x + alpha_bar)


def ours(name: str, levels: np.ndarray, x: torch.Tensor, noise, eta: float = 0.0) -> list[torch.Tensor]:
    """The states of a run, x at every level."""
    return [step.x for step in SAMPLERS[name](model, x, levels, noise, eta)]


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    error = (found - wanted).norm() / wanted.norm()
    assert error < 1e-5, f"relative error {error:.2e}"


def start(seed: int) -> tuple[torch.Tensor, Noise]:
    noise = Noise(SHAPE, seed, torch.float64)
    return noise(-1), noise


def scheduler(kind: type, schedule: str, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(
            num_train_timesteps=1000, beta_schedule=BETAS[schedule], beta_start=1e-4, beta_end=0.02, timestep_spacing="trailing", **options
        )


def doubled(made) -> None:
    """Let a scheduler that keeps its tables in float32 keep ours, which differ from them by rounding alone."""
    training = {"linear": schedules.linear_training, "cosine": schedules.cosine_training}[
        {v: k for k, v in BETAS.items()}[made.config.beta_schedule]
    ]()
    np.testing.assert_allclose(made.alphas_cumprod.numpy(), training, rtol=2e-3 if training[-1] < 1e-6 else 2e-5)
    made.alphas_cumprod = torch.from_numpy(training)


@pytest.fixture
def fixed_noise(monkeypatch):
    """Make diffusers draw our noise: set `.noise` and `.step`."""

    class Hand:
        noise, step = None, 0

    def randn_tensor(shape, **_):
        return Hand.noise(Hand.step)

    for part in ("scheduling_ddpm", "scheduling_ddim"):
        monkeypatch.setattr(getattr(diffusers.schedulers, part), "randn_tensor", randn_tensor)
    return Hand


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("steps", STEPS)
def test_levels_are_diffusers(schedule, steps):
    made = scheduler(diffusers.DDIMScheduler, schedule)
    made.set_timesteps(steps)
    levels = schedules.alphas_cumprod(schedule, steps)
    assert len(levels) == steps + 1 and levels[-1] == 1
    np.testing.assert_allclose(levels[:-1], made.alphas_cumprod[made.timesteps].numpy(), rtol=2e-3)
    assert (np.diff(levels) > 0).all()


@pytest.mark.parametrize("steps", STEPS[1:])
def test_edm_levels_are_diffusers(steps):
    made = diffusers.EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0, rho=7.0, sigma_data=0.5)
    made.set_timesteps(steps)
    sigma = schedules.sigma(schedules.alphas_cumprod("edm", steps))
    np.testing.assert_allclose(sigma, made.sigmas.numpy(), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("steps", [1, 2, 10, 20, 50])  # divisors of 1000: of others DDIM's scheduler knows no step before
@pytest.mark.parametrize("eta", [None, 0.0, 0.37, 1.0])
def test_ddpm_and_ddim_are_diffusers_on_the_same_noise(schedule, steps, eta, fixed_noise):
    name = "ddpm" if eta is None else "ddim"
    kind = diffusers.DDPMScheduler if eta is None else diffusers.DDIMScheduler
    made = scheduler(kind, schedule, clip_sample=False)
    doubled(made)
    made.set_timesteps(steps)
    x, noise = start(steps)
    fixed_noise.noise = noise
    states = ours(name, schedules.alphas_cumprod(schedule, steps), x, noise, eta or 0.0)
    for k, t in enumerate(made.timesteps):
        fixed_noise.step = k
        found = model(states[k], float(made.alphas_cumprod[t]))
        more = {} if eta is None else {"eta": eta}
        close(states[k + 1], made.step(found, int(t), states[k], **more).prev_sample)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize(("name", "kind"), [("euler", diffusers.EulerDiscreteScheduler), ("heun", diffusers.HeunDiscreteScheduler)])
def test_euler_and_heun_are_diffusers(schedule, steps, name, kind):
    made = scheduler(kind, schedule)
    doubled(made)
    made.set_timesteps(steps)
    made.sigmas = made.sigmas.double()
    levels = schedules.alphas_cumprod(schedule, steps)
    exact = torch.from_numpy(schedules.sigma(levels))
    if name == "heun":
        exact = torch.cat([exact[:1], exact[1:-1].repeat_interleave(2), exact[-1:]])
    torch.testing.assert_close(made.sigmas, exact, rtol=1e-4, atol=0.0)
    made.sigmas = exact
    x, noise = start(steps)
    states = ours(name, levels, x, noise)
    wide = x / math.sqrt(levels[0])
    place = 0
    for k, t in enumerate(made.timesteps):
        level = float(1 / (1 + made.sigmas[made.step_index or 0] ** 2))
        wide = made.step(model(wide * math.sqrt(level), level), t, wide).prev_sample
        if name == "euler" or k % 2 == 1 or k == len(made.timesteps) - 1:  # Heun's first call of two is no state
            place += 1
            close(states[place], wide * math.sqrt(levels[place]))
    assert place == steps


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("steps", STEPS)
def test_dpm_solver_is_diffusers(schedule, steps):
    made = scheduler(diffusers.DPMSolverMultistepScheduler, schedule)
    levels = schedules.alphas_cumprod(schedule, steps)
    made.set_timesteps(steps)
    torch.testing.assert_close(made.sigmas.double(), torch.from_numpy(schedules.sigma(levels)), rtol=1e-3, atol=0.0)
    made.sigmas = torch.from_numpy(schedules.sigma(levels))
    x, noise = start(steps)
    states = ours("dpm", levels, x, noise)
    now = x
    for k, t in enumerate(made.timesteps):
        now = made.step(model(now, levels[k]), t, now).prev_sample
        close(states[k + 1], now)


@pytest.mark.parametrize("steps", STEPS[1:])
@pytest.mark.parametrize(("name", "kind"), [("euler", diffusers.EDMEulerScheduler), ("dpm", diffusers.EDMDPMSolverMultistepScheduler)])
def test_edm_is_diffusers(steps, name, kind):
    made = kind(sigma_min=0.002, sigma_max=80.0, rho=7.0, sigma_data=0.5)
    made.set_timesteps(steps)
    levels = schedules.alphas_cumprod("edm", steps)
    made.sigmas = torch.from_numpy(schedules.sigma(levels))
    x, noise = start(steps)
    states = ours(name, levels, x, noise)
    wide = x / math.sqrt(levels[0])
    for k, t in enumerate(made.timesteps):
        sigma = float(made.sigmas[k])
        clean = samplers.predict_clean(wide * math.sqrt(levels[k]), model(wide * math.sqrt(levels[k]), levels[k]), levels[k])
        skip, out = 0.25 / (sigma**2 + 0.25), sigma * 0.5 / math.sqrt(sigma**2 + 0.25)
        wide = made.step((clean - skip * wide) / out, t, wide).prev_sample
        close(states[k + 1], wide * math.sqrt(levels[k + 1]))


def test_ddim_without_fresh_noise_is_euler_and_with_all_of_it_ddpm_in_law():
    x, noise = start(3)
    for schedule in schedules.SCHEDULES:
        levels = schedules.alphas_cumprod(schedule, 12)
        for a, b in zip(ours("ddim", levels, x, noise), ours("euler", levels, x, noise), strict=True):
            torch.testing.assert_close(a, b)
        for a, b in zip(ours("ddim", levels, x, noise, 1.0), ours("ddpm", levels, x, noise), strict=True):
            torch.testing.assert_close(a, b)


def test_noise_is_the_same_for_the_same_step_and_fresh_for_another():
    one, other = Noise((4000,), 5, torch.float64), Noise((4000,), 5, torch.float64)
    torch.testing.assert_close(one(2), other(2))
    made = torch.stack([one(k) for k in range(-1, 9)])
    correlation = torch.corrcoef(made) - torch.eye(10)
    assert correlation.abs().max() < 5 / math.sqrt(4000)
    assert abs(float(made.mean())) * math.sqrt(40_000) < 5 and abs(float(made.var()) - 1) * math.sqrt(20_000) < 5
    assert not torch.equal(one(0), Noise((4000,), 6, torch.float64)(0))


def gaussian_end(x: torch.Tensor, world: mixtures.Mixture, begin: float, end: float) -> torch.Tensor:
    """Where the ODE carries x from one level to another in a world of one Gaussian: each axis is stretched."""
    mean, variance = torch.from_numpy(world.means[0]), torch.from_numpy(world.deviations[0]) ** 2
    stretch = torch.sqrt((end * variance + 1 - end) / (begin * variance + 1 - begin))
    return math.sqrt(end) * mean + stretch * (x - math.sqrt(begin) * mean)


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("ddim", 1), ("heun", 2), ("dpm", 2)])
def test_errors_fall_with_the_order_of_the_method(name, order):
    world = mixtures.gaussian()
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    none = torch.full((50,), -1)
    errors = []
    counts = (40, 80, 160, 320)
    for steps in counts:
        levels = 1 / (1 + (np.linspace(20.0 ** (1 / 4), 0.05 ** (1 / 4), steps + 1) ** 4) ** 2)
        levels = levels if name != "dpm" else 1 / (1 + np.geomspace(20.0, 0.05, steps + 1) ** 2)
        *_, last = SAMPLERS[name](lambda x, a: world.epsilon(x, a, none), x, levels, None, 0.0)
        errors.append(float((last.x - gaussian_end(x, world, levels[0], levels[-1])).norm()))
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.12), errors


@pytest.mark.parametrize("name", SAMPLERS)
def test_calls_are_what_a_sampler_asks(name):
    asked = []
    x, noise = start(1)
    levels = schedules.alphas_cumprod("edm", 9)
    *_, last = SAMPLERS[name](lambda x, a: asked.append(a) or x * 0, x, levels, noise, 0.5)
    assert len(asked) == samplers.calls(name, 9) and last.index == 9
