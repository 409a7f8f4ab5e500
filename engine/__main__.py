"""The command line: python -m engine list | run | train | bench | record | new."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np

from engine.core import Experiment, Params, Refused, T, experiments, recordings, results
from engine.core.runner import Runner, document
from engine.data import masks

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads otherwise spin while they wait for each other
BUILD = Path(__file__).parents[1] / "build" / "train"
LARGEST_FILE = 64 * 2**20  # bytes that a parameter takes from a file
BENCHMARKS = Path(__file__).parents[1] / "tests" / "benchmarks"


class Parser(argparse.ArgumentParser):
    """An argument parser that refuses in one sentence."""

    def error(self, message: str) -> NoReturn:
        print(message, file=sys.stderr)
        sys.exit(2)


def lab(slug: str) -> Experiment:
    """The experiment of a lab. Raises `Refused` for an unknown one."""
    found = experiments.discover()
    if slug not in found:
        raise Refused(
            T(
                "lab must be one of {found}; got {slug!r}",
                "lab 必须是下列之一：{found}；收到 {slug!r}",
                found=", ".join(found),
                slug=slug[:40],
            ),
            "lab",
        )
    return found[slug]


def parameters(words: list[str], model: type[Params]) -> dict[str, Any]:
    """Parameters given as `--name value` or `--name=value`; a text may come from a file, `@path`, or from `-`."""
    found: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise Refused(T("parameters are written --name value; got {word!r}", "参数应写作 --名称 值；收到 {word!r}", word=word[:40]))
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not rest:
                raise Refused(T("{name} must have a value; got none", "{name} 必须给出值；未收到", name=name), name)
            value = rest.pop(0)
        name = name.replace("-", "_")
        found[name] = expanded(name, value, model)
    return found


def expanded(name: str, value: str, model: type[Params]) -> str:
    """A text parameter's value: the file's that `@path` names, what stands on the standard input for `-`; `@@` is an @.

    Of a painted mask's parameter the file is a picture of labels. Only the command line opens files: page, API and MCP
    hand on what they are given.
    """
    field = model.model_fields.get(name)
    if field is None or field.annotation is not str or not (value.startswith("@") or value == "-"):
        return value
    if value.startswith("@@"):
        return value[1:]
    path = Path(value[1:])
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if value == "-" else path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)  # a device has no end
    except OSError as error:
        text = T(
            "{name} must be a file that can be read; got {path!r}: {why}",
            "{name} 必须是可读的文件；收到 {path!r}：{why}",
            name=name,
            path=str(path),
            why=error.strerror or type(error).__name__,
        )
        raise Refused(text, name) from None
    if len(raw) > LARGEST_FILE:
        raise Refused(
            T("{name} must be a file of at most {most:bytes}", "{name} 的文件不能超过 {most:bytes}", name=name, most=LARGEST_FILE), name
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        if model.hints(name).get("control") == "mask":
            made = masks.decode(raw, name)
            return masks.written(made.labels, made.colours)
        text = T(
            "{name} must be a text in UTF-8; got the file {path!r}",
            "{name} 必须是 UTF-8 文本；收到文件 {path!r}",
            name=name,
            path=str(path),
        )
        raise Refused(text, name) from None


def list_labs() -> None:
    """Every lab with its parameters and their defaults."""
    for slug, experiment in experiments.discover().items():
        defaults = experiment.params()
        print(f"{slug}  ({experiment.chapter}, {experiment.cost_of(defaults)})")
        for name, field in experiment.params.model_fields.items():
            print(f"    --{name} {getattr(defaults, name)}    {field.title}")


def run(slug: str, words: list[str], as_json: bool, out: Path | None) -> None:
    """Run a lab once; print one JSON object, or a short account; keep all numbers in an NPZ file if asked."""
    experiment = lab(slug)
    params = experiment.params.parse(parameters(words, experiment.params))
    if out is not None and (out.suffix != ".npz" or not out.parent.is_dir()):
        raise Refused(
            T(
                "out must be a file that ends in .npz, in a folder that exists; got {out!r}",
                "out 必须是已有文件夹中以 .npz 结尾的文件；收到 {out!r}",
                out=str(out),
            ),
            "out",
        )
    outcome = Runner().run(experiment, params)
    if out is not None:
        np.savez_compressed(out, **results.arrays(outcome.result))
    made = document(experiment, params, outcome)
    if as_json:
        print(json.dumps(made, ensure_ascii=False))
        return
    print(f"{slug}: {json.dumps(made['params'], ensure_ascii=False)}")
    for name, value in made["result"].items():
        text = json.dumps(value, ensure_ascii=False)
        print(f"  {name}: {text if len(text) <= 100 else text[:99] + '…'}")
    print(f"  in {outcome.provenance.seconds:.3g} s, {outcome.provenance.backend}, {outcome.provenance.device}")


def record(slug: str, words: list[str]) -> None:
    """Compute a lab's defaults (or the given parameters) here and keep the result as this device's recording."""
    experiment = lab(slug)
    params = experiment.params.parse(parameters(words, experiment.params))
    outcome, load = None, recordings.load_of_machine()
    if experiment.warm_up is not None:  # imports are not the experiment's own time
        experiment.warm_up()
    if experiment.forget is not None:
        experiment.forget()
    for outcome in Runner().stream(experiment, params):
        print(f"\r{slug}: {outcome.fraction:4.0%}", end="", file=sys.stderr, flush=True)
    assert outcome is not None, f"{slug} yielded nothing"
    print(f"\n{recordings.record(experiment, params, outcome, load=load)}")


def train(name: str, setting: Literal["cpu", "gpu"], fresh: bool) -> None:
    """Run a recipe: a checkpoint of `assets/checkpoints`, made again."""
    from engine.core import recipes

    found = recipes.discover()
    if name not in found:
        raise Refused(
            T(
                "recipe must be one of {found}; got {name!r}",
                "recipe 必须是下列之一：{found}；收到 {name!r}",
                found=", ".join(found),
                name=name[:40],
            ),
            "recipe",
        )
    folder = BUILD / name
    folder.mkdir(parents=True, exist_ok=True)
    found[name].run(folder, setting, not fresh, lambda share, text: print(f"{share:6.1%}  {text}", flush=True))
    for path in recipes.install(folder):
        print(path)


def new(chapter: str, slug: str) -> None:
    """Write the skeleton of a new lab, and its row of README's table."""
    from house.new import make

    for path in make(chapter, slug):
        print(path)
    subprocess.run([sys.executable, "-m", "house.readme"], cwd=BUILD.parents[1], check=True)


