"""What the checks look at, what they allow, and what they say; needs no TFX."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from data.errors import DataError


@dataclass(frozen=True)
class Finding:
    """Something a person should know of the data.

    Attributes:
      check: short name of the check.
      stops: whether nothing should be trained on this data.
      what: what was found, with figures and an example.
      remedy: what a person can do.
    """

    check: str
    stops: bool
    what: str
    remedy: str


@dataclass(frozen=True)
class GateLimits:
    """What the data may be like; shares are between 0 and 1.

    Attributes:
      min_pictures: of each split.
      max_caption_share: of a split's pictures that have one and the same caption among theirs.
      max_ambiguous_share: of the pictures without a caption of their own; past it is a warning.
      max_mislabelled_share: of captions whose script contradicts their language tag.
      max_similar_share: of val and test pictures that look like one of train; past it is a warning.
      min_agreement_lift: captions have to name attributes of their own picture this many times as
        often as they would name those of any other.
    """

    min_pictures: int = 8
    max_caption_share: float = 0.2
    max_ambiguous_share: float = 0.5
    max_mislabelled_share: float = 0.05
    max_similar_share: float = 0.01
    min_agreement_lift: float = 1.1

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if value < 0 or (one.name.endswith("share") and value > 1):
                raise DataError(
                    f"gate limits: {one.name} = {value}", "it is out of range", "Shares are 0 to 1."
                )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> GateLimits:
        """Reads plain values; raises DataError on a key that is not known."""
        known = [one.name for one in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise DataError(
                "gate limits", f"{unknown[0]!r} is not known", f"Choose from {', '.join(known)}."
            )
        return cls(**values)

    def to_json(self) -> str:
        """Returns one line."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True)
class Decision:
    """Whether the data may be trained on.

    Attributes:
      findings: those that stop first.
      figures: what was counted, by name.
    """

    findings: tuple[Finding, ...]
    figures: dict[str, Any]

    @classmethod
    def of(cls, findings: Sequence[Finding], figures: dict[str, Any]) -> Decision:
        """Orders the findings."""
        return cls(tuple(sorted(findings, key=lambda one: not one.stops)), figures)

    @property
    def passed(self) -> bool:
        """Whether no finding stops the run."""
        return not any(finding.stops for finding in self.findings)

    def to_json(self) -> str:
        """Returns the content of `decision.json`."""
        content = {
            "verdict": "pass" if self.passed else "stop",
            "findings": [asdict(finding) for finding in self.findings],
            "figures": self.figures,
        }
        return json.dumps(content, ensure_ascii=False, indent=1)

    def raise_if_stopped(self, where: str) -> None:
        """Raises DataError with every reason to stop, its remedy, and `where` to read on."""
        stopping = [finding for finding in self.findings if finding.stops]
        if stopping:
            reasons = "".join(
                f"\n  - {finding.check}: {finding.what}. {finding.remedy}" for finding in stopping
            )
            raise DataError(
                "DataGate",
                f"{len(stopping)} reason(s) not to train on this data, kept in {where}",
                f"What to do:{reasons}",
            )
