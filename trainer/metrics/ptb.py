"""A Penn-Treebank-like tokenizer for scoring captions, without Java.

Follows the Treebank's conventions (Taylor, Marcus and Santorini, The Penn Treebank: an overview,
2003) as caption scoring uses them: lower case, clitics apart (`is n't`, `man 's`), words joined by
a hyphen, slash or inner full stop whole, and punctuation tokens dropped. Words of every script with
blanks stay whole, and its punctuation goes too.
"""

from __future__ import annotations

import re
import unicodedata

from trainer.metrics.letters import MARKS, is_foreign_punctuation

_TITLES = (
    "adm|ave|blvd|capt|cmdr|col?|corp|det|dr|dept|fig|ft|gen|gov|inc|jr|lt|ltd|maj|messrs|mrs?|ms"
    "|mt|no|prof|rd|rep|rev|sen|sgt|sr|st|vs"
)

_W = rf"[\w{MARKS}]"
_TOKEN = re.compile(
    rf"""
      (?:https?://|www\.)\S+                     # an address on the web
    | [a-z](?:\.[a-z])+(?![a-z0-9])\.?           # t.v. u.s. d.c
    | (?:{_TITLES})\.(?=\s|$)                   # st. ave.
    | [a-hj-z]\.(?=[\s"]|$)                      # an initial: n.; "i." ends a sentence
    | \d+(?:[.,:/]\d+)+                          # 12:45 1/2 3.5 1,000
    | can(?=not\b) | (?:gon|wan)(?=na\b) | got(?=ta\b) | gim(?=me\b) | lem(?=me\b)
    | {_W}+?(?=n't\b) | n't\b                    # is n't
    | '(?:s|m|d|re|ve|ll)\b                      # man 's
    | {_W}[&]{_W}+                               # m&m
    | o'{_W}+                                    # o'clock
    | {_W}+(?:[-/.]{_W}+)*                       # t-shirt tub/shower
    | \.\.+ | --+ | [^\w\s]                   # punctuation
    """,
    re.VERBOSE,
)
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "})
_DROPPED = frozenset("'\"`.?!,:;-")


def tokenise(text: str) -> list[str]:
    """Splits one caption into lower-case tokens without punctuation."""
    plain = unicodedata.normalize("NFC", text).translate(_QUOTES)
    found = _TOKEN.findall(plain.lower())
    return [_BRACKETS.get(token, token) for token in found if not _punctuation(token)]


def _punctuation(token: str) -> bool:
    return token in _DROPPED or token.startswith(("..", "--")) or is_foreign_punctuation(token)
