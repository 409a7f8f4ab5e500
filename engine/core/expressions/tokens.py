"""From what a person types to tokens in a known order: look-alikes folded, implicit products made explicit.

What leaves this module is a sequence that Python's grammar accepts and that holds nothing but numbers, names from a
closed list, `+ - * / **`, round brackets and commas. Every complaint points at the character that caused it.
"""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from engine.core.params import Refused
from engine.core.words import T

SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+", strict=True))
ALIKE = {
    "、": ",",
    **dict.fromkeys("−–—‐‑", "-"),
    **dict.fromkeys("×·⋅∙∗", "*"),
    **dict.fromkeys("÷∕⁄", "/"),
    "π": "pi",
    "√": "sqrt",
    "’": "'",
}
PIECE = re.compile(
    r"(?P<space>\s+)|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<super>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)|(?P<mark>\*\*|[-+*/^(),])"
)
EXCERPT = 12
LONGEST_GUESS = 12


@dataclass(frozen=True)
class Token:
    """One token. kind: "number", "name", "function" or the mark itself; `at` is its place in the text as typed."""

    kind: str
    text: str
    at: int
    spaced: bool = False


class Complaint(Refused):
    """A formula refused. `position` is the offset, from 0, of the character at fault."""

    def __init__(self, text: T, name: str, position: int):
        super().__init__(text, name)
        self.position = position


@dataclass(frozen=True)
class Source:
    """The text as typed, under the name of its parameter: what complaints quote."""

    text: str
    name: str

    def refuse(self, at: int, what: T) -> NoReturn:
        """Raise the complaint `what` about the character at offset `at`; in Chinese it goes on behind its place."""
        before, after = self.text[max(0, at - EXCERPT) : at], self.text[at : at + EXCERPT]
        before, after = ("".join(c if c.isprintable() else "·" for c in part) for part in (before, after))
        quote = ("…" if at > EXCERPT else "") + before + "▸" + after + ("…" if at + EXCERPT < len(self.text) else "")
        text = T(
            "{name}: {what}, at character {place}: {quote}",
            "{name}：第 {place} 个字符处{what}：{quote}",
            name=self.name,
            what=what,
            place=at + 1,
            quote=quote,
        )
        raise Complaint(text, self.name, at)


def fold(text: str) -> tuple[str, list[int]]:
    """The text with full-width forms and typographic signs in ASCII, and each character's offset in the original."""
    if text.isascii():
        return text, list(range(len(text) + 1))
    clean: list[str] = []
    offsets: list[int] = []
    for offset, char in enumerate(text):
        if not char.isascii() and char not in SUPERSCRIPTS:
            folded = ALIKE.get(char) or unicodedata.normalize("NFKC", char)
            folded = ALIKE.get(folded, folded)
            char = folded if folded.isascii() and (len(folded) == 1 or folded in ("pi", "sqrt")) else char
        clean.extend(char)
        offsets.extend([offset] * len(char))
    return "".join(clean), [*offsets, len(text)]


def scan(source: Source, known: Collection[str], functions: Collection[str]) -> Iterator[Token]:
    """Tokens of the text. A run of letters is split into known names, the longest first: `xy` is `x y`."""
    clean, offsets = fold(source.text)
    place, spaced = 0, False
    while place < len(clean):
        piece = PIECE.match(clean, place)
        at = offsets[place]
        if piece is None:
            refuse_character(source, at)
        kind, text = piece.lastgroup, piece.group()
        if kind == "number":
            if not math.isfinite(float(text)):
                source.refuse(at, T("the number is too large", "的数过大"))
            yield Token("number", repr(float(text)), at, spaced)
        elif kind == "name":
            for name, shift in split(source, text, offsets[place:], known, functions):
                kind = "function" if name in functions else "name"
                yield Token(kind, name, offsets[place + shift], spaced and not shift)
            kind = "name"
        elif kind == "super":
            exponent = float("".join(SUPERSCRIPTS[c] for c in text))
            yield from (Token("^", "^", at), Token("(", "(", at), Token("number", repr(exponent), at))
            yield Token(")", ")", at)
        elif kind == "mark":
            yield Token("^" if text == "**" else text, text, at, spaced)
        spaced, place = kind == "space", piece.end()


def refuse_character(source: Source, at: int) -> NoReturn:
    char = source.text[at]
    if char == "=":
        source.refuse(at, T("write only the right-hand side, without =", "只写等号右边，不要写 ="))
    if char == "|":
        source.refuse(at, T("write abs(x) for |x|", "请把 |x| 写成 abs(x)"))
    if char in "[]{}":
        source.refuse(at, T("{char} is not used; write round brackets", "不用 {char}，请写圆括号", char=char))
    code = "" if char.isascii() else f" (U+{ord(char):04X})"
    shown = (char if char.isprintable() else "·") + code
    source.refuse(at, T("the character {shown} has no meaning here", "的字符 {shown} 在此没有意义", shown=shown))


