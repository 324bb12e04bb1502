"""Describes scenes in English and Chinese, and parses the captions.

A caption always has colours, shapes and the relation or count; other facts are optional.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType

import numpy as np

from data.scenes import chinese, english, world
from data.scenes.lexicon import Lexeme
from data.scenes.world import Claim, ObjectClaim, is_right, named, truth

__all__ = [
    "LANGUAGES",
    "PLAN",
    "Claim",
    "ObjectClaim",
    "captions",
    "is_right",
    "named",
    "parse",
    "truth",
]

LANGUAGES: dict[str, ModuleType] = {"en": english, "zh": chinese}
"""Grammars by BCP-47 primary subtag."""

_FIELDS = {"c": "colour", "o": "shape", "p": "shape", "s": "size", "t": "texture", "T": "texture"}
_FIELDS |= {"a": "action", "v": "action"}
_PATTERNS = {
    tag: tuple(re.compile(pattern) for pattern in grammar.PATTERNS)
    for tag, grammar in LANGUAGES.items()
}


def parse(caption: str, language: str) -> Claim | None:
    """Returns the claims of a caption, or None if the grammar has no such sentence.

    Ignores case, punctuation and, in Chinese, spaces.

    Args:
      caption: one sentence.
      language: BCP-47 tag; only its primary subtag is used.

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
    """Returns the claims of a matched sentence; None if it contradicts or repeats itself."""
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


PLAN = ("en", "en", "en", "zh", "zh")
"""Languages of a picture's captions, in order."""

SIZE_SAID = 0.2
TEXTURE_SAID = 0.5
PLAIN_SAID = 0.02
ACTION_SAID = 0.6
BACKGROUND_SAID = 0.12
TRIES = 6


def captions(
    rng: np.random.Generator, facts: Claim, languages: Sequence[str] = PLAN
) -> tuple[str, ...]:
    """Returns one caption for each of `languages`, distinct if possible.

    Args:
      rng: source of all choices.
      facts: all facts about the scene.
      languages: BCP-47 primary subtags, such as "en" or "zh".
    """
    said: list[str] = []
    for language in languages:
        for _ in range(TRIES):
            sentence = LANGUAGES[language].say(rng, _choose(rng, facts))
            if sentence not in said:
                break
        said.append(sentence)
    return tuple(said)


def _choose(rng: np.random.Generator, facts: Claim) -> Claim:
    """Returns a random selection of `facts` for one caption."""
    things = tuple(_choose_of(rng, thing) for thing in facts.objects)
    background = facts.background if rng.random() < BACKGROUND_SAID else None
    return replace(facts, objects=things, background=background)


def _choose_of(rng: np.random.Generator, thing: ObjectClaim) -> ObjectClaim:
    said_texture = PLAIN_SAID if thing.texture == "plain" else TEXTURE_SAID
    return replace(
        thing,
        size=thing.size if rng.random() < SIZE_SAID else None,
        texture=thing.texture if rng.random() < said_texture else None,
        action=thing.action if rng.random() < ACTION_SAID else None,
    )
