"""What sweeps reach: the optimum on the linear task, the digits, the language model; and what is read off."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import scipy.linalg
import torch
from torch.nn.functional import cross_entropy

from engine.core import Refused, experiments, results
from engine.language import code_model
from engine.training import memory
from engine.training.digit_model import digits
from engine.training.lora import Lora, linear, lora, peaks, reading, running, settings, subspaces, texts, writing
from engine.training.lora.bank import Method
from engine.training.lora.fit import BETAS, Fit, Plan, frozen
from engine.training.lora.layers import DoRALinear, LoRALinear
from engine.training.lora.settings import TARGETS
from engine.training.memory import FULL, SINGLE


def trained(**values: object) -> tuple[Fit, np.ndarray]:
    """A sweep after its last step, and the quality of its runs."""
    fit = running.begin(Lora(**values), "cpu")
    for _ in fit.run():
        pass
    return fit, fit.by_setting(fit.task.scores(fit.maps, fit.runs))


# The linear task

LINEAR = [
    {},
    {"true_rank": 3, "seed": 1},
    {"true_rank": 17, "seed": 2},
    {"true_rank": 40, "seed": 3},
    {"true_rank": 8, "decay": 1.0, "seed": 4},
    {"scaling": "rslora", "seed": 5},
]


@pytest.mark.parametrize("values", LINEAR, ids=str)
def test_every_rank_ends_on_the_eckart_young_optimum(values):
    fit, quality = trained(**values)
    rank = values.get("true_rank", 8)
    s = scipy.linalg.svdvals(fit.task.shift.numpy())
    assert np.sqrt((s**2).sum()) == pytest.approx(1) and (s > 1e-12).sum() == rank
    ranks = [setting.rank for setting in fit.settings]
    expected = np.array([0.0 if r == FULL else np.sqrt((s[r:] ** 2).sum()) for r in ranks])
    np.testing.assert_allclose(fit.task.optimum(ranks), expected, atol=1e-7)
    assert (quality >= expected[:, None] - 1e-5).all(), "nothing is below the optimum"
    assert (quality - expected[:, None]).max() < 0.01
    reached = np.array([r == FULL or r >= rank for r in ranks])
    assert expected[reached].max() < 1e-7 and expected[~reached].min() > 1e-3 and quality[reached].max() < 0.01


@pytest.mark.parametrize("condition", [1.0, 30.0])
def test_the_error_is_the_inputs_own_and_its_optimum_no_update_beats(condition):
    task = linear.Shifted(6, 0.8, condition, seed=7)
    C, shift = task.moment.numpy(), task.shift.numpy()
    values = scipy.linalg.eigvalsh(C)
    assert values[-1] / values[0] == pytest.approx(condition, rel=1e-6) and np.trace(C) == pytest.approx(linear.WIDTH)
    if condition == 1:
        np.testing.assert_allclose(C, np.eye(linear.WIDTH), atol=1e-10)
    root = scipy.linalg.sqrtm(C).real
    U, s, Vt = scipy.linalg.svd(shift @ root)
    rng = np.random.default_rng(0)
    for r in (1, 3, 6):
        best = (U[:, :r] * s[:r]) @ Vt[:r] @ np.linalg.inv(root)
        optimum = task.optimum([r])[0]
        others = [best + 1e-2 * rng.standard_normal((64, r)) @ rng.standard_normal((r, 64)) / 8 for _ in range(3)]
        made = [best, *(o for o in others if np.linalg.matrix_rank(o) <= 2 * r)]
        weights = torch.tensor(np.stack(made)).float() + task.weights["w"]
        found = task.scores({"w": lambda x, w=weights: torch.bmm(x, w.mT)}, len(made))
        assert found[0] == pytest.approx(optimum, abs=2e-3)
    frozen_error = task.scores({"w": lambda x: x @ task.weights["w"].T}, 1)
    assert frozen_error[0] == pytest.approx(1, rel=1e-4)


def test_correlated_inputs_move_the_optimum_and_lora_finds_it_where_cutting_does_not():
    fit, quality = trained(condition=30.0, steps=1000, ranks="1,2,4,8,full", seeds=2, decay=0.9)
    ranks = [s.rank for s in fit.settings]
    gap = (quality - fit.task.optimum(ranks)[:, None])[:4]
    cut = subspaces.truncated(fit, ranks)[0]
    assert gap.max() < 0.02
    assert (cut[:3] - quality[:3]).min() > 0.01, "a truncated full update ignores where inputs are large"


def test_the_principal_start_has_an_optimum_of_its_own():
    task = linear.Shifted(4, 0.8, 1.0, seed=3)
    W, shift = task.weights["w"].double().numpy(), task.shift.numpy()
    U, s, Vt = scipy.linalg.svd(W)
    for r in (0, 2, 8):
        rest = scipy.linalg.svdvals(shift + (U[:, :r] * s[:r]) @ Vt[:r])[r:]
        assert task.optimum([r], pissa=True)[0] == pytest.approx(np.sqrt((rest**2).sum()), abs=1e-6)


def test_a_batched_sweep_is_every_run_on_its_own():
    """Against a plain loop over one layer with torch's Adam, from the same start."""
    task = linear.Shifted(3, 0.7, 4.0, seed=5)
    chosen = settings.by_rank([1, 4, FULL], ("w",))
    for method in (Method(8.0), Method(8.0, dora=True), Method(4.0, True, "pissa")):
        fit = Fit(task, chosen, Plan(0.01, 0.5, 25, 2, 3, method))
        starts = [(fit.banks["w"].A[g].detach().clone(), fit.banks["w"].B[g].detach().clone()) for g in range(4)]
        for _ in fit.run():
            pass
        for g, rank in ((0, 1), (3, 4)):
            kind = DoRALinear if method.dora else LoRALinear
            layer = kind(
                task.weights["w"], rank=rank, alpha=method.alpha, stabilised=method.stabilised, initialisation=method.initialisation
            )
            with torch.no_grad():
                layer.A.copy_(starts[g][0][:rank])
                layer.B.copy_(starts[g][1][:, :rank])
            optimiser = torch.optim.Adam(layer.parameters(), lr=0.01, betas=BETAS, eps=1e-12)
            for step in range(25):
                for group in optimiser.param_groups:
                    group["lr"] = 0.01 * min(1.0, (step + 1) / (0.05 * 25 + 1)) * (1 - step / 25)
                loss = task.losses({"w": layer}, 1, step, 1).sum()
                assert fit.losses[g // 2, g % 2, step] == pytest.approx(loss.item(), rel=2e-3, abs=1e-6)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()


def test_a_run_that_diverges_is_given_up_at_its_step_and_the_others_go_on():
    params = Lora(learning_rate=10.0, full_share=0.01, ranks="0,1,8,full", steps=40)
    partials = list(lora.stream(params))
    made = partials[-1].result
    assert (made.diverged[[0, 3]] == -1).all() and (made.diverged[1:3] >= 0).all()
    first = made.diverged[2].min()
    assert np.isfinite(made.losses[2, :, :first]).all() and np.isnan(made.losses[2, 0, made.diverged[2, 0] :]).all()
    assert np.isnan(made.quality[1:3]).all() and np.isfinite(made.quality[3])
    assert f"diverges at step {made.diverged[1].min() + 1} (3 of 3 seeds)" in made.findings[0].text.en
    calm = lora(Lora(learning_rate=0.1, full_share=1.0, ranks="0,1,full", steps=40))
    np.testing.assert_allclose(calm.losses[2], made.losses[3], rtol=1e-4, atol=1e-6)


def test_a_sweep_streams_and_can_be_left():
    stream = lora.stream(Lora(steps=200))
    fractions = [next(stream).fraction for _ in range(20)]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] < 1
    held = next(stream).result
    stream.close()
    assert np.isfinite(held.losses[:, :, : held.step]).all() and np.isnan(held.losses[:, :, held.step :]).all()


