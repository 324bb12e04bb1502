"""Reads captions: the inverse of the grammar that says them, for English and Chinese."""

from __future__ import annotations

import re
from types import ModuleType

from data.scenes import chinese, english, world
from data.scenes.claim import Claim, ObjectClaim, is_right, named, truth
from data.scenes.lexicon import Lexeme

__all__ = ["LANGUAGES", "Claim", "ObjectClaim", "is_right", "named", "parse", "truth"]

LANGUAGES: dict[str, ModuleType] = {"en": english, "zh": chinese}
"""Grammars by BCP-47 primary subtag."""

_FIELDS = {"c": "colour", "o": "shape", "p": "shape", "s": "size", "t": "texture", "T": "texture"}
_FIELDS |= {"a": "action", "v": "action"}
_PATTERNS = {
    tag: tuple(re.compile(pattern) for pattern in grammar.PATTERNS)
    for tag, grammar in LANGUAGES.items()
}


def parse(caption: str, language: str) -> Claim | None:
    """Returns what a caption says, or None where the grammar knows no such sentence.

    Case, punctuation and, in Chinese, blanks do not matter.

    Args:
      caption: one sentence.
      language: BCP-47 tag; only its primary subtag counts.

    Raises:
      ValueError: for a language without a grammar.
    """
    tag = language.partition("-")[0].lower()
    if tag not in LANGUAGES:
        raise ValueError(f"no grammar for language {language!r}; there are {sorted(LANGUAGES)}")
    found = LANGUAGES[tag].LEXICON.read(caption)
    if found is None:
        return None
    codes = "".join(lexeme.code for lexeme in found)
    for pattern in _PATTERNS[tag]:
        match = pattern.fullmatch(codes)
        if match is not None:
            return _claim(match, found)
    return None


def _claim(match: re.Match[str], found: list[Lexeme]) -> Claim | None:
    """Returns the claim of a matched sentence, None where it contradicts or repeats itself."""
    spans = {name: found[slice(*match.span(name))] for name in match.groupdict() if match[name]}
    first = _object([*spans["A"], *spans.get("V", [])])
    grounds = [lexeme.value for lexeme in found if lexeme.code == "g"]
    if first is None or len(grounds) > 1:
        return None
    background = grounds[0] if grounds else None
    if "B" not in spans:
        return Claim((first,), count=_count(spans["A"]), background=background)
    second = _object(spans["B"])
    if second is None or _count(spans["A"]) != 1 or _count(spans["B"]) != 1:
        return None
    relation = next(lexeme.value for lexeme in found if lexeme.code == "r")
    return Claim((first, second), relation=relation, background=background)


def _object(words: list[Lexeme]) -> ObjectClaim | None:
    fields: dict[str, str] = {}
    for word in words:
        field = _FIELDS.get(word.code)
        if field is not None and fields.setdefault(field, word.value) != word.value:
            return None
    return ObjectClaim(**fields)


def _count(words: list[Lexeme]) -> int:
    numbers = [world.COUNTS.index(word.value) + 1 for word in words if word.code == "n"]
    return numbers[0] if numbers else 1
