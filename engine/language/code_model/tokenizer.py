"""Byte-level BPE for Python source: any text in, the same text out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

FILE = "<|file|>"  # stands before every file, and so ends the one before it
VOCABULARY = 2048
# What merges may not cross: line ends, the indentation of a line, a name with its underscores and the space
# before it, up to three digits, a run of other signs.
PIECES = r"\r?\n+|(?<=\n)[ \t]+| ?[\p{L}_]+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}_]+|\s+(?!\S)|\s+"


def fit(texts: Iterable[str], vocabulary: int = VOCABULARY) -> PreTrainedTokenizerFast:
    """A tokenizer with `vocabulary` tokens, `<|file|>` and the 256 bytes among them."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PIECES), behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=[FILE], initial_alphabet=alphabet, show_progress=False)
    )
    return wrap(bpe)


def wrap(bpe) -> PreTrainedTokenizerFast:
    """As `transformers` wants it. A typed "<|file|>" stays text: only the engine places the token itself."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=FILE, eos_token=FILE, split_special_tokens=True, clean_up_tokenization_spaces=False
    )


def read(path: Path) -> PreTrainedTokenizerFast:
    """The tokenizer in a `tokenizer.json`."""
    from tokenizers import Tokenizer

    return wrap(Tokenizer.from_file(str(path)))


def clean(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot carry, replaced by U+FFFD; all else is kept."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def encode(tokenizer: PreTrainedTokenizerFast, text: str, *, start: bool = True) -> list[int]:
    """Token ids of any text, with `<|file|>` before it where `start`. Decoding gives `clean(text)` back."""
    ids = tokenizer.encode(clean(text), add_special_tokens=False)
    return [tokenizer.bos_token_id, *ids] if start else ids


def decode(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> str:
    """The text of token ids, without `<|file|>`; bytes that are no UTF-8 become U+FFFD."""
    return tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
