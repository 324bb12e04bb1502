"""A model's verdict as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from components.cross_modal_evaluator.remedies import in_order
from pipeline.tables import wrapped

Check = Mapping[str, Any]


def verdict_lines(record: Mapping[str, Any]) -> list[str]:
    """Returns the outcome, then every check, failed ones first, then what to do.

    What several checks say in the same words is said once.

    Args:
      record: `Verdict.to_json` of any version; without checks the sentence alone is told.
    """
    model, checks = record["model"], record.get("checks", ())
    if not checks:
        return wrapped(f"{model}: {record['sentence']}", "", "  ")
    failed, passed = _divided(checks)
    lines = wrapped(f"{model}: {_outcome(record)}", "", "  ")
    lines += _check_lines(failed, "  NO  ") + _check_lines(passed, "  ok  ")
    return lines + _remedy_lines(failed)


def failure_lines(record: Mapping[str, Any]) -> list[str]:
    """Returns the failed checks of a refusal, then what to do; see `verdict_lines`."""
    failed, _ = _divided(record.get("checks", ()))
    if not failed:
        return wrapped(record["sentence"])
    return _check_lines(failed, "  NO  ") + _remedy_lines(failed)


def _divided(checks: Iterable[Check]) -> tuple[list[Check], list[Check]]:
    """Returns the failed and the passed checks, those with the same sentence once."""
    told = {check["sentence"]: check for check in checks}.values()
    return [x for x in told if not x["passed"]], [x for x in told if x["passed"]]


def _check_lines(checks: Iterable[Check], mark: str) -> list[str]:
    return [line for x in checks for line in wrapped(x["sentence"], mark, " " * len(mark))]


def _remedy_lines(failed: Iterable[Check]) -> list[str]:
    return wrapped(in_order(check.get("remedy", "") for check in failed))


def _outcome(record: Mapping[str, Any]) -> str:
    if record.get("forced"):
        return f"BLESSED BY FORCE ({record['forced']})"
    return "blessed" if record["blessed"] else "REFUSED"
