"""What the values of arguments must be; an ArgumentTypeError says what is wrong with one."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TypeVar

from trainer.settings_loader import clipped

T = TypeVar("T")
# Higher numbers are mistakes, and clocks and counters do not take them.
_MOST = 10**9


def reason(text: str) -> str:
    """Returns a text on one line; refuses an empty one."""
    words = " ".join(text.split())
    if not words:
        raise argparse.ArgumentTypeError("say why: an empty reason blesses nothing")
    return words


def positive(text: str) -> float:
    """Returns a number above 0, of seconds or minutes at most a thousand years."""
    value = _number(float, text)
    if value is None or not 0 < value < _MOST:
        raise argparse.ArgumentTypeError(f"{clipped(text)} is not a number above 0")
    return value


def words(text: str) -> str:
    """Returns a text as UTF-8, whatever the locale took its bytes for."""
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeError:
        raise argparse.ArgumentTypeError(f"{clipped(ascii(text))} is not UTF-8 text") from None


def count(text: str) -> int:
    """Returns a whole number above 0."""
    return _whole_above(0, text)


def port(text: str) -> int:
    """Returns the number of a TCP port; 0 stands for any."""
    value = _number(int, text)
    if value is None or not 0 <= value < 65536:
        raise argparse.ArgumentTypeError(f"{clipped(text)} is not a port from 0 to 65535")
    return value


def seed(text: str) -> int:
    """Returns a whole number that a model takes as a seed, a signed one of 64 bits."""
    value = _number(int, text)
    if value is None or not -(2**63) <= value < 2**63:
        allowed = f"a seed from {-(2**63)} to {2**63 - 1}"
        raise argparse.ArgumentTypeError(f"{clipped(text)} is not {allowed}")
    return value


def folds(text: str) -> int:
    """Returns a whole number above 1."""
    return _whole_above(1, text)


def _whole_above(bound: int, text: str) -> int:
    value = _number(int, text)
    if value is None or not bound < value < _MOST:
        raise argparse.ArgumentTypeError(f"{clipped(text)} is not a whole number above {bound}")
    return value


def _number(kind: Callable[[str], T], text: str) -> T | None:
    """A number, or None where Python reads none: argparse's own words name a function of ours."""
    try:
        return kind(text)
    except ValueError:
        return None