def test_the_whole_result_of_the_defaults():
    made = lora(Lora())
    assert made.ranks.tolist() == [0, 1, 2, 4, 8, 16, 32, -1]
    assert made.trainable_parameters.tolist() == [0, 128, 256, 512, 1024, 2048, 4096, 4096]
    np.testing.assert_allclose(made.quality, made.optimum, atol=0.01)
    assert (made.quality_spread < 0.01).all() and made.memory.bytes.shape == (7, 9, 4)
    np.testing.assert_allclose(made.truncated, made.optimum, atol=0.01)
    np.testing.assert_allclose(made.spectrum.values[0, 5, :8], made.true_spectrum[:8], atol=0.01)
    assert made.spectrum.values[0, 5, 16:].max() == 0
    assert "every rank ends within" in made.findings[0].text.en and results.arrays(made)
    again = lora(Lora())
    np.testing.assert_array_equal(made.losses, again.losses)


def test_defaults_take_a_few_seconds():
    running.warm_up()
    before = time.process_time()
    for partial in lora.stream(Lora()):
        if partial.result.step == 400:
            break
    assert time.process_time() - before < 8, "about 1 s of CPU is expected for all ranks and seeds"


# Digits


def test_new_digits_are_the_old_ones_moved():
    old = digits.upright().unseen_images
    turned = reading.shifted(old, "rotated")
    np.testing.assert_array_equal(turned[5], np.rot90(old[5]))
    np.testing.assert_allclose(reading.shifted(old, "inverted") + old, 1)
    mixed = reading.shifted(old, "permuted")
    np.testing.assert_array_equal(np.sort(mixed.reshape(len(old), -1)), np.sort(old.reshape(len(old), -1)))
    assert len({i.tobytes() for i in digits.upright().images} & {i.tobytes() for i in old}) < 3


