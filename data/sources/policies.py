"""What becomes of a row when one of its fields is missing or bad."""

from __future__ import annotations

from dataclasses import dataclass

from data.base.errors import DataError

DROP, KEEP, FILL = "drop", "keep", "fill"

_ALLOWED = {
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

    `drop` leaves the row out: a reject, with its place and a remedy. `keep` lets it go on without
    the field. `fill` puts something in the field's place. What was kept and filled is counted.

    Attributes:
      bad_caption: of a caption that is empty, too long or not UTF-8, where another of the row can
        be used. `fill` cuts a long one; empty and broken ones are left out as with `keep`.
      no_caption: where none can be used. `fill` takes `caption_fill`.
      missing_language, bad_language: of a tag that is not there, or is none. `fill` takes
        `language_fill`, and without one guesses by script.
      missing_attributes: of a row without any. `fill` takes `attributes_fill`.
      bad_attributes: of attributes of a wrong type. `fill` takes `attributes_fill`.
      bad_split: of a split by another name. `fill` has it decided by content.
      unknown_key: of a key that means nothing. `keep` ignores the key.
      caption_fill, language_fill, attributes_fill: what is filled in.
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
        for name, allowed in _ALLOWED.items():
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