def split(source: Source, run: str, offsets: Sequence[int], known: Collection[str], functions: Collection[str]) -> list[tuple[str, int]]:
    """The known names that make up a run of letters and digits, with each one's place in it."""
    longest = max(map(len, known))
    for letters in (run,) if run.islower() else (run, run.lower()):
        found, place = [], 0
        while place < len(letters):
            ends = range(min(len(letters), place + longest), place, -1)
            name = next((letters[place:end] for end in ends if letters[place:end] in known), None)
            if name is None:
                break
            found.append((name, place))
            place += len(name)
        if place == len(letters):
            return found
        if found and found[-1][0] in functions:
            refuse_bare_function(source, Token("function", found[-1][0], offsets[found[-1][1]]))
        if place and letters[place].isdigit() and found[-1][0] not in functions:
            variable = found[-1][0]
            what = T(
                "a number after {name} is ambiguous; write {name}*2 or {name}^2",
                "的数紧跟在 {name} 之后，含义不明；请写 {name}*2 或 {name}^2",
                name=variable,
            )
            source.refuse(offsets[place], what)
    close = difflib.get_close_matches(run.lower(), known, 1) if len(run) <= LONGEST_GUESS else []
    if close:
        hint = T("did you mean {name}", "是否想写 {name}", name=close[0])
    else:
        hint = T(
            "the names are {names} and functions such as sin, exp, log, sqrt",
            "可用的名称有 {names}，以及 sin、exp、log、sqrt 等函数",
            names=", ".join([name for name in known if name not in functions][:8]),
        )
    shown = run if len(run) <= 20 else run[:19] + "…"
    source.refuse(offsets[0], T("{name} is not a known name ({hint})", "的名称 {name} 未知（{hint}）", name=shown, hint=hint))


@dataclass
class Level:
    """Where the reading stands inside one pair of brackets."""

    opened: int = -1
    function: str = ""
    dividing: bool = False  # a "/" stands in this term, with no explicit sign after its operand
    base: Token | None = None  # the operand under the "^" whose exponent comes next or has just come
    in_exponent: bool = False


def arrange(source: Source, tokens: Iterator[Token]) -> Iterator[Token]:
    """The tokens with implicit products written out, in an order that the grammar accepts.

    A product is implied between a number, a name or a closing bracket and a following name, function or bracket.
    It is refused where two readings are common: after a divisor (1/2x) and after an unbracketed exponent that stands
    close to what follows (e^2x, 2^xy), unless the exponent is a number on a variable or a bracket (x^2y is x^2*y).
    """
    levels = [Level()]
    last: Token | None = None
    ready = False  # an operand has just ended
    for token in tokens:
        level = levels[-1]
        if last is not None and last.kind == "function" and token.kind != "(":
            refuse_bare_function(source, last, token if token.kind == "^" else None)
        if token.kind in ("number", "name", "function", "("):
            if ready:
                yield imply(source, level, last, token)
            if token.kind == "(":
                called = last.text if last is not None and last.kind == "function" else ""
                levels.append(Level(token.at, called))
            ready = token.kind in ("number", "name")
        elif token.kind == ")":
            close(source, levels, last, token, ready)
            ready = True
        else:
            if not ready and token.kind not in "+-":
                source.refuse(token.at, T("something is missing before {mark}", "的 {mark} 之前缺少内容", mark=token.text))
            if token.kind == "," and not level.function:
                source.refuse(token.at, T("a comma only separates a function's arguments", "的逗号只能分隔函数的参数"))
            if ready:
                turn(level, last, token)
            ready = False
        yield token
        last = token
    if last is not None and last.kind == "function":
        refuse_bare_function(source, last)
    if not ready:
        empty = T("the formula is empty", "公式为空")
        source.refuse(len(source.text), T("something is missing at the end", "（末尾）缺少内容") if last else empty)
    if len(levels) > 1:
        source.refuse(levels[-1].opened, T("the bracket is never closed", "的括号没有闭合"))


def turn(level: Level, last: Token | None, token: Token) -> None:
    """Note what a binary operator or a comma means for the products that may be implied after it."""
    if token.kind == "^":
        level.base, level.in_exponent = last, True
    else:
        level.dividing, level.in_exponent = token.kind == "/", False


def imply(source: Source, level: Level, last: Token | None, token: Token) -> Token:
    """The sign of an implied product between `last` and `token`, or a complaint where it is ambiguous."""
    assert last is not None
    if token.kind == "number":
        source.refuse(token.at, T("an operator is missing before the number", "的数之前缺少运算符"))
    if level.dividing:
        what = T(
            "a product without sign after a division is ambiguous; write * or brackets", "的乘号省略在除法之后，含义不明；请写出 * 或括号"
        )
        source.refuse(token.at, what)
    plain = last.kind == "number" and level.base is not None and level.base.text not in ("e", "pi")
    plain = plain and level.base is not None and level.base.kind != "number"
    if level.in_exponent and last.kind != ")" and not token.spaced and not plain:
        what = T("it is ambiguous whether this belongs to the exponent; write * or brackets", "的内容是否属于指数不明确；请写出 * 或括号")
        source.refuse(token.at, what)
    level.in_exponent = False
    return Token("*", "*", token.at)


def close(source: Source, levels: list[Level], last: Token | None, token: Token, ready: bool) -> None:
    if len(levels) == 1:
        source.refuse(token.at, T("this bracket was never opened", "的括号没有对应的左括号"))
    if not ready:
        source.refuse(token.at, T("something is missing before {mark}", "的 {mark} 之前缺少内容", mark=")"))
    levels.pop()


def refuse_bare_function(source: Source, function: Token, power: Token | None = None) -> NoReturn:
    name = function.text
    if power is not None:
        source.refuse(power.at, T("write {name}(x)^2 for {name}^2(x)", "请把 {name}^2(x) 写成 {name}(x)^2", name=name))
    source.refuse(function.at, T("{name} needs brackets, as in {name}(x)", "的 {name} 需要括号，例如 {name}(x)", name=name))
