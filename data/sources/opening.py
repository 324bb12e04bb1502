"""From what a user names to the source that it is."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from data.errors import DataError
from data.sources import files
from data.sources.coco import CocoCaptions
from data.sources.folder import DEFAULT_NAMES, CaptionedFolder, find_caption_files
from data.sources.policies import DEFAULT_POLICIES, Policies
from data.sources.rows import DEFAULT_LIMITS, Limits
from data.sources.source import Source
from data.sources.tables import READERS
from data.sources.text_files import TextFiles, pairs_in
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
    resplit: bool = False,
    policies: Policies = DEFAULT_POLICIES,
) -> Source:
    """Returns the source of captioned images that `path_or_name` names; reads no row yet.

    Args:
      path_or_name: a captioned folder; a .jsonl, .csv or .tsv file of one; a COCO captions .json or
        a folder with annotations/captions_*.json; a shell pattern for such files in one folder; a
        folder with a text file for each picture; or `tfds:NAME[/CONFIG]`. Paths may have a scheme
        that tf.io.gfile knows, such as gs://.
      limits: of one caption; pass the same to `load`.
      data_dir: of TFDS data sets.
      images: the folder that image paths start from; None is that of the captions, and for COCO the
        folder beside it that has the pictures.
      files_pattern: the caption files of a folder, such as `captions*.jsonl` or, separated by
        commas, `captions.jsonl,captions_zh.jsonl`; the captions of one image in several files are
        merged. None takes captions.jsonl, .csv or .tsv, or metadata.jsonl, .csv or .tsv, or
        text files with the names of the pictures, the first of these that there is.
      language: BCP-47 tag of all captions; None reads it from the data, or takes zh for captions
        with a Han character and en for others.
      text_features: caption features of a TFDS data set, where their names do not tell.
      resplit: ignores splits in the data and decides them all by content.
      policies: of fields that are missing or bad.

    Raises:
      DataError: there is no such thing, or no caption file in it.
    """
    name = str(path_or_name)
    shared = (name, limits, language, resplit, policies)
    if name.startswith(PREFIX):
        return TfdsSet(*shared, data_dir=data_dir, text_features=tuple(text_features))
    paths = _caption_files(name, files_pattern)
    if not paths:
        if files_pattern is None and pairs_in(name, images or name):
            return TextFiles(*shared, images=images or name)
        raise _no_captions(name, files_pattern)
    if all(path.lower().endswith(".json") for path in paths):
        return CocoCaptions(*shared, caption_files=paths, images=images)
    _check_endings(name, paths)
    folder = images or (name if files.is_folder(name) else posixpath.dirname(paths[0]) or ".")
    return CaptionedFolder(*shared, caption_files=paths, images=folder)


def _caption_files(name: str, pattern: str | None) -> tuple[str, ...]:
    """Returns the caption files that `name` stands for; nothing for a folder that has none."""
    if files.is_file(name):
        return (name,)
    if not files.is_folder(name):
        found = tuple(files.matching(posixpath.dirname(name) or ".", posixpath.basename(name)))
        if found:
            return found
        raise DataError(
            name,
            "there is no such file or folder",
            "Name a captioned folder, a caption file, or tfds:NAME.",
        )
    coco = tuple(files.matching(files.join(name, "annotations"), "captions_*.json"))
    return coco if coco and pattern is None else find_caption_files(name, pattern)


def _no_captions(folder: str, pattern: str | None) -> DataError:
    return DataError(
        folder,
        f"there is no caption file {pattern or ', '.join(DEFAULT_NAMES)} in it",
        'Write captions.jsonl there, a line per image: {"image": "images/1.jpg", '
        '"captions": ["..."]}; or a text file for each picture: 1.txt for 1.jpg.',
    )


def _check_endings(name: str, paths: Sequence[str]) -> None:
    for path in paths:
        if posixpath.splitext(path)[1].lower() not in READERS:
            raise DataError(
                path,
                "a caption file ends in .jsonl, .csv, .tsv or (COCO) .json",
                "Rename or convert it; do not mix COCO files with others.",
            )
