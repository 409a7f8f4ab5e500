"""Parameter models: what is accepted, and the one sentence that refuses the rest."""

from __future__ import annotations

import math
import pickle
import random
from typing import Literal, get_args, get_origin

import numpy as np
import pydantic
import pytest

from engine.core import Field, Params, Refused, experiments
from engine.core.params import SHOWN_CHARACTERS, number, shown
from engine.core.words import T

MOST_SHOWN = 400  # characters of a whole refusal


class Sample(Params):
    """One parameter of every kind."""

    count: int = Field(5, ge=1, le=100_000, title=T("Count", "个数"))
    share: float = Field(0.5, ge=0, le=1, title=T("Share", "比例"))
    tiny: float = Field(1e-3, ge=1e-6, le=1.0, title=T("Tiny", "小量"), unit=T("s", "秒"), help=T("short", "短"))
    law: Literal["fair", "biased"] = Field(
        "fair", title=T("Law", "规律"), labels={"fair": T("fair", "公平"), "biased": T("biased", "有偏")}
    )
    size: Literal[1, 2, 3] = Field(1, title=T("Size", "大小"))
    walls: bool = Field(False, title=T("Walls", "墙"), when={"law": ["fair"]})
    text: str = Field("x", max_length=20, title=T("Text", "文字"), control="text")
    word: str = Field("ab", max_length=20, pattern="^[a-z]+$", title=T("Word", "单词"))
    low: int = Field(1, ge=0, le=10, title=T("Low", "低"), below="high")
    high: int = Field(9, ge=0, le=10, title=T("High", "高"))
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "种子"), control="seed")


BAD = {
    "count": [0, 100_001, -5, 10**30, 1.5, "many", "", None, [], {}, math.nan, math.inf, "nan", "1e400", "9" * 5000],
    "share": [-0.001, 1.001, 1e300, math.nan, math.inf, -math.inf, "nan", "inf", "half", None, [0.5], {"a": 1}, b"\xff"],
    "law": ["", "Fair", 1, None, "x" * 2_000_000, ["fair"], "fair\nbiased"],
    "size": [0, 4, "big", None, 1.5, "4", "1.0", "3" * 5000],
    "walls": ["maybe", 2, None, [], math.nan],
    "text": ["x" * 21, "y" * 2_000_000, 5, None, ["x"]],
    "word": ["AB", "a b", "", 7, "a" * 21],
    "seed": [-1, 2**31, 0.5],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values], ids=lambda v: shown(v))
def test_bad_values_are_refused_in_one_sentence_of_both_languages(name, value):
    with pytest.raises(Refused) as caught:
        Sample.parse({name: value})
    error = caught.value
    assert error.name == name
    assert str(error) == error.en
    for sentence in (error.en, error.zh):
        assert sentence.startswith(name) and len(sentence) < MOST_SHOWN and sentence.isprintable()
    assert " must be " in error.en and "; got " in error.en
    assert "必须" in error.zh and "收到" in error.zh


def test_the_sentence_names_the_rule_and_the_value():
    with pytest.raises(Refused, match=r"^count must be a whole number from 1 to 100000; got 10000000$"):
        Sample.parse({"count": 10_000_000})
    with pytest.raises(Refused, match=r"^tiny must be a number from 1e-06 to 1; got 2$"):
        Sample.parse({"tiny": 2})
    with pytest.raises(Refused, match=r"^law must be one of fair, biased; got 'odd'$"):
        Sample.parse({"law": "odd"})
    with pytest.raises(Refused, match=r"^size must be one of 1, 2, 3; got 4$"):
        Sample.parse({"size": 4})
    with pytest.raises(Refused, match=r"^walls must be true or false; got 'maybe'$"):
        Sample.parse({"walls": "maybe"})
    with pytest.raises(Refused, match=r"^text must be at most 20 characters long; got 'xxxx"):
        Sample.parse({"text": "x" * 21})


@pytest.mark.parametrize("name", ["nope", "Count", "", "count ", "__class__", "model_config", "x" * 1_000_000, "a\nb", "self"])
def test_unknown_names_are_refused_with_the_known_ones(name):
    with pytest.raises(Refused) as caught:
        Sample.parse({name: 1})
    assert "is not a parameter; the parameters are count, share" in caught.value.en
    assert "没有参数" in caught.value.zh
    assert len(caught.value.en) < MOST_SHOWN and caught.value.en.isprintable()


def test_deep_and_huge_values_are_quoted_shortly():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    long = [list(range(10**6)), {str(i): i for i in range(1000)}, "é\x00\n" * 1000]
    for value in (deep, *long, 10**10_000, -(10**10_000), [10**10_000], {"a": (10**10_000,)}):
        quoted = shown(value)
        assert len(quoted) <= SHOWN_CHARACTERS and quoted.isprintable()
        with pytest.raises(Refused) as caught:
            Sample.parse({"count": value})
        assert len(caught.value.en) < MOST_SHOWN


