"""The command line: what it prints, what it keeps, and the one sentence with which it refuses."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.__main__ import main, parameters
from engine.core import Field, Params, Partial, experiment, experiments, recordings, results
from engine.core.words import T

ROOT = Path(__file__).parents[3]
LABS = experiments.discover()
INSTANT = [slug for slug, lab in LABS.items() if lab.cost_of(lab.params()) == "instant"]
OPTIONS = {"lab", "json", "out", "help"}


class Asked(Params):
    """What is asked of the samples."""

    steps: int = Field(5, ge=1, le=100_000, title=T("Steps n", "步数 n"))
    shift: float = Field(0.0, ge=-1e3, le=1e3, title=T("Shift", "平移"))
    two_words: bool = Field(False, title=T("Two words", "两个词"))
    formula: str = Field("x", max_length=30, title=T("Formula", "公式"), control="code")
    o: int = Field(0, ge=0, le=9, title=T("o", "o"))
    h: float = Field(0.1, ge=0, le=9, title=T("h", "h"))
    seed: int = Field(0, ge=0, le=9, title=T("Seed", "种子"))


@dataclass(frozen=True)
class Answered:
    numbers: np.ndarray
    hole: float
    words: tuple[str, str]


@experiment("sample", cost="instant", limits={"cpu": {"steps": 50_000}, "cuda": {"steps": 50_000}})
def sample(params: Asked) -> Answered:
    return Answered(np.arange(params.steps) + params.shift, float("nan"), ("walked", "走完"))


@experiment("slow-sample", cost="seconds")
def slow(params: Asked) -> Iterator[Partial[Answered]]:
    for i in range(params.steps):
        yield Partial(Answered(np.arange(i + 1.0), 0.0, ("", "")), (i + 1) / params.steps)


@pytest.fixture(autouse=True)
def samples(monkeypatch):
    """The samples are labs of the probability chapter while a test runs."""
    for lab in (sample, slow):
        monkeypatch.setattr(lab.function, "__module__", "engine.probability.sample")
        monkeypatch.setitem(experiments.discover(), lab.slug, lab)


@pytest.fixture
def say(capsys):
    """say(*words) runs the command line: its exit status, what it printed, what it complained."""

    def say(*words: str) -> tuple[int, str, str]:
        try:
            status = main(list(words))
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return say


def test_list_names_every_lab_and_every_parameter(say):
    status, printed, complained = say("list")
    assert status == 0 and not complained
    assert "sample  (probability, instant)" in printed and "slow-sample  (probability, seconds)" in printed
    assert "    --steps 5    Steps n" in printed
    for slug, lab in LABS.items():
        assert f"\n{slug}  ({lab.chapter}, " in "\n" + printed
        for name in lab.params.model_fields:
            assert f"--{name} " in printed


def test_run_prints_one_object(say):
    status, printed, complained = say("run", "sample", "--steps", "3", "--json")
    assert status == 0 and not complained and printed.count("\n") == 1
    made = json.loads(printed)
    assert list(made) == ["lab", "params", "result", "provenance"]
    assert made["lab"] == "sample" and made["params"]["steps"] == 3
    assert made["result"] == {"numbers": [0.0, 1.0, 2.0], "hole": "NaN", "words": ["walked", "走完"]}
    assert made["provenance"]["recorded"] is False
    assert set(made["provenance"]) >= {"device", "dtype", "backend", "seed", "seconds", "versions"}


def test_arrays_beyond_ten_thousand_numbers_come_as_shape_and_dtype(say):
    full = json.loads(say("run", "sample", "--steps", "10000", "--json")[1])
    assert len(full["result"]["numbers"]) == 10_000
    large = json.loads(say("run", "sample", "--steps=10001", "--json")[1])
    assert large["result"]["numbers"] == {"shape": [10_001], "dtype": "float64"}


def test_out_keeps_every_number(say, tmp_path):
    path = tmp_path / "all.npz"
    status, printed, _ = say("run", "sample", "--steps", "20000", "--json", "--out", str(path))
    assert status == 0 and json.loads(printed)["result"]["numbers"]["shape"] == [20_000]
    with np.load(path, allow_pickle=False) as kept:
        np.testing.assert_array_equal(kept["numbers"], np.arange(20_000.0))
        assert np.isnan(kept["hole"]) and list(kept["words"]) == ["walked", "走完"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("--shift -2.5", {"shift": -2.5}),
        ("--shift=-1e-3", {"shift": -1e-3}),
        ("--two-words true", {"two_words": True}),
        ("--two_words=1", {"two_words": True}),
        ("--formula -x", {"formula": "-x"}),
        ("--formula=a=b", {"formula": "a=b"}),
        ("--formula --x", {"formula": "--x"}),
        ("--o 3 --h 0.5", {"o": 3, "h": 0.5}),
        ("--steps 4 --steps 6", {"steps": 6}),
    ],
)
def test_parameters_are_written_as_people_write_them(say, words, wanted):
    status, printed, _ = say("run", "sample", *words.split(), "--json")
    assert status == 0
    made = json.loads(printed)["params"]
    assert {name: made[name] for name in wanted} == wanted


def test_run_without_json_is_a_short_account(say):
    status, printed, _ = say("run", "sample", "--steps", "5000")
    assert status == 0 and printed.startswith("sample: {")
    assert "  words: [" in printed and " s, numpy, " in printed
    assert max(map(len, printed.splitlines())) < 200


def test_a_costly_lab_runs_to_its_end(say):
    made = json.loads(say("run", "slow-sample", "--steps", "7", "--json")[1])
    assert made["result"]["numbers"] == [0, 1, 2, 3, 4, 5, 6]


REFUSED = [
    ("run nowhere", "lab must be one of "),
    ("run nowhere --json", "; got 'nowhere'"),
    ("run sample --nope 3", "'nope' is not a parameter; the parameters are steps, shift, "),
    ("run sample --steps 0", "steps must be a whole number from 1 to 100000; got '0'"),
    ("run sample --steps 1000000000000000000000000000000", "steps must be a whole number from 1 to 100000; got"),
    (f"run sample --steps {'9' * 6000}", "steps must be a whole number from 1 to 100000; got '999"),
    ("run sample --steps 1.5", "steps must be a whole number from 1 to 100000; got '1.5'"),
    ("run sample --steps many", "steps must be a whole number from 1 to 100000; got 'many'"),
    ("run sample --steps 50001", "steps must be at most 50000 on this device"),
    ("run sample --shift nan", "shift must be a number from -1000 to 1000; got 'nan'"),
    ("run sample --shift NaN --json", "shift must be a number from -1000 to 1000; got 'NaN'"),
    ("run sample --shift=-inf", "shift must be a number from -1000 to 1000; got '-inf'"),
    ("run sample --shift 1e999", "shift must be a number"),
    ("run sample --two_words perhaps", "two_words must be true or false; got 'perhaps'"),
    (f"run sample --formula {'x' * 100_000}", "formula must be at most 30 characters long; got 'xxx"),
    ("run sample --steps", "steps must have a value; got none"),
    ("run sample --json --steps", "steps must have a value; got none"),
    ("run sample --steps --json", "steps must have a value; got none"),
    ("run sample 50", "parameters are written --name value; got '50'"),
    ("run sample -s 5", "parameters are written --name value; got '-s'"),
    ("run sample --out", "argument --out: expected one argument"),
    ("run sample --out result.txt", "out must be a file that ends in .npz, in a folder that exists; got 'result.txt'"),
    ("run sample --out /no/such/folder/a.npz", "out must be a file that ends in .npz, in a folder that exists; got"),
    ("run", "the following arguments are required: lab"),
    ("", "the following arguments are required: verb"),
    ("fly", "invalid choice: 'fly'"),
    ("list --steps 5", "list takes no '--steps'"),
    ("record nowhere", "lab must be one of "),
    ("record sample --steps 0", "steps must be a whole number"),
    ("train nothing", "recipe must be one of "),
    ("train nothing --setting moon", "invalid choice: 'moon'"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED, ids=[w[:50] for w, _ in REFUSED])
def test_bad_input_ends_with_status_two_and_one_sentence(say, words, sentence):
    status, printed, complained = say(*words.split())
    assert status == 2 and printed == ""
    assert complained.count("\n") == 1 and complained.endswith("\n")
    assert sentence in complained
    assert "Traceback" not in complained and len(complained) < 1000


def test_record_keeps_the_result_of_this_device(say, tmp_path, monkeypatch):
    keep = recordings.record
    monkeypatch.setattr(recordings, "record", lambda lab, params, outcome, load: keep(lab, params, outcome, tmp_path, load))
    monkeypatch.setattr(results, "encode", lambda value, store: {})
    status, printed, complained = say("record", "slow-sample", "--steps", "4")
    (path,) = tmp_path.rglob("*.json")
    assert status == 0 and printed.strip() == str(path) and path.stem.startswith("slow-sample+")
    assert "100%" in complained
    document = json.loads(path.read_text())
    assert document["params"]["steps"] == 4 and document["provenance"]["load"] >= 0


def test_running_in_a_process_leaves_its_signals_alone(say):
    before = signal.getsignal(signal.SIGPIPE)
    say("list")
    assert signal.getsignal(signal.SIGPIPE) == before


@pytest.mark.parametrize("slug", LABS)
def test_no_lab_names_a_parameter_as_the_command_line_names_its_options(slug):
    names = set(LABS[slug].params.model_fields)
    assert not names & OPTIONS
    assert not any("-" in name or name != name.lower() for name in names)


@pytest.mark.parametrize("slug", INSTANT)
def test_every_instant_lab_runs(say, slug, tmp_path):
    path = tmp_path / "kept.npz"
    status, printed, complained = say("run", slug, "--json", "--out", str(path))
    assert status == 0 and not complained and printed.count("\n") == 1
    made = json.loads(printed)
    assert made["lab"] == slug and set(made["params"]) == set(LABS[slug].params.model_fields)
    with np.load(path, allow_pickle=False) as kept:
        assert {name.partition(".")[0] for name in kept.files} <= set(made["result"])


def command(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "engine", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )


def test_as_a_command():
    slug = INSTANT[0]
    ran = command("run", slug, "--json")
    assert ran.returncode == 0 and ran.stderr == ""
    assert json.loads(ran.stdout)["lab"] == slug


def test_as_a_command_that_refuses():
    ran = command("run", INSTANT[0], "--no-such", "1")
    assert ran.returncode == 2 and ran.stdout == ""
    assert ran.stderr.startswith("'no_such' is not a parameter; ") and ran.stderr.count("\n") == 1


def test_a_text_may_come_from_a_file(tmp_path, monkeypatch):
    model = experiments.discover()["quadratic-form"].params
    entries = tmp_path / "matrix.txt"
    entries.write_bytes("\ufeff2,1;1,3".encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"5,0;0,1")))
    given = ["--matrix", f"@{entries}", "--polynomial=-", "--kappa", "@7"]
    assert parameters(given, model) == {"matrix": "2,1;1,3", "polynomial": "5,0;0,1", "kappa": "@7"}
    assert parameters(["--matrix", "@@home"], model) == {"matrix": "@home"}


@pytest.mark.parametrize("source", ["@/dev/zero", "-"])
def test_what_has_no_end_is_refused_and_never_cut(source, monkeypatch, capsys):
    monkeypatch.setattr("engine.__main__.LARGEST_FILE", 1000)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1" * 1001)))
    assert main(["run", "quadratic-form", "--matrix", source]) == 2
    assert capsys.readouterr().err == "matrix must be a file of at most 1\u00a0kB\n"


@pytest.mark.parametrize("made", [None, b"\xff\xfe\x00", "folder"])
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(made, tmp_path, capsys):
    path = tmp_path / "entries"
    if made == "folder":
        path.mkdir()
    elif made is not None:
        path.write_bytes(made)
    assert main(["run", "quadratic-form", "--matrix", f"@{path}"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("matrix must be") and said.count("\n") == 1
