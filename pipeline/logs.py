"""Keeps the terminal for people: library logs go to a file, with every trace in full."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

FORMAT = "%(asctime)s %(levelname).1s %(name)s: %(message)s"


@contextlib.contextmanager
def logs_to(path: Path) -> Iterator[None]:
    """Sends logging, warnings and what native code writes to file descriptor 2 into `path`.

    Import the noisy libraries inside and then call `adopt_loggers`. Python's own `sys.stderr` stays
    on the terminal for progress bars.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    before = sys.stderr
    descriptor = os.dup(2)
    with open(path, "a", encoding="utf-8", buffering=1) as file:
        os.dup2(file.fileno(), 2)
        sys.stderr = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1, closefd=False)
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter(FORMAT))
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        root.handlers, root.level = [handler], logging.INFO
        logging.captureWarnings(True)
        try:
            yield
        finally:
            logging.captureWarnings(False)
            root.handlers, root.level = handlers, level
            sys.stderr.flush()
            os.dup2(descriptor, 2)
            os.close(descriptor)
            sys.stderr = before


def adopt_loggers() -> None:
    """Drops the handlers that libraries gave their own loggers, so that the root's serve them."""
    root = logging.getLogger()
    own = [item for item in root.handlers if type(item) is not logging.StreamHandler]
    for handler in own:
        root.removeHandler(handler)
    for logger in list(root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
