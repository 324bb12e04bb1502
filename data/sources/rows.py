"""The output of a source: rows, whose pictures are not opened yet, and rejects with a reason.

Limits and policies decide which rows are rejected.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from data.base.errors import DataError
from data.picture_files import MOST_PIXELS

DROP, KEEP, FILL = "drop", "keep", "fill"

_ALLOWED_POLICIES = {
    "bad_caption": (KEEP, DROP, FILL),
    "no_caption": (DROP, FILL),
    "missing_language": (FILL, DROP),
    "bad_language": (DROP, FILL),
    "missing_attributes": (KEEP, DROP, FILL),
    "bad_attributes": (DROP, KEEP, FILL),
    "bad_split": (DROP, FILL),
    "unknown_key": (DROP, KEEP),
}


@dataclass(frozen=True)
class Policies:
    """A policy for each field of a row.

    `drop` rejects the row, with its place and a remedy. `keep` keeps the row without the field.
    `fill` replaces the field. Kept and filled rows are counted.

    Attributes:
      bad_caption: for a caption that is empty, too long or not UTF-8, if another one of the row is
        usable. `fill` truncates a long one; empty and broken ones are dropped as with `keep`.
      no_caption: for a row without a usable caption. `fill` uses `caption_fill`.
      missing_language, bad_language: for a missing or invalid tag. `fill` uses `language_fill`, or
        guesses by script without one.
      missing_attributes: for a row without attributes. `fill` uses `attributes_fill`.
      bad_attributes: for attributes of a wrong type. `fill` uses `attributes_fill`.
      bad_split: for an unknown name of a split. `fill` decides by content.
      unknown_key: for an unknown key. `keep` ignores the key.
      caption_fill, language_fill, attributes_fill: the replacements.
    """

    bad_caption: str = KEEP
    no_caption: str = DROP
    missing_language: str = FILL
    bad_language: str = DROP
    missing_attributes: str = KEEP
    bad_attributes: str = DROP
    bad_split: str = DROP
    unknown_key: str = DROP
    caption_fill: str = ""
    language_fill: str = ""
    attributes_fill: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, allowed in _ALLOWED_POLICIES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise DataError(
                    f"policies: {name} = {value!r}",
                    "there is no such policy for it",
                    f"Choose from {', '.join(allowed)}.",
                )
        self._require_fill("no_caption", "caption_fill")
        self._require_fill("missing_attributes", "attributes_fill")
        self._require_fill("bad_attributes", "attributes_fill")

    def _require_fill(self, policy: str, fill: str) -> None:
        if getattr(self, policy) == FILL and not getattr(self, fill):
            raise DataError(
                f"policies: {policy} = {FILL!r}",
                f"{fill} is empty, so there is nothing to fill in",
                f"Set {fill}, or choose another policy.",
            )


DEFAULT_POLICIES = Policies()


# Every reason to reject a row or a picture, with a remedy.
REMEDIES = {
    "missing_file": "Put the file there, correct its path, or name the folder that paths start "
    "from: --set ingest.images=DIR.",
    "unreadable_file": "Give the user who runs this the right to read it, or remove the row.",
    "no_bytes": "Write the set anew where its pictures are: dataset.save_to_disk(DIR) in Hugging "
    "Face's datasets puts them into it.",
    "empty_file": "Copy the file again from where it came from.",
    "not_an_image": "Save it as PNG or JPEG (WebP, AVIF, TIFF, BMP and still GIF are read too).",
    "heic": "Convert it: 'heif-convert IN.heic OUT.jpg' (Debian: libheif-examples), or on a Mac "
    "'sips -s format jpeg IN.heic --out OUT.jpg'.",
    "undecodable_image": "The file is cut short or damaged: copy or export it again.",
    "unknown_form": "Open it in a picture program and save it as an ordinary PNG or JPEG.",
    "unsupported_mode": "Save it as 8-bit RGB or grey, or as 16-bit grey.",
    "decompression_bomb": "Scale it down, or raise the limit: --set ingest.limits.max_pixels=N.",
    "too_large": "Save it smaller, or raise the limit: --set ingest.limits.max_file_bytes=N.",
    "extreme_shape": "Crop the picture, or raise the limit: --set ingest.limits.max_aspect=N.",
    "animated": "Save the one frame that the caption describes.",
    "cmyk": "Convert the picture to RGB with its colour profile, or its colours come out wrong.",
    "web_address": "Download the pictures into the folder, and name them by relative paths.",
    "outside_folder": "Move the picture into the folder and name it by a relative path. Where "
    "links lead out of it, copy the data with what they lead to, cp -rL DATA COPY, and name COPY.",
    "picture_as_text": "Write the pictures to files, and their names into the table.",
    "empty_caption": "Write at least one caption for the picture.",
    "long_caption": "Shorten it, or cut all such: --set ingest.policies.bad_caption=fill.",
    "invalid_utf8": "Save the file as UTF-8, such as by 'iconv -f GB18030 -t UTF-8 OLD > NEW' with "
    "the encoding that it has.",
    "missing_language": "Give the row a tag, or --set ingest.policies.missing_language=fill.",
    "missing_attributes": "Give it attributes, or --set ingest.policies.missing_attributes=keep.",
    "wrong_type": "Write the value as its column asks: image text, captions a list of texts.",
    "malformed_row": "Correct the row; in CSV, a caption with a comma stands in double quotes, and "
    "a double quote within it twice.",
    "unknown_key": "Rename or remove it, or read over it: --set ingest.policies.unknown_key=keep.",
    "unknown_split": "Use train, val or test, or have the picture's content decide: "
    "--set ingest.policies.bad_split=fill.",
    "conflicting_split": "Give all rows of one picture the same split.",
    "unknown_image": "Add the picture to `images`, or remove the annotation.",
    "duplicate": "Remove one copy, or put all captions on one row.",
    "contradicting_copy": "See which attributes are true, and keep one copy of the picture.",
    "duplicate_across_splits": "Keep the picture in one split only; the first one seen has stayed.",
}


@dataclass(frozen=True)
class Limits:
    """Limits of one picture or one caption; beyond them, the row is rejected.

    Attributes:
      max_pixels: width times height, checked in the header before anything is decoded. At most
        178,956,970, Pillow's own limit.
      max_file_bytes: length of the encoded file.
      max_aspect: longer side over shorter side; resizing a thin strip would take unbounded memory.
      max_caption_characters: length of one caption.
    """

    max_pixels: int = 64_000_000
    max_file_bytes: int = 64 * 2**20
    max_aspect: float = 20.0
    max_caption_characters: int = 4_000

    def __post_init__(self) -> None:
        if self.max_pixels > MOST_PIXELS:
            raise DataError(
                f"max_pixels {self.max_pixels}",
                f"Pillow refuses pictures of more than {MOST_PIXELS:,} pixels",
                "Set it to that or less, and scale larger pictures down.",
            )


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Row:
    """One picture as its source names it; small, so it can be sent between workers.

    Attributes:
      where: its place for the user, such as `captions.jsonl:12`.
      image_id: stable name of the picture, unique in its source.
      image: path relative to `folder`, or the encoded bytes if the source contains them.
      captions, languages: one or more sentences and the BCP-47 tag of each.
      attributes: zero or more `group:value` names.
      split: train, val, test, or None to decide by content.
      folder: to which a relative `image` path is relative, and which it may not leave.
      dropped: the reason for each caption that was dropped from the row.
      mended: short phrases on corrections by a policy.
      span: the index of its source among several, such as the spans of a window.
    """

    where: str
    image_id: str
    image: str | bytes
    captions: tuple[str, ...]
    languages: tuple[str, ...]
    attributes: tuple[str, ...] = ()
    split: str | None = None
    folder: str = ""
    dropped: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    span: int | None = None


@dataclass(frozen=True)
class Reject:
    """A rejected row or picture, and why.

    Attributes:
      where: file and line, or the source's name of the row.
      image: the picture's path or name, if known.
      reason: a key of `REMEDIES`.
      detail: what was found.
      remedy: what the user can do.
    """

    where: str
    image: str
    reason: str
    detail: str
    remedy: str

    @classmethod
    def of(cls, where: str, image: str, reason: str, detail: str) -> Reject:
        """Returns a reject with the remedy of its reason."""
        return cls(where, image, reason, detail, REMEDIES[reason])

    def to_json(self) -> str:
        """Returns one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Reject:
        """Reads the output of `to_json`."""
        return cls(**json.loads(line))
