"""A Penn-Treebank-like tokenizer for scoring captions, without Java.

Follows the Treebank's conventions (Taylor, Marcus and Santorini, The Penn Treebank: an overview,
2003) as caption scoring uses them: lower case, clitics apart (`is n't`, `man 's`), words joined by
a hyphen, slash or inner full stop whole, and punctuation tokens dropped. Words of every script with
blanks stay whole, and its punctuation goes too. What stays whole or keeps its full stop follows
the Java program that COCO's scorer runs (Stanford CoreNLP 3.4.1), where it concerns captions.
"""

from __future__ import annotations

import re
import unicodedata

from trainer.metrics.letters import MARKS, is_foreign_punctuation

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
