"""Says what a scene shows: always colours, shapes and the relation or count, the rest sometimes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data.scenes.claim import Claim, ObjectClaim
from data.scenes.language import LANGUAGES

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
    """Returns one caption for each of `languages`, different from one another where it can.

    Args:
      rng: source of all choices.
      facts: all that is true of the scene.
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
    """Returns the part of `facts` that one caption tells."""
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
