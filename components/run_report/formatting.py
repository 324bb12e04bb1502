"""Formats durations and names for the user."""

from __future__ import annotations

import math


def duration(seconds: float | None) -> str:
    """Formats seconds as `8.1 s`, `4 min 05 s` or `2 h 10 min`, and None as `–`."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plain(name: str) -> str:
    """Formats an identifier as words."""
    return name.replace("_", " ")


def sentence(text: str) -> str:
    """Formats a phrase as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""
