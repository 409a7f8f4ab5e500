"""What the paper reports of GPT-3 175B (Hu et al. 2021): validation accuracy in percent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Published:
    """budget_names, budget_ranks, budget_wikisql, budget_multinli: table 5, (7,) each, all with 18 M trained numbers.

    ranks: (5,) of table 6, with WikiSQL for W_q, for W_q and W_v, for all of attention, (3, 5), and MultiNLI for W_q
    and W_v, (5,).
    """

    budget_names: tuple[str, ...]
    budget_ranks: np.ndarray
    budget_wikisql: np.ndarray
    budget_multinli: np.ndarray
    ranks: np.ndarray
    wikisql: np.ndarray
    multinli: np.ndarray


def published() -> Published:
    """The two tables."""
    return Published(
        ("W_q", "W_k", "W_v", "W_o", "W_q, W_k", "W_q, W_v", "W_q, W_k, W_v, W_o"), np.array([8, 8, 8, 8, 4, 4, 2]),
        np.array([70.4, 70.0, 73.0, 73.2, 71.4, 73.7, 73.7]), np.array([91.0, 90.8, 91.0, 91.3, 91.3, 91.3, 91.7]),
        np.array([1, 2, 4, 8, 64]),
        np.array([[68.8, 69.6, 70.5, 70.4, 70.0], [73.4, 73.3, 73.7, 73.8, 73.5], [74.1, 73.7, 74.0, 74.0, 73.9]]),
        np.array([91.3, 91.4, 91.3, 91.6, 91.4]),
    )  # fmt: skip
