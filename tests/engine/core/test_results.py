"""Results as data: JSON, arrays, and there and back again."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import sys
import types
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from engine.core import results


@dataclass(frozen=True)
class Point:
    x: float
    y: float


@dataclass(frozen=True)
class Sample:
    """A result with one of everything."""

    count: int = 3
    share: float = 0.1
    hole: float = math.nan
    wide: float = -math.inf
    yes: bool = True
    nothing: None = None
    words: tuple[str, str] = ("measured", "实测")
    numbers: np.ndarray = field(default_factory=lambda: np.array([1.0, np.nan, np.inf, -np.inf]))
    grid: np.ndarray = field(default_factory=lambda: np.arange(6, dtype=np.int16).reshape(2, 3))
    flags: np.ndarray = field(default_factory=lambda: np.array([True, False]))
    names: np.ndarray = field(default_factory=lambda: np.array(["a", "乙"]))
    scalar: Any = field(default_factory=lambda: np.float32(0.5))
    point: Point = Point(1.0, math.nan)
    path: list[Point] = field(default_factory=lambda: [Point(0.0, 1.0), Point(2.0, 3.0)])
    table: dict[str, Any] = field(default_factory=lambda: {"mean": 1.5, "curve": np.arange(3.0), "deep": {"k": 2}})
    by_number: dict[int, float] = field(default_factory=lambda: {1: 0.5, 2: math.nan})
    empty: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    none_at_all: tuple = ()


@pytest.fixture(autouse=True)
def of_the_engine(monkeypatch):
    """Let this file's results count as the engine's own, which alone are rebuilt."""
    module = types.ModuleType("engine.sample_results")
    for cls in (Sample, Point):
        setattr(module, cls.__name__, cls)
        monkeypatch.setattr(cls, "__module__", module.__name__)
    monkeypatch.setitem(sys.modules, module.__name__, module)


def same(one: Any, two: Any) -> None:
    """Assert equality of two results: types, dtypes, shapes, values, NaN where NaN is."""
    assert type(one) is type(two)
    if dataclasses.is_dataclass(one):
        for f in dataclasses.fields(one):
            same(getattr(one, f.name), getattr(two, f.name))
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (two.dtype, two.shape)
        np.testing.assert_array_equal(one, two)
    elif isinstance(one, dict):
        assert list(one) == list(two)
        for key in one:
            same(one[key], two[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            same(a, b)
    else:
        assert one == two or (one != one and two != two)


def test_plain_data_is_json_without_holes():
    made = json.loads(json.dumps(results.plain(Sample()), allow_nan=False))
    assert made["numbers"] == [1.0, "NaN", "Infinity", "-Infinity"]
    assert (made["hole"], made["wide"], made["nothing"], made["yes"], made["count"]) == ("NaN", "-Infinity", None, True, 3)
    assert made["grid"] == [[0, 1, 2], [3, 4, 5]] and made["flags"] == [True, False] and made["names"] == ["a", "乙"]
    assert made["point"] == {"x": 1.0, "y": "NaN"} and made["path"][1] == {"x": 2.0, "y": 3.0}
    assert made["table"] == {"mean": 1.5, "curve": [0.0, 1.0, 2.0], "deep": {"k": 2}}
    assert made["by_number"] == {"1": 0.5, "2": "NaN"} and made["empty"] == [] and made["none_at_all"] == []
    assert made["scalar"] == 0.5 and made["words"] == ["measured", "实测"]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.bool_(True), True),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float64("nan"), "NaN"),
        (np.array(2.5), 2.5),
        (0, 0),
        (False, False),
        ("x", "x"),
    ],
)
def test_scalars_become_pythons_own(value, wanted):
    made = results.plain(value)
    assert made == wanted and type(made) is type(wanted)


def test_arrays_beyond_ten_thousand_numbers_come_as_shape_and_dtype():
    assert len(results.plain(np.zeros(10_000))) == 10_000
    assert results.plain(np.zeros(10_001)) == {"shape": [10_001], "dtype": "float64"}
    assert results.plain({"a": np.zeros((101, 100), np.int8)}) == {"a": {"shape": [101, 100], "dtype": "int8"}}
    assert results.plain(np.zeros((3, 2)), most=5) == {"shape": [3, 2], "dtype": "float64"}


def test_what_is_no_data_is_a_fault():
    for thing in (object(), lambda: 0, {1, 2}, 1j):
        with pytest.raises(TypeError, match="a result cannot hold a"):
            results.plain(thing)


def test_arrays_hold_every_number_by_its_dotted_name():
    made = results.arrays(Sample())
    assert set(made) == {
        "count",
        "share",
        "hole",
        "wide",
        "yes",
        "words",
        "numbers",
        "grid",
        "flags",
        "names",
        "scalar",
        "point.x",
        "point.y",
        "path.0.x",
        "path.0.y",
        "path.1.x",
        "path.1.y",
        "table.mean",
        "table.curve",
        "table.deep.k",
        "by_number.1",
        "by_number.2",
        "empty",
        "none_at_all",
    }
    assert all(array.dtype.kind in "biufUS" for array in made.values())
    assert made["grid"].dtype == np.int16 and list(made["words"]) == ["measured", "实测"]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **made)
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as read:
        assert set(read.files) == set(made)
        for name in made:
            np.testing.assert_array_equal(read[name], made[name])


def test_size_counts_the_arrays():
    small, large = results.size(Sample()), results.size(Sample(numbers=np.zeros(10_000)))
    assert large - small == 80_000 - 32
    assert results.size({"a": [np.zeros(100), (np.zeros(50),)]}) >= 1200
    assert results.size("x" * 1000) >= 1000


def test_there_and_back_again():
    store: dict[str, np.ndarray] = {}
    original = dataclasses.replace(Sample(), scalar=0.5)  # numpy's scalars come back as Python's
    tree = json.loads(json.dumps(results.encode(original, store), allow_nan=False))
    assert len(store) == 6 and all(isinstance(a, np.ndarray) for a in store.values())
    same(results.decode(tree, store), original)


def test_there_and_back_again_with_random_results():
    rng = np.random.Generator(np.random.PCG64(5))
    kinds = [np.float64, np.float32, np.int64, np.uint8, np.bool_, np.complex128]

    def grow(depth: int) -> Any:
        match int(rng.integers(8 if depth else 5)):
            case 0:
                return float(rng.choice([rng.normal(), math.nan, math.inf, -math.inf, -0.0, 1e300, 5e-324]))
            case 1:
                return int(rng.integers(-(2**40), 2**40))
            case 2:
                return "".join(map(chr, rng.integers(32, 0x3000, 5)))
            case 3:
                return rng.normal(size=tuple(rng.integers(0, 4, int(rng.integers(0, 4))))).astype(rng.choice(kinds))
            case 4:
                return [None, True, False][int(rng.integers(3))]
            case 5:
                return [grow(depth - 1) for _ in range(int(rng.integers(4)))]
            case 6:
                return tuple(grow(depth - 1) for _ in range(int(rng.integers(4))))
        return {int(i): grow(depth - 1) for i in rng.integers(0, 99, 3)} | {"class": grow(depth - 1), "fields": 1}

    for _ in range(200):
        store: dict[str, np.ndarray] = {}
        original = Point(grow(3), grow(3))
        tree = json.loads(json.dumps(results.encode(original, store), allow_nan=False))
        same(results.decode(tree, store), original)


@pytest.mark.parametrize(
    "tree",
    [
        {"class": "os:system", "fields": {}},
        {"class": "subprocess:Popen", "fields": {"args": "true"}},
        {"class": "engine.core.results:plain", "fields": {"value": 1}},
        {"class": "engine.core.runner:Runner", "fields": {}},
        {"class": "enginex:Thing", "fields": {}},
        {"pickle": "gAR9lC4="},
    ],
    ids=str,
)
def test_only_the_engines_results_are_ever_rebuilt(tree):
    with pytest.raises(ValueError, match=r"a recording may only hold|not a recorded value"):
        results.decode(tree, {})


def test_what_cannot_be_recorded_is_a_fault():
    with pytest.raises(AssertionError, match="cannot record a set"):
        results.encode({1, 2}, {})