@pytest.mark.slow
def test_the_digits_sweep_learns_and_forgets():
    """8 settings × 3 seeds; how long they take is a figure of bench_lora."""
    made = lora(Lora(task="digits", steps=300, learning_rate=0.01, full_share=0.3))
    assert made.losses.shape == (8, 3, 300) and np.isfinite(made.losses).all()
    assert made.frozen == pytest.approx(made.quality[0]) and made.quality[0] < 0.3
    assert made.quality[1:].min() > 0.5, "every rank learns"
    assert made.original_frozen > 0.95 and (made.original[1:] < made.original_frozen).all(), "and all forget"
    np.testing.assert_allclose(made.truncated[-1], made.quality[-1], atol=1e-6)
    assert made.truncated[1] < made.quality[1], "cut to rank 1, a full update is worse than rank 1 trained"
    assert len(made.spectrum.names) == 4
    assert "The best is" in made.findings[0].text.en


def test_equal_budgets_of_matrices_on_digits():
    made = lora(Lora(task="digits", sweep="matrices", steps=10, seeds=1))
    assert list(made.names) == list(TARGETS) and len(set(made.trainable_parameters)) == 1
    assert np.isnan(made.truncated).all() and np.isnan(made.quality_spread).all() and np.isfinite(made.quality).all()


# The language model


