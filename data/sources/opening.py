"""Opens the source that a user names, and recognises the layouts of folders."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from data.base import files
from data.base.errors import DataError
from data.picture_files import PICTURE_ENDINGS, is_picture_name
from data.sources import columns, containers, picture_names
from data.sources.captioned_folder import (
    JSON,
    READERS,
    CaptionedFolder,
    CaptionFile,
    ending_of,
    split_in,
    with_splits,
)
from data.sources.packed import ColumnarPictures, TarShards
from data.sources.records import split_called
from data.sources.rows import DEFAULT_LIMITS, DEFAULT_POLICIES, Limits, Policies, Reject
from data.sources.source import Source
from data.sources.text_files import ENDINGS, LINES, TextFiles, check_text_captions, pairs_in
from data.sources.tfds_set import PREFIX, TfdsSet


def open_source(
    path_or_name: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    data_dir: str | None = None,
    images: str | None = None,
    files_pattern: str | None = None,
    language: str | None = None,
    text_features: Sequence[str] = (),
    text_captions: str = LINES,
    resplit: bool = False,
    policies: Policies = DEFAULT_POLICIES,
) -> Source:
    """Returns the source of captioned pictures at `path_or_name`; does not read rows yet.

    Args:
      path_or_name: a folder of pictures with caption files, with a text file for each picture, or
        of tar shards, Parquet or Arrow files that contain the pictures; one such file; a shell
        pattern for several; or `tfds:NAME[/CONFIG]`. Paths may have a scheme that tf.io.gfile
        supports, such as gs://. docs/your-data.md lists the layouts.
      limits: of one caption; pass the same to `load`.
      data_dir: of TFDS data sets.
      images: the folder to which image paths are relative; None searches the folders of the caption
        files and the folders in them.
      files_pattern: the caption files of a folder, such as `captions*.jsonl`, `*/metadata.jsonl`
        or, separated by commas, `captions.jsonl,captions_zh.jsonl`; the captions of one image in
        several files of a folder are merged. None uses the first of these that exists:
        `default_files`, text files with the names of the pictures, the only file with captions,
        files that contain the pictures.
      language: BCP-47 tag of all captions; None reads it from the data, or uses zh for captions
        with a Han character and en for others.
      text_features: caption features of a TFDS data set, if they cannot be found by name.
      text_captions: the content of a picture's text file: `lines`, a caption on each line, or
        `whole`, one caption.
      resplit: ignores splits in the data and decides them all by content.
      policies: for missing or bad fields.

    Raises:
      DataError: the source does not exist, or has no caption file.
    """
    check_text_captions(text_captions)
    name = str(path_or_name)
    for place in filter(None, (name, images)):
        files.check_scheme(place)
    shared = (name, limits, language, resplit, policies)
    if name.startswith(PREFIX):
        return TfdsSet(*shared, data_dir=data_dir, text_features=tuple(text_features))
    folder, paths = _caption_files(name, files_pattern)
    if not paths and files_pattern is None:
        if pairs_in(folder, images or folder):
            return TextFiles(*shared, images=images or folder, text_captions=text_captions)
        only = only_file(folder)
        paths = (only,) if only else packed_files(folder)
        if not paths and pairs_in(folder, images or folder, anywhere=True):
            return TextFiles(*shared, images=images or folder, text_captions=text_captions)
    if not paths:
        raise nothing_fits(folder, files_pattern)
    named = with_splits(paths)
    if all(path.lower().endswith(containers.TAR) for path in paths):
        return TarShards(*shared, shards=named, root=folder, text_captions=text_captions)
    columns_alone = all(path.lower().endswith(containers.COLUMNAR) for path in paths)
    if columns_alone and containers.holds_pictures(paths[0]):
        return ColumnarPictures(*shared, shards=named, root=folder)
    for path in paths:
        check_ending(path)
    # JSON files are often in a separate folder, so pictures are also searched in its parent.
    above = len({*map(posixpath.dirname, paths)}) == 1 and ending_of(paths[0]) == JSON
    return CaptionedFolder(
        *shared,
        caption_files=named,
        images=images or (None if above else folder),
        search=images is None,
        lists=tuple(one for one in split_lists(folder) if one.path not in paths),
    )


def _caption_files(name: str, pattern: str | None) -> tuple[str, tuple[str, ...]]:
    """Returns the folder of `name`, and the caption files in it, if any."""
    if files.is_file(name):
        return posixpath.dirname(name) or ".", (name,)
    if files.is_folder(name):
        folder = name.rstrip("/") or "/"
        if pattern is None:
            return folder, default_files(folder)
        return folder, tuple(files.matching(folder, pattern))
    folder, inner = _without_pattern(name)
    found = tuple(files.matching(folder, inner)) if inner else ()
    if not found:
        raise DataError(
            name,
            "there is no such file or folder",
            "Name a captioned folder, a caption file, or tfds:NAME.",
        )
    return folder, found


def _without_pattern(path: str) -> tuple[str, str]:
    """Splits a shell pattern into a folder without a pattern and the rest."""
    folder, name = posixpath.split(path)
    while re.search(r"[*?[]", folder) and not files.is_folder(folder):
        folder, above = posixpath.split(folder)
        name = posixpath.join(above, name)
    return folder or ".", name


# `metadata` is the name in Hugging Face's image folders.
_STEMS = ("captions", "metadata")
_LOOSE = (".txt", ".token")
_LIST = ".txt"
_NAME = re.compile(rb"[^\s,;|]{1,255}")
# Of several files, the one without lemmas, and the output of the last of kohya's scripts.
_BEST = (
    "Flickr8k.token.txt",
    *("meta_lat.json", "meta_clean.json", "meta_cap_dd.json", "meta_cap.json"),
)
# Beginning of an object of kohya's scripts: captions and tags by the names of pictures.
_KOHYA = re.compile(r'\s*\{\s*"[^"]+"\s*:\s*\{\s*"(caption|tags)"\s*:\s*"')
# Number of bytes of a file that are read to decide whether it has captions.
_PEEK = 2**16
_SHOWN = 6
# More files with the same ending are not caption files, but a text for each picture.
_MOST = 20

# Other files in a folder, and what makes them readable.
_HINTS = {
    (".heic", ".heif"): "Save the .heic pictures as JPEG or PNG.",
    (".xlsx", ".xls", ".ods"): "Save the table as CSV UTF-8, by the name captions.csv.",
    PICTURE_ENDINGS: "Name its folder, with a caption file or a text for each picture in it.",
}


def default_files(folder: str) -> tuple[str, ...]:
    """Returns the caption files of a folder, if they have the usual names.

    The first of these that exists: `annotations/captions_*.json` (COCO); `captions` and then
    `metadata` as .jsonl, .csv, .tsv, .txt or .json, in the folder, or in a folder for each split
    there or in `data`; and one file for each split, such as `train.jsonl` or
    `annotations/coco_karpathy_train.json`.
    """
    coco = files.matching(files.join(folder, "annotations"), "captions_*.json")
    if coco and not picture_names.passes_link(folder, "annotations"):
        return tuple(coco)
    one = _usual_file(folder)
    if one:
        return (one,)
    inner = () if picture_names.passes_link(folder, "data") else (files.join(folder, "data"),)
    for base in (folder, *inner):
        parts = [name for name in files.folders_in(base) if split_called(name)]
        found = [_caption_file(files.join(base, name)) for name in parts]
        if any(found):
            return tuple(filter(None, found))
    return _split_files(folder)


def only_file(folder: str) -> str | None:
    """Returns the caption file of a folder that has one with another name.

    Examples are Flickr8k.token.txt, Flickr30k's results.csv and Karpathy's dataset_flickr8k.json.
    Of several, it is the one whose pictures exist.
    """
    for tables in (_tables_in(folder), _apart(folder)):
        found = [path for path in tables if looks_like_captions(path)]
        named = {posixpath.basename(path): path for path in reversed(found)}
        best = next((named[name] for name in _BEST if name in named), None)
        if best:
            return best
        if len(found) > 1:
            there = {posixpath.basename(name) for name in files.below(folder)}
            found = [path for path in found if _first_picture(path) in there]
        if len(found) == 1:
            return found[0]
    return None


def split_lists(folder: str) -> tuple[CaptionFile, ...]:
    """Returns the files that list the pictures of a split, such as Flickr_8k.trainImages.txt, in a
    folder and in its folders without pictures; none if there is only one split."""
    texts = [path for path in _tables(folder) if ending_of(path) == _LIST]
    named = [CaptionFile(path, split_in(path)) for path in texts]
    found = [one for one in named if one.split and _lists_pictures(one.path)]
    return tuple(found) if len({one.split for one in found}) > 1 else ()


def _lists_pictures(path: str) -> bool:
    """Whether the first lines of a file are names, with or without a picture's ending."""
    try:
        first = list(islice(filter(None, map(bytes.strip, files.lines(path))), _MOST))
    except OSError:
        return False
    return bool(first) and all(_NAME.fullmatch(line) for line in first)


