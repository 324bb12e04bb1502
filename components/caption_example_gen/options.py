"""Options of reading a source, as a JSON string for an execution property; needs no TFX."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from data.base.errors import DataError
from data.sources import (
    DEFAULT_LIMITS,
    DEFAULT_POLICIES,
    Limits,
    Policies,
    Source,
    open_source,
)
from data.sources.text_files import LINES, check_text_captions
from data.splits import MIN_SPLIT, SHARES, check_shares


@dataclass(frozen=True)
class IngestOptions:
    """Arguments of `data.sources.open_source` except the path, and options of ingestion.

    Attributes:
      data_dir, images, files_pattern, language, text_features, text_captions, resplit: see
        `open_source`.
      limits: of one picture and one caption.
      policies: for missing or bad fields.
      shares: of train, val and test, for pictures without a split in the source.
      min_split: a split with fewer pictures is cut from the others by content, see `data.splits`; 0
        keeps the splits of the data.
      max_pictures: maximum number of rows, sampled from the whole source; None reads all.
    """

    data_dir: str | None = None
    images: str | None = None
    files_pattern: str | None = None
    language: str | None = None
    text_features: tuple[str, ...] = ()
    text_captions: str = LINES
    resplit: bool = False
    limits: Limits = DEFAULT_LIMITS
    policies: Policies = DEFAULT_POLICIES
    shares: tuple[float, ...] = SHARES
    min_split: int = MIN_SPLIT
    max_pictures: int | None = None

    def __post_init__(self) -> None:
        check_text_captions(self.text_captions)
        check_shares(self.shares)
        if self.max_pictures is not None and self.max_pictures < 1:
            raise DataError(
                f"max_pictures {self.max_pictures}", "no picture would be read", "Give 1 or more."
            )
        if self.min_split < 0:
            raise DataError(
                f"min_split {self.min_split}", "no split has fewer than 0", "Give 0 or more."
            )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> IngestOptions:
        """Reads plain values; raises DataError for an unknown key."""
        _refuse_unknown(values, cls, "ingest options")
        plain = dict(values)
        limits, policies = plain.pop("limits", {}), dict(plain.pop("policies", {}))
        _refuse_unknown(limits, Limits, "ingest options: limits")
        _refuse_unknown(policies, Policies, "ingest options: policies")
        for name in ("text_features", "shares"):
            if name in plain:
                plain[name] = tuple(plain[name])
        if "attributes_fill" in policies:
            policies["attributes_fill"] = tuple(policies["attributes_fill"])
        return cls(limits=Limits(**limits), policies=Policies(**policies), **plain)

    @classmethod
    def from_json(cls, text: str) -> IngestOptions:
        """Reads the output of `to_json`."""
        return cls.from_mapping(json.loads(text))

    def to_json(self) -> str:
        """Returns one line with sorted keys, so that equal options give equal text."""
        return json.dumps(asdict(self), sort_keys=True)

    def open(self, path: str) -> Source:
        """Opens the source; raises DataError if there is none at `path`."""
        return open_source(
            path,
            limits=self.limits,
            policies=self.policies,
            data_dir=self.data_dir,
            images=self.images,
            files_pattern=self.files_pattern,
            language=self.language,
            text_features=self.text_features,
            text_captions=self.text_captions,
            resplit=self.resplit,
        )


def lot(image_id: str) -> bytes:
    """Returns the sampling key of `max_pictures`, smallest first: a hash of the picture's name."""
    return hashlib.blake2b(image_id.encode("utf-8"), digest_size=8).digest()


def _refuse_unknown(values: Mapping[str, Any], kind: type, where: str) -> None:
    known = [one.name for one in fields(kind)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise DataError(
            where, f"the key {unknown[0]!r} is not known", f"Choose from {', '.join(known)}."
        )
