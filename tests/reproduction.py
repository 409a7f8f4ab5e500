"""Tests that reproduce the figures of a checkpoint: run again when something that moves them has changed.

Such a test is marked `reproduces("<checkpoint>", …)`. What it rests on is told by a digest: the files of those
checkpoints, the test itself, and every module of the engine that its file imports, directly or through others (of the
core only what trains and loads: the rest moves no number). Code counts, not what is said: comments, docstrings and texts
(`T`), and modules of findings, may change. A passing run with `--reproduce` (`make reproduce`) writes the digest into the
first checkpoint's `meta.json`. While it is there, an ordinary run skips the test, but for an eighth of them, chosen anew
with each commit; where it is not, the test fails and says what to run.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKPOINTS = ROOT / "assets" / "checkpoints"
KEPT = "reproduced"
OF_THE_CORE = {"checkpoints", "optimisers", "progress", "training"}
SAYS = {"findings", "wording"}  # modules that read numbers and make none
SHARE = 8
STALE = pytest.StashKey[bool]()


class Silent(ast.NodeTransformer):
    """Code without what it says."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "T":
            return ast.Constant(None)
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return ast.Pass() if isinstance(node.value, ast.Constant) else self.generic_visit(node)


@functools.cache
def computes(path: Path) -> bytes:
    """What a module computes: its code without comments, docstrings and texts."""
    return ast.unparse(Silent().visit(ast.parse(path.read_text()))).encode()


@functools.cache
def imported(path: Path) -> tuple[Path, ...]:
    """The engine's modules that a file imports, as paths."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            place = ROOT.joinpath(*name.split("."))
            if name.split(".")[0] == "engine":
                found += [p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file()]
    return tuple(dict.fromkeys(found))


@functools.cache
def rests_on(path: Path) -> tuple[Path, ...]:
    """Every module of the engine whose change may move a number that a file computes."""
    seen: dict[Path, None] = {}
    waiting = [path]
    while waiting:
        for module in imported(waiting.pop()):
            core = module.relative_to(ROOT).parts[:2] == ("engine", "core") and module.stem not in OF_THE_CORE
            if module not in seen and not core and module.stem not in SAYS:
                seen[module] = None
                waiting.append(module)
    return tuple(sorted(seen))


def files_of(name: str) -> Iterator[bytes]:
    """A checkpoint's files, its meta without what is kept there about reproductions."""
    for path in sorted((CHECKPOINTS / name).iterdir()):
        if path.name == "meta.json":
            meta = json.loads(path.read_text())
            meta.pop(KEPT, None)
            yield json.dumps(meta, sort_keys=True).encode()
        else:
            yield path.read_bytes()


def digest(item: pytest.Item, names: tuple[str, ...]) -> str:
    """A digest of all that a test's figures rest on."""
    made = hashlib.sha256(inspect.getsource(item.function).encode())
    for module in rests_on(item.path):
        made.update(computes(module))
    for name in names:
        for content in files_of(name):
            made.update(content)
    return made.hexdigest()[:16]


def key(item: pytest.Item) -> str:
    return item.nodeid.rpartition("/")[2]


@functools.cache
def commit() -> str:
    ran = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return ran.stdout.strip()


def arrange(item: pytest.Item, reproducing: bool) -> None:
    """Skip a test whose figures stand, fail one whose digest is stale; called when it is collected."""
    mark = item.get_closest_marker("reproduces")
    if mark is None or reproducing:
        return
    meta = json.loads((CHECKPOINTS / mark.args[0] / "meta.json").read_text())
    if meta.get(KEPT, {}).get(key(item)) != digest(item, mark.args):
        item.stash[STALE] = True
    elif int(hashlib.sha256((commit() + key(item)).encode()).hexdigest(), 16) % SHARE:
        item.add_marker(pytest.mark.skip(reason="reproduced; nothing that moves its figures has changed since"))


def refuse_stale(item: pytest.Item) -> None:
    """Fail a test whose digest is stale, before it runs."""
    if item.stash.get(STALE, False):
        pytest.fail("what these figures rest on has changed since they were reproduced: run `make reproduce` and commit meta.json")


def keep(item: pytest.Item) -> None:
    """Write the digest of a test that has passed."""
    mark = item.get_closest_marker("reproduces")
    path = CHECKPOINTS / mark.args[0] / "meta.json"
    meta = json.loads(path.read_text())
    meta[KEPT] = dict(sorted((meta.get(KEPT, {}) | {key(item): digest(item, mark.args)}).items()))
    path.write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n")
