"""English descriptions of scenes: words, templates, and the patterns that parse them.

Codes: c colour, o shape, p shapes, s size, t texture, T texture after the noun, a participle of an
action, v its finite verb, r relation, n number, g background, d article, i "is", e "there is",
k "a picture of", w "with", m "it".
"""

from __future__ import annotations

import numpy as np

from data.scenes import world
from data.scenes.lexicon import Lexicon, lexemes
from data.scenes.world import Claim, ObjectClaim, pick

_SHAPES: dict[str, dict[str, float]] = {
    "circle": {"circle": 3, "disc": 1},
    "square": {"square": 1},
    "triangle": {"triangle": 1},
    "star": {"star": 1},
    "cross": {"cross": 3, "plus sign": 1},
    "ring": {"ring": 3, "hoop": 1},
}
_PLURALS: dict[str, dict[str, float]] = {
    shape: {
        f"{word}es" if word.endswith("s") else f"{word}s": weight for word, weight in row.items()
    }
    for shape, row in _SHAPES.items()
}
_COLOURS: dict[str, dict[str, float]] = {
    **{colour: {colour: 1} for colour in world.COLOURS},
    "purple": {"purple": 3, "violet": 1},
    "turquoise": {"turquoise": 3, "cyan": 1},
}
_RELATIONS: dict[str, dict[str, float]] = {
    "above": {"above": 3, "over": 1},
    "below": {"below": 3, "under": 1, "beneath": 0.5},
    "left of": {"left of": 2, "to the left of": 2},
    "right of": {"right of": 2, "to the right of": 2},
    "behind": {"behind": 1},
    "in front of": {"in front of": 1},
}
_BACKGROUND_WORDS = {name: (name,) for name in world.BACKGROUNDS} | {"grey": ("grey", "gray")}
_BACKGROUNDS: dict[str, dict[str, float]] = {
    name: {
        f"{preposition} a {word} background": weight
        for word in words
        for preposition, weight in (("on", 3), ("against", 1))
    }
    for name, words in _BACKGROUND_WORDS.items()
}

LEXICON = Lexicon(
    [
        *lexemes("c", _COLOURS),
        *lexemes("o", _SHAPES),
        *lexemes("p", _PLURALS),
        *lexemes("s", {"large": {"large": 1, "big": 1}, "small": {"small": 2, "little": 1}}),
        *lexemes(
            "t",
            {
                "plain": {"plain": 1},
                "striped": {"striped": 1},
                "dotted": {"dotted": 2, "spotted": 1},
            },
        ),
        *lexemes(
            "T", {"striped": {"with stripes": 1}, "dotted": {"with dots": 2, "with spots": 1}}
        ),
        *lexemes("a", {action: {action: 1} for action in world.ACTIONS}),
        *lexemes(
            "v",
            {
                "rolling": {"rolls": 1, "roll": 0},
                "falling": {"falls": 1, "fall": 0},
                "leaning": {"leans": 1, "lean": 0},
            },
        ),
        *lexemes("r", _RELATIONS),
        *lexemes("n", {name: {name: 1} for name in world.COUNTS}),
        *lexemes("g", _BACKGROUNDS),
        *lexemes("d", {"": {"a": 0, "an": 0, "the": 0}}),
        *lexemes("i", {"": {"is": 0, "are": 0}}),
        *lexemes("e", {"": {"there is": 0, "there are": 0, "we see": 0}}),
        *lexemes("k", {"": {"a picture of": 2, "a drawing of": 1, "an image of": 1}}),
        *lexemes("w", {"": {"with": 0}}),
        *lexemes("m", {"": {"it": 0}}),
    ],
    spaced=True,
)

_NOUN = "[dn]?[sta]*c[sta]*oT?"
PATTERNS = (
    f"g?[ek]?(?P<A>{_NOUN})i?(?P<V>[av])?r(?P<B>{_NOUN})g?",
    f"g?r(?P<B>{_NOUN})[ei](?P<A>{_NOUN})g?",
    f"g?[ek]?(?P<B>{_NOUN})w(?P<A>{_NOUN})rmg?",
    "g?[ek]?(?P<A>[dn][sta]*c[sta]*[op]T?)i?(?P<V>[av])?g?",
)

