"""Checkpoints on disk: sharded safetensors below 10 MB a file, `config.json` and `meta.json` beside them.

Floating-point tensors are stored in one dtype (float16 unless said otherwise) and come back in float32.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

ROOT = Path(__file__).parents[2] / "assets" / "checkpoints"
SHARD = 9_500_000  # bytes of tensors in one file; a public hub asks for LFS from 10 MB on


@dataclass(frozen=True)
class Checkpoint:
    """What a folder holds: tensors by name (float32), what builds the module, and how it was made."""

    state: dict[str, Tensor]
    config: dict[str, Any]
    meta: dict[str, Any]


def save(folder: Path, state: Mapping[str, Tensor], config: Mapping[str, Any], meta: Mapping[str, Any], dtype: str = "float16") -> None:
    """Write a checkpoint. Tensors that share memory must be given once, under one name.

    Raises ValueError where one tensor alone is larger than a file may be, or a value is not finite in `dtype`.
    """
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("model*.safetensors"):
        old.unlink()
    shards: list[dict[str, Tensor]] = [{}]
    filled = 0
    for name, tensor in sorted(state.items()):
        kept = tensor.detach().cpu()
        if kept.is_floating_point():
            kept = kept.to(getattr(torch, dtype))
            if not torch.isfinite(kept).all():
                raise ValueError(f"{name} has values that are not finite in {dtype}")
        size = kept.numel() * kept.element_size()
        if size > SHARD:
            raise ValueError(f"{name} takes {size} bytes; a file of a checkpoint holds at most {SHARD}")
        if filled + size > SHARD:
            shards.append({})
            filled = 0
        shards[-1][name] = kept.contiguous()
        filled += size
    for index, shard in enumerate(shards, 1):
        path = folder / f"model-{index:05d}-of-{len(shards):05d}.safetensors"
        save_file(shard, path)
        path.chmod(0o644)  # the writer leaves it readable to its owner alone
    write(folder, config=config, meta=meta)


def write(folder: Path, **documents: Mapping[str, Any]) -> None:
    """Write `config` or `meta` beside the tensors, in place of the one before."""
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def load(name: str, recipe: str, root: Path | None = None) -> Checkpoint:
    """The checkpoint of exactly this name, all of its shards.

    recipe: the name of the recipe that makes it, told where a file is missing. root: the folder that holds the
        checkpoint's, `ROOT` unless given.
    Raises FileNotFoundError where the folder or one of its files is missing, ValueError where two shards hold
    the same tensor.
    """
    from safetensors.torch import load_file

    folder = (root or ROOT) / name
    first = sorted(folder.glob("model-*-of-*.safetensors"))
    count = int(first[0].stem.rpartition("-")[2]) if first else 1
    shards = [folder / f"model-{index:05d}-of-{count:05d}.safetensors" for index in range(1, count + 1)]
    for path in (*shards, folder / "config.json", folder / "meta.json"):
        if not path.is_file():
            raise FileNotFoundError(f"the checkpoint {name} has no {path.name}; `python -m engine train {recipe}` makes it")
    state: dict[str, Tensor] = {}
    for path in shards:
        for key, tensor in load_file(path).items():
            if key in state:
                raise ValueError(f"{key} occurs in two files of the checkpoint {name}")
            state[key] = tensor.float() if tensor.is_floating_point() else tensor
    config, meta = (json.loads((folder / f"{part}.json").read_text()) for part in ("config", "meta"))
    return Checkpoint(state, config, meta)


def fill(module: Module, state: Mapping[str, Tensor]) -> None:
    """Load `state` into a module, strictly: the names must be the module's, tied ones given once.

    Raises ValueError that names the first tensors that are missing, unknown or of another shape.
    """
    own = dict(module.named_parameters())  # tied parameters occur once here
    own |= {name: b for name, b in module.named_buffers() if name in module.state_dict()}
    wrong = [f"{n} is missing" for n in own if n not in state]
    wrong += [f"{n} is unknown" for n in state if n not in own]
    wrong += [
        f"{n} has shape {tuple(state[n].shape)} instead of {tuple(t.shape)}"
        for n, t in own.items()
        if n in state and state[n].shape != t.shape
    ]
    if wrong:
        raise ValueError(f"the checkpoint does not fit the model: {'; '.join(wrong[:4])}")
    import torch

    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(state[name])
