"""The one formatter: a table of cases that the browser's side is run against too, and what must hold for every number."""

from __future__ import annotations

import json
import math
import random
import re
from pathlib import Path

import pytest

from engine.core import T, amounts

CASES = json.loads((Path(__file__).parent / "amounts.json").read_text())
BACK = str.maketrans({"−": "-", "\u202f": None, "\u00a0": " "})
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def read(text: str) -> float:
    """The value that a formatted number says."""
    plain = text.translate(BACK)
    if (power := re.fullmatch(r"(-?)(?:([\d.]+) × )?10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)", plain)) is not None:
        return float(f"{power[1]}{power[2] or 1}e{power[3].translate(SUPERSCRIPTS)}")
    return float(plain)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_cases(case):
    name, given, right = case[:3]
    values = [float(value) if value in ("NaN", "Infinity", "-Infinity") else value for value in given]
    if len(case) > 3:
        values.append(int(case[3]))
    assert getattr(amounts, name)(*values) == right


def test_any_number_is_read_back_to_its_digits():
    rng = random.Random(7)
    for _ in range(20_000):
        value = rng.choice((-1, 1)) * 10 ** rng.uniform(-300, 300) if rng.random() < 0.5 else rng.choice((-1, 1)) * 10 ** rng.uniform(-5, 7)
        digits = rng.randint(2, 6)
        text = amounts.number(value, digits)
        assert "e" not in text and not text.startswith("-"), text
        assert math.isclose(read(text), value, rel_tol=0.51 * 10 ** (1 - digits)), (value, digits, text)
    for value in range(-20_000, 20_000, 7):
        assert read(amounts.count(value)) == value


def test_a_share_that_is_not_all_is_not_said_to_be():
    rng = random.Random(8)
    for _ in range(5_000):
        share = 1 - 10 ** rng.uniform(-12, -0.01)
        assert amounts.percent(share) != "100\u00a0%" or share == 1
        assert amounts.percent(1 - share) != "0\u00a0%" or share == 1


def test_a_template_names_the_kind_of_its_values():
    text = T(
        "{n:count} of {share:percent.2}, {x:number}", "{n:count} 个，{share:percent.2}，{x:number}", n=20_000, share=0.12345, x=float("nan")
    )
    assert text.en == "20\u202f000 of 12\u00a0%, –" and text.zh == "20\u202f000 个，12\u00a0%，–"
    assert T("{x:+.2f}", "{x:+.2f}", x=1).en == "+1.00", "what is no kind is Python's own format"
    assert T.many("{n} run", "{n} runs", "{n} 次", n=1).en == "1 run" and T.many("{n} run", "{n} runs", "{n} 次", n=2) == ("2 runs", "2 次")
