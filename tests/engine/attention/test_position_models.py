"""The small models and the embedded one: encodings as torch computes them, losses reproduced, the recipe."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers.models.t5.modeling_t5 import T5Attention

from engine.attention.position_models import frequencies, measure, train
from engine.attention.position_models import models as small_models
from engine.attention.position_models.models import BASE, ENCODINGS, SHAPE, SmallModel
from engine.attention.position_models.record import NAME, document, numbers
from engine.core import checkpoints
from engine.language import code_model
from engine.language.code_model import corpus
from engine.language.code_model.architecture import Shape

RELATIVE = ("none", "shaw", "xlnet", "t5", "deberta", "alibi", "rotary")
LITTLE = Shape(layers=2, width=24, heads=3, inner=32, context=40, vocabulary=64)
B, H, T, D = 2, LITTLE.heads, 11, LITTLE.width
d = D // H


def positions(name, seed=0):
    torch.manual_seed(seed)
    made = ENCODINGS[name](LITTLE).double()
    for parameter in made.parameters():  # none may stay at zero
        parameter.data.normal_(generator=torch.Generator().manual_seed(seed + 1))
    return made


def vectors(seed=0):
    return torch.randn(2, B, H, T, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).unbind()


def looped(formula, q, k):
    """formula(head, q vector, k vector, i, j) for every visible pair, NaN ahead."""
    made = np.full((B, H, T, T), np.nan)
    for b in range(B):
        for h in range(H):
            for i in range(T):
                for j in range(i + 1):
                    made[b, h, i, j] = formula(h, q[b, h, i].numpy(), k[b, h, j].numpy(), i, j)
    return made


def wave(position, width=D):
    return np.array([f(position / BASE ** (2 * (i // 2) / width)) for i, f in enumerate((math.sin, math.cos) * (width // 2))])


def formula(name, layer, made):
    """The score of one query and key in plain numpy, by the paper."""
    p = {key: value.detach().numpy() for key, value in made.named_parameters()}
    root = math.sqrt(d)
    part = lambda matrix, h: matrix[..., h * d : (h + 1) * d]  # noqa: E731

    def turned(x, m):
        z = (x[: d // 2] + 1j * x[d // 2 :]) * np.exp(1j * m * BASE ** (-np.arange(0, d, 2) / d))
        return np.concatenate([z.real, z.imag])

    def deberta(h, q, k, i, j):
        at = p["distances"][min(i - j, small_models.DEBERTA_REACH - 1)] * math.sqrt(D)
        key, query = (part(at @ p[f"to_{side}"][layer], h) for side in ("key", "query"))
        return (q @ k + q @ key + k @ query) / math.sqrt(3 * d)

    return {
        "none": lambda h, q, k, i, j: q @ k / root,
        "shaw": lambda h, q, k, i, j: q @ (k + p["keys"][layer, min(i - j, small_models.SHAW_REACH)]) / root if name == "shaw" else 0,
        "xlnet": lambda h, q, k, i, j: (
            ((q + p["u"][layer, h, 0]) @ k + (q + p["v"][layer, h, 0]) @ part(wave(i - j) @ p["distance"][layer], h)) / root
            if name == "xlnet"
            else 0
        ),
        "t5": lambda h, q, k, i, j: (
            q @ k / root + p["bias"][h, int(T5Attention._relative_position_bucket(torch.tensor(j - i), False, 32, 128))]
        ),
        "deberta": deberta,
        "alibi": lambda h, q, k, i, j: q @ k / root - 2 ** (-8 * (h + 1) / H) * (i - j),
        "rotary": lambda h, q, k, i, j: turned(q, i) @ turned(k, j) / root,
    }[name]


@pytest.mark.parametrize("name", RELATIVE)
@pytest.mark.parametrize("layer", [0, 1])
def test_scores_are_the_papers(name, layer):
    made, (q, k) = positions(name), vectors()
    with torch.no_grad():
        found = made.scores(layer, q, k, torch.arange(T)).numpy()
        moved = made.scores(layer, q, k, torch.arange(T) + 1000).numpy()
    expected = looped(formula(name, layer, made), q, k)
    seen = np.isfinite(expected)
    np.testing.assert_allclose(found[seen], expected[seen], atol=3e-6)
    np.testing.assert_allclose(moved[seen], found[seen], atol=1e-2 if name == "rotary" else 1e-9)  # turns are fp32


def test_buckets_that_look_back_are_the_librarys():
    steps = torch.arange(2000)
    expected = T5Attention._relative_position_bucket(-steps, False, 32, 128)
    assert torch.equal(small_models.bucket(steps), expected)


def test_absolute_encodings_work_on_the_embeddings():
    x = torch.randn(B, T, D, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    tokens, at = torch.randint(0, 64, (B, T)), torch.arange(T) + 7
    learned, waves = positions("learned"), positions("sinusoidal")
    np.testing.assert_allclose((learned.embed(x, tokens, at) - x).detach(), learned.table[7 : 7 + T].detach().expand(B, T, D) * D**0.5)
    expected = np.stack([wave(int(m)) for m in at])
    np.testing.assert_allclose((waves.embed(x, tokens, at) - x).numpy(), np.broadcast_to(expected, (B, T, D)), atol=2e-6)
    turning = positions("complex")
    found = turning.embed(x, tokens, at).detach().numpy()
    rates = BASE ** (-np.arange(0, D, 2) / D)
    for b, t in ((0, 0), (1, 5), (0, 10)):
        speed = rates * np.exp(turning.speed[tokens[b, t]].detach().numpy() / LITTLE.context)
        z = (x[b, t, : D // 2].numpy() + 1j * x[b, t, D // 2 :].numpy()) * np.exp(1j * int(at[t]) * speed)
        np.testing.assert_allclose(found[b, t], np.concatenate([z.real, z.imag]), atol=1e-5)
    for name in ("learned", "sinusoidal", "complex"):
        q, k = vectors()
        np.testing.assert_allclose(positions(name).scores(0, q, k, at), q @ k.mT / math.sqrt(d))


def test_states_start_as_sinusoids_and_follow_their_recurrence():
    fresh, x, at = ENCODINGS["recurrent"](LITTLE), torch.zeros(1, 200, D), torch.arange(200)
    np.testing.assert_allclose(fresh.embed(x, None, at).detach()[0], small_models.waves(at, D), atol=2e-5)
    made = positions("recurrent")
    states = made.embed(x.double(), None, at)[0].detach().numpy()
    start, inner, outer = (p.detach().numpy() for p in (made.start, made.inner, made.outer))
    p, rates = start, BASE ** (-np.arange(0, D, 2) / D)
    for state in states[:30]:
        np.testing.assert_allclose(state, p, atol=1e-4)
        z = (p[1::2] + 1j * p[0::2]) * np.exp(1j * rates)  # cosine and sine
        ahead = np.stack([z.imag, z.real], 1).ravel()
        p = ahead + outer @ np.tanh(inner @ p) / LITTLE.context


@pytest.mark.parametrize("name", ENCODINGS)
def test_models_look_back_only_and_share_their_common_start(name):
    torch.manual_seed(4)
    model = SmallModel(name, LITTLE).eval()
    torch.manual_seed(4)
    other = SmallModel("none", LITTLE).eval()
    for one, two in zip(model.body.parameters(), other.body.parameters(), strict=True):
        assert torch.equal(one, two)
    ids = torch.randint(0, 64, (1, 30), generator=torch.Generator().manual_seed(0))
    changed = ids.clone()
    changed[0, 20:] = 1
    with torch.no_grad():
        here, there = model(ids), model(changed)
        moved = model(ids, torch.arange(30) + 9)
    torch.testing.assert_close(here[:, :20], there[:, :20], atol=1e-5, rtol=1e-4)
    assert (here[:, 20:] - there[:, 20:]).abs().max() > 1e-3
    gap = (moved - here).abs().max().item()
    assert gap < 1e-3 if name in RELATIVE else gap > 1e-3


def test_learned_positions_end():
    model = SmallModel("learned", LITTLE).eval()
    ids = torch.zeros(1, LITTLE.context + 1, dtype=torch.long)
    with torch.no_grad():
        model(ids[:, 1:])
        with pytest.raises(IndexError, match="positions were learned up to 39; got 40"):
            model(ids)
    assert measure.reach(model.positions, 100, 10) == 30 and measure.reach(model.positions, 100, 60) == 0
    text = torch.randint(0, 64, (2, 65))
    for found in measure.small_curve(model, text):
        pass
    assert np.isfinite(found[:40]).all() and np.isnan(found[40:]).all()
    with torch.no_grad():
        logits = model(text[:, :40])
    expected = cross_entropy(logits.mT, text[:, 1:41], reduction="none").mean(0)
    np.testing.assert_allclose(found[:40], expected, rtol=1e-4)


# The models at hand


def same_files():
    kept = document()["data"]
    return corpus.fingerprint(corpus.split()[1]) == kept["held_out_sha256"]


def test_the_checkpoint_is_what_its_meta_says():
    meta, models = document(), measure.small_models()
    assert tuple(models) == tuple(ENCODINGS) == tuple(meta["models"])
    for name, model in models.items():
        assert sum(p.numel() for p in model.parameters()) == meta["models"][name]["parameters"]
        curve = [point["held_out_loss"] for point in meta["models"][name]["curve"]]
        assert curve[-1] < curve[0] - 1 and curve[-1] == min(curve)


@pytest.mark.slow
@pytest.mark.reproduces("position-models", "code-model-target")
def test_recorded_losses_are_reproduced():
    if not same_files():
        pytest.skip("this interpreter ships other files than those that the losses were measured on")
    meta = document()
    judged = meta["judged_on"]
    short = measure.windows(measure.held_out(), judged["short_windows"], judged["short"])
    for name, model in measure.small_models().items():
        recorded = numbers(meta["models"][name]["shifted"])
        for place in (0, 2):
            found = measure.position_losses(model, short, judged["shifts"][place]).mean().item()
            assert found == pytest.approx(recorded[place], abs=2e-3), name


# The embedded model, stretched


def test_a_copy_turns_at_other_rates_and_the_model_stays():
    model, _ = code_model.load("target")
    before = model.model.rotary_emb.inv_freq.clone()
    width = model.config.hidden_size // model.config.num_attention_heads
    own = frequencies.rates(width, 10_000.0)
    np.testing.assert_allclose(before, own, rtol=1e-5)
    ids = torch.arange(40)[None] % 100
    with torch.inference_mode():
        plain = model(input_ids=ids).logits
        for name in frequencies.SCALINGS:
            twin = measure.stretched(model, name, 4.0, 10_000.0)
            expected = frequencies.scaled(width, 10_000.0, name, 4.0, model.config.max_position_embeddings)
            np.testing.assert_allclose(twin.model.rotary_emb.inv_freq, expected, rtol=1e-6)
            changed = (twin(input_ids=ids).logits - plain).abs().max().item()
            assert changed < 1e-4 if name == "none" else changed > 1e-2, name
    assert torch.equal(model.model.rotary_emb.inv_freq, before) and model.model.rotary_emb.attention_scaling == 1
    with pytest.raises(AssertionError, match="turns 32 pairs; got 3"):
        measure.rescaled(model, np.ones(3), 1.0)


@pytest.mark.parametrize("scaling", frequencies.SCALINGS)
def test_stretched_copies_are_the_librarys_own_scaling(scaling):
    from transformers import LlamaConfig, LlamaForCausalLM

    model, _ = code_model.load("target")
    ids = torch.randint(0, 2048, (1, 300), generator=torch.Generator().manual_seed(0))
    if scaling == "ntk":
        rope = {"rope_type": "default", "rope_theta": 10_000.0 * 4 ** (64 / 62)}
    else:
        kind = {"none": "default"}.get(scaling, scaling)
        rope = {"rope_type": kind, "rope_theta": 10_000.0, "factor": 4.0, "original_max_position_embeddings": 512}
    config = LlamaConfig(**(model.config.to_dict() | {"rope_parameters": rope, "max_position_embeddings": 2048}))
    other = LlamaForCausalLM(config).eval()
    other.load_state_dict(model.state_dict())
    twin = measure.stretched(model, scaling, 4.0, 10_000.0)
    with torch.inference_mode():
        torch.testing.assert_close(twin(input_ids=ids).logits, other(input_ids=ids).logits, atol=2e-3, rtol=1e-3)


def test_losses_read_in_chunks_are_those_of_the_whole_text():
    model, _ = code_model.load("target")
    text = torch.randint(0, 2048, (301,), generator=torch.Generator().manual_seed(1))
    parts = list(measure.chunked_losses(model, text))
    assert [len(part) for part in parts] == [128, 128, 44]
    with torch.inference_mode():
        logits = model(input_ids=text[None, :-1]).logits[0]
    torch.testing.assert_close(torch.cat(parts), cross_entropy(logits, text[1:], reduction="none"), atol=1e-3, rtol=1e-3)
    moved = torch.cat(list(measure.chunked_losses(model, text, 700)))
    torch.testing.assert_close(moved, torch.cat(parts), atol=2e-2, rtol=1e-2)


# The recipe

TINY = dataclasses.replace(
    train.PLAN,
    shape=dataclasses.replace(SHAPE, width=24, heads=2, inner=32, context=32),
    steps=8,
    decay=2,
    tokens=128,
    context=32,
    longer=32,
    warm_up=2,
    every=4,
)
JUDGED = train.Judging(windows=2, length=64, short_windows=4, short=16, shifts=(0, 8, 40), target_windows=1, target_length=128)


def test_the_recipe_measures_every_model_by_place(tmp_path):
    modules = tuple(m for m in corpus.sources() if m.path.startswith(("json/", "email/_p", "email/errors")))
    chosen = {"plan": TINY, "judging": JUDGED, "encodings": ("learned", "rotary"), "modules": modules}
    train.train(tmp_path, "cpu", False, lambda *_: None, **chosen)
    one = checkpoints.load(NAME, NAME, tmp_path / "checkpoints")
    assert one.config["encodings"] == ["learned", "rotary"]
    model = one.meta["models"]["learned"]
    assert len(numbers(model["loss_by_position"])) == 64
    assert np.isnan(numbers(model["shifted"])).tolist() == [False, False, True]
    assert np.isnan(numbers(model["loss_by_position"])).sum() == 32
    assert set(one.meta["target"]["losses"]) == set(frequencies.SCALINGS)
