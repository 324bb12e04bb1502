"""How captions of each language are split into tokens before they are scored."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from data.languages import HAN
from trainer.metrics import ptb
from trainer.metrics.extras import load
from trainer.metrics.letters import MARKS

# Languages that set no blanks between words.
UNSPACED = ("zh", "yue", "ja", "th", "lo", "km", "my", "bo")
# Those that the segmenter knows.
SEGMENTED = ("zh",)

_KANA = "\u3041-\u3096\u30a1-\u30fa\u31f0-\u31ff"
_THAI_LAO = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"
_TIBETAN_BURMESE_KHMER = "\u0f40-\u0f84\u1000-\u103f\u1050-\u108f\u1780-\u17d3"
_ALONE = f"{HAN}{_KANA}{_THAI_LAO}{_TIBETAN_BURMESE_KHMER}"
# The long-vowel mark of kana is a letter to Unicode; it goes with what it lengthens.
_CHARACTER = re.compile(rf"[{_ALONE}][{MARKS}\u30fc]*|(?:[^\W{_ALONE}]|[{MARKS}])+")
_LETTER = re.compile(r"\w")


class Split(NamedTuple):
    """One way to split the captions of a language.

    Attributes:
      name: what the names of its figures end in: `en`, `zh_char`, `zh_word`.
      tokenise: from a caption to its tokens.
      how: the tokens in words, for a protocol.
    """

    name: str
    tokenise: Callable[[str], Sequence[str]]
    how: str


def split_of(language: str) -> Split:
    """How captions of a language (its primary subtag) are split where nothing else is asked."""
    if language in UNSPACED:
        how = "single characters of scripts without blanks, and other words"
        return Split(f"{language}_char", by_character, how)
    return Split(language, ptb.tokenise, "Penn-Treebank-like tokens, lower case, no punctuation")


def word_split_of(language: str) -> Split:
    """The split into words of one of the `SEGMENTED` languages.

    Raises:
      Unavailable: the segmenter is not installed.
    """
    if language not in SEGMENTED:
        raise ValueError(f"language {language!r} is not segmented, only {SEGMENTED}")
    _segmenter()
    return Split(f"{language}_word", by_word, "words by jieba's dictionary, no punctuation")


def by_character(text: str) -> list[str]:
    """Tokens of a caption in a script without blanks (Han, kana, Thai, Lao, Tibetan, Burmese,
    Khmer): every character with its marks alone, other words whole, no punctuation."""
    return _CHARACTER.findall(_normalise(text))


def by_word(text: str) -> list[str]:
    """Words of a Chinese caption by jieba's dictionary and model of unknown words, other words
    whole, no punctuation; raises Unavailable where the segmenter is not installed."""
    return [word for word in _segmenter().cut(_normalise(text)) if _LETTER.search(word)]


def _normalise(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


@functools.cache
def _segmenter() -> Any:
    return load("rjieba", "rjieba", "Chinese by word").Jieba()
