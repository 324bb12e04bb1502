"""Languages of captions, by the primary subtag of their BCP-47 tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

UNDETERMINED = "und"
# Han characters, as ranges for a character class in Python and in TensorFlow's RE2.
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"

# Scripts other than those of English and Chinese, and a language of each. One or two characters may
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
# Common caption words of each language. Words shared by related languages distinguish them from
# English, the others distinguish them from each other.
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

# Tags in the names of columns and files. Not all tags: two letters often mean something else.
_COMMON_TAGS = (
    "af am ar az be bg bn bs ca cs cy da de el en es et eu fa fi fil fr ga gl gu he hi hr hu hy id "
    "is it ja ka kk km kn ko lt lv mi mk ml mn mr ms my nb ne nl nn no pa pl ps pt quz ro ru si sk "
    "sl sq sr sv sw ta te th tl tr uk ur uz vi yue zh zu"
)
_TAGS = frozenset(_COMMON_TAGS.split())
# Tags that usually mean something else: `caption_id` and `caption_no` are numbers.
WORDS_TOO = frozenset({"id", "no", "is", "it", "am", "my", "he", "hi"})
_NAMES = {
    "english": "en", "eng": "en", "chinese": "zh", "mandarin": "zh", "cn": "zh", "chn": "zh",
    "zho": "zh", "chi": "zh", "cmn": "zh", "cantonese": "yue", "german": "de", "deu": "de",
    "ger": "de", "deutsch": "de", "french": "fr", "fra": "fr", "fre": "fr", "spanish": "es",
    "spa": "es", "italian": "it", "ita": "it", "portuguese": "pt", "por": "pt", "dutch": "nl",
    "nld": "nl", "swedish": "sv", "danish": "da", "norwegian": "no", "finnish": "fi",
    "polish": "pl", "czech": "cs", "ces": "cs", "hungarian": "hu", "romanian": "ro",
    "greek": "el", "russian": "ru", "rus": "ru", "ukrainian": "uk", "turkish": "tr",
    "arabic": "ar", "hebrew": "he", "persian": "fa", "hindi": "hi", "bengali": "bn",
    "tamil": "ta", "telugu": "te", "urdu": "ur", "japanese": "ja", "jpn": "ja", "jp": "ja",
    "korean": "ko", "kor": "ko", "kr": "ko", "thai": "th", "vietnamese": "vi", "vie": "vi",
    "indonesian": "id", "ind": "id", "malay": "ms", "swahili": "sw",
}  # fmt: skip
_SUBTAG = re.compile("hans|hant|latn|cyrl|arab|deva|jpan|kore|[a-z]{2}")
_SEPARATORS = re.compile(r"[\s_.:/-]+")
_HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def other_than(caption: str) -> tuple[str, ...]:
    """Returns tags of possible languages of a caption, if its script or its common words show that
    it is neither English nor Chinese; else ()."""
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
    """The primary subtag, such as `zh` of `zh-Hans-CN`."""
    return language.partition("-")[0].lower()


def spoken(tags: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Primary subtags of the captions of several pictures, most frequent first; `und` if none."""
    counts = Counter(primary(tag) for several in tags for tag in several)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(tag for tag, _ in ranked) or (UNDETERMINED,)


def language_numbers(
    tags: Sequence[Sequence[str]], languages: Sequence[str], captions: int
) -> np.ndarray:
    """Maps the languages of N pictures' captions to indices.

    Args:
      tags: for each picture, the BCP-47 tags of its captions.
      languages: the primary subtags, see `spoken`.
      captions: number of columns.

    Returns:
      int32 [N, captions], indices in `languages`; 0 for a missing tag or another language.
    """
    place = {tag: index for index, tag in enumerate(languages)}
    numbers = np.zeros((len(tags), captions), np.int32)
    for row, several in zip(numbers, tags, strict=True):
        known = [place.get(primary(tag), 0) for tag in several[:captions]]
        row[: len(known)] = known
    return numbers


def captions_in(language: str, captions: Sequence[str], tags: Sequence[str]) -> list[str]:
    """The captions of one picture whose tags have the primary subtag `language`."""
    return [text for text, tag in zip(captions, tags, strict=True) if primary(tag) == language]


def called(words: Sequence[str]) -> str | None:
    """Returns the BCP-47 tag of a language from the name of a column or a file.

    Args:
      words: the parts of a name: `en`, `English`, `zh` and `CN`, `zh` and `Hans`.

    Returns:
      `en`, `zh-CN`, `zh-Hans`; None if the words name no known language.
    """
    first, *rest = [word.lower() for word in words] or [""]
    tag = _NAMES.get(first, first if first in _TAGS else None)
    if tag is None or len(rest) > 2 or not all(map(_SUBTAG.fullmatch, rest)):
        return None
    return "-".join((tag, *(one.upper() if len(one) == 2 else one.title() for one in rest)))


def words_of(name: str) -> list[str]:
    """Splits a name in snake_case, kebab-case, camelCase and the like into its parts."""
    found = []
    for part in filter(None, _SEPARATORS.split(name)):
        humps = _HUMPS.findall(part)
        found += humps if "".join(humps) == part else [part]
    return found
