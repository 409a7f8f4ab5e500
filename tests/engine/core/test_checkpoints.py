"""Checkpoints come back as they were, whole or not at all; recipes are found and installed."""

import numpy as np
import pytest
import torch

from engine.core import checkpoints, recipes


class Small(torch.nn.Module):
    def __init__(self, width=5):
        super().__init__()
        self.first = torch.nn.Linear(3, width)
        self.tied = torch.nn.Linear(3, width, bias=False)
        self.tied.weight = self.first.weight
        self.register_buffer("steps", torch.tensor(7))


def state_of(module):
    return dict(module.named_parameters()) | dict(module.named_buffers())


def test_round_trip_in_half_precision(tmp_path):
    torch.manual_seed(0)
    one, two = Small(), Small()
    checkpoints.save(tmp_path / "small", state_of(one), {"width": 5}, {"seed": 0, "name": "é"})
    found = checkpoints.load("small", "some", tmp_path)
    assert found.config == {"width": 5}
    assert found.meta == {"seed": 0, "name": "é"}
    checkpoints.fill(two, found.state)
    for name, tensor in state_of(one).items():
        expected = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(state_of(two)[name], expected)
    assert two.tied.weight is two.first.weight


def test_large_state_is_sharded_below_ten_megabytes(tmp_path):
    state = {f"block.{i}": torch.full((1_500_000,), float(i)) for i in range(7)}  # 3 MB each in float16
    checkpoints.save(tmp_path / "large", state, {}, {})
    files = sorted((tmp_path / "large").glob("*.safetensors"))
    assert len(files) == 3
    assert all(path.stat().st_size < 10_000_000 for path in files)
    found = checkpoints.load("large", "some", tmp_path).state
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)
    checkpoints.save(tmp_path / "large", {"a": torch.zeros(2)}, {}, {})  # fewer shards leave none of the old
    assert len(list((tmp_path / "large").glob("*.safetensors"))) == 1


@pytest.mark.parametrize("lost", ["model-00001-of-00001.safetensors", "meta.json", "config.json"])
def test_a_missing_file_names_the_command(tmp_path, lost):
    checkpoints.save(tmp_path / "small", {"a": torch.zeros(2)}, {}, {})
    (tmp_path / "small" / lost).unlink()
    with pytest.raises(FileNotFoundError, match=r"python -m engine train some"):
        checkpoints.load("small", "some", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"python -m engine train some"):
        checkpoints.load("absent", "some", tmp_path)


def test_a_lost_shard_is_noticed(tmp_path):
    checkpoints.save(tmp_path / "large", {f"b{i}": torch.zeros(3_000_000) for i in range(3)}, {}, {})
    (tmp_path / "large" / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="model-00002-of-00003"):
        checkpoints.load("large", "some", tmp_path)


def test_what_cannot_be_stored_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not finite in float16"):
        checkpoints.save(tmp_path / "x", {"a": torch.tensor([1e6])}, {}, {})
    with pytest.raises(ValueError, match="at most 9500000"):
        checkpoints.save(tmp_path / "x", {"a": torch.zeros(6_000_000)}, {}, {})


def test_filling_is_strict():
    module = Small()
    whole = state_of(module)
    with pytest.raises(ValueError, match=r"first\.bias is missing"):
        checkpoints.fill(module, {k: v for k, v in whole.items() if k != "first.bias"})
    with pytest.raises(ValueError, match="other is unknown"):
        checkpoints.fill(module, whole | {"other": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"first\.weight has shape \(4, 3\) instead of \(5, 3\)"):
        checkpoints.fill(module, whole | {"first.weight": torch.zeros(4, 3)})


def test_recipes_are_found_and_say_what_they_are():
    found = recipes.discover()
    assert "code-model" in found
    for name, recipe in found.items():
        assert recipe.name == name
        assert len(recipe.summary) > 20
        assert recipe.summary in " ".join(recipe.description.split())


def test_installing_replaces_the_checkpoint_before(tmp_path):
    made, assets = tmp_path / "run", tmp_path / "assets"
    checkpoints.save(made / "checkpoints" / "a", {"x": torch.ones(3)}, {}, {})
    (assets / "a").mkdir(parents=True)
    (assets / "a" / "old.json").write_text("{}")
    assert recipes.install(made, assets) == [assets / "a"]
    assert not (assets / "a" / "old.json").exists()
    np.testing.assert_array_equal(checkpoints.load("a", "some", assets).state["x"].numpy(), np.ones(3))
