"""How the page writes durations and names."""

from __future__ import annotations

import math


def duration(seconds: float | None) -> str:
    """Writes seconds as 3.2 s, 4 min 10 s or 2 h 5 min."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def plain(name: str) -> str:
    """Writes an identifier as words."""
    return name.replace("_", " ")


def sentence(text: str) -> str:
    """Writes a phrase as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""
