"""From what a user names to the source that it is."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from data.base import files
from data.base.errors import DataError
from data.sources import archives, columnar, layouts
from data.sources.folder import JSON, CaptionedFolder, ending_of, with_splits
from data.sources.packed import ColumnarPictures, TarShards
from data.sources.policies import DEFAULT_POLICIES, Policies
from data.sources.rows import DEFAULT_LIMITS, Limits
from data.sources.source import Source
from data.sources.text_files import LINES, TextFiles, check_text_captions, pairs_in
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
    """Returns the source of captioned images that `path_or_name` names; reads no row yet.

    Args:
      path_or_name: a folder of pictures with caption files, with a text file for each picture, or
        of tar shards, Parquet or Arrow files that hold the pictures; one such file; a shell pattern
        for several; or `tfds:NAME[/CONFIG]`. Paths may have a scheme that tf.io.gfile knows, such
        as gs://. docs/your-data.md lists the layouts.
      limits: of one caption; pass the same to `load`.
      data_dir: of TFDS data sets.
      images: the folder that image paths start from; None looks beside the caption files and in the
        folders there.
      files_pattern: the caption files of a folder, such as `captions*.jsonl`, `*/metadata.jsonl`
        or, separated by commas, `captions.jsonl,captions_zh.jsonl`; the captions of one image in
        several files of a folder are merged. None takes the first that there is of
        `layouts.default_files`, text files with the names of the pictures, the only file that holds
        captions, and files that hold the pictures.
      language: BCP-47 tag of all captions; None reads it from the data, or takes zh for captions
        with a Han character and en for others.
      text_features: caption features of a TFDS data set, where their names do not tell.
      text_captions: what a picture's text file holds: `lines`, a caption on each line, or `whole`,
        one caption.
      resplit: ignores splits in the data and decides them all by content.
      policies: of fields that are missing or bad.

    Raises:
      DataError: there is no such thing, or no caption file in it.
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
        only = layouts.only_file(folder)
        paths = (only,) if only else layouts.packed_files(folder)
        if not paths and pairs_in(folder, images or folder, anywhere=True):
            return TextFiles(*shared, images=images or folder, text_captions=text_captions)
    if not paths:
        raise layouts.nothing_fits(folder, files_pattern)
    named = with_splits(paths)
    if all(path.lower().endswith(archives.TAR) for path in paths):
        return TarShards(*shared, shards=named, root=folder, text_captions=text_captions)
    columns_alone = all(path.lower().endswith(columnar.ENDINGS) for path in paths)
    if columns_alone and columnar.holds_pictures(paths[0]):
        return ColumnarPictures(*shared, shards=named, root=folder)
    for path in paths:
        layouts.check_ending(path)
    # JSON files often lie in a folder of their own, so their pictures are looked for above it too.
    above = len({*map(posixpath.dirname, paths)}) == 1 and ending_of(paths[0]) == JSON
    return CaptionedFolder(
        *shared,
        caption_files=named,
        images=images or (None if above else folder),
        search=images is None,
        lists=tuple(one for one in layouts.split_lists(folder) if one.path not in paths),
    )


def _caption_files(name: str, pattern: str | None) -> tuple[str, tuple[str, ...]]:
    """Returns the folder that `name` stands for, and the caption files in it, if any."""
    if files.is_file(name):
        return posixpath.dirname(name) or ".", (name,)
    if files.is_folder(name):
        folder = name.rstrip("/") or "/"
        if pattern is None:
            return folder, layouts.default_files(folder)
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
    """Returns the folder that a shell pattern starts from, and the pattern from there."""
    folder, name = posixpath.split(path)
    while re.search(r"[*?[]", folder) and not files.is_folder(folder):
        folder, above = posixpath.split(folder)
        name = posixpath.join(above, name)
    return folder or ".", name