_PAIR = {
    "{a} {r} {b}": 8.0,
    "{a} is {r} {b}": 2.0,
    "the {a1} is {r} the {b1}": 1.0,
    "there is {a} {r} {b}": 1.5,
    "we see {a} {r} {b}": 0.3,
    "{k} {a} {r} {b}": 1.0,
    "{r} {b} there is {a}": 0.8,
    "{r} {b} is {a}": 0.5,
    "{b} with {a} {r} it": 1.0,
}
_PAIR_ACTING = {"{a} {v} {r} {b}": 1.0, "{a} is {p} {r} {b}": 1.0, "{a} {p} {r} {b}": 1.0}
_ALIKE = {"{n}": 6.0, "there {is} {n}": 2.0, "we see {n}": 0.3, "{k} {n}": 1.0}
_ALIKE_ACTING = {"{n} {is} {p}": 1.0, "{n} {v}": 1.0, "there {is} {n} {p}": 1.0}


def say(rng: np.random.Generator, claim: Claim) -> str:
    """Returns an English sentence with exactly the claims of `claim`."""
    first = claim.objects[0]
    acting = first.action is not None and rng.random() < 0.6
    sentence = (_say_pair if claim.relation is not None else _say_alike)(rng, claim, acting)
    if claim.background is not None:
        ground = LEXICON.say(rng, "g", claim.background)
        sentence = f"{ground}, {sentence}" if rng.random() < 0.15 else f"{sentence} {ground}"
    return f"{sentence[0].upper()}{sentence[1:]}." if rng.random() < 0.12 else sentence


def _say_pair(rng: np.random.Generator, claim: Claim, acting: bool) -> str:
    first, second = claim.objects
    templates = _PAIR_ACTING if acting else _PAIR
    a1, b1 = _noun(rng, first, "o", not acting), _noun(rng, second, "o")
    return pick(rng, tuple(templates), tuple(templates.values())).format(
        a=f"{_article(a1)} {a1}",
        b=f"{_article(b1)} {b1}",
        a1=a1,
        b1=b1,
        r=LEXICON.say(rng, "r", str(claim.relation)),
        k=LEXICON.say(rng, "k"),
        p=first.action,
        v=LEXICON.say(rng, "v", first.action) if acting and first.action else "",
    )


def _say_alike(rng: np.random.Generator, claim: Claim, acting: bool) -> str:
    thing, count = claim.objects[0], claim.count or 1
    templates = _ALIKE_ACTING if acting else _ALIKE
    noun = _noun(rng, thing, "o" if count == 1 else "p", not acting)
    a_one = count == 1 and rng.random() < 0.6
    verb = LEXICON.say(rng, "v", thing.action) if acting and thing.action else ""
    return pick(rng, tuple(templates), tuple(templates.values())).format(
        n=f"{_article(noun) if a_one else world.COUNTS[count - 1]} {noun}",
        k=LEXICON.say(rng, "k"),
        p=thing.action,
        v=verb if count == 1 else verb.removesuffix("s"),
        **{"is": "is" if count == 1 else "are"},
    )


def _noun(rng: np.random.Generator, thing: ObjectClaim, number: str, action: bool = True) -> str:
    """Returns adjectives and noun; `number` is "o" for one and "p" for more."""
    words = [LEXICON.say(rng, "s", thing.size)] if thing.size else []
    if action and thing.action:
        words.append(thing.action)
    after = thing.texture not in (None, "plain") and rng.random() < 0.3
    colour = LEXICON.say(rng, "c", thing.colour)
    if thing.texture and not after:
        texture = LEXICON.say(rng, "t", thing.texture)
        words.extend((texture, colour) if rng.random() < 0.7 else (colour, texture))
    else:
        words.append(colour)
    words.append(LEXICON.say(rng, number, thing.shape))
    if thing.texture and after:
        words.append(LEXICON.say(rng, "T", thing.texture))
    return " ".join(words)


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
