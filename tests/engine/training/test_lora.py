"""LoRA's layers against peft, its banks against its layers, its counts against real architectures, its laws."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, Qwen2Config

from engine.core import Refused
from engine.training import memory
from engine.training.lora import LARGEST, Lora, findings, lora, running, settings
from engine.training.lora.bank import Bank, Method
from engine.training.lora.layers import DoRALinear, LoRALinear, scaling
from engine.training.lora.settings import TARGETS
from engine.training.memory import ARCHITECTURES, FULL, KINDS, Matrix


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def peft_layer(weight, bias, rank, alpha, *, stabilised=False, dora=False, start=True):
    """The library's layer around one linear map."""
    inner = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    with torch.no_grad():
        inner.weight.copy_(weight)
        if bias is not None:
            inner.bias.copy_(bias)
    config = LoraConfig(
        r=rank, lora_alpha=alpha, target_modules=["0"], use_rslora=stabilised, use_dora=dora, init_lora_weights=start, lora_dropout=0.0
    )
    model = get_peft_model(nn.Sequential(inner), config)
    return next(m for m in model.modules() if isinstance(m, LoraLayer))


CASES = [(seed, stabilised, dora) for seed in range(3) for stabilised in (False, True) for dora in (False, True)]


@pytest.mark.parametrize(("seed", "stabilised", "dora"), CASES)
def test_layers_are_pefts_forward_and_gradients(seed, stabilised, dora):
    g = drawn(seed)
    outputs, inputs, rank = 17 + 9 * seed, 40 - 7 * seed, (1, 4, 13)[seed]
    alpha = float(torch.empty(1).uniform_(1, 30, generator=g))
    weight, bias = torch.randn(outputs, inputs, generator=g) / 6, torch.randn(outputs, generator=g)
    bias = None if seed == 1 else bias
    theirs = peft_layer(weight, bias, rank, alpha, stabilised=stabilised, dora=dora)
    ours = (DoRALinear if dora else LoRALinear)(weight, bias, rank=rank, alpha=alpha, stabilised=stabilised)
    parts = {"A": theirs.lora_A["default"].weight, "B": theirs.lora_B["default"].weight}
    if dora:
        parts["m"] = theirs.lora_magnitude_vector["default"].weight
        torch.testing.assert_close(ours.m.data, parts["m"].data, rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        for name, tensor in parts.items():
            value = torch.rand(tensor.shape, generator=g) + 0.5 if name == "m" else torch.randn(tensor.shape, generator=g) / 4
            tensor.copy_(value)
            getattr(ours, name).copy_(value)
    x = torch.randn(2, 5, inputs, generator=g)
    pull = torch.randn(2, 5, outputs, generator=g)
    found = []
    for layer, tensors in ((ours, [getattr(ours, n) for n in parts]), (theirs, list(parts.values()))):
        given = x.clone().requires_grad_()
        y = layer(given)
        found.append([y, *torch.autograd.grad((y * pull).sum(), [given, *tensors])])
    for name, one, other in zip(("y", "x", *parts), *found, strict=True):
        error = (one - other).norm() / other.norm()
        assert error < 1e-5, f"{name}: {error}"
    assert ours.scale == pytest.approx(theirs.scaling["default"])


@pytest.mark.parametrize("rank", [1, 5, 12])
def test_the_principal_start_is_pefts(rank):
    weight = torch.randn(18, 12, generator=drawn(rank)) / 4
    theirs, ours = (peft_layer(weight, None, rank, 7.0, start="pissa"), LoRALinear(weight, rank=rank, alpha=7.0, initialisation="pissa"))
    signs = torch.sign((ours.A * theirs.lora_A["default"].weight).sum(1))  # singular vectors have no sign
    torch.testing.assert_close(ours.A * signs[:, None], theirs.lora_A["default"].weight, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.B * signs, theirs.lora_B["default"].weight, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.weight, theirs.get_base_layer().weight, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.effective(), weight, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [LoRALinear, DoRALinear])
@pytest.mark.parametrize("rank", [0, 1, 6])
def test_a_fresh_adapter_changes_nothing_and_a_trained_one_has_its_rank(kind, rank):
    weight, x = torch.randn(9, 6, generator=drawn(1)), torch.randn(4, 6, generator=drawn(2))
    layer = kind(weight, rank=rank, generator=drawn(3))
    torch.testing.assert_close(layer(x), x @ weight.T, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        layer.B.normal_(generator=drawn(4))
    assert torch.linalg.matrix_rank(layer.delta()) <= rank
    if rank:
        assert not torch.allclose(layer(x), x @ weight.T, atol=1e-3)
    both = LoRALinear(weight, rank=rank, initialisation="random", generator=drawn(3))
    assert bool(both.delta().abs().max() > 0) == (rank > 0)


@pytest.mark.parametrize("kind", [LoRALinear, DoRALinear])
@pytest.mark.parametrize("initialisation", ["gaussian", "random", "pissa"])
def test_merging_keeps_the_outputs_and_unmerging_restores_every_bit(kind, initialisation):
    weight, bias = torch.randn(30, 20, generator=drawn(5)), torch.randn(30, generator=drawn(6))
    layer = kind(weight, bias, rank=4, initialisation=initialisation, generator=drawn(7))
    with torch.no_grad():
        layer.B += torch.randn(layer.B.shape, generator=drawn(8)) / 5
    x, before = torch.randn(7, 20, generator=drawn(9)), layer.weight.clone()
    y = layer(x)
    layer.merge()
    layer.merge()
    torch.testing.assert_close(layer(x), y, rtol=1e-5, atol=1e-5)
    assert not torch.equal(layer.weight, before)
    layer.unmerge()
    layer.unmerge()
    assert torch.equal(layer.weight, before) and torch.equal(layer(x), y)


def test_a_merged_forward_costs_what_the_base_costs():
    weight = torch.randn(512, 512, generator=drawn(0))
    layer = LoRALinear(weight, rank=64, generator=drawn(1))
    layer.merge()
    x = torch.randn(256, 512, generator=drawn(2))
    work = []
    for call in (lambda x: nn.functional.linear(x, weight), layer):
        with FlopCounterMode(display=False) as counted:
            call(x)
        work.append(counted.get_total_flops())
    assert work[0] == work[1] == 2 * 256 * 512 * 512


@pytest.mark.parametrize("rank", [-1, 7])
def test_a_rank_above_the_matrix_is_refused(rank):
    with pytest.raises(ValueError, match=f"rank must be from 0 to 6.*got {rank}"):
        LoRALinear(torch.zeros(9, 6), rank=rank)


# Banks

METHODS = [Method(9.0, s, i, d) for s in (False, True) for i in ("gaussian", "random", "pissa") for d in (False, True)]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_a_bank_is_its_layers_side_by_side(method):
    ranks, seeds = [0, 1, 5, 3, FULL, FULL], [11, 12, 13, 14, 15, 16]
    weight = torch.randn(10, 8, generator=drawn(0)) / 3
    bank = Bank(weight, ranks, method, seeds)
    kind = DoRALinear if method.dora else LoRALinear
    layers = [
        kind(weight, rank=r, alpha=method.alpha, stabilised=method.stabilised, initialisation=method.initialisation, generator=drawn(s))
        for r, s in zip(ranks[:4], seeds[:4], strict=True)
    ]
    g = drawn(99)
    with torch.no_grad():
        for k, layer in enumerate(layers):
            layer.B += torch.randn(layer.B.shape, generator=g) / 4
            bank.B[k, :, : layer.rank] = layer.B
            if method.dora and layer.rank:
                bank.turned[k] = torch.randn(10, generator=g) / 10
                layer.m += bank.turned[k]
        bank.D.normal_(generator=g)
    x, pull = torch.randn(6, 7, 8, generator=g), torch.randn(6, 7, 10, generator=g)
    expected = torch.stack([*(layer(x[k]) for k, layer in enumerate(layers)), *(x[4 + k] @ (weight + bank.D[k]).T for k in range(2))])
    wanted = torch.autograd.grad((expected * pull).sum(), [bank.D, *(t for layer in layers[1:] for t in (layer.A, layer.B))])
    for path in (bank.forward, bank.beside):
        y = path(x)
        torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
        D, A, B = torch.autograd.grad((y * pull).sum(), [bank.D, bank.A, bank.B])
        found = [D, *(t for k, layer in enumerate(layers) if k for t in (A[k, : layer.rank], B[k, :, : layer.rank]))]
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        for k, r in enumerate(ranks[:4]):
            assert not A[k, r:].any() and not B[k, :, r:].any(), "what is padded has no gradient"
    torch.testing.assert_close(bank.delta()[4], bank.D.detach()[0], rtol=1e-5, atol=1e-6)


def test_padding_stays_zero_through_adam():
    bank = Bank(torch.randn(6, 6, generator=drawn(0)), [0, 2, 4], Method(), [1, 2, 3])
    optimiser = torch.optim.Adam(bank.parameters(False), lr=0.1)
    for k in range(20):
        optimiser.zero_grad()
        bank.forward(torch.randn(3, 5, 6, generator=drawn(k))).square().sum().backward()
        optimiser.step()
    assert not bank.A[0].any() and not bank.A[1, 2:].any() and not bank.B[1, :, 2:].any() and bank.B[2].any()
    assert torch.equal(bank.delta()[0], torch.zeros(6, 6))


# Counts


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft still asks by the old name
@pytest.mark.parametrize("arch", ARCHITECTURES, ids=lambda a: a.name)
def test_counts_are_those_of_the_real_architectures(arch):
    config = Qwen2Config(
        vocab_size=arch.vocabulary,
        hidden_size=arch.width,
        intermediate_size=arch.inner,
        num_hidden_layers=arch.layers,
        num_attention_heads=arch.heads,
        num_key_value_heads=arch.kv_heads,
        tie_word_embeddings=arch.tied,
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        assert sum(p.numel() for p in model.parameters()) == arch.parameters
        for key, rank in (("qv", 8), ("attention", 64), ("all", 3)):
            setting = settings.by_rank([rank], TARGETS[key])[0]
            adapted = LoraConfig(r=rank, target_modules=[f"{k}_proj" for k in TARGETS[key]], use_dora=key == "all")
            if key == "all" and arch.layers > 30:
                continue
            wrapped = get_peft_model(model, adapted)
            found = sum(p.numel() for p in wrapped.parameters() if p.requires_grad)
            assert found == memory.trainable(setting.ranks, arch.matrices(), dora=key == "all")
            model = wrapped.unload()


def test_the_sum_is_the_formula():
    shapes = [(5, 3), (4, 4), (7, 2)]
    matrices = [Matrix(f"{k}0", k, 0, *shape) for k, shape in zip("qkv", shapes, strict=True)]
    for r in (1, 2):
        made = settings.by_rank([0, r, FULL], ("q", "v"))
        assert settings.counts(made, matrices).tolist() == [0, r * (5 + 3 + 7 + 2), 15 + 14]
        assert memory.trainable(made[1].ranks, matrices, dora=True) == r * 17 + 12


def test_choices_of_matrices_have_an_equal_budget():
    from engine.training.digit_model import digits

    matrices = digits.body().matrices()
    made = settings.by_matrices(matrices, 8)
    counted = settings.counts(made, matrices)
    assert [s.key for s in made] == list(TARGETS) and len(set(counted)) == 1, "exactly equal on the digits' network"
    assert {s.key: s.rank for s in made} == {"q": 8, "k": 8, "v": 8, "o": 8, "qv": 4, "attention": 2, "feed-forward": 2, "all": 1}


# Parameters


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ranks": "1,65"}, "ranks must be at most 64, the smaller side of the matrices to be adapted; got 65"),
        ({"task": "digits", "ranks": "4,73"}, "ranks must be at most 72"),
        ({"ranks": "1,two"}, "ranks must be whole numbers or \"full\", separated by commas; got 'two'"),
        ({"ranks": "-1"}, "ranks must be whole numbers"),
        ({"ranks": ""}, "ranks must be whole numbers"),
        ({"ranks": "0"}, "ranks must name at least one that is not 0"),
        ({"ranks": "1,2,3,4,5,6,7,8,9,10,11"}, "ranks must be at most 10 in number; got 11"),
        ({"ranks": "9" * 61}, "ranks must be at most 60 characters long"),
        ({"task": "language", "source": "pasted", "text": "short"}, "text must have at least 2000 characters"),
        ({"task": "language", "source": "pasted", "text": "x" * 20_001}, "text must be at most 20000 characters long"),
        ({"true_rank": 65}, "true_rank must be a whole number from 1 to 64"),
        ({"learning_rate": 0.0}, "learning_rate must be a number from 1e-05 to 10"),
        ({"alpha": float("nan")}, "alpha must be a number"),
        ({"initialisation": "zero"}, "initialisation must be one of gaussian, random, pissa"),
        ({"seeds": 9}, "seeds must be a whole number from 1 to 8"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(values, words):
    with pytest.raises(Refused) as refused:
        Lora.parse(values)
    assert words in refused.value.en and refused.value.zh and refused.value.name in values


def test_ranks_are_read_as_a_person_writes_them():
    assert settings.parse_ranks(" 8, FULL,１，2、2 ", 64) == (1, 2, 8, FULL)
    assert Lora().swept == (0, 1, 2, 4, 8, 16, 32, FULL)
    assert {task: Lora(task=task).swept for task in LARGEST}.keys() == {"linear", "digits", "language", "memory"}


def test_costs():
    assert lora.cost_of(Lora()) == "seconds" == lora.cost_of(Lora(task="memory")) and lora.cost_of(Lora(steps=2000)) == "minutes"
    assert lora.cost_of(Lora(task="digits")) == "minutes" == lora.cost_of(Lora(task="language"))


def test_scalings():
    assert scaling(16, 4) == 4 and scaling(16, 4, True) == 8 and scaling(16, 0) == 0


def test_every_kind_of_matrix_is_a_target():
    assert set(itertools.chain(*TARGETS.values())) == set(KINDS)


# Findings


def test_findings_tell_a_divergence_at_its_step():
    titles = [s.title for s in settings.by_rank([1, 2, FULL], ("w",))]
    said = list(findings.diverged(titles, np.array([[-1, -1], [7, 4], [-1, 9]])))
    assert said[0].en == "“r = 2” diverges at step 5 (2 of 2 seeds); its runs stop there."
    assert "第 10 步" in said[1].zh and not list(findings.diverged(titles, np.full((3, 2), -1)))


def test_the_best_is_named_with_its_sample_and_spread():
    titles = [s.title for s in settings.by_rank([1, 2, FULL], ("w",))]
    trained, spread = np.array([10, 20, 90]), np.array([0.01, 0.01, 0.01])
    best = findings.sweep(titles, trained, np.array([0.80, 0.91, 0.92]), spread, True, 3).en.replace("\u00a0", " ")
    assert best == "The best is “full” with 92 % ± 1 % over 3 seeds; “r = 2” is within the spread (91 %) at 22 % of its parameters."
    lost = findings.sweep(titles, trained, np.array([0.80, np.nan, 0.92]), spread, True, 3).en
    assert lost.startswith("Of the 2 settings that arrived (1 did not) the best") and "no smaller one" in lost
    alone = findings.sweep(titles, trained, np.array([2.5, 2.0, 2.1]), np.full(3, np.nan), False, 1).en
    assert "“r = 2” with 2, on one seed" in alone
    assert findings.sweep(titles, trained, np.full(3, np.nan), spread, True, 3).en == "No setting arrived."


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ([], "every rank ends within"),
        ([1, 2, 3], "all 3 low ranks diverged"),
        ([2], "Of 3 low ranks 2 arrived (6 runs)"),
        ([4], "every rank ends within"),
    ],
    ids=str,
)
def test_what_diverged_is_never_spoken_for(lost, said):
    """Settings 0, 1, 2, 4 and full, of which some lost all of their three seeds."""
    params = Lora(ranks="0,1,2,4,full", steps=10)
    fit = running.begin(params, "cpu")
    optimum = fit.task.optimum([0, 1, 2, 4, FULL])
    runs = np.repeat(optimum[:, None], 3, 1) + 0.0005
    diverged = np.full((5, 3), -1)
    runs[lost], diverged[lost] = np.nan, 2
    made = dataclasses.replace(
        running.untrained(params, fit, "cpu"),
        runs=runs,
        quality=running.means(runs)[0],
        quality_spread=running.means(runs)[1],
        diverged=diverged,
    )
    text = findings.linear(made, bound=True)
    assert said in text.en and ("every rank" in text.en) == (1 not in lost and 2 not in lost) and text.zh


def test_one_lost_seed_is_not_every_rank():
    params = Lora(ranks="1,2,full", steps=10)
    fit = running.begin(params, "cpu")
    runs = np.repeat(fit.task.optimum([1, 2, FULL])[:, None], 3, 1)
    diverged = np.full((3, 3), -1)
    runs[0, 1], diverged[0, 1] = np.nan, 4
    made = dataclasses.replace(running.untrained(params, fit, "cpu"), runs=runs, quality=running.means(runs)[0], diverged=diverged)
    assert "Of 2 low ranks 2 arrived (5 runs)" in findings.linear(made, bound=True).en


def test_both_accountings_are_told_and_neither_is_tuned():
    """By hand: 7.615616512 and 72.706203648 billion parameters, at 16 and at 20 bytes."""
    made = running.footprint(Lora(task="memory", ranks="8,full"))
    assert made.trained_bytes.tolist() == [16, 16, 18, 20] and made.full.tolist() == [False, True, True, True]
    state = made.bytes[:, :, :3].sum(-1)
    assert state[3, 1] == 16 * 7_615_616_512 and state[6, 3] == 20 * 72_706_203_648
    assert made.cards[3, 1] == 2 and made.cards[6, 1] == 15 and made.cards[6, 0] == 2
    said = findings.accounting(made).text.en.replace("\u00a0", " ")
    for amount in ("16 bytes", "122 GB", "1.16 TB", "20 bytes", "152 GB", "1.45 TB", "160 GB", "1.6 TB"):
        assert amount in said
