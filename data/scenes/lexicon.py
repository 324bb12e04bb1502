"""The words of one language: chosen by weight, parsed by longest match."""

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
      code: one letter for its part of speech; sentence patterns consist of these codes.
      value: its meaning, a name in `world`; empty for function words.
      text: its spelling.
      weight: its frequency relative to others with the same code and value; 0 for a form that only
        templates use.
    """

    code: str
    value: str
    text: str
    weight: float = 0.0


class Lexicon:
    """Maps values to words and words to values.

    Args:
      lexemes: all words of the language; a text belongs to only one lexeme.
      spaced: whether words are separated by spaces.

    Raises:
      ValueError: a text has two meanings.
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
        """Returns one of the words for `value`, sampled by weight."""
        options = self._sayable[code, value]
        return pick(rng, options, [option.weight for option in options]).text

    def read(self, text: str) -> list[Lexeme] | None:
        """Returns the lexemes of a sentence, ignoring case and punctuation; None for an unknown
        word."""
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
