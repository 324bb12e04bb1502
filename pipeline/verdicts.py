"""A model's verdict as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.cross_modal_evaluator.remedies import in_order
from pipeline.tables import wrapped


def verdict_lines(record: Mapping[str, Any]) -> list[str]:
    """Returns the outcome, then every check, failed ones first, then what to do.

    That there is no earlier model to fall behind is said once, not of every figure.

    Args:
      record: `Verdict.to_json` of any version; without checks the sentence alone is told.
    """
    model, checks = record["model"], record.get("checks", ())
    failed = [check for check in checks if not check["passed"]]
    if not checks:
        return wrapped(f"{model}: {record['sentence']}", "", "  ")
    lines = wrapped(f"{model}: {_outcome(record)}", "", "  ")
    alone = f"no {model} was blessed before"
    told = [check for check in checks if not check["sentence"].startswith(alone)]
    for check in sorted(told, key=lambda check: check["passed"]):
        mark = "  ok  " if check["passed"] else "  NO  "
        lines += wrapped(check["sentence"], mark, " " * 6)
    if len(told) < len(checks):
        lines.append(f"  ok  {alone}: it has nothing to fall behind")
    lines += wrapped(in_order(check.get("remedy", "") for check in failed))
    return lines


def _outcome(record: Mapping[str, Any]) -> str:
    if record.get("forced"):
        return f"BLESSED BY FORCE ({record['forced']})"
    return "blessed" if record["blessed"] else "REFUSED"
