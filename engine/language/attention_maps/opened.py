"""A model opened: its own layers, with an attention function of ours in them that keeps what passes and can switch
heads off.

`transformers` lets an attention function be registered by name; the model's layers hand it queries and keys as they
are after the rotary encoding. The weights are shared with the model that was loaded, which stays as it is.
Letters: B texts of equal length, L layers, H heads, G heads of keys and values, n tokens, d width of a head.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.core import Refused, T
from engine.core.recent import Recent
from engine.language import models
from engine.language.models import Loaded

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

NAME = "orrery_open"
NORMS = ("norm", "ln_f", "final_layer_norm", "final_layernorm", "final_norm", "norm_f")
KEPT = 3
TOLERANCE = 1e-3
_lock = threading.Lock()
_open: Recent[Opened] = Recent(0, lambda _: 0, KEPT)  # by name; the weights are those of the models, which weigh there


@dataclass
class Tape:
    """What passes through the attention of every layer while a text is read; `keep` of (B, L, H) scales each head."""

    keep: Tensor | None = None
    weights: list[Tensor] = field(default_factory=list)  # each (B, H, n, n)
    queries: list[Tensor] = field(default_factory=list)  # each (B, H, n, d)
    keys: list[Tensor] = field(default_factory=list)  # each (B, G, n, d)
    scaling: list[float] = field(default_factory=list)


_tape: contextvars.ContextVar[Tape | None] = contextvars.ContextVar("tape", default=None)


@dataclass(frozen=True, eq=False)
class Opened:
    """A decoder whose attention can be read and changed. final: the norm after the last layer, None where unknown."""

    loaded: Loaded
    model: PreTrainedModel
    layers: int
    heads: int
    final: Any

    def run(self, ids: Tensor, tape: Tape, seen: Tensor | None = None, hidden: bool = False) -> Any:
        """The model's outputs for ids (B, n), all that passes through its attention put on the tape.

        seen: (n, n) bool, which keys a query may see, in the place of the model's own mask.
        """
        import torch

        options: dict[str, Any] = {"use_cache": False, "output_hidden_states": hidden}
        if seen is not None:
            least = torch.finfo(torch.float32).min
            options["attention_mask"] = torch.zeros(seen.shape).masked_fill(~seen, least)[None, None]
        with torch.inference_mode(), recording(tape):
            return self.model(input_ids=ids, **options)

    def unembed(self, hidden: Tensor, normed: bool) -> Tensor:
        """Logits that a hidden state (…, width) would give if it were the last one. Source: nostalgebraist 2020."""
        import torch

        with torch.inference_mode():
            return self.model.get_output_embeddings()(hidden if normed else self.final(hidden))


@contextlib.contextmanager
def recording(tape: Tape) -> Iterator[None]:
    """Layers that run within write on this tape."""
    token = _tape.set(tape)
    try:
        yield
    finally:
        _tape.reset(token)


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """softmax(q kᵀ · scaling + mask) v, as `transformers` calls it: (B, n, H, d) and the weights (B, H, n, n)."""
    import torch

    groups = query.shape[1] // key.shape[1]
    k, v = (t.repeat_interleave(groups, 1) if groups > 1 else t for t in (key, value))
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = query @ k.transpose(2, 3) * scaling
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    out = (weights @ v).transpose(1, 2)
    if (tape := _tape.get()) is not None:
        if tape.keep is not None:
            out = out * tape.keep[:, len(tape.weights), :, None][:, None]
        tape.weights.append(weights)
        tape.queries.append(query)
        tape.keys.append(key)
        tape.scaling.append(float(scaling))
    return out.contiguous(), weights


def open_model(name: str) -> Opened:
    """The model of this name (see `engine.language.models`), opened. Raises `Refused`, also where its attention is
    not plain softmax(q·k · scale) and so cannot be opened."""
    loaded = models.load(name, attention=True)
    with _lock:
        found = _open.get(name)
        if found is None or found.loaded.model is not loaded.model:
            found = _opened(loaded)
            _open.put(name, found)
        return found


def _opened(loaded: Loaded) -> Opened:
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, eager_mask

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, eager_mask)
    # A copy of the modules around the same tensors: the loaded model belongs to others as well.
    shared = {id(t): t for t in (*loaded.model.parameters(), *loaded.model.buffers())}
    model = copy.deepcopy(loaded.model, shared)
    model.set_attn_implementation(NAME)
    config = model.config.get_text_config()
    base = model.base_model
    final = next((getattr(base, name) for name in NORMS if hasattr(base, name)), None)
    opened = Opened(loaded, model, config.num_hidden_layers, config.num_attention_heads, final)
    if not _same(opened):
        raise Refused(
            T(
                "{name} does not let its attention be opened; the embedded model goes on working",
                "{name} 的注意力无法打开；内置模型照常可用",
                name=loaded.name,
            ),
            models.NAME,
        )
    return opened


def _same(opened: Opened) -> bool:
    """Whether the opened model predicts what the loaded one does, and every layer wrote on the tape."""
    import torch

    ids = torch.arange(8)[None] % opened.model.config.get_text_config().vocab_size
    tape = Tape()
    try:
        mine = opened.run(ids, tape).logits
    except Exception:  # a model's own ways to fail are many
        return False
    with torch.inference_mode():
        theirs = opened.loaded.model(input_ids=ids, use_cache=False).logits
    return len(tape.weights) == opened.layers and bool((mine - theirs).abs().max() < TOLERANCE)
