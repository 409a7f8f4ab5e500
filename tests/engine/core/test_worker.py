"""The worker: what it computes is what this process would compute, and it ends when it should."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.core import Refused, experiments, pace, recent, results, runner, worker
from engine.core.runner import Outcome, Runner
from engine.core.turns import Asker
from engine.core.worker import Ended, Worker

PATIENCE = 60.0  # seconds that a machine full of other tests may take for what takes a moment
LABS = {slug: lab for slug, lab in experiments.discover().items() if lab.apart(lab.params())}
COSTLY = {
    "random-walk": {"walkers": 3_000_000, "steps": 100, "seed": 3},
    "poisson": {"rate": 20, "runs": 20_000, "seed": 3},
    "gradient": {"starts": 400, "half_width": 5, "method": "newton", "steps": 40},
    "harmonic": {"dtype": "fp32", "n": 3_000_000},
    "detection-metrics": {"source": "scenes", "pictures": 30, "seed": 3},
    "segmentation-metrics": {"task": "sensitivity", "size": 64, "seed": 3},
}
SAMPLE = """
import os, time
from collections.abc import Iterator
from dataclasses import dataclass
import numpy as np
from engine.core import Field, Params, Partial, Refused, T, experiment

class Ask(Params):
    does: str = Field("count", title=T("Does", "做什么"))
    folder: str = Field("", title=T("Folder", "文件夹"))

@dataclass(frozen=True)
class Got:
    numbers: np.ndarray
    process: int

@experiment("sample-apart", cost="seconds", apart=True)
def sample(params: Ask) -> Iterator[Partial[Got]]:
    if params.does == "refuse":
        rule = T("kind", "友善")
        raise Refused(T("does must be {rule}; got {got:count}", "does 必须{rule}；收到 {got:count}", rule=rule, got=12345), "does")
    if params.does == "fail":
        1 / 0
    if params.does == "lambda":
        yield Partial(lambda: 1, 1.0)
    try:
        for i in range(1, 5):
            if params.does == "sleep" and i == 2:
                time.sleep(100)
            print("what a library prints")
            yield Partial(Got(np.arange(100_000) * i, os.getpid()), i / 4)
    finally:
        if params.folder:
            open(os.path.join(params.folder, "closed"), "w").close()