def packed_files(folder: str) -> tuple[str, ...]:
    """Returns the tar shards, else the Parquet, else the Arrow files in a folder and its
    subfolders."""
    names = sorted(files.below(folder), key=files.natural_key)
    shards = [files.join(folder, name) for name in names if name.lower().endswith(containers.TAR)]
    tables = [name for name in names if name.lower().endswith(containers.PARQUET)]
    tables = tables or containers.pictures_of(folder, names)
    return tuple(shards or (files.join(folder, name) for name in tables))


def nothing_fits(folder: str, pattern: str | None) -> DataError:
    """Returns the error for a folder without data: its content, and what would be read."""
    held = list(files.below(folder))
    wanted = f" {pattern}" if pattern else ""
    links = [path for path, obstacle in files.entries(folder) if obstacle == files.LINKED_FOLDER]
    led = f", and {len(links):,} links to folders, such as {links[0]}" if links else ""
    problem = f"there is no caption file{wanted} in it, but {contents(held)}{led}"
    return DataError(folder, problem, _remedy(folder, held, links))


def contents(names: Sequence[str]) -> str:
    """Returns the number of files with each ending, and the names of single ones."""
    counts = Counter(sorted(map(_ending, names)))
    single = {_ending(name): name for name in names}
    shown = [
        f"{count:,} {ending or 'nameless'} files" if count > 1 else _one(single[ending])
        for ending, count in counts.most_common(_SHOWN)
    ]
    more = [f"{len(counts) - _SHOWN} other kinds of file"] if len(counts) > _SHOWN else []
    return ", ".join(shown + more) or "no file at all"


