"""What the values of arguments must be; an ArgumentTypeError says what is wrong with one."""

from __future__ import annotations

import argparse


def reason(text: str) -> str:
    """Returns a text on one line; refuses an empty one."""
    words = " ".join(text.split())
    if not words:
        raise argparse.ArgumentTypeError("say why: an empty reason blesses nothing")
    return words


def positive(text: str) -> float:
    """Returns a finite number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def count(text: str) -> int:
    """Returns a whole number above 0."""
    return _whole_above(0, text)


def port(text: str) -> int:
    """Returns the number of a TCP port; 0 stands for any."""
    value = int(text)
    if not 0 <= value < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 0 to 65535")
    return value


def seed(text: str) -> int:
    """Returns a whole number that a model takes as a seed, a signed one of 64 bits."""
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{text} is not a seed from {-(2**63)} to {2**63 - 1}")
    return value


def folds(text: str) -> int:
    """Returns a whole number above 1."""
    return _whole_above(1, text)


def _whole_above(bound: int, text: str) -> int:
    value = int(text)
    if value <= bound:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above {bound}")
    return value