"""


@pytest.fixture
def beside() -> Iterator[Runner]:
    """A runner that has a worker."""
    made = Runner()
    made.worker = Worker()
    yield made
    made.worker.end()


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """An experiment in a module of its own, which the worker can import."""
    (tmp_path / "sample_apart.py").write_text(SAMPLE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sample_apart", raising=False)
    import sample_apart

    yield sample_apart.sample
    del sys.modules["sample_apart"]


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    assert true()


def same(a: object, b: object) -> None:
    """Two results bit for bit."""
    one, two = results.arrays(a), results.arrays(b)
    assert one.keys() == two.keys()
    for name in one:
        assert one[name].dtype == two[name].dtype
        if one[name].dtype == object:
            assert repr(one[name]) == repr(two[name]), name
        else:
            np.testing.assert_array_equal(one[name], two[name], name)


def test_all_labs_give_the_same_there_and_import_no_torch(beside):
    assert set(COSTLY) == set(LABS), "a lab that is computed apart is tried here"
    for slug, lab in LABS.items():
        for values in ({}, COSTLY[slug]):
            params = lab.params.parse(values)
            run = beside.worker.begin(lab, params)
            there = list(run)
            run.close()
            here = list(lab.stream(params))
            assert there[-1].fraction == here[-1].fraction == 1, slug
            same(there[-1].result, here[-1].result)
        assert lab.cost_of(params) != "instant", slug
    assert "libtorch" not in Path(f"/proc/{beside.worker.pid}/maps").read_text()


def test_costly_runs_are_computed_there_and_instant_ones_here(beside, sample):
    outcomes = list(beside.shared(sample, sample.params(), Asker()))
    told = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
    assert told[-1].fraction == 1 and told[-1].result.process == beside.worker.pid != os.getpid()
    assert beside.cost(sample, sample.params()) == "instant", "it is kept on this side"
    walk = LABS["random-walk"]
    beside.worker.end()
    beside.run(walk, walk.params())
    assert beside.worker.pid is None, "what a slider makes spawns nothing"


def test_what_is_not_costly_but_long_goes_there_once_it_lives(beside, monkeypatch):
    walk = LABS["random-walk"]
    begun = []
    kept = Worker.begin
    monkeypatch.setattr(Worker, "begin", lambda self, *asked: begun.append(asked) or kept(self, *asked))
    monkeypatch.setattr(runner, "BRIEF", 0.0)
    monkeypatch.setattr(pace, "pace", lambda: 1.0)
    beside.run(walk, walk.params(seed=1))
    assert not begun and beside.worker.pid, "nobody waits for its first breath"
    wait_for(beside.worker.ready)
    beside.run(walk, walk.params(seed=2))
    assert begun == [(walk, walk.params(seed=2))]


def test_a_refusal_is_the_same_in_both_languages(beside, sample):
    params = sample.params(does="refuse")
    with pytest.raises(Refused) as there:
        beside.run(sample, params)
    with pytest.raises(Refused) as here:
        Runner().run(sample, params)
    assert type(there.value) is Refused and there.value.name == "does"
    assert (there.value.en, there.value.zh) == (here.value.en, here.value.zh)
    assert there.value.zh.startswith("does 必须友善；收到 12")


@pytest.mark.parametrize(("does", "said"), [("fail", "ZeroDivisionError"), ("lambda", "pickle")])
def test_a_failure_is_told_with_its_trace_and_others_go_on(beside, sample, does, said):
    with pytest.raises(RuntimeError, match=said):
        beside.run(sample, sample.params(does=does))
    pid = beside.worker.pid
    assert beside.run(sample, sample.params()).result.process == pid


def test_closing_stops_it_there(beside, sample, tmp_path):
    outcomes = beside.stream(sample, sample.params(folder=str(tmp_path)))
    next(outcomes)
    assert not (tmp_path / "closed").exists()
    outcomes.close()
    assert (tmp_path / "closed").exists() and beside.worker._life.runs == 0


def test_its_death_is_one_sentence_and_the_next_question_spawns_anew(beside, sample):
    outcomes = beside.stream(sample, sample.params(does="sleep"))
    pid = next(outcomes).result.process
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Ended, match="ended before the result was there"):
        next(outcomes)
    after = beside.run(sample, sample.params()).result.process
    assert after == beside.worker.pid != pid and not lives(pid)


def test_what_is_lent_to_it_is_given_back(beside, sample):
    before = recent.BUDGET
    wait_for(lambda: recent.LEDGER.budget == before)  # other tests' workers have ended
    pid = beside.run(sample, sample.params()).result.process
    assert recent.LEDGER.budget == before - worker.SHARE
    beside.worker.end()
    wait_for(lambda: recent.LEDGER.budget == before)
    assert not lives(pid)


def test_it_ends_when_nothing_has_been_asked_for_a_while(beside, sample, monkeypatch):
    monkeypatch.setattr(worker, "IDLE", 0.3)
    pid = beside.run(sample, sample.params()).result.process
    wait_for(lambda: not lives(pid))
    assert beside.run(sample, sample.params(does="again")).result.process != pid


def test_no_process_is_left_where_the_server_is_killed(sample, tmp_path):
    code = f"""
        import sys, time
        sys.path[:] = {sys.path!r}
        import sample_apart
        from engine.core.worker import Worker
        worker = Worker()
        run = worker.begin(sample_apart.sample, sample_apart.Ask(does="sleep"))
        print(next(run).result.process, flush=True)
        next(run)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    with parent:
        pid = int(parent.stdout.readline())
        assert lives(pid)
        parent.kill()
    wait_for(lambda: not lives(pid))
