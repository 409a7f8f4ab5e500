"""The look's colours by name: tokens, which the browser resolves, so that the theme changes without a trip."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.core.words import T

MEASURED, THEORY, SECOND, THIRD, FOURTH = "--measured", "--theory", "--second", "--third", "--fourth"
ACCEPT, REJECT, MUTE, BRASS = "--accept", "--reject", "--mute", "--brass"
INK, INK_2, INK_3, HAIRLINE, PAPER, SURFACE = "--ink", "--ink-2", "--ink-3", "--hairline", "--paper", "--surface"
CLASSES = tuple(f"--class-{k}" for k in range(10))  # labels of a segmentation, the tenth and on alike
RAMP = [[0, SURFACE], [1, MEASURED]]  # for heat maps that start at zero
DIVERGING = [[0, SECOND], [0.5, SURFACE], [1, MEASURED]]  # for heat maps centred at zero


def light_tokens() -> dict[str, str]:
    """The look's tokens in the light theme, e.g. {"--measured": "#2b6cb0"}."""
    css = (Path(__file__).parent / "static" / "tokens.css").read_text()
    return dict(re.findall(r"(--[\w-]+):\s*([^;]+);", css[: css.index(".dark")]))


def resolved(value: Any) -> Any:
    if isinstance(value, T):
        return value.en
    if isinstance(value, str) and value.startswith("--"):
        token, _, alpha = value.partition("/")
        color = light_tokens()[token]
        if not alpha:
            return color
        red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red},{green},{blue},{alpha})"
    if isinstance(value, Mapping):
        return {key: resolved(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolved(item) for item in value]
    return value
