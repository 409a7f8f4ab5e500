"""The exact law of what speculative decoding writes, by going through every guess, every verdict, every added token."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np

from engine.language.verification import reference

Text = tuple[int, ...]
Law = Callable[[Text], np.ndarray]  # the distribution of the next token behind a text
NOTHING: Text = ()


def step_law(p_of: Law, q_of: Law, gamma: int, before: Text, most: int) -> Mapping[Text, float]:
    """Chance of each text that one step may emit behind `before`, cut to its first `most` tokens."""
    found: dict[Text, float] = defaultdict(float)
    alive = {NOTHING: 1.0}  # guesses that all were kept so far
    for _ in range(min(gamma, most)):
        grown: dict[Text, float] = defaultdict(float)
        for kept, chance in alive.items():
            p, q = p_of(before + kept), q_of(before + kept)
            added = reference.residual(p, q)
            for guess in np.flatnonzero(q).tolist():
                accept = min(1.0, p[guess] / q[guess])
                grown[(*kept, guess)] += chance * q[guess] * accept
                for token in np.flatnonzero(added).tolist():
                    found[(*kept, token)] += chance * q[guess] * (1 - accept) * added[token]
        alive = grown
    for kept, chance in alive.items():
        if len(kept) == most:
            found[kept] += chance
            continue
        for token, share in enumerate(p_of(before + kept).tolist()):
            found[(*kept, token)] += chance * share
    return found


def output_law(p_of: Law, q_of: Law, gamma: int, tokens: int) -> dict[Text, float]:
    """Chance of each text of `tokens` tokens, over as many steps as they take."""
    done: dict[Text, float] = defaultdict(float)
    open_ = {NOTHING: 1.0}
    while open_:
        longer: dict[Text, float] = defaultdict(float)
        for text, chance in open_.items():
            for emitted, share in step_law(p_of, q_of, gamma, text, tokens - len(text)).items():
                whole = text + emitted
                (done if len(whole) == tokens else longer)[whole] += chance * share
        open_ = longer
    return done
