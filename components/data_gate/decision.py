"""The gate's decision with its reasons; needs no TFX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from data.base.errors import DataError
from data.checking.findings import Finding


@dataclass(frozen=True)
class Decision:
    """Whether the data may be used for training.

    Attributes:
      findings: those that stop the run first.
      figures: statistics by name.
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
        """Raises DataError with every reason to stop and its remedy, and with `where` to find
        more."""
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
