"""Whether each file in a source's folders is read, rejected, or ignored for a reason."""

from __future__ import annotations

import os
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from data.base import files
from data.picture_files import is_picture_name
from data.sources import picture_names
from data.sources.rows import Reject
from data.sources.source import Source
from data.sources.spans import Several

# Reasons to ignore a file, in addition to `files.OBSTACLES`.
UNNAMED, OTHER_ENDING, NOT_DRAWN = "no row names it", "other ending", "not drawn"
_EXAMPLES = 20
_LOOKED_AT = 10_000


@dataclass(frozen=True)
class Inventory:
    """Counts of all files in a source's local folders: read + rejected + ignored = seen.

    A link to a folder, which is not followed, counts as one file, as does an unreadable folder.

    Attributes:
      read: kept pictures, and files whose captions or pictures are read.
      rejected: pictures of rejected rows, and text files without a picture.
      ignored: all others, by reason.
      endings: files of `OTHER_ENDING` by ending, which may be "".
      examples: the first names for each reason, in natural order; links with their target.
      behind: pictures in the target folders of links, among the first 10,000 files of each.
    """

    read: int = 0
    rejected: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    endings: dict[str, int] = field(default_factory=dict)
    examples: dict[str, tuple[str, ...]] = field(default_factory=dict)
    behind: int = 0

    @property
    def seen(self) -> int:
        """Number of all files."""
        return self.read + self.rejected + sum(self.ignored.values())

    def counts(self) -> dict[str, int]:
        """Returns the number of files that are read, rejected, and ignored by reason."""
        return {"read": self.read, "rejected": self.rejected, **self.ignored}


def take(source: Source, kept: int, drawn: bool = False) -> Inventory | None:
    """Returns the inventory of a source that was read; None if it has no local folder.

    Reads the rows again, but opens no picture.

    Args:
      source: the source.
      kept: number of kept pictures.
      drawn: whether only a sample of the rows was used. Then pictures that were not sampled and
        rejected ones cannot be distinguished, and both count as `NOT_DRAWN`.
    """
    members = list(_members(source))
    found = [one for one in map(_look, members) if one is not None]
    if not found:
        return None
    kept = 0 if members[0].holds_pictures() else kept
    pictures = sum(one.pictures for one in found)
    ignored: Counter[str] = Counter()
    endings: Counter[str] = Counter()
    examples: dict[str, list[str]] = defaultdict(list)
    for one in found:
        ignored.update({reason: len(several) for reason, several in one.ignored.items()})
        endings.update(posixpath.splitext(name)[1].lower() for name in one.ignored[OTHER_ENDING])
        for reason, several in one.ignored.items():
            examples[reason] += several
    rejected = sum(one.rejected for one in found)
    if drawn:
        ignored[NOT_DRAWN] += pictures - kept
    else:
        rejected += pictures - kept
    return Inventory(
        read=kept + sum(one.captions for one in found),
        rejected=rejected,
        ignored=_ordered(+ignored),
        endings=_ordered(endings),
        examples={
            reason: tuple(sorted(several, key=files.natural_key)[:_EXAMPLES])
            for reason, several in examples.items()
            if several
        },
        behind=sum(one.behind for one in found),
    )


def _ordered(counts: Counter[str]) -> dict[str, int]:
    """Returns the counts in descending order, independent of the order of files on the disk."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@dataclass
class _Found:
    """The files in the folders of one source: pictures that rows name, caption files that are read,
    rejected caption files, all others by reason, and pictures behind links."""

    pictures: int = 0
    captions: int = 0
    rejected: int = 0
    ignored: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    behind: int = 0


def _members(source: Source) -> Iterator[Source]:
    if isinstance(source, Several):
        for _, member in source.members:
            yield from _members(member)
    else:
        yield source


def _look(source: Source) -> _Found | None:
    folders = source.folders()
    if folders is None:
        return None
    keys = _Keys()
    named, places = _named(source, folders, keys)
    if any(map(files.is_remote, places)):
        return None
    captions, rejected = ({*map(keys.of, several)} for several in source.texts())
    found = _Found()
    roots = [keys[place] for place in places]
    for folder, path, obstacle in _walk(places):
        place = files.join(folder, path)
        target = picture_names.target(place)
        linked = os.path.realpath(place) if target and files.is_folder(place) else None
        if linked and any(_within(linked, root) for root in roots):
            continue
        key = keys.of(place)
        if key in captions:
            found.captions += 1
        elif key in named:
            found.pictures += 1
        elif key in rejected:
            found.rejected += 1
        else:
            reason = obstacle or (UNNAMED if is_picture_name(path) else OTHER_ENDING)
            if linked and reason == files.LINKED_FOLDER:
                inner = islice(files.below(linked), _LOOKED_AT)
                found.behind += sum(map(is_picture_name, inner))
            found.ignored[reason].append(f"{path} -> {target}" if target else path)
    return found


def _within(place: str, folder: str) -> bool:
    return f"{place}/".startswith(f"{folder.rstrip('/')}/")


def _walk(folders: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yields folder, path and obstacle of all files; nested folders are visited once."""
    roots: list[str] = []
    for folder in sorted(dict.fromkeys(folders), key=lambda one: len(os.path.realpath(one))):
        place = os.path.realpath(folder)
        if not any(_within(place, root) for root in roots):
            roots.append(place)
            for path, obstacle in files.entries(folder):
                yield folder, path, obstacle


class _Keys(dict[str, str]):
    """Keys of files that do not depend on links to their folders; caches the targets of folders."""

    def __missing__(self, folder: str) -> str:
        self[folder] = os.path.realpath(folder)
        return self[folder]

    def of(self, path: str) -> int:
        """Returns the key, a number, which takes less memory than a path."""
        folder, name = posixpath.split(path)
        return hash((self[folder], name))


def _named(
    source: Source, folders: tuple[str, ...], keys: _Keys
) -> tuple[set[int], tuple[str, ...]]:
    """Returns the keys of the files named by rows, kept or rejected, and all folders."""
    found, lost, places = set(), set(), dict.fromkeys(folders)
    for row in () if source.holds_pictures() else source.rows():
        if isinstance(row, Reject):
            lost.add(row.image)
        else:
            places[row.folder] = None
            found.add(keys.of(_path(row.folder, str(row.image))))
    found |= {keys.of(_path(folder, image)) for image in lost for folder in places if image}
    return found, tuple(places)


def _path(folder: str, image: str) -> str:
    return files.join(folder, picture_names.find(folder, image) or image)
