"""Words of one language: spoken by weight, recognised again by longest match."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from data.scenes.world import pick


@dataclass(frozen=True)
class Lexeme:
    """One word or phrase.

    Attributes:
      code: one letter for its part of speech; patterns of sentences are written in these.
      value: the name in `world` that it stands for; empty for words of grammar.
      text: as it is written.
      weight: how often it is said relative to others of its code and value; 0 for a form that
        only templates say.
    """

    code: str
    value: str
    text: str
    weight: float = 0.0


class Lexicon:
    """Says a value in words and reads words back.

    Args:
      lexemes: all words of the language; a text belongs to one lexeme only.
      spaced: whether blanks stand between words.

    Raises:
      ValueError: if one text has two meanings.
    """

    def __init__(self, lexemes: Iterable[Lexeme], spaced: bool) -> None:
        self._spaced = spaced
        self._by_text: dict[str, Lexeme] = {}
        self._sayable: dict[tuple[str, str], list[Lexeme]] = {}
        for lexeme in lexemes:
            if lexeme.text in self._by_text:
                raise ValueError(f"{lexeme.text!r} stands twice in the lexicon")
            self._by_text[lexeme.text] = lexeme
            if lexeme.weight:
                self._sayable.setdefault((lexeme.code, lexeme.value), []).append(lexeme)
        longest_first = sorted(self._by_text, key=len, reverse=True)
        end = r"(?: |$)" if spaced else ""
        self._next = re.compile(f"({'|'.join(map(re.escape, longest_first))}){end}")

    def say(self, rng: np.random.Generator, code: str, value: str = "") -> str:
        """Returns one of the words for `value`, drawn by weight."""
        options = self._sayable[code, value]
        return pick(rng, options, [option.weight for option in options]).text

    def read(self, text: str) -> list[Lexeme] | None:
        """Returns the lexemes of a sentence without case or punctuation, None if a word is new."""
        plain = unicodedata.normalize("NFKC", text).casefold()
        plain = re.sub(r"[\W_]+", " " if self._spaced else "", plain).strip()
        found, position = [], 0
        while position < len(plain):
            match = self._next.match(plain, position)
            if match is None:
                return None
            found.append(self._by_text[match.group(1)])
            position = match.end()
        return found


def lexemes(code: str, table: Mapping[str, Mapping[str, float]]) -> list[Lexeme]:
    """Returns the lexemes of one part of speech from {value: {text: weight}}."""
    return [
        Lexeme(code, value, text, weight)
        for value, texts in table.items()
        for text, weight in texts.items()
    ]
