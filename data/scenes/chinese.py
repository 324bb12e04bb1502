"""Chinese descriptions of scenes: words, templates, and the patterns that parse them.

Codes: c colour, o shape, s size, t texture, a action, r relation, n number with its measure word,
g background, z 在, y 有 or 是, k 图中有, x 的.
"""

from __future__ import annotations

import numpy as np

from data.scenes import world
from data.scenes.lexicon import Lexicon, lexemes
from data.scenes.world import Claim, ObjectClaim, pick

_COLOURS: dict[str, dict[str, float]] = {
    "red": {"红色": 4, "红": 1},
    "green": {"绿色": 4, "绿": 1},
    "blue": {"蓝色": 4, "蓝": 1},
    "yellow": {"黄色": 4, "黄": 1},
    "purple": {"紫色": 4, "紫": 1},
    "orange": {"橙色": 3, "橘色": 1},
    "turquoise": {"青色": 3, "青绿色": 1},
    "pink": {"粉色": 3, "粉红色": 2},
}
_SHAPES: dict[str, dict[str, float]] = {
    "circle": {"圆形": 3, "圆": 1},
    "square": {"正方形": 3, "方块": 1},
    "triangle": {"三角形": 1},
    "star": {"星星": 2, "五角星": 2},
    "cross": {"十字": 2, "十字形": 1},
    "ring": {"圆环": 3, "环": 0.5},
}
_RELATIONS: dict[str, dict[str, float]] = {
    "above": {"上面": 3, "上方": 2, "上边": 1},
    "below": {"下面": 3, "下方": 2, "下边": 1},
    "left of": {"左边": 3, "左侧": 2, "左面": 0.5},
    "right of": {"右边": 3, "右侧": 2, "右面": 0.5},
    "behind": {"后面": 3, "后方": 1, "后边": 1},
    "in front of": {"前面": 3, "前方": 1, "前边": 1},
}
_ACTIONS: dict[str, dict[str, float]] = {
    "rolling": {"滚动": 1},
    "falling": {"下落": 2, "坠落": 1},
    "leaning": {"倾斜": 2, "歪斜": 1},
}
_GROUND_WORDS = {"white": "白色", "grey": "灰色", "black": "黑色", "beige": "米色"}
_GROUNDS: dict[str, dict[str, float]] = {
    name: {
        f"{word}背景上": 1,
        f"{word}的背景上": 0.5,
        f"在{word}背景上": 1,
        f"在{word}的背景上": 0.5,
        f"背景是{word}": 0,
        f"背景为{word}": 0,
    }
    for name, word in _GROUND_WORDS.items()
}

LEXICON = Lexicon(
    [
        *lexemes("c", _COLOURS),
        *lexemes("o", _SHAPES),
        *lexemes("s", {"large": {"大": 1}, "small": {"小": 1}}),
        *lexemes(
            "t",
            {
                "plain": {"纯色": 1},
                "striped": {"条纹": 1, "带条纹": 2},
                "dotted": {"波点": 1, "带波点": 1, "带斑点": 1},
            },
        ),
        *lexemes("a", _ACTIONS),
        *lexemes("r", _RELATIONS),
        *lexemes(
            "n",
            {
                "one": {"一个": 1, "一颗": 0},
                "two": {"两个": 1, "两颗": 0},
                "three": {"三个": 1, "三颗": 0},
            },
        ),
        *lexemes("g", _GROUNDS),
        *lexemes("z", {"": {"在": 4, "位于": 1, "正在": 0}}),
        *lexemes("y", {"": {"有": 3, "是": 1}}),
        *lexemes("k", {"": {"图中有": 2, "图片里有": 1, "画面中有": 1, "这里有": 0.5}}),
        *lexemes("x", {"": {"的": 0, "着": 0}}),
    ],
    spaced=False,
)

_BARE = "(?:[st]x?|z?ax?)*cx?(?:[st]x?|ax?)*o"
_NOUN = f"n?{_BARE}"
PATTERNS = (
    f"g?k?(?P<A>{_NOUN})z(?P<B>{_NOUN})x?r(?P<V>a)?x?g?",
    f"g?z?(?P<B>{_NOUN})x?ry(?P<A>{_NOUN})g?",
    f"g?k?(?P<A>n{_BARE})(?:z?(?P<V>a)x?)?g?",
)

