"""Splits captions into the tokens that are scored, by language."""

from __future__ import annotations

import functools
import importlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from data.languages import HAN

# What only an optional package or program can measure.


EXTRA = "captions"


class Unavailable(RuntimeError):
    """Something that this machine lacks; the message says what, and how to get it."""


def load(module: str, package: str, purpose: str) -> ModuleType:
    """Imports `module` of the optional `package`; raises Unavailable where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise Unavailable(
            f"{purpose} needs the package {package}: pip install 'tuwen[{EXTRA}]'"
        ) from None


# What belongs to a word in scripts that `\w` does not cover.


# Vowel signs, viramas and accents written after their letter, and the two joiners, for use within
# a character class: Python's `\w` splits words of Hindi, Tamil or Persian at them.
MARKS = (
    "".join(
        chr(code)
        for code in range(0x300, 0x10000)
        if unicodedata.category(chr(code)).startswith("M")
    )
    + "\u200c\u200d"
)


def is_foreign_punctuation(token: str) -> bool:
    """Whether a token is one punctuation mark outside ASCII, such as a danda."""
    return len(token) == 1 and not token.isascii() and unicodedata.category(token)[0] == "P"


# A Penn-Treebank-like tokenizer for scoring captions, without Java.
#
# Follows the Treebank's conventions (Taylor, Marcus and Santorini, The Penn Treebank: an overview,
# 2003) as caption scoring uses them: lower case, clitics apart (`is n't`, `man 's`), words joined
# by a hyphen, slash or inner full stop whole, and punctuation tokens dropped. Words of every script
# with blanks stay whole, and its punctuation goes too. What stays whole or keeps its full stop
# follows the Java program that COCO's scorer runs (Stanford CoreNLP 3.4.1), where it concerns
# captions.


# Abbreviations that keep their full stop: anywhere, and before a number alone.
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
        # A soft hyphen is none; a blank without width is one.
        **{"\u00ad": "", "\u200b": " "},
        **{"\u00bd": " 1/2", "\u00bc": " 1/4", "\u00be": " 3/4", "\u2153": " 1/3"},
        **{"\u2154": " 2/3", "\u20ac": "$", "\u00a3": "#", "\u00a2": " cents"},
    }
)
_DROPPED = frozenset("'\"`.?!,:;-")


def tokenise(text: str) -> list[str]:
    """Splits one caption into lower-case tokens without punctuation."""
    found = _TOKEN.findall(unicodedata.normalize("NFC", text).translate(_PLAIN))
    return [token.lower().translate(_BRACKETS) for token in found if not _punctuation(token)]


def _punctuation(token: str) -> bool:
    return token in _DROPPED or token.startswith(("..", "--")) or is_foreign_punctuation(token)


# How captions of each language are split into tokens before they are scored.


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
    return Split(language, tokenise, "Penn-Treebank-like tokens, lower case, no punctuation")


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
