"""Pictures with their captions in text files of the same names: `dogs/1.jpg` and `dogs/1.txt`.

`.caption` is what kohya's scripts call them.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from data.errors import DataError
from data.sources import files, names
from data.sources.folder import folder_splits
from data.sources.rows import Reject, Row
from data.sources.source import Source, digest

ENDINGS = (".txt", ".caption")
# What a text file holds: a caption on each line, or one caption.
LINES, WHOLE = "lines", "whole"


@dataclass(frozen=True)
class TextFiles(Source):
    """A folder of pictures, and a text file for each.

    The texts stand in `path`, beside the pictures or in a tree of their own of the same shape.
    Where `images` holds several folders that are called like splits, they are.

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
        """Returns the pictures and the texts by the stem that they share."""
        pictures = _by_stem(files.pictures_below(self.images))
        texts = _by_stem(name for name in files.below(self.path) if _is_text(name))
        alone = _by_case(stem for stem in pictures if stem not in texts)
        moved = {
            stem: alone[folded]
            for folded, stem in _by_case(stem for stem in texts if stem not in pictures).items()
            if folded in alone
        }
        return pictures, {moved.get(stem, stem): several for stem, several in texts.items()}

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
            captions = [line for name in texts for line in self._captions(name)]
        except OSError as error:
            return Reject.of(texts[0], picture, "unreadable_file", str(error))
        record = {"image": picture, "captions": captions}
        return self._to_row(texts[0] if texts else picture, record, self.images)

    def _captions(self, name: str) -> list[str]:
        return captions_in(files.lines(files.join(self.path, name)), self.text_captions)


def captions_in(lines: Iterable[bytes], text_captions: str) -> list[str]:
    """Returns the captions of a text file.

    Args:
      lines: of the file, undecoded; blank ones say nothing.
      text_captions: `LINES` for a caption on each, `WHOLE` for one caption on all of them.
    """
    filled = [line.decode("utf-8", "surrogateescape") for line in lines if line.strip()]
    return filled if text_captions == LINES else [" ".join(filled)][: len(filled)]


def check_text_captions(text_captions: str) -> None:
    """Raises DataError unless text files can be read in this way."""
    if text_captions not in (LINES, WHOLE):
        where = f"text_captions {text_captions!r}"
        remedy = f"Choose {LINES}, a caption on each, or {WHOLE}, one caption in each file."
        raise DataError(where, "text files are not read in this way", remedy)


def pairs_in(texts: str, images: str) -> bool:
    """Whether a picture below `images` has a text file of its name below `texts`."""
    found = {_stem(name).casefold() for name in files.below(texts) if _is_text(name)}
    pictures = filter(files.is_picture_name, files.below(images))
    return any(_stem(name).casefold() in found for name in pictures)


def _by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    """Returns names in their order by what they are without their ending."""
    found = defaultdict(list)
    for name in sorted(names):
        found[_stem(name)].append(name)
    return dict(found)


def _by_case(stems: Iterable[str]) -> dict[str, str]:
    """Returns stems by what those of other case share, where there is but one."""
    found = defaultdict(list)
    for stem in stems:
        found[stem.casefold()].append(stem)
    return {folded: several[0] for folded, several in found.items() if len(several) == 1}


def _stem(name: str) -> str:
    """Returns what a picture and its text share: the name without its ending."""
    return names.same(posixpath.splitext(name)[0])


def _is_text(name: str) -> bool:
    return name.lower().endswith(ENDINGS)


def _mark(row: Row | Reject) -> object:
    """Returns what changes when a row does, wherever the folder stands.

    A picture counts by length and change time.
    """
    if isinstance(row, Reject):
        return row
    return replace(row, folder=""), files.stamp(files.join(row.folder, str(row.image)))
