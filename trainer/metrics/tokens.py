"""Tokenisation of captions for scoring, by language."""

from __future__ import annotations

import functools
import importlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from data.languages import HAN

# Optional packages and programs.


EXTRA = "captions"


class Unavailable(RuntimeError):
    """An optional package or program is missing; the message names it and how to get it."""


def load(module: str, package: str, purpose: str) -> ModuleType:
    """Imports `module` of the optional `package`.

    Raises:
      Unavailable: the package is not installed; the message begins with `purpose`.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise Unavailable(
            f"{purpose} needs the package {package}: pip install 'tuwen[{EXTRA}]'"
        ) from None


# Combining marks (vowel signs, viramas, accents) and the two joiners, for use in a character class.
# Python's `\w` does not match them and would split words of Hindi, Tamil or Persian.
MARKS = (
    "".join(
        chr(code)
        for code in range(0x300, 0x10000)
        if unicodedata.category(chr(code)).startswith("M")
    )
    + "\u200c\u200d"
)


def is_foreign_punctuation(token: str) -> bool:
    """Whether a token is a single non-ASCII punctuation mark, such as a danda."""
    return len(token) == 1 and not token.isascii() and unicodedata.category(token)[0] == "P"


# A Penn-Treebank-like tokenizer for scoring captions, without Java.
#
# Follows the Treebank's conventions (Taylor, Marcus and Santorini, The Penn Treebank: an overview,
# 2003) as caption scoring uses them: lower case, clitics split off (`is n't`, `man 's`), words
# joined by a hyphen, slash or inner full stop kept whole, and punctuation tokens dropped. The same
# holds for every script that separates words by spaces. Which tokens stay whole or keep their full
# stop follows the Java program that COCO's scorer runs (Stanford CoreNLP 3.4.1), as far as it
# matters for captions.


# Abbreviations that keep their full stop: always, and only before a number.
_SHORT = (
    "adm|al|apr|assn|aug|ave|bldg|blvd|bros|capt|cf|cmdr|col?|corp|dec|dept|det|dr|est|etc|ext|feb"
    "|fri|ft|gen|gov|inc|jan|jr|jul|jun|lt|ltd|maj|mar|messrs|mfg|mon|mrs?|ms|mt|nov|oct|ph|pres"
    "|prof|rd|rep|rev|sen|sept?|sgt|sq|sr|ste?|tel|thurs|thu|tues?|univ|vs|wed"
)
_SHORT_BEFORE_NUMBERS = "art|fig|nos?|pp"

_W = rf"[\w{MARKS}]"
_TOKEN = re.compile(
    rf"""
      (?:https?://|www\.)\S+                     # an address on the web
    | {_W}[\w.-]*@{_W}[\w-]*(?:\.[\w-]+)*       # me@site.com
    | [@\#][a-z_]\w*                            # @home #fun
    | [<>]?[:;=][-o*']?[()dpo](?![a-z])         # :-)
    | [a-z](?:\.[a-z])+(?![a-z0-9])\.?           # t.v. u.s. d.c
    | (?:{_SHORT})\.(?!\w)                     # st. ave.
    | (?:{_SHORT_BEFORE_NUMBERS})\.(?=\s*\d)  # no. 5
    | ph\.d\.?
    | [a-hj-z]\.(?=[\s"]|$)                      # an initial: n.; "i." ends a sentence
    | (?:[-+]\.?|\.)\d+(?:[.,:/]\d+)*          # -5 .5
    | \d+(?:[.,:/]\d+)+                         # 12:45 1/2 3.5 1,000
    | c\+\+ | [cf]\#                            # c++
    | (?-i:[A-Z]+(?:[&+][A-Z]+)+)               # AT&T, but a & b
    | can(?=not\b) | (?:gon|wan)(?=na\b) | got(?=ta\b) | gim(?=me\b) | lem(?=me\b)
    | 't(?=(?:is|was)(?:n't)?\b)                # 't is
    | '(?:till?|em|cause)\b | (?<!\d)'\d\ds?\b | 'n' | 'n(?!\w)
    | (?:ol|dunkin|somethin)'(?!\w) | (?:c'mon|ev'ry|li'l|nat'l|nor'easter|s'mores)\b
    | [jy]'(?=[^\W\d_]{{2}})                    # y' all
    | [^\W\d_]*[aeiouy]'[aeiou][^\W\d_]* | [cdln]'[^\W\d_]{{2,}}   # ma'am c'est
    | {_W}+?(?=n't\b) | n't\b                    # is n't
    | '(?:s|m|d|re|ve|ll)\b                      # man 's
    | o'{_W}+                                    # o'clock
    | {_W}+(?:[-/.]{_W}+)*                       # t-shirt tub/shower
    | \.\.+ | --+ | [?!]{{2,}} | [^\w\s]         # punctuation
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BRACKETS = str.maketrans(
    {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
)
_PLAIN = str.maketrans(
    {
        **{"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "},
        # A soft hyphen is dropped; a zero-width space separates words.
        **{"\u00ad": "", "\u200b": " "},
        **{"\u00bd": " 1/2", "\u00bc": " 1/4", "\u00be": " 3/4", "\u2153": " 1/3"},
        **{"\u2154": " 2/3", "\u20ac": "$", "\u00a3": "#", "\u00a2": " cents"},
    }
)
_DROPPED = frozenset("'\"`.?!,:;-")


def tokenise(text: str) -> list[str]:
    """Splits one caption into Penn-Treebank-like lower-case tokens without punctuation."""
    found = _TOKEN.findall(unicodedata.normalize("NFC", text).translate(_PLAIN))
    return [token.lower().translate(_BRACKETS) for token in found if not _punctuation(token)]


def _punctuation(token: str) -> bool:
    return token in _DROPPED or token.startswith(("..", "--")) or is_foreign_punctuation(token)


# The tokenisation of each language.


# Languages that do not separate words by spaces.
UNSPACED = ("zh", "yue", "ja", "th", "lo", "km", "my", "bo")
# Those that the word segmenter supports.
SEGMENTED = ("zh",)

_KANA = "\u3041-\u3096\u30a1-\u30fa\u31f0-\u31ff"
_THAI_LAO = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"
_TIBETAN_BURMESE_KHMER = "\u0f40-\u0f84\u1000-\u103f\u1050-\u108f\u1780-\u17d3"
_ALONE = f"{HAN}{_KANA}{_THAI_LAO}{_TIBETAN_BURMESE_KHMER}"
# Unicode calls the long-vowel mark of kana a letter; here it belongs to the vowel it lengthens.
_CHARACTER = re.compile(rf"[{_ALONE}][{MARKS}\u30fc]*|(?:[^\W{_ALONE}]|[{MARKS}])+")
_LETTER = re.compile(r"\w")


class Split(NamedTuple):
    """A tokenisation of the captions of a language.

    Attributes:
      name: suffix of the names of its metrics: `en`, `zh_char`, `zh_word`.
      tokenise: maps a caption to its tokens.
      how: description of the tokens, for a metric's protocol.
    """

    name: str
    tokenise: Callable[[str], Sequence[str]]
    how: str


def split_of(language: str) -> Split:
    """The default tokenisation of a language, given by its primary subtag."""
    if language in UNSPACED:
        how = "single characters of scripts without blanks, and other words"
        return Split(f"{language}_char", by_character, how)
    return Split(language, tokenise, "Penn-Treebank-like tokens, lower case, no punctuation")


def word_split_of(language: str) -> Split:
    """The tokenisation into words of one of the `SEGMENTED` languages.

    Raises:
      ValueError: the language is not among them.
      Unavailable: the segmenter is not installed.
    """
    if language not in SEGMENTED:
        raise ValueError(f"language {language!r} is not segmented, only {SEGMENTED}")
    _segmenter()
    return Split(f"{language}_word", by_word, "words by jieba's dictionary, no punctuation")


def by_character(text: str) -> list[str]:
    """Splits a caption by character in scripts without spaces (Han, kana, Thai, Lao, Tibetan,
    Burmese, Khmer), each with its combining marks. Other words stay whole; no punctuation."""
    return _CHARACTER.findall(_normalise(text))


def by_word(text: str) -> list[str]:
    """Splits a Chinese caption into words by jieba's dictionary and its model of unknown words.
    Other words stay whole; no punctuation.

    Raises:
      Unavailable: the segmenter is not installed.
    """
    return [word for word in _segmenter().cut(_normalise(text)) if _LETTER.search(word)]


def _normalise(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


@functools.cache
def _segmenter() -> Any:
    return load("rjieba", "rjieba", "Chinese by word").Jieba()
