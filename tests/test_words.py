"""Words: every text is a `T`, said once over one set of values, in both languages."""

from __future__ import annotations

import ast
import re
import string
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff]")
# Rooms whose sentences were converted by machine and are not yet read by a person, check by check: a room may leave these
# lists, none may join them.
UNREAD = {"values": {"core/expressions"}, "chinese": set(), "one chinese": {"shell/frame.py"}}
# Where Chinese is data: punctuation and digits that are read, not said.
DATA = {
    *("engine/core/entry.py", "engine/core/words.py", "engine/core/expressions/tokens.py", "engine/language/models/pieces.py"),
    *("pages/shell/draw.py", "pages/shell/prose.py", "pages/shell/frame.py", "pages/shell/uploads.py"),
}
FILES = sorted(p for folder in ("engine", "pages") for p in (ROOT / folder).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room(path: Path) -> str:
    """The lab, or the room, that a module belongs to: its engine's and its page's words are one vocabulary."""
    return "/".join(path.relative_to(ROOT).parts[1:3])


def read(check: str) -> list[Path]:
    """The files to which a check applies."""
    return [path for path in FILES if room(path) not in UNREAD[check]]


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, list[ast.expr]]]:
    """Every `T(en, zh, …)` and `T.many(one, several, zh, …)` with its templates."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("T", "T.many"):
            yield node, node.args


def texts(args: list[ast.expr]) -> list[str]:
    return [arg.value for arg in args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_both_templates_name_the_same_values():
    wrong = []
    for path in read("values"):
        for node, args in calls(ast.parse(path.read_text())):
            given = {keyword.arg for keyword in node.keywords} - {"by"}
            templates = texts(args)
            if not given or len(templates) != len(args) or None in given:
                continue
            # A plural's English may do without its count.
            sets = [fields(text) for text in templates]
            if sets[-1] != sets[-2] or set().union(*sets) != given:
                wrong.append(f"{named(path)}:{node.lineno}")
    assert not wrong


def test_no_text_is_built_of_pieces():
    """No f-string or choice inside a `T`; no template begins or ends with a space that another text would need."""
    wrong = []
    for path in FILES:
        for node, args in calls(ast.parse(path.read_text())):
            if any(isinstance(arg, (ast.JoinedStr, ast.IfExp, ast.BinOp)) for arg in args):
                wrong.append(f"{named(path)}:{node.lineno}")
    assert not wrong


def test_one_english_has_one_chinese_in_a_lab():
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for path in read("one chinese"):
        for node, args in calls(ast.parse(path.read_text())):
            templates = texts(args)
            if len(templates) == 2:
                found[room(path), templates[0]].setdefault(templates[1], f"{named(path)}:{node.lineno}")
    assert not {key: places for key, places in found.items() if len(places) > 1 and len(key[1]) > 1}


def test_chinese_stands_in_texts_alone():
    wrong = []
    for path in read("chinese"):
        if named(path) in DATA:
            continue
        tree = ast.parse(path.read_text())
        inside = {id(part) for node, args in calls(tree) for arg in args for part in ast.walk(arg)}
        inside |= {id(part) for node in ast.walk(tree) if is_joined(node) for part in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and HAN.search(node.value) and id(node) not in inside:
                wrong.append(f"{named(path)}:{node.lineno} {node.value[:20]}")
    assert not wrong


def is_joined(node: ast.AST) -> bool:
    """A call of `T.joined`, whose marks stand between texts."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "joined"
