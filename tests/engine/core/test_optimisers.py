"""Muon and AdamW side by side: who moves what, and how."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from engine.core.optimisers import MuonAdamW


def network():
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3), nn.SiLU(), nn.Conv2d(8, 6, 3), nn.SiLU(), nn.Conv2d(6, 6, 1), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(24, 5))


def inside(name, p):
    return p.ndim > 1 and not name.startswith("0")


def optimiser(model, **changed):
    return MuonAdamW(model, inside, **{"matrices": 0.02, "others": 0.01, "matrices_decay": 0.0} | changed)


def loss(model, seed=0):
    x = torch.randn(32, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return model(x).square().mean()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_all_directions_of_a_matrix_move_alike_and_the_rest_as_adamw_does(layout):
    model = network().to(memory_format=layout)
    other = copy.deepcopy(model)
    made = optimiser(model)
    assert len(made.pairs) == 3 and all(p.data_ptr() == matrix.data_ptr() for p, matrix in made.pairs)
    rest = [p for name, p in other.named_parameters() if not inside(name, p)]
    plain = torch.optim.AdamW(rest, lr=0.005, betas=(0.9, 0.99), weight_decay=0.0)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for net, step in ((model, lambda: made.step(0.5)), (other, plain.step)):
        loss(net).backward()
        step()
    for name, p in model.named_parameters():
        assert p.grad is None
        if inside(name, p):
            values = torch.linalg.svdvals((p.detach() - before[name]).flatten(1))
            assert 0 < values[0] < 3 * values[-1], name  # of the gradients: 40 to 220
        else:
            torch.testing.assert_close(p, other.get_parameter(name))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_a_convolution_moves_as_the_matrix_of_its_weights(layout):
    """Muon's step turns with the columns: their order, which the layout changes, is no matter."""
    model, other = network(), network().to(memory_format=layout)
    for net in (model, other):
        made = optimiser(net)
        for seed in range(3):
            loss(net, seed).backward()
            made.step(1.0)
    for name, p in model.named_parameters():
        torch.testing.assert_close(p, other.get_parameter(name), rtol=0.02, atol=2e-3)  # torch's Muon turns in bfloat16


def test_it_goes_on_from_its_state():
    model = network()
    made = optimiser(model)
    loss(model).backward()
    made.step(1.0)
    kept, again = copy.deepcopy(made.state_dict()), copy.deepcopy(model)
    resumed = optimiser(again)
    resumed.load_state_dict(kept)
    for net, mine in ((model, made), (again, resumed)):
        loss(net, 1).backward()
        mine.step(0.3)
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
