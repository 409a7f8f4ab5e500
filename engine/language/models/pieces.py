"""Tokens as people can read them: what a token stands for, without what a terminal or a page would obey."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
KEPT = "\n\t\r"
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
LONGEST_CHARACTER = 4  # bytes, in UTF-8


class Reader:
    """Reads the tokens of one tokenizer.

    A character that several tokens share is shown in each of them, numbered: 你₁ 你₂ 你₃. A byte that belongs to no
    character is "\\xe6", a character that is not printed "\\u202e"; white space stays.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast):
        from tokenizers import decoders

        backend = tokenizer.backend_tokenizer
        self.tokenizer = tokenizer
        self.bytewise = isinstance(backend.decoder, decoders.ByteLevel)
        self.special = set(tokenizer.all_special_ids) | {i for i, t in backend.get_added_tokens_decoder().items() if t.special}

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text of each token of a text."""
        found = [""] * len(ids)
        run: list[tuple[int, int]] = []  # bytes of neighbouring tokens, each with the token's place
        for place, (i, name) in enumerate(zip(ids, self.tokenizer.convert_ids_to_tokens(list(ids)), strict=True)):
            if name is None or i in self.special:
                _spell(run, found)
                run = []
                found[place] = f"#{i}" if name is None else visible(name)
            else:
                run += [(byte, place) for byte in self._bytes(name)]
        _spell(run, found)
        return found

    def after(self, before: Sequence[int], candidates: Sequence[int]) -> list[str]:
        """The text of each token as it would be read behind a text."""
        context = list(before)[-LONGEST_CHARACTER:]
        return [self.pieces([*context, i])[-1] for i in candidates]

    def _bytes(self, name: str) -> bytes:
        if self.bytewise and all(c in alphabet() for c in name):
            return bytes(alphabet()[c] for c in name)
        match = None if self.bytewise else BYTE.fullmatch(name)
        return bytes.fromhex(match[1]) if match else name.replace("\u2581", " ").encode("utf-8", "replace")


def _spell(run: list[tuple[int, int]], found: list[str]) -> None:
    """Write the characters of bytes to the tokens that hold them."""
    data, at = bytes(byte for byte, _ in run), 0
    while at < len(data):
        size = _width(data[at])
        try:
            character = data[at : at + size].decode("utf-8")
        except UnicodeDecodeError:
            found[run[at][1]] += f"\\x{data[at]:02x}"
            at += 1
            continue
        owners = list(dict.fromkeys(place for _, place in run[at : at + size]))
        for number, place in enumerate(owners, 1):
            found[place] += visible(character) + (str(number).translate(SUBSCRIPTS) if len(owners) > 1 else "")
        at += size


def _width(first: int) -> int:
    """How many bytes a character of UTF-8 has, by its first."""
    return 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else LONGEST_CHARACTER


def visible(text: str) -> str:
    """A text with every character that is not printed, white space aside, written as its number."""
    return "".join(c if c.isprintable() or c in KEPT else _number(ord(c)) for c in text)


def _number(point: int) -> str:
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


@functools.cache
def alphabet() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for (Radford et al. 2019)."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [b for b in range(256) if b not in kept]
    return {chr(b): b for b in kept} | {chr(256 + n): b for n, b in enumerate(moved)}
