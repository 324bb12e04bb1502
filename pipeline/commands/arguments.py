"""What the arguments of several commands are, and what values they take.

An ArgumentTypeError says what is wrong with a value.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TypeVar

from trainer.settings_loader import clipped

T = TypeVar("T")
# Higher numbers are mistakes, and clocks and counters do not take them.
_MOST = 10**9


def reason_text(text: str) -> str:
    """Returns a text on one line; refuses an empty one."""
    words = " ".join(text.split())
    if not words:
        raise argparse.ArgumentTypeError("say why: an empty reason blesses nothing")
    return words


def positive_number(text: str) -> float:
    """Returns a number above 0, of seconds or minutes at most a thousand years."""
    value = _number(float, text)
    if value is None or not 0 < value < _MOST:
        raise argparse.ArgumentTypeError(f"{clipped(text)} is not a number above 0")
    return value


def utf8_text(text: str) -> str:
    """Returns a text as UTF-8, whatever the locale took its bytes for."""
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeError:
        raise argparse.ArgumentTypeError(f"{clipped(ascii(text))} is not UTF-8 text") from None


def whole_number(text: str) -> int:
    """Returns a whole number above 0."""
    return _whole_above(0, text)


def port_number(text: str) -> int:
    """Returns the number of a TCP port; 0 stands for any."""
    value = _number(int, text)
    if value is None or not 0 <= value < 65536:
        raise argparse.ArgumentTypeError(f"{clipped(text)} is not a port from 0 to 65535")
    return value


def seed_number(text: str) -> int:
    """Returns a whole number that a model takes as a seed, a signed one of 64 bits."""
    value = _number(int, text)
    if value is None or not -(2**63) <= value < 2**63:
        allowed = f"a seed from {-(2**63)} to {2**63 - 1}"
        raise argparse.ArgumentTypeError(f"{clipped(text)} is not {allowed}")
    return value


def fold_count(text: str) -> int:
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


def add_config(parser: argparse.ArgumentParser) -> None:
    """Adds the config of a run and what changes it."""
    parser.add_argument(
        "config",
        nargs="?",
        default="demo",
        metavar="CONFIG",
        help="name of a config (see 'tuwen configs') or a YAML file",
    )
    parser.add_argument("--data", metavar="PATH", help="data set in place of the config's")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change any setting"
    )


def add_work(
    parser: argparse.ArgumentParser, what: str = "work directory (runs/<name of the config>)"
) -> None:
    """Adds `--work`."""
    parser.add_argument("--work", metavar="DIR", help=what)


def add_listen(parser: argparse.ArgumentParser, port: int) -> None:
    """Adds where a server of HTTP listens."""
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; others than this machine's own let the network in",
    )
    parser.add_argument("--port", type=port_number, default=port, help="port of HTTP, 0 for any")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which clients reach this machine, besides --host and localhost; may be "
        "repeated (requests for any other name are refused)",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds `--model`."""
    parser.add_argument(
        "--model",
        metavar="DIR",
        help="a SavedModel or a work directory (the last pushed model of the newest run)",
    )
