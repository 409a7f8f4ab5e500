"""What a model can do, judged once when it is loaded: by its own answers, not by what its configuration calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core import T
from engine.language.models.refusing import stumbled, unfit

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PROBE = 6  # tokens
TOLERANCE = 1e-3  # of the largest logit: what float32 may differ by on two ways to the same number


def judge(model: PreTrainedModel, shown_as: str) -> bool:
    """Whether what the model keeps of a text can be taken back, token by token.

    Raises `Refused` for weights or logits that are not finite, and for a model that looks ahead.
    """
    import torch

    broken = sum(int((~torch.isfinite(p)).sum()) for p in model.parameters())
    if broken:
        raise unfit(
            shown_as,
            T("{n:count} of its weights are no finite numbers (NaN or ∞)", "有 {n:count} 个权重不是有限的数（NaN 或 ∞）", n=broken),
        )
    ids = torch.arange(PROBE)[None] % model.get_input_embeddings().weight.shape[0]
    other = ids.clone()
    other[0, -1] = 0 if ids[0, -1] else 1
    try:
        with torch.inference_mode():
            logits, changed = (model(input_ids=given, use_cache=False).logits[0] for given in (ids, other))
    except Exception as error:  # a model's own ways to fail are many
        raise stumbled(shown_as, "config.json", error) from None
    if not torch.isfinite(logits).all():
        raise unfit(shown_as, T("its logits are not finite", "它的 logits 不是有限的数"))
    slack = TOLERANCE * float(logits.abs().max()) or TOLERANCE
    if float((logits[:-1] - changed[:-1]).abs().max()) > slack:
        raise unfit(shown_as, T("it looks ahead in its text: it is no decoder", "它会看到后文：它不是解码器"))
    return _rolls_back(model, ids[0].tolist(), logits, slack)


def _rolls_back(model: PreTrainedModel, ids: list[int], logits, slack: float) -> bool:
    from engine.language.models.decoder import CachedDecoder

    try:
        text = CachedDecoder(model)
        text.feed([*ids[:3], ids[0], ids[0]])
        text.crop(3)
        again = text.feed(ids[3:])
    except Exception:  # states of many kinds have no way back, each with an error of its own
        return False
    return bool((again - logits[3:]).abs().max() <= slack)
