"""The two models of a run, checked to belong together, and texts begun on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from engine.core import Refused, T
from engine.language import models
from engine.language.models import Loaded

if TYPE_CHECKING:
    from engine.language.models.decoder import Decoder
    from engine.language.sampling import Rule
    from engine.language.speculative_decoding.drafting import Plain

Drafting = Literal["model", "lookup", "both", "exit"]
ROOM = 40  # tokens beyond those asked for, that a measurement may draft


@dataclass(frozen=True)
class Pair:
    """Target and draft with one tokenizer, and the prompt as they read it.

    early: of how many layers the early exit consists, 0 where the target cannot exit early.
    """

    target: Loaded
    draft: Loaded
    prompt: list[int]
    tokens: int
    early: int
    _texts: dict[str, Decoder] = field(default_factory=dict)

    @property
    def vocabulary(self) -> int:
        """Rows of the target's head."""
        return self.target.model.get_output_embeddings().weight.shape[0]

    def source(self, drafting: Drafting | Literal["plain"], rule: Rule) -> Plain:
        """A source of guesses, both models having read the prompt but its last token.

        All sources share one text for each model, so only the one handed out last may be in use: it begins anew.
        """
        from engine.language.speculative_decoding import drafting as sources

        target = self._begun("target")
        match drafting:
            case "plain":
                return sources.Plain(target, self.vocabulary)
            case "model":
                return sources.ModelDraft(target, self._begun("draft"), rule, self.vocabulary)
            case "lookup":
                return sources.Lookup(target, self.vocabulary)
            case "both":
                return sources.LookupOrModel(target, self._begun("draft"), rule, self.vocabulary)
            case "exit":
                return sources.EarlyExit(target, self.early, rule, self.vocabulary)
        raise ValueError(f"drafting must be plain, model, lookup, both or exit; got {drafting}")

    def _begun(self, role: Literal["target", "draft"]) -> Decoder:
        from engine.language.models.decoder import open_text

        if role not in self._texts:
            text = self._texts[role] = open_text(getattr(self, role).model, len(self.prompt) + self.tokens + ROOM)
            if len(self.prompt) > 1:
                text.feed(self.prompt[:-1], last=1)
        self._texts[role].crop(len(self.prompt) - 1)
        return self._texts[role]


def open_pair(target: str, draft: str, prompt: str, tokens: int, exit_layers: int) -> Pair:
    """The models of these names and the prompt. Raises `Refused` where they do not fit each other or the context."""
    with said_of("target"):
        large = models.load(target, "target")
    with said_of("draft"):
        small = models.load(draft, "draft")
    if large.tokenizer is not small.tokenizer and large.tokenizer.get_vocab() != small.tokenizer.get_vocab():
        raise Refused(
            T(
                "draft must have the target's vocabulary ({wanted:count} tokens); got {draft} with {given:count} of its own",
                "draft 必须与 target 使用同一词表（{wanted:count} 个词元）；收到 {draft}，它的词表另有 {given:count} 个词元",
                wanted=len(large.tokenizer),
                draft=draft,
                given=len(small.tokenizer),
            ),
            "draft",
        )
    for role, name, loaded in (("target", target, large), ("draft", draft, small)):
        if not loaded.rolls_back:
            raise Refused(
                T(
                    "{role} must be able to take back guesses that were refused; got {name}, which keeps a state that only goes forward",
                    "{role} 必须能撤回被拒绝的猜测；收到 {name}，它保存的状态只能前进",
                    role=role,
                    name=name,
                ),
                role,
            )
    ids = large.encode(prompt)
    if not ids:
        raise Refused(
            T("prompt must not be empty for a model without a start token; got ''", "对没有起始词元的模型，prompt 不能为空；收到 ''"),
            "prompt",
        )
    context = min(large.context, small.context)
    if len(ids) + tokens > context:
        raise Refused(
            T(
                "prompt and tokens_out must fit the context of {context} tokens; got {ids} + {tokens}",
                "prompt 与 tokens_out 之和不能超过上下文的 {context} 个词元；收到 {ids} + {tokens}",
                context=context,
                ids=len(ids),
                tokens=tokens,
            ),
            "prompt",
        )
    return Pair(large, small, ids, tokens, early_layers(large, exit_layers))


def early_layers(target: Loaded, asked: int) -> int:
    """Layers of the early exit: as asked, at most all but one; 0 where the target is not run by the lean decoder."""
    from engine.language.models.decoder import is_lean

    layers = target.model.config.get_text_config().num_hidden_layers
    return min(asked, layers - 1) if is_lean(target.model) else 0


@contextmanager
def said_of(name: str) -> Iterator[None]:
    """What is refused of a model is said of the parameter that named it."""
    try:
        yield
    except Refused as error:
        if error.name != "model":
            raise
        raise Refused(error.text.having(parameter=name), name) from None
