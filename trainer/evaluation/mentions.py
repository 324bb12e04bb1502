"""Which attributes a caption names, by the words alone."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence

from data.languages import HAN, primary
from trainer.metrics.recognition import kind_of

# Languages that write values in Han characters and set no blanks around them.
_HAN_WRITTEN = ("zh", "yue", "ja")
_HAN = re.compile(f"[{HAN}]")
_WORD = re.compile(r"\w+(?:['’\-]\w+)*")


def mentions(caption: str, language: str, attributes: Sequence[str]) -> tuple[str, ...]:
    """The attributes whose value stands in the caption.

    Args:
      caption: the sentence.
      language: its BCP-47 tag; in Chinese and Japanese a value in Han characters is looked for
        as a substring, elsewhere as words.
      attributes: `group:value` names; the value is what follows the last colon.

    Returns:
      Those whose words follow one another in the caption, in any case, with or without a plural
      ending or a hyphen, in the given order.
    """
    folded = caption.casefold()
    words = [_forms(word) for word in _words(folded)]
    unspaced = primary(language) in _HAN_WRITTEN
    return tuple(
        name for name in attributes if _holds(folded, words, name.rpartition(":")[2], unspaced)
    )


def language_of(caption: str, languages: Iterable[str]) -> str:
    """Which of the primary subtags `languages` a caption is in: Chinese where it holds Han
    characters, else the first other one; the first of all where that leaves no choice."""
    options = list(dict.fromkeys(languages))
    han = bool(_HAN.search(caption))
    fitting = [tag for tag in options if (tag in _HAN_WRITTEN) == han]
    return (fitting or options)[0]


class Mentions:
    """Reads captions by `mentions`; the reader where no exact check is named."""

    def wanted(self, caption: str, language: str, attributes: Sequence[str]) -> tuple[str, ...]:
        """The attributes of the captioned picture that its caption names."""
        return mentions(caption, language, attributes)

    def said(self, caption: str, language: str, among: Sequence[str]) -> frozenset[str]:
        """Those of the attributes `among` that a caption names."""
        return frozenset(mentions(caption, language, among))

    def meaning(self, caption: str, language: str) -> Hashable:
        """Equal for captions that say the same: here, in the same words."""
        return tuple(_words(caption.casefold())) or caption

    def kind(self, attribute: str) -> str:
        """The kind under which figures are broken down."""
        return kind_of(attribute)


def _words(folded: str) -> list[str]:
    return [re.sub(r"[^\w]", "", word) for word in _WORD.findall(folded)]


def _holds(folded: str, words: Sequence[frozenset[str]], value: str, unspaced: bool) -> bool:
    value = value.casefold()
    if unspaced and _HAN.search(value):
        return value in folded
    sought = [_forms(word) for word in _words(value)]
    return bool(sought) and any(
        all(one & other for one, other in zip(sought, words[start:], strict=False))
        for start in range(len(words) - len(sought) + 1)
    )


def _forms(word: str) -> frozenset[str]:
    """The word and what it may be the plural of."""
    forms = {word}
    if len(word) > 3:
        for ending, singular in (("s", ""), ("es", ""), ("ies", "y")):
            if word.endswith(ending):
                forms.add(word.removesuffix(ending) + singular)
    return frozenset(forms)
