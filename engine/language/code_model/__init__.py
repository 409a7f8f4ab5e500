"""The embedded language model: a target and a draft that speak Python, with one tokenizer.

Trained by `python -m engine train code-model` on the standard library's source; what was reached is in their
`meta.json`. Nothing heavy is imported before the first `load`.
"""

from __future__ import annotations

import functools
import json
import threading
from typing import TYPE_CHECKING, Any, Literal

from engine.core import checkpoints

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

Kind = Literal["target", "draft"]
RECIPE_NAME = "code-model"
_loading = threading.RLock()


def load(kind: Kind = "target", attention: Literal["sdpa", "eager"] = "sdpa") -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """The model in float32 on the CPU, ready to predict, and the tokenizer that both kinds share.

    The same objects on every call: they belong to all, so nobody changes their weights or settings.
    attention: "eager" for one that can return its attention weights (`output_attentions=True`).
    Raises FileNotFoundError that names the command where the checkpoint is missing, ValueError where it does not fit.
    """
    with _loading:  # a second caller waits for the first one's model instead of loading its own
        return _load(kind, attention)


def meta(kind: Kind = "target") -> dict[str, Any]:
    """How the model was made and what it reached. Light: reads one small file."""
    path = checkpoints.ROOT / folder(kind) / "meta.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder(kind)} has no meta.json; `python -m engine train {RECIPE_NAME}` makes it")
    return json.loads(path.read_text())


def folder(kind: Kind) -> str:
    """The name of the checkpoint."""
    return f"{RECIPE_NAME}-{kind}"


def warm_up() -> None:
    """Import the libraries, load the pair and let it predict once: what the first use would have to wait for."""
    import torch

    for kind in ("target", "draft"):
        model, tokens = load(kind)
        with torch.inference_mode():
            model(input_ids=torch.tensor([[tokens.bos_token_id] * 8]))


@functools.cache
def _load(kind: Kind, attention: str) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    from engine.language.code_model import architecture

    found = checkpoints.load(folder(kind), RECIPE_NAME)
    model = architecture.revive(found.config, attention)
    checkpoints.fill(model, found.state)
    return model.eval().requires_grad_(False), _tokenizer()


@functools.cache
def _tokenizer() -> PreTrainedTokenizerFast:
    from engine.language.code_model import tokenizer

    texts = {}
    for kind in ("target", "draft"):
        path = checkpoints.ROOT / folder(kind) / "tokenizer.json"
        if not path.is_file():
            raise FileNotFoundError(f"{folder(kind)} has no tokenizer.json; `python -m engine train {RECIPE_NAME}` makes it")
        texts[kind] = path.read_bytes()
    if texts["target"] != texts["draft"]:
        raise ValueError("target and draft have different tokenizers; train them together")
    return tokenizer.read(path)
