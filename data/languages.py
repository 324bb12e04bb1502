"""Languages of captions, by the primary subtag of their BCP-47 tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

UNDETERMINED = "und"
# Han characters, as ranges for a class of the graph's regular expressions and of Python's.
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"

# Scripts that neither English nor Chinese is written in, and a language of each. A mark or two may
# be an ornament.
_SCRIPTS = {
    "ja": "\u3041-\u3096\u30a1-\u30fa",
    "ko": "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3",
    "ru": "\u0400-\u04ff",
    "el": "\u0386-\u03ce",
    "he": "\u05d0-\u05ea",
    "ar": "\u0620-\u06d3",
    "hi": "\u0900-\u097f",
    "bn": "\u0980-\u09ff",
    "ta": "\u0b80-\u0bff",
    "th": "\u0e01-\u0e4e",
}
_IN_SCRIPT = {tag: re.compile(f"[{marks}].*[{marks}]") for tag, marks in _SCRIPTS.items()}
# Common words of captions in each language. Those that neighbours share tell them from English,
# and the others tell them from each other.
_COMMON = {
    "en": "the a an of and with in on is are at to from by near while his her their its this that",
    "de": "der die und ein eine einen einem einer eines ist mit auf dem den das im vor von sich",
    "es": "el la los las un una y en con del sobre por su está están que hombre mujer junto",
    "fr": "le la les un une et dans avec sur est des du au aux qui en homme femme devant",
    "it": "il lo la gli un una con su di che è sono nel della del sul uomo donna mentre",
    "pt": "o os um uma e em com da na ao sobre que está estão homem mulher são dois",
    "nl": "het een en met op zit zitten staat voor aan vrouw zijn naar door twee bij",
    "sv": "en ett och på med är som av den det i sitter står kvinna framför två",
    "da": "en et og på med er som af den det i sidder står kvinde foran mand",
    "fi": "ja mies nainen kaksi joka seisoo istuu päällä vieressä edessä ihmisiä",
    "pl": "i w na z się jest są przy do mężczyzna kobieta dwa stoi siedzi przed",
    "cs": "a v na s je jsou se muž žena dva stojí sedí před který vedle",
    "hu": "egy és az van ül áll férfi nő két előtt mellett akik amely",
    "ro": "un o și cu pe în este sunt care bărbat femeie două lângă",
    "tr": "bir ve bu ile için olan üzerinde adam kadın iki önünde yanında",
    "id": "yang dan di dengan seorang sebuah dari untuk pada pria wanita dua",
    "vi": "một và của đang trên người với có trong hai những bên cạnh",
}
_WORDS = {tag: frozenset(words.split()) for tag, words in _COMMON.items()}
_WORD = re.compile(r"[^\W\d_]+")


def other_than(caption: str) -> tuple[str, ...]:
    """Returns tags of languages that a caption may be in, where its script or its commonest words
    say that it is neither English nor Chinese; else nothing."""
    for tag, pattern in _IN_SCRIPT.items():
        if pattern.search(caption):
            return (tag,)
    said = _WORD.findall(caption.casefold())
    hits = {tag: sum(word in words for word in said) for tag, words in _WORDS.items()}
    english, most = hits.pop("en"), max(hits.values())
    if most < 2 or most <= english:
        return ()
    return tuple(tag for tag, count in hits.items() if count == most)


def primary(language: str) -> str:
    """The primary subtag: `zh` of `zh-Hans-CN`."""
    return language.partition("-")[0].lower()


def spoken(tags: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Primary subtags of several pictures' captions, the most frequent first, `und` if none."""
    counts = Counter(primary(tag) for several in tags for tag in several)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(tag for tag, _ in ranked) or (UNDETERMINED,)


def language_numbers(
    tags: Sequence[Sequence[str]], languages: Sequence[str], captions: int
) -> np.ndarray:
    """Numbers the languages of N pictures' captions.

    Args:
      tags: of each picture, the BCP-47 tags of its captions.
      languages: what to count in, see `spoken`.
      captions: columns of the answer.

    Returns:
      int32 [N, captions] places in `languages`; 0 where a tag is missing or of another language.
    """
    place = {tag: index for index, tag in enumerate(languages)}
    numbers = np.zeros((len(tags), captions), np.int32)
    for row, several in zip(numbers, tags, strict=True):
        known = [place.get(primary(tag), 0) for tag in several[:captions]]
        row[: len(known)] = known
    return numbers


def captions_in(language: str, captions: Sequence[str], tags: Sequence[str]) -> list[str]:
    """Those of one picture's captions whose tags have the primary subtag `language`."""
    return [text for text, tag in zip(captions, tags, strict=True) if primary(tag) == language]
