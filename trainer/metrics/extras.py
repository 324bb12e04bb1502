"""What only an optional package or program can measure."""

from __future__ import annotations

import importlib
from types import ModuleType

EXTRA = "captions"


class Unavailable(RuntimeError):
    """Something that this machine lacks; the message says what, and how to get it."""


def load(module: str, package: str, purpose: str) -> ModuleType:
    """Imports `module` of the optional `package`; raises Unavailable where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise Unavailable(
            f"{purpose} needs the package {package}: pip install 'tuwen[{EXTRA}]'"
        ) from None
