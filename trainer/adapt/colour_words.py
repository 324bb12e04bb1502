"""Whether captions name colours, so that changed colours would contradict them."""

from __future__ import annotations

from collections.abc import Iterable

# Basic colour terms (Berlin and Kay 1969) without orange, which is a fruit too.
WORDS = frozenset(
    [
        "black",
        "white",
        "red",
        "green",
        "yellow",
        "blue",
        "brown",
        "purple",
        "pink",
        "grey",
        "gray",
        "黑",
        "白",
        "红",
        "绿",
        "黄",
        "蓝",
        "棕",
        "紫",
        "粉",
        "灰",
    ]
)
FEWEST = 3


def name_colours(pieces: Iterable[str]) -> bool:
    """True where a vocabulary holds several colours: one alone may be a name.

    Args:
      pieces: tokens, as the captions' tokeniser writes them.
    """
    return len(WORDS.intersection(pieces)) >= FEWEST
