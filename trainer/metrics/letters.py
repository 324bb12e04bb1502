"""What belongs to a word in scripts that `\\w` does not cover."""

from __future__ import annotations

import unicodedata

# Vowel signs, viramas and accents written after their letter, and the two joiners, for use within
# a character class: Python's `\w` splits words of Hindi, Tamil or Persian at them.
MARKS = (
    "".join(
        chr(code)
        for code in range(0x300, 0x10000)
        if unicodedata.category(chr(code)).startswith("M")
    )
    + "\u200c\u200d"
)


def is_foreign_punctuation(token: str) -> bool:
    """Whether a token is one punctuation mark outside ASCII, such as a danda."""
    return len(token) == 1 and not token.isascii() and unicodedata.category(token)[0] == "P"
