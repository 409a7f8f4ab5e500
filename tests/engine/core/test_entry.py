"""What people type: one table of cases, which the browser's side is run against too, and whole parameter models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.core import Field, Params, Refused, T
from engine.core.entry import Unreadable, normalised, read_number

CASES = json.loads((Path(__file__).parent / "entries.json").read_text())


class Two(Params):
    """A whole number and a real one."""

    n: int = Field(1, ge=-(10**9), le=10**15, title=T("n", "n"))
    x: float = Field(1.0, ge=-1e9, le=1e9, title=T("x", "x"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"])
def test_a_number_is_read_exactly_or_refused(case):
    for whole, right in ((False, case["value"]), (True, case.get("whole", case["value"]))):
        if right is None:
            with pytest.raises(Unreadable) as refused:
                read_number(case["text"], whole)
            if not whole and "readings" in case:
                assert all(reading in refused.value.why.en and reading in refused.value.why.zh for reading in case["readings"])
        else:
            assert read_number(case["text"], whole) == right


def test_digits_beyond_a_double_are_kept():
    assert read_number("900719925474099267", whole=True) == 900719925474099267


@pytest.mark.parametrize(
    ("values", "name", "said"),
    [
        ({"x": "1,500"}, "x", "got '1,500', which is 1500 or 1.500"),
        ({"n": "1,5"}, "n", "n must be a whole number from -1000000000 to 1000000000000000; got '1,5'"),
        ({"n": "9" * 350}, "n", "got '9999"),
        ({"x": "1e400"}, "x", "got '1e400'"),
        ({"x": "nan"}, "x", "got 'nan'"),
        ({"x": float("nan")}, "x", "got nan"),
        ({"x": 10**400}, "x", "x must be a number from"),
        ({"n": 10**400}, "n", "n must be a whole number from"),
        ({"n": "20,000,000,000,000,000"}, "n", "got '20,000,000,000,000,000'"),
    ],
)
def test_a_refusal_quotes_what_was_given(values, name, said):
    with pytest.raises(Refused) as refused:
        Two.parse(values)
    assert refused.value.name == name and said in refused.value.en and refused.value.zh


def test_a_model_reads_what_is_typed():
    assert Two.parse({"n": "２０，０００", "x": "1,5"}) == Two(n=20_000, x=1.5)


def test_punctuation_of_a_grammar():
    assert normalised("２，１；１，３：（−４、５）") == "2,1;1,3:(-4,5)"
