"""Pictures with their captions in text files of the same names: `dogs/1.jpg` and `dogs/1.txt`.

kohya's scripts use the ending `.caption`. `1.en.txt` and `1.zh.txt` are captions of `1.jpg` in
these languages.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from data import languages
from data.base import files
from data.base.errors import DataError
from data.picture_files import PICTURE_ENDINGS, REFUSED_ENDINGS, is_picture_name
from data.sources import picture_names
from data.sources.captioned_folder import folder_splits
from data.sources.rows import Reject, Row
from data.sources.source import Source, digest

ENDINGS = (".txt", ".caption")
# The content of a text file: a caption on each line, or one caption.
LINES, WHOLE = "lines", "whole"


@dataclass(frozen=True)
class TextFiles(Source):
    """A folder of pictures with a text file for each.

    The texts are in `path`, next to the pictures or in a separate tree with the same folders. If no
    text matches a picture that way and names are unique without folders, the folders may differ.
    Folders in `images` with names of splits are splits, if there are several.

    Attributes:
      images: the folder of the pictures.
      text_captions: `lines` for a caption on each line, `whole` for one caption in each file.
    """

    kind: ClassVar[str] = "texts"

    images: str = ""
    text_captions: str = LINES

    def describe(self) -> str:
        return f"pictures in {self.images} with text files in {self.path}"

    def fingerprint(self) -> str:
        return digest([*map(_mark, self.rows()), self.language, self.resplit])

    def folders(self) -> tuple[str, ...]:
        return self.path, self.images

    def texts(self) -> tuple[Sequence[str], Sequence[str]]:
        pictures, texts = self._pairs()
        read: list[str] = []
        rejected: list[str] = []
        for stem, several in texts.items():
            whole = stem in pictures and all(files.inside(self.path, name) for name in several)
            (read if whole else rejected).extend(files.join(self.path, name) for name in several)
        return read, rejected

    def _pairs(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Returns the pictures and the texts by their common stem."""
        pictures = _by_stem(_pictures_below(self.images))
        texts = _by_stem(name for name in files.below(self.path) if _is_text(name))
        return pictures, _moved(pictures, texts)

    def _read(self, part: str) -> Iterator[Row | Reject]:
        pictures, texts = self._pairs()
        splits = folder_splits(self.images)
        for stem in sorted({*pictures, *texts}, key=files.natural_key):
            for text in texts[stem] if stem not in pictures else ():
                yield Reject.of(text, "", "missing_file", "no picture has this name")
            for picture in pictures.get(stem, ()):
                row = self._row(picture, texts.get(stem, []))
                split = splits.get(picture.partition("/")[0])
                yield replace(row, split=split) if isinstance(row, Row) else row

    def _row(self, picture: str, texts: list[str]) -> Row | Reject:
        outside = next((name for name in texts if not files.inside(self.path, name)), None)
        if outside:
            return Reject.of(outside, picture, "outside_folder", "the text is a link to elsewhere")
        try:
            captions = [one for name in texts for one in self._captions(name, picture)]
        except OSError as error:
            return Reject.of(texts[0], picture, "unreadable_file", str(error))
        record = {"image": picture, "captions": captions}
        return self._to_row(texts[0] if texts else picture, record, self.images)

    def _captions(self, name: str, picture: str) -> list[Any]:
        found = captions_in(files.lines(files.join(self.path, name)), self.text_captions)
        # In `1.en.jpg`, `en` is not a language.
        return in_language(found, None if _stem(name) == _stem(picture) else language_of(name))


def captions_in(lines: Iterable[bytes], text_captions: str) -> list[str]:
    """Returns the captions of a text file.

    Args:
      lines: of the file, undecoded; blank ones are ignored.
      text_captions: `LINES` for a caption on each line, `WHOLE` for one caption.
    """
    filled = [line.decode("utf-8", "surrogateescape") for line in lines if line.strip()]
    return filled if text_captions == LINES else [" ".join(filled)][: len(filled)]