def check_ending(path: str) -> None:
    """Raises DataError unless a file with this ending may contain captions."""
    if ending_of(path) not in READERS:
        packable = ", ".join(ending for ending in READERS if ending not in containers.COLUMNAR)
        raise DataError(
            path,
            f"a caption file ends in {packable} (also packed: {', '.join(files.PACKINGS)}) or in "
            f"{', '.join(containers.COLUMNAR)}",
            " ".join(_hints(*posixpath.split(path))) or "Rename or convert it.",
        )


def _hints(folder: str, *held: str) -> Iterator[str]:
    """Yields what makes the files `held` in a folder readable."""
    endings = set(map(_ending, held))
    for several, hint in _HINTS.items():
        if not endings.isdisjoint(several):
            yield hint
    if any(".tfrecord" in name for name in held):
        yield "TFRecord files are read as a TFDS data set: tfds:NAME, with --data-dir DIR."
    packed = sorted(filter(containers.is_archive, held), key=files.natural_key)
    if packed:
        more = f"There are {len(packed):,} archives. " if packed[1:] else ""
        yield f"{more}{containers.unpacking(folder, packed[0])}"


def _one(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def _remedy(folder: str, held: Sequence[str], links: Sequence[str]) -> str:
    tables = [path for path in _tables(folder) if looks_like_captions(path)]
    if tables:
        shown = ",".join(path[len(folder) :].strip("/") for path in tables[:_SHOWN])
        return f"Say which of them are meant: --set 'ingest.files_pattern={shown}'."
    deeper = next(filter(None, map(_captioned_folder, held)), None) or _captioned_inner(folder)
    if deeper:
        return f"Name the folder that holds the captions: {files.join(folder, deeper)}."
    pictures = [name for name in held if is_picture_name(name)]
    hints = list(_hints(folder, *{*held}.difference(pictures)))
    if links:
        hints.append(_behind(folder, links))
    hints += filter(None, map(_fetching, _tables(folder)))
    texts = sum(_ending(name) in ENDINGS for name in held)
    if pictures and 2 * texts >= len(pictures) and not hints:
        hints.append("Give each text file the name of its picture: 1.txt for 1.jpg.")
    write = (
        'Write captions.jsonl there, a line per image: {"image": "images/1.jpg", '
        '"captions": ["..."]}; or a text file for each picture: 1.txt for 1.jpg.'
    )
    return " ".join(hints) or write


def _behind(folder: str, links: Sequence[str]) -> str:
    """Returns the remedy for data behind links to folders."""
    found = filter(None, (_caption_file(files.join(folder, link)) for link in links[:_MOST]))
    named = ",".join(path[len(folder) :].strip("/") for path in found)
    pattern = shlex.quote(f"ingest.files_pattern={named}")
    return (
        "Links to folders are not followed: copy the data with what they lead to, "
        f"cp -rL {shlex.quote(folder)} COPY, and name COPY"
        + (f"; or name their caption files: --set {pattern}" if named else ".")
    )


def _fetching(path: str) -> str | None:
    """Returns the command that downloads the pictures of a table whose first row has an address."""
    try:
        first = [line.decode(errors="replace") for line in islice(files.lines(path), 2)]
    except (DataError, OSError):
        return None
    if not re.search(r"https?://", "".join(first)):
        return None
    cells = re.findall(r'[^\t,;|"{}:]+', first[0])
    address = next(filter(columns.is_address, map(str.strip, cells)), None)
    meant = zip(map(str.strip, cells), columns.roles(tuple(map(str.strip, cells))), strict=True)
    said = next((name for name, role in meant if role == "caption"), "caption")
    header = "" if address else "Give it a first line with the names of its columns. "
    return header + columns.fetching(path, address or "url", said)


def _captioned_folder(name: str) -> str | None:
    """Returns the folder of a caption file with a usual name; its parent if it is a split."""
    folder, base = posixpath.split(name)
    if base.partition(".")[0] not in _STEMS or ending_of(base) not in READERS:
        return None
    return posixpath.dirname(folder) if split_called(posixpath.basename(folder)) else folder


def _captioned_inner(folder: str) -> str | None:
    """Returns the first subfolder that has a caption file with any name."""
    for name in files.folders_in(folder)[:_MOST]:
        if any(map(looks_like_captions, _tables_in(files.join(folder, name)))):
            return name
    return None


def _ending(name: str) -> str:
    return posixpath.splitext(name)[1].lower()


def _tables(folder: str) -> list[str]:
    """Returns the files that may contain captions, in a folder and its folders without pictures."""
    return _tables_in(folder) + _apart(folder)


def _apart(folder: str) -> list[str]:
    """Returns the tables in subfolders without pictures, such as `annotations`."""
    inner = (files.join(folder, name) for name in files.folders_in(folder))
    plain = (one for one in inner if not any(map(is_picture_name, files.names_in(one))))
    found = [path for one in plain for path in _tables_in(one)]
    return found if len(found) <= _MOST else []


def _tables_in(folder: str) -> list[str]:
    """Returns the files that may contain captions.

    Endings of many files are skipped: these are texts of single pictures. Columnar files are also
    skipped, because a large split has many of them and a small one has only one; see
    `packed_files`.
    """
    found: dict[str, list[str]] = defaultdict(list)
    endings = READERS.keys() - containers.COLUMNAR
    for name in sorted(files.names_in(folder), key=files.natural_key):
        if ending_of(name) in endings and files.is_file(files.join(folder, name)):
            found[ending_of(name)].append(files.join(folder, name))
    return [path for paths in found.values() if len(paths) <= _MOST for path in paths]


def _split_files(folder: str) -> tuple[str, ...]:
    """Returns the files with names of splits, if there are several."""
    named = [file for file in with_splits(_tables(folder)) if file.split]
    found = [file for file in named if looks_like_captions(file.path)]
    several = len({file.split for file in found}) > 1
    return tuple(file.path for file in found) if several else ()


def looks_like_captions(path: str) -> bool:
    """Whether a file seems to have names of pictures and captions; reads only its beginning."""
    try:
        if ending_of(path) == JSON:
            return _json_of_captions(path)
        return columns.holds_captions(tuple(_first_record(path)))
    except (DataError, OSError):
        return False


def _first_record(path: str) -> Mapping[str, Any]:
    first = next(iter(READERS[ending_of(path)](path, posixpath.basename(path))), None)
    record = None if first is None or isinstance(first, Reject) else first[1]
    return record if isinstance(record, Mapping) else {}


def _first_picture(path: str) -> str:
    """Returns the name, without folders, of the first picture of a file that seems to have
    captions."""
    if ending_of(path) == JSON:
        return posixpath.basename(columns.image_of(_pairs_in(_ends_of(path))) or "")
    return posixpath.basename(columns.image_of(_first_record(path)) or "")


def _json_of_captions(path: str) -> bool:
    """Whether the first or the last keys in a JSON file are those of pictures and captions."""
    content = _ends_of(path)
    keys = tuple(dict.fromkeys(re.findall(r'"([^"\\]{1,200})"\s*:', content)))
    # All of COCO's files have a description of themselves.
    own = tuple(key for key in keys if key != "description")
    if any(map(is_picture_name, keys[:1])) or _KOHYA.match(content):
        return True
    # In a description of columns, the key of the picture has an object as value.
    return columns.holds_captions(own) and columns.image_of(_pairs_in(content)) is not None


def _pairs_in(content: str) -> dict[str, str]:
    """Returns the texts in JSON by their keys; of equal keys, the first is kept."""
    pairs = re.findall(r'"([^"\\]{1,200})"\s*:\s*\[?\s*"([^"]+)"', content)
    return dict(reversed(pairs))


def _ends_of(path: str) -> str:
    """Returns the first characters of a file and, if it is not compressed, the last."""
    with files.unpacked(path) as file:
        content = file.read(_PEEK)
        if files.without_packing(path) == path and len(content) == _PEEK:
            file.seek(max(0, files.size(path) - _PEEK))
            content += file.read(_PEEK)
    return content.decode(errors="replace")


def _caption_file(folder: str) -> str | None:
    """Returns the caption file of a split's folder: a usual one, or the only one."""
    usual = _usual_file(folder)
    if usual:
        return usual
    found = [path for path in _tables_in(folder) if looks_like_captions(path)]
    return found[0] if len(found) == 1 else None


def _usual_file(folder: str) -> str | None:
    for stem in _STEMS:
        for ending in READERS:
            for packing in ("", *files.PACKINGS):
                path = files.join(folder, f"{stem}{ending}{packing}")
                # A text file with this name may also belong to a picture.
                if files.is_file(path) and (ending not in _LOOSE or looks_like_captions(path)):
                    return path
    return None
