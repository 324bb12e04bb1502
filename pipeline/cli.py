"""`tuwen`: one command line for the pipeline, the trainer and the trained models.

Nothing heavy is imported here: a command's module is loaded when the command runs.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import re
import sys
import time
import traceback
import warnings
from collections.abc import Sequence

from data.errors import DataError
from pipeline.arguments import add_arguments
from pipeline.command_table import COMMANDS
from pipeline.errors import RunError, UsageError
from trainer.settings_loader import SettingsError

USAGE, FAILURE, INTERRUPTED = 2, 1, 130
_NO_SPACE = re.compile(r"(?:(\S+); )?(?:No space left on device|Disk quota exceeded)")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0, 1 when it failed, 2 when it was given wrongly."""
    _show_what_can_be_shown()
    arguments = parser().parse_args(argv)
    arguments.start = time.monotonic()
    # Before TensorFlow is first imported: its start-up notes are of no use to a person.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", "You are using a Python version", FutureWarning)
    try:
        return importlib.import_module(COMMANDS[arguments.command].module).run(arguments)
    except KeyboardInterrupt:
        return _tell("Interrupted. The same command goes on from here.", INTERRUPTED)
    except (UsageError, SettingsError) as error:
        return _failed(error, str(error), USAGE, arguments.debug)
    except (DataError, RunError) as error:
        return _failed(error, str(error), FAILURE, arguments.debug)
    except Exception as error:
        return _failed(error, _in_words(error), FAILURE, arguments.debug)


def _show_what_can_be_shown() -> None:
    """Letters that the terminal's encoding lacks are no reason to lose the rest."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _in_words(error: Exception) -> str:
    """What went wrong, and whether it is the machine's fault or ours."""
    if place := full_disk(error):
        return f"{place}: no space is left on the disk. Free some, and give the command again."
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}"
    return f"{type(error).__name__}: {error}\nThis is a fault of tuwen; --debug shows the trace."


def full_disk(error: BaseException) -> str | None:
    """The path that an error says there is no space for, "the disk" if it names none, else None.

    Libraries have errors of their own for it: TensorFlow names the path in its message.
    """
    said = _NO_SPACE.search(str(error))
    if not said and getattr(error, "errno", None) not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return getattr(error, "filename", None) or (said and said[1]) or "the disk"


def parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="tuwen",
        description="Pictures from captions, captions from pictures, each checking the other.",
        epilog="first steps:\n  tuwen run demo\n"
        "  tuwen generate 'a red circle above a blue square'\n  tuwen caption picture.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=command.help,
            description=command.help[0].upper() + command.help[1:] + ".",
            epilog="examples:\n" + "\n".join(f"  {line}" for line in command.examples),
            formatter_class=_HelpFormatter,
        )
        add_arguments(name, sub)
        sub.add_argument("--debug", action="store_true", help="show the trace of an error")
    return top


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the examples' lines and shows every default."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = action.default not in (None, False, argparse.SUPPRESS, "", [])
        return f"{action.help} (default: %(default)s)" if shown else action.help


def _failed(error: BaseException, message: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    return _tell(f"tuwen: {message}", status)


def _tell(message: str, status: int) -> int:
    print(message, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