def in_language(captions: Sequence[str], tag: str | None) -> list[Any]:
    """Returns captions in the form of a record, with their language, if any."""
    return [{"text": text, "language": tag} for text in captions] if tag else [*captions]


def check_text_captions(text_captions: str) -> None:
    """Raises DataError unless `text_captions` is valid."""
    if text_captions not in (LINES, WHOLE):
        where = f"text_captions {text_captions!r}"
        remedy = f"Choose {LINES}, a caption on each, or {WHOLE}, one caption in each file."
        raise DataError(where, "text files are not read in this way", remedy)


def language_of(name: str) -> str | None:
    """Returns the BCP-47 tag in the name of a text file: `en` of `1.en.txt`."""
    return languages.called(posixpath.splitext(posixpath.splitext(name)[0])[1][1:].split("-"))


def pairs_in(texts: str, images: str, *, anywhere: bool = False) -> bool:
    """Whether a picture below `images` has a text file of its name below `texts`, in the same
    folder or `anywhere`."""
    pictures = _by_stem(filter(is_picture_name, files.below(images)))
    written = _by_stem(name for name in files.below(texts) if _is_text(name))
    return any(stem in pictures for stem in _moved(pictures, written, anywhere=anywhere))


def _moved(
    pictures: Mapping[str, list[str]], texts: Mapping[str, list[str]], *, anywhere: bool = True
) -> dict[str, list[str]]:
    """Returns texts by the stems of their pictures, if their stems differ in case, in a language
    or, if no text has a picture otherwise, in their folders."""
    taken = {stem: stem for stem in texts if stem in pictures}
    free = [stem for stem in texts if stem not in pictures]
    plain = {stem: _without_language(stem) for stem in free}
    taken.update({stem: plain[stem] for stem in free if plain[stem] in pictures})
    free = [stem for stem in free if stem not in taken]
    alone = _single(str.casefold, (stem for stem in pictures if stem not in texts))
    folded = _single(str.casefold, free)
    taken.update({stem: alone[key] for key, stem in folded.items() if key in alone})
    if anywhere and not taken:
        placed = _single(posixpath.basename, pictures)
        folded = _single(posixpath.basename, free)
        taken.update({stem: placed[key] for key, stem in folded.items() if key in placed})
    found: dict[str, list[str]] = defaultdict(list)
    for stem, several in texts.items():
        found[taken.get(stem, stem)] += several
    return dict(found)


def _without_language(stem: str) -> str:
    return posixpath.splitext(stem)[0] if language_of(f"{stem}.txt") else stem


def _by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    """Returns names, in order, by their stems."""
    found = defaultdict(list)
    for name in sorted(names):
        found[_stem(name)].append(name)
    return dict(found)


def _single(shared: Callable[[str], str], stems: Iterable[str]) -> dict[str, str]:
    """Returns stems by the key `shared`, leaving out keys of several stems."""
    found = defaultdict(list)
    for stem in stems:
        found[shared(stem)].append(stem)
    return {key: several[0] for key, several in found.items() if len(several) == 1}


def _stem(name: str) -> str:
    """Returns the name without its ending, which a picture and its text have in common."""
    return picture_names.same(posixpath.splitext(name)[0])


def _pictures_below(folder: str) -> Iterator[str]:
    """Yields the files below a folder with the ending of a picture, including HEIC."""
    endings = (*PICTURE_ENDINGS, *REFUSED_ENDINGS)
    return (name for name in files.below(folder) if name.lower().endswith(endings))


def _is_text(name: str) -> bool:
    return name.lower().endswith(ENDINGS)


def _mark(row: Row | Reject) -> object:
    """Returns a value that changes with the row but not with the location of the folder.

    It depends on a picture's length and change time.
    """
    if isinstance(row, Reject):
        return row
    return replace(row, folder=""), files.stamp(files.join(row.folder, str(row.image)))
