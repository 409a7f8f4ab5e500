"""The model that a person brings: the embedded one, one of the Hub, or a folder.

    found = models.load("embedded", role="draft")
    ids = found.encode("def f(x):")            # a start token before them, where the model has one
    logits = found.model(torch.tensor([ids])).logits
    found.pieces(ids)                          # each token as a person can read it

A model is named by a text, usually the lab's parameter `model`:
"embedded"      the site's own (`engine.language.code_model`): role "target" or "draft" chooses which of the pair
"owner/name"    a model of the Hub, fetched into the Hub's local cache; without a network, one fetched before
"folder:NAME"   a folder of that name in the directory of the operator's ORRERY_MODELS_FOLDER
"/a/path"       a folder of one's own machine; never opened on a server that others reach

Only safetensors are opened, no remote code is ever run, no pickled file is read; what does not fit is refused with one
sentence (`Refused`, whose `name` is "model") and the embedded model goes on working. What the operator may
set is told in `permissions`. Nothing heavy is imported before the first `load`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.core import Refused, T, amounts
from engine.core.recent import Recent
from engine.language import code_model
from engine.language.models import permissions
from engine.language.models.permissions import NAME
from engine.language.models.pieces import Reader

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# Where the library `kernels` is installed, transformers would fetch compiled code from the Hub.
os.environ.setdefault("USE_HUB_KERNELS", "NO")

EMBEDDED = "embedded"
Role = Literal["target", "draft"]
KEPT = 2  # models beside the embedded pair that stay in memory
PATIENCE = 60  # seconds that one waits for another's model to be loaded
UNKNOWN_CONTEXT = 1024

# What a model weighs is the operator's to bound (ORRERY_LARGEST_MODEL): on the shelf it goes by number and by age.
_shelf: Recent[Loaded] = Recent(0, lambda _: 0, KEPT)
_loading = threading.Lock()


@dataclass(frozen=True, eq=False)
class Loaded:
    """A decoder ready to predict: float32, on the CPU, in evaluation mode. It belongs to all: nobody changes it.

    name: what was asked for. context: how many tokens it was made for. start: the id put before every text, None
    where it has none. ends: ids that end a text. description: one line. rolls_back: whether it can take back tokens that
    it has read (a cache of keys and values can, a recurrent state cannot). Every row of its tables is a token's.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    context: int
    parameters: int
    start: int | None
    ends: tuple[int, ...]
    description: T
    rolls_back: bool = True

    def encode(self, text: str) -> list[int]:
        """Token ids of any text, lone surrogates replaced, the start token before them where there is one.

        Special tokens that somebody typed stay text. Empty where the text is and there is no start token.
        """
        from engine.language.code_model.tokenizer import clean

        ids = self.tokenizer.encode(clean(text), add_special_tokens=False)
        return ids if self.start is None else [self.start, *ids]

    def decode(self, ids: list[int]) -> str:
        """The text of token ids without special tokens; bytes that are no UTF-8 become U+FFFD."""
        return self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.tokenizer)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Each token of a text, as it can be shown: see `pieces.Reader`."""
        return self._reader.pieces(ids)

    def after(self, before: Sequence[int], candidates: Sequence[int]) -> list[str]:
        """Each of some tokens, as it would be read behind a text."""
        return self._reader.after(before, candidates)


def load(name: str = EMBEDDED, role: Role = "target", *, attention: bool = False) -> Loaded:
    """The model that a text names (see above) and what belongs to it. The same object for every asker.

    role: which of the embedded pair; of no meaning for another model.
    attention: it must be able to return its attention weights (`output_attentions=True`).
    Raises `Refused` in one sentence for a name that is none or not allowed here, no network, no safetensors, no
    tokenizer, an adapter, a model over the size limit, one that needs code of its own, one that looks ahead or whose
    weights or logits are not finite, and with `attention`, one that returns none.
    """
    name = name.strip()
    if name.lower() in {"", EMBEDDED}:
        model, tokens = code_model.load(role, "eager" if attention else "sdpa")
        title = T("embedded, draft", "内置模型，草稿") if role == "draft" else T("embedded, target", "内置模型")
        return _described(EMBEDDED, title, model, tokens, tokens.bos_token_id)
    found = _brought(name)
    if attention:
        from engine.language.models import folder

        folder.check_attention(found.model, name)
    return found


def forget() -> None:
    """Let go of every model that was brought."""
    with _loading:
        _shelf.clear()


def at_hand(name: str) -> bool:
    """Whether a model is the embedded one or in memory already: what else is named must first be brought.

    Raises `Refused` for a name that is none or not allowed here.
    """
    name = name.strip()
    if name.lower() in {"", EMBEDDED}:
        return True
    place(name)
    return name in _shelf


def _brought(name: str) -> Loaded:
    # Allowed or not is asked each time: what stands on the shelf may have been put there by a test or another server.
    local = place(name)
    if not _loading.acquire(timeout=PATIENCE):
        raise Refused(T("another model is being loaded; try again in a moment", "正在加载另一个模型；请稍后再试"), NAME)
    try:
        found = _shelf.get(name)
        if found is None:
            found = _read(name, local)
            _shelf.put(name, found)
        return found
    finally:
        _loading.release()


def place(name: str) -> Path | None:
    """The folder that a name means, or None for a model of the Hub, both as far as allowed. Raises `Refused`."""
    if name.startswith("folder:"):
        return permissions.named_folder(name.removeprefix("folder:"))
    if permissions.is_path(name):
        return permissions.typed_folder(name)
    permissions.hub_id(name)
    return None


def _read(name: str, local) -> Loaded:
    from engine.language.models import folder, hub, judging

    model, tokens = folder.read(local or hub.fetch(name), name)
    config = model.config.get_text_config()
    start = config.bos_token_id
    known = isinstance(start, int) and 0 <= start < model.get_input_embeddings().weight.shape[0]
    return _described(name, T.of(name), model, tokens, start if known else None, judging.judge(model, name))


def _described(name: str, title: T, model, tokens, start: int | None, rolls_back: bool = True) -> Loaded:
    config = model.config.get_text_config()
    count = sum(p.numel() for p in model.parameters())
    context, ends = getattr(config, "max_position_embeddings", None), config.eos_token_id
    heads = getattr(config, "num_attention_heads", None)
    layers = config.num_hidden_layers
    return Loaded(
        name,
        model,
        tokens,
        context=context if isinstance(context, int) and context > 0 else UNKNOWN_CONTEXT,
        parameters=count,
        start=start,
        ends=tuple(ends) if isinstance(ends, (list, tuple)) else () if ends is None else (ends,),
        description=T(
            "{title}: {count} parameters, {layers}",
            "{title}：{count} 参数，{layers}",
            title=title,
            count=amounts.quantity(count, "").rstrip(),
            layers=T("{n} layers of {heads} heads", "{n} 层 × {heads} 头", n=layers, heads=heads)
            if heads
            else T("{n} layers", "{n} 层", n=layers),
        ),
        rolls_back=rolls_back,
    )
