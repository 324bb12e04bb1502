"""Opening the pictures of rows: from a `Row` to a `CaptionedImage`, or a `Reject`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from data.base import files
from data.sources import names
from data.sources.pictures import Fault, Picture, examine
from data.sources.rows import DEFAULT_LIMITS, Limits, Reject, Row
from data.split_rule import Placed
from data.splits import SHARES, assign

if TYPE_CHECKING:
    from data.schema import CaptionedImage


@dataclass(frozen=True)
class Loaded:
    """A row and its examined picture.

    Where the row held the picture's bytes, `row.image` is empty now: they are in `picture`.

    Attributes:
      split: what the row says, or what the picture's hash alone does; see `data.split_rule` for
        what becomes of it in its set.
    """

    row: Row
    picture: Picture
    split: str

    @property
    def content_hash(self) -> str:
        """The hash of the picture's pixels: copies of one picture share it."""
        return self.picture.content_hash

    def placed(self) -> Placed:
        """Returns what decides the picture's split in its set."""
        size = len(self.picture.encoded)
        return Placed.of(self.content_hash, self.row.split, self.row.span, size)

    def example(self) -> CaptionedImage:
        """Returns the captioned image."""
        # TensorFlow, which the schema needs, takes seconds to start; examining needs none of it.
        from data.schema import CaptionedImage

        return CaptionedImage(
            image_id=self.row.image_id,
            encoded=self.picture.encoded,
            height=self.picture.height,
            width=self.picture.width,
            channels=self.picture.channels,
            captions=self.row.captions,
            languages=self.row.languages,
            attributes=self.row.attributes,
            split=self.split,
        )


def load(
    row: Row, limits: Limits = DEFAULT_LIMITS, shares: Sequence[float] = SHARES
) -> CaptionedImage | Reject:
    """Opens and checks the picture of one row; a bad one never raises.

    Args:
      row: from `Source.rows()`.
      limits: of one picture.
      shares: of train, val and test, for rows that name no split.
    """
    loaded = load_row(row, limits, shares)
    return loaded if isinstance(loaded, Reject) else loaded.example()


def load_row(
    row: Row, limits: Limits = DEFAULT_LIMITS, shares: Sequence[float] = SHARES
) -> Loaded | Reject:
    """As `load`, with the content hash that `resolve_duplicates` groups by."""
    encoded = read_picture(row, limits)
    seen = encoded if isinstance(encoded, Fault) else examine(encoded, limits)
    if isinstance(seen, Fault):
        return Reject.of(row.where, row.image_id, seen.reason, seen.detail)
    # The picture goes on in `seen`; a second copy of its bytes would travel with the row.
    light = replace(row, image=b"") if isinstance(row.image, bytes) else row
    light = replace(light, mended=light.mended + seen.notes)
    return Loaded(light, seen, row.split or assign(seen.content_hash, shares))


def read_picture(row: Row, limits: Limits) -> bytes | Fault:
    """Returns the encoded picture of a row; reads nothing outside the row's folder."""
    if isinstance(row.image, bytes):
        return row.image if len(row.image) <= limits.max_file_bytes else _too_large(len(row.image))
    path = _path(row.folder, row.image)
    if isinstance(path, Fault):
        return path
    try:
        length = files.size(path)
        return files.read(path) if length <= limits.max_file_bytes else _too_large(length)
    except OSError as error:
        return Fault("unreadable_file", f"{path}: {error.strerror or error}")


def _path(folder: str, image: str) -> str | Fault:
    if not files.inside(folder, image):
        return Fault("outside_folder", names.why_outside(folder, image))
    name = names.find(folder, image)
    if name is None and names.is_windows_path(image):
        return Fault("outside_folder", f"{image} is a path of Windows, and not of this system")
    if name is None:
        return Fault("missing_file", names.why_missing(folder, image))
    if name != image and not files.inside(folder, name):
        return Fault("outside_folder", names.why_outside(folder, name))
    return files.join(folder, name)


def _too_large(length: int) -> Fault:
    return Fault("too_large", f"the file has {length:,} bytes")