def bench(only: str) -> None:
    """Run the benchmarks whose names contain `only`, one after another; each prints figures side by side."""
    for path in sorted(BENCHMARKS.glob("bench_*.py")):
        if only in path.stem:
            spec = importlib.util.spec_from_file_location(path.stem, path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            print(f"\n{path.stem.removeprefix('bench_')}", flush=True)
            module.main()


def main(words: list[str] | None = None) -> int:
    """Exit status 0, or 2 with one sentence for bad input."""
    os.environ.setdefault("ORRERY_PRIVATE", "1")  # who has this shell has the machine's files anyway
    parser = Parser(prog="python -m engine", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, parser_class=Parser)
    verbs.add_parser("list", help="every lab and its parameters")
    # A lab's own --o must not be taken for --out.
    running = verbs.add_parser("run", help="run a lab: run random-walk --steps 50 --json", allow_abbrev=False)
    running.add_argument("lab")
    running.add_argument("--json", action="store_true", help="print one JSON object")
    running.add_argument("--out", type=Path, metavar="FILE.npz", help="keep every number")
    recording = verbs.add_parser("record", help="keep a lab's result as this device's recording", allow_abbrev=False)
    recording.add_argument("lab")
    training = verbs.add_parser("train", help="run a recipe")
    training.add_argument("recipe")
    training.add_argument("--setting", choices=["cpu", "gpu"], default="cpu")
    training.add_argument("--fresh", action="store_true", help="start anew instead of resuming")
    making = verbs.add_parser("new", help="write the skeleton of a new lab: new probability dice")
    making.add_argument("chapter")
    making.add_argument("lab")
    benching = verbs.add_parser("bench", help="run the benchmarks")
    benching.add_argument("only", nargs="?", default="")
    options, rest = parser.parse_known_args(words)
    if rest and options.verb not in ("run", "record"):
        parser.error(f"{options.verb} takes no {rest[0][:40]!r}")
    try:
        match options.verb:
            case "list":
                list_labs()
            case "run":
                run(options.lab, rest, options.json, options.out)
            case "record":
                record(options.lab, rest)
            case "train":
                train(options.recipe, options.setting, options.fresh)
            case "new":
                new(options.chapter, options.lab)
            case "bench":
                bench(options.only)
    except Refused as error:
        print(error.en, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):  # a reader that has had enough, such as head, is no error
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
