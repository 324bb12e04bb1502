"""Which words name what can be seen, as taggers of the extra `tagger` judge them.

A word is judged by itself: English by the Hanover Tagger, whose tags are those of the British
National Corpus (CLAWS C5), Chinese by jieba, whose tags are those of the People's Daily corpus.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterable

from data.languages import HAN

# Nouns, names, verbs other than be, do, have and the modal ones, adjectives.
_ENGLISH = re.compile("NN|NP|VV|AJ")
# Nouns, verbs, adjectives, words that only stand before nouns, states.
_CHINESE = re.compile("[nvabz]")
_PACKAGES = ("HanTa", "rjieba")


def require_taggers() -> None:
    """Raises ModuleNotFoundError, with the remedy, where a tagger is missing."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"data.label_words = 'content' needs {' and '.join(missing)}: install them with "
            "pip install 'tuwen[tagger]', or set data.label_words to all"
        )


def content_words(words: Iterable[str]) -> list[str]:
    """Returns the nouns, verbs and adjectives; words of other scripts are kept.

    Raises:
      ModuleNotFoundError: a tagger is missing.
    """
    require_taggers()
    return [word for word in words if _is_content(word)]


def _is_content(word: str) -> bool:
    if re.match(f"[{HAN}]", word):
        return any(_CHINESE.match(tag) for _, tag in _chinese_tagger().tag(word))
    if word.isascii():
        tags = _english_tagger().tag_word(word)
        return bool(tags) and _ENGLISH.match(tags[0][0]) is not None
    return True


@functools.cache
def _english_tagger():
    from HanTa import HanoverTagger

    return HanoverTagger.HanoverTagger("morphmodel_en.pgz")


@functools.cache
def _chinese_tagger():
    import rjieba

    return rjieba.Jieba()