_PAIR = {
    "{a}{z}{b}{r}": 6.0,
    "{a}{z}{b}的{r}": 4.0,
    "{k}{a}{z}{b}{r}": 1.0,
    "{b}{r}{y}{one}": 1.5,
    "{b}的{r}{y}{one}": 1.5,
    "在{b}的{r}有{one}": 0.5,
}
_PAIR_ACTING = {"{a}在{b}{r}{v}": 1.0, "{a}在{b}的{r}{v}": 1.0, "{a}{now}在{b}的{r}{v}": 0.5}
_ALIKE = {"{n}": 5.0, "{k}{n}": 3.0}
_ALIKE_ACTING = {"{n}{ing}": 1.0, "{k}{n}{ing}": 0.5}


def say(rng: np.random.Generator, claim: Claim) -> str:
    """Returns a Chinese sentence, without spaces, with exactly the claims of `claim`."""
    action = claim.objects[0].action
    acting = action is not None and rng.random() < 0.5
    sentence = (_say_pair if claim.relation is not None else _say_alike)(rng, claim, acting)
    if claim.background is not None:
        sentence = _with_ground(rng, sentence, claim.background)
    return f"{sentence}。" if rng.random() < 0.12 else sentence


def _say_pair(rng: np.random.Generator, claim: Claim, acting: bool) -> str:
    first, second = claim.objects
    templates = _PAIR_ACTING if acting else _PAIR
    a, b = _noun(rng, first, not acting), _noun(rng, second)
    one = f"{_number(rng, first.shape, 1)}{a}"
    with_number = rng.random() < 0.4
    return pick(rng, tuple(templates), tuple(templates.values())).format(
        a=one if with_number else a,
        one=one,
        b=f"{_number(rng, second.shape, 1)}{b}" if with_number and rng.random() < 0.5 else b,
        r=LEXICON.say(rng, "r", str(claim.relation)),
        **_grammar_words(rng, first.action),
    )


def _say_alike(rng: np.random.Generator, claim: Claim, acting: bool) -> str:
    thing = claim.objects[0]
    templates = _ALIKE_ACTING if acting else _ALIKE
    number = _number(rng, thing.shape, claim.count or 1)
    return pick(rng, tuple(templates), tuple(templates.values())).format(
        n=f"{number}{_noun(rng, thing, not acting)}", **_grammar_words(rng, thing.action)
    )


def _grammar_words(rng: np.random.Generator, action: str | None) -> dict[str, str]:
    verb = LEXICON.say(rng, "a", action) if action else ""
    return {
        "k": LEXICON.say(rng, "k"),
        "y": LEXICON.say(rng, "y"),
        "z": LEXICON.say(rng, "z"),
        "v": verb,
        "now": "" if action == "leaning" else "正",
        "ing": f"{verb}着" if action == "leaning" else f"正在{verb}",
    }


def _with_ground(rng: np.random.Generator, sentence: str, background: str) -> str:
    if rng.random() < 0.6:
        return f"{LEXICON.say(rng, 'g', background)}，{sentence}"
    return f"{sentence}，背景{pick(rng, ('是', '为'))}{_GROUND_WORDS[background]}"


def _number(rng: np.random.Generator, shape: str, count: int) -> str:
    """Returns the number with its measure word, which may be 颗 for stars."""
    text = LEXICON.say(rng, "n", world.COUNTS[count - 1])
    return text.replace("个", "颗") if shape == "star" and rng.random() < 0.5 else text


def _noun(rng: np.random.Generator, thing: ObjectClaim, action: bool = True) -> str:
    """Returns the noun preceded by its modifiers: 滚动的带条纹的红色大圆形."""
    colour = LEXICON.say(rng, "c", thing.colour)
    linked = colour.endswith("色") and rng.random() < 0.7
    parts = []
    if action and thing.action:
        parts.append(f"{LEXICON.say(rng, 'a', thing.action)}的")
    if thing.texture:
        parts.append(f"{LEXICON.say(rng, 't', thing.texture)}的")
    size = LEXICON.say(rng, "s", thing.size) if thing.size else ""
    size_first = rng.random() < 0.3
    if size and size_first:
        parts.append(f"{size}的")
    parts.append(f"{colour}的" if linked else colour)
    if not size_first:
        parts.append(size)
    return "".join(parts) + LEXICON.say(rng, "o", thing.shape)
