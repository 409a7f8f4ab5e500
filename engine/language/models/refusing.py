"""How a model is refused: one sentence, and what the library said in the log alone."""

from __future__ import annotations

import logging

from engine.core import Refused, T
from engine.language.models.permissions import NAME


def unfit(shown_as: str, why: T) -> Refused:
    """The refusal of a model whose parts do not belong together or are not what is run here."""
    return Refused(T("{model} cannot be opened: {why}", "无法打开 {model}：{why}", model=shown_as, why=why), NAME)


def stumbled(shown_as: str, part: str, error: Exception) -> Refused:
    """The refusal after the library could not use a file."""
    logging.getLogger("orrery").info("%s: %s", shown_as, error)
    return unfit(shown_as, T("transformers cannot use its {part}", "transformers 无法使用它的 {part}", part=part))


def going_on(why: T) -> Refused:
    """A refusal after which the embedded model goes on working, and says so."""
    return Refused(T("{why}; the embedded model goes on working", "{why}；内置模型照常可用", why=why), NAME)


def adapter(shown_as: str) -> Refused:
    """The refusal of a folder that holds what was trained beside a model, and not the model."""
    return unfit(
        shown_as,
        T(
            "it is an adapter (adapter_config.json), not a model: merge it into its base model and save that",
            "它是适配器（adapter_config.json）而不是模型：请先把它合并进基础模型再保存",
        ),
    )