def test_the_body_is_the_models_own():
    model, tokens = code_model.load()
    body = writing.body(model.config.to_dict())
    weights = writing.weights_of(model, body.layers)
    ids = torch.randint(len(tokens), (3, 33), generator=torch.Generator().manual_seed(0))
    maps = {m.name: (lambda x, w=weights[m.name]: x @ w.T) for m in body.matrices()}
    with torch.no_grad():
        logits = model(input_ids=ids[:, :-1]).logits
        expected = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(3, -1)
        found = writing.window_losses(body, weights, maps, ids[None])[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_text_is_learned_and_the_library_is_kept_in_sight():
    made = lora(Lora(task="language", source="json", ranks="0,4,full", steps=10, seeds=1, learning_rate=0.01))
    assert made.quality[1] < made.frozen and made.quality[2] < made.frozen == pytest.approx(made.quality[0], abs=1e-4)
    assert np.isfinite(made.original).all() and made.original[0] == pytest.approx(made.original_frozen, abs=1e-4)
    assert not made.higher and len(made.spectrum.names) == 12 and made.spectrum.base.shape == (12, 64)


def test_pasted_text_is_trained_on_or_refused():
    short = Lora(task="language", source="pasted", text="    " * 520)
    with pytest.raises(Refused, match="text must have at least 512 tokens to train on; got"):
        next(lora.stream(short))
    text = "".join(f"line {k} of {k * k % 97} words\n" for k in range(200))
    task = running.BUILDS["language"](Lora(task="language", source="pasted", text=text), "cpu")
    assert len(task.ids) > 512 and task.unseen.shape[1] == writing.WINDOW + 1


def test_presets_of_text_are_long_and_drawn_from_the_seed():
    for name in ("c", "json", "prose"):
        one = texts.preset(name, 3)
        assert len(one) >= 20_000 and one == texts.preset(name, 3) != texts.preset(name, 4)
    records = json.loads(f"[{texts.preset('json', 0)}]")
    assert len(records) > 50 and set(records[0]) >= {"id", "readings"}
    made = texts.preset("c", 0)
    assert made.count("{") == made.count("}") and made.count("return") > 50


# What was learned


def test_spectra_are_those_of_the_matrices():
    fit, _ = trained(task="digits", steps=10, seeds=2, ranks="0,2,5,full", targets="q")
    found = subspaces.spectrum(fit)
    assert found.names == ("q0", "q1") and found.values.shape == (2, 4, 64)
    for m, name in enumerate(found.names):
        np.testing.assert_allclose(found.base[m], scipy.linalg.svdvals(fit.task.weights[name].numpy())[:64], rtol=1e-4)
        for s, r in ((1, 2), (2, 5), (3, 16)):
            expected = scipy.linalg.svdvals(fit.deltas(name)[s, 0].numpy())
            np.testing.assert_allclose(found.values[m, s, :r], expected[:r], rtol=1e-3, atol=1e-6)
        assert found.values[m, 0].max() == 0 and found.values[m, 1, 2:].max() == 0


def test_a_full_update_cut_to_its_whole_rank_is_itself():
    fit, quality = trained(task="digits", steps=10, seeds=2, ranks="0,1,full", targets="qv")
    scores, _ = subspaces.truncated(fit, [0, 1, FULL])
    np.testing.assert_allclose(scores[2], quality[2], atol=2e-3)
    np.testing.assert_allclose(scores[0], fit.task.scores(frozen(fit.banks), 1)[0], atol=1e-6)
    delta = fit.deltas("q0")[2, 1].double().numpy()
    U, S, Vt = np.linalg.svd(delta)
    assert np.linalg.norm(delta - S[0] * np.outer(U[:, 0], Vt[0])) == pytest.approx(np.sqrt((S[1:] ** 2).sum()))


# Memory and speed


@pytest.mark.parametrize("key", ["qv", "attention", "feed-forward", "all"])
def test_predicted_peaks_are_the_measured_ones(key):
    chosen = settings.by_rank([0, 1, 16, 64, FULL], TARGETS[key])
    for found, _ in peaks.check(chosen, 0):
        pass
    assert len(found.titles) == 8
    np.testing.assert_allclose(found.predicted, found.measured, rtol=0.1)
    assert found.trained[3] == memory.Architecture.parameters.fget(peaks.SMALL)


def test_the_checked_model_has_the_parameters_of_its_formula():
    chosen = settings.by_rank([8, FULL], TARGETS["all"])
    for setting in chosen:
        model = peaks.Model(peaks.SMALL, setting, 0)
        count = sum(p.numel() for p in model.parameters() if p.requires_grad)
        expected = peaks.SMALL.parameters if setting.rank == FULL else memory.trainable(setting.ranks, peaks.SMALL.matrices())
        assert count == expected
        held = sum(t.numel() for t in (*model.parameters(), *model.buffers()))
        assert 4 * held == memory.parts(peaks.SMALL, setting.ranks, 64, sizes=SINGLE)[0]


def test_memory_is_a_task_of_its_own():
    made = lora(Lora(task="memory", ranks="4,full"))
    assert made.peaks.measured.shape == (4,) and "misses the measured peaks of 4 training steps" in made.findings[0].text.en
    assert made.findings[0].topic == "peaks" and made.findings[1].topic == "memory"


CORNERS = [
    {"method": "dora", "initialisation": "pissa", "steps": 10},
    {"initialisation": "random", "scaling": "rslora", "steps": 10},
    {"ranks": "64", "seeds": 1, "steps": 10},
    {"ranks": "full", "steps": 10},
    {"true_rank": 64, "decay": 0.3, "steps": 10},
    {"condition": 100.0, "steps": 10, "seeds": 8},
    {"learning_rate": 1e-5, "alpha": 0.25, "steps": 10},
    {"learning_rate": 10.0, "full_share": 2.0, "alpha": 256.0, "steps": 10},
    {"task": "digits", "shift": "permuted", "sweep": "matrices", "budget": 32, "steps": 10, "seeds": 1},
]


@pytest.mark.parametrize("values", CORNERS, ids=str)
def test_every_corner_gives_a_whole_result(values):
    assert experiments.discover()["lora"] is lora
    made = lora(Lora.parse(values))
    assert made.findings and all(said.text.en and said.text.zh for said in made.findings)
    arrived = (made.diverged < 0).any(1)
    np.testing.assert_array_equal(np.isfinite(made.quality), arrived)
    assert results.plain(made)["names"] == list(made.names)