def test_texts_are_read_as_the_command_line_and_addresses_write_them():
    made = Sample.parse({"count": "50", "share": "0.25", "walls": "true", "seed": "7", "law": "biased", "size": "3"})
    assert (made.count, made.share, made.walls, made.seed, made.law, made.size) == (50, 0.25, True, 7, "biased", 3)
    assert Sample.parse({"count": 3.0}).count == 3
    assert Sample.parse({"share": np.float64(0.5), "count": np.int64(4)}).count == 4


def test_models_are_frozen_hashable_and_shippable():
    made = Sample.parse({"count": 9})
    with pytest.raises(pydantic.ValidationError):
        made.count = 10
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(made) == hash(Sample(count=9)) and made != Sample()
    assert Sample.parse(made.model_dump()) == made


def test_order_between_parameters_is_kept():
    rng = random.Random(0)
    for _ in range(200):
        low, high = rng.randint(0, 10), rng.randint(0, 10)
        if low < high:
            assert Sample.parse({"low": low, "high": high}).low == low
            continue
        with pytest.raises(Refused, match=rf"^low must be below high, which is {high}; got {low}$") as caught:
            Sample.parse({"low": low, "high": high})
        assert caught.value.name == "low" and caught.value.zh.startswith("low 必须小于 high")


def test_bounds_and_hints():
    assert Sample.bounds("count") == (1, 100_000)
    assert Sample.bounds("law") == (None, None)
    assert Sample.hints("count") == {"zh": "个数", "scale": "log"}  # 1 to 100000 spans more than three decades
    assert Sample.hints("share") == {"zh": "比例"}
    assert Sample.hints("tiny")["unit"] == {"en": "s", "zh": "秒"}
    assert Sample.hints("tiny")["help"] == {"en": "short", "zh": "短"}
    assert Sample.hints("law")["labels"]["biased"] == {"en": "biased", "zh": "有偏"}
    assert Sample.hints("walls")["when"] == {"law": ["fair"]}
    assert Sample.hints("low")["below"] == "high" and Sample.hints("seed")["control"] == "seed"


def test_the_json_schema_carries_what_the_controls_need():
    schema = Sample.model_json_schema()["properties"]
    assert set(schema) == set(Sample.model_fields)
    assert (schema["count"]["minimum"], schema["count"]["maximum"], schema["count"]["default"]) == (1, 100_000, 5)
    assert schema["count"]["title"] == "Count" and schema["count"]["x-orrery"]["zh"] == "个数"
    assert schema["law"]["enum"] == ["fair", "biased"] and schema["text"]["maxLength"] == 20


def test_numbers_are_written_as_people_write_them():
    assert [number(v) for v in (100_000, 0.5, 1e-6, 2**31 - 1, -3.0, 1e300)] == ["100000", "0.5", "1e-06", "2147483647", "-3", "1e+300"]


LABS = experiments.discover()


@pytest.mark.parametrize("slug", LABS)
def test_every_lab_declares_its_parameters_fully(slug):
    model = LABS[slug].params
    defaults = model()
    assert model.parse(defaults.model_dump()) == defaults == pickle.loads(pickle.dumps(defaults))
    assert (model.__doc__ or "").strip(), "the docstring is the API's description"
    for name, field in model.model_fields.items():
        hints = model.hints(name)
        assert field.title and hints["zh"], name
        kind, bounds = field.annotation, model.bounds(name)
        if kind in (int, float):
            assert None not in bounds, f"{name} needs ge and le"
            assert all(math.isfinite(b) for b in bounds) and bounds[0] < bounds[1]
        if kind is str:
            assert any(getattr(rule, "max_length", None) for rule in field.metadata), f"{name} needs max_length"
        for other, values in hints.get("when", {}).items():
            assert other in model.model_fields and other != name
            for value in values:
                assert getattr(model.parse({other: value}), other) == value, f"{name} waits for {other}={value}"
        if "below" in hints:
            assert hints["below"] in model.model_fields


@pytest.mark.parametrize("slug", LABS)
def test_every_lab_refuses_bad_values_in_one_sentence(slug):
    model = LABS[slug].params
    for name, field in model.model_fields.items():
        tries: list = [None, [], {"a": math.nan}]
        longest = max([getattr(rule, "max_length", 0) or 0 for rule in field.metadata] + [1_000_000])
        if field.annotation in (int, float):
            lower, upper = model.bounds(name)
            tries += [math.nan, math.inf, -math.inf, lower - 1, upper + 1 + abs(upper) * 1e-9, 10**400, "x", "1" * 5000]
        elif field.annotation is str:
            tries += ["x" * (longest + 1), 5]
        elif field.annotation is not bool:
            tries += ["x" * (longest + 1), "no such choice"]
        for value in tries:
            with pytest.raises(Refused) as caught:
                model.parse({name: value})
            assert caught.value.en.startswith(name) and caught.value.zh.startswith(name)
            assert len(caught.value.en) < 2 * MOST_SHOWN


@pytest.mark.parametrize("slug", LABS)
def test_every_labs_parameters_can_be_written_as_texts(slug):
    model = LABS[slug].params
    written = {name: str(value) for name, value in model().model_dump().items() if not isinstance(value, (list, tuple))}
    assert model.parse(written) == model()
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is Literal:
            for option in get_args(field.annotation):
                assert getattr(model.parse({name: str(option)}), name) == option
