"""A model's verdict as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.cross_modal_evaluator.remedies import in_order
from pipeline.tables import wrapped


def verdict_lines(record: Mapping[str, Any]) -> list[str]:
    """Returns the outcome, then every check, failed ones first, then what to do.

    What several checks say in the same words is said once.

    Args:
      record: `Verdict.to_json` of any version; without checks the sentence alone is told.
    """
    model, checks = record["model"], record.get("checks", ())
    failed = [check for check in checks if not check["passed"]]
    if not checks:
        return wrapped(f"{model}: {record['sentence']}", "", "  ")
    lines = wrapped(f"{model}: {_outcome(record)}", "", "  ")
    told = {check["sentence"]: check for check in checks}
    for check in sorted(told.values(), key=lambda check: check["passed"]):
        mark = "  ok  " if check["passed"] else "  NO  "
        lines += wrapped(check["sentence"], mark, " " * 6)
    lines += wrapped(in_order(check.get("remedy", "") for check in failed))
    return lines


def _outcome(record: Mapping[str, Any]) -> str:
    if record.get("forced"):
        return f"BLESSED BY FORCE ({record['forced']})"
    return "blessed" if record["blessed"] else "REFUSED"
