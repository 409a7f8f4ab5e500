"""Tokens as people can read them: what a token stands for, without what a terminal or a page would obey."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
KEPT = "\n\t\r"


def pieces(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> list[str]:
    """The text of each token by itself: "\\xe6" for a byte that is no whole character, "\\u202e" for one that is not
    printed; white space stays."""
    from tokenizers import decoders

    bytewise = isinstance(tokenizer.backend_tokenizer.decoder, decoders.ByteLevel)
    special = set(tokenizer.all_special_ids) | {
        i for i, token in tokenizer.backend_tokenizer.get_added_tokens_decoder().items() if token.special
    }
    names = tokenizer.convert_ids_to_tokens(ids)
    found = []
    for i, name in zip(ids, names, strict=True):
        if name is None:
            found.append(f"#{i}")
        elif i in special:
            found.append(visible(name))
        else:
            found.append(visible(_from_bytes(name) if bytewise else _from_words(name)))
    return found


def visible(text: str) -> str:
    """A text with every character that is not printed, white space aside, written as its number."""
    return "".join(c if c.isprintable() or c in KEPT else _number(ord(c)) for c in text)


def _number(point: int) -> str:
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _from_words(name: str) -> str:
    match = BYTE.fullmatch(name)
    return f"\\x{match[1].lower()}" if match else name.replace("\u2581", " ")


def _from_bytes(name: str) -> str:
    table = alphabet()
    if any(c not in table for c in name):
        return name
    return bytes(table[c] for c in name).decode("utf-8", "backslashreplace")


@functools.cache
def alphabet() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for (Radford et al. 2019)."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [b for b in range(256) if b not in kept]
    return {chr(b): b for b in kept} | {chr(256 + n): b for n, b in enumerate(moved)}
