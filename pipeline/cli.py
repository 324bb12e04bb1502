"""`tuwen`: one command line for the pipeline, the trainer and the trained models.

Nothing heavy is imported here: a command's module is imported when the command is used, and imports
what it needs when it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import io
import os
import pwd
import re
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from data.base.errors import AddressError, DataError
from data.base.terminal import printable_lines
from pipeline.commands import COMMANDS
from pipeline.errors import RunError, UsageError
from trainer.settings_loader import SettingsError

USAGE, FAILURE, INTERRUPTED = 2, 1, 130
# As shells say it of commands that a signal ended.
_SIGNALLED = 128
_NO_SPACE = re.compile(r"(?:(\S+); )?(?:No space left on device|Disk quota exceeded)")
# TensorFlow has errors of its own for files: its message is the path, a semicolon and the reason.
_FILE_ERRORS = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EIO,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EMFILE,
    errno.ENFILE,
    errno.ESTALE,
)
_FILE_ERROR = re.compile(rf"([^\s;][^;\n]*); ({'|'.join(map(os.strerror, _FILE_ERRORS))})")
_NO_MEMORY = re.compile(
    r"Cannot allocate memory|OOM when allocating|failed to map segment|can't start new thread|"
    r"Unable to allocate|cannot allocate memory|bad_alloc",
)


class _Ended(KeyboardInterrupt):
    """SIGTERM or SIGHUP, which end a command as Ctrl-C does: what it leaves is put in order."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0, 1 when it failed, 2 when it was given wrongly.

    128 and a signal's number where that ended it: SIGINT, SIGTERM, SIGHUP, and SIGPIPE where
    nobody reads standard output any longer.
    """
    _open_standard_streams()
    _show_what_can_be_shown()
    debug = "--debug" in (sys.argv if argv is None else argv)
    try:
        with _ended_by_signals(), _written_out():
            return _run(_parsed(argv))
    except KeyboardInterrupt as error:
        number = error.number if isinstance(error, _Ended) else signal.SIGINT
        return _tell("Interrupted. The same command goes on from here.", _SIGNALLED + number)
    except BrokenPipeError:
        # Such as `tuwen configs | head`.
        return _SIGNALLED + signal.SIGPIPE
    except (UsageError, SettingsError, AddressError) as error:
        return _failed(error, str(error), USAGE, debug)
    except (DataError, RunError) as error:
        return _failed(error, str(error), FAILURE, debug)
    except Exception as error:
        return _failed(error, _in_words(error), FAILURE, debug)


def _run(arguments: argparse.Namespace) -> int:
    arguments.start = time.monotonic()
    # Before TensorFlow is first imported: its start-up notes are of no use to a person.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _give_a_home()
    warnings.filterwarnings("ignore", "You are using a Python version", FutureWarning)
    return command_module(arguments.command).run(arguments)


@contextlib.contextmanager
def _written_out() -> Iterator[None]:
    """Writes in the end what standard output holds: an error of it is then one of the command.

    What cannot be written is dropped, or Python would complain of it once more.
    """
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    top = parser()
    arguments = top.parse_args(argv)
    for name, value in vars(arguments).items():
        # What a shell makes of a variable that is not set.
        if value == "":
            top.error(f"argument {name}: it is empty")
    return arguments


def _open_standard_streams() -> None:
    """Gives what is closed to the null device, or the next file would take its number.

    What native code writes to standard error would then go into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free, so this one.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _give_a_home() -> None:
    """Libraries ask for the user's folder and name; a container's user may have neither."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        os.environ.setdefault("HOME", tempfile.gettempdir())
        os.environ.setdefault("USER", str(os.getuid()))
    else:
        os.environ.setdefault("HOME", entry.pw_dir)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Has SIGTERM and SIGHUP raise `_Ended`, unless they are ignored as under nohup."""

    def end(number: int, _: object) -> None:
        raise _Ended(number)

    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for one in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(one) == signal.SIG_DFL:
                before[one] = signal.signal(one, end)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _show_what_can_be_shown() -> None:
    """Letters that the terminal's encoding lacks are no reason to lose the rest."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _in_words(error: Exception) -> str:
    """What went wrong, and whether it is the machine's fault or ours."""
    if place := full_disk(error):
        return f"{place}: no space is left on the disk. Free some, and give the command again."
    if short_of_memory(error):
        return (
            "there is not enough memory. Lower batch_size or data.resolution with --set, end other "
            "programs, or raise the limit of this process (ulimit -v)."
        )
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}"
    if found := _FILE_ERROR.search(str(error)):
        return f"{found[1]}: {found[2]}"
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        return f"{ascii(error.object)[:80]}: this is not UTF-8 text. Name or write it otherwise."
    return f"{type(error).__name__}: {error}\nThis is a fault of tuwen; --debug shows the trace."


def short_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory, in Python's words or those of libraries."""
    known = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    return known or _NO_MEMORY.search(str(error)) is not None


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
    top = _Parser(
        prog="tuwen",
        description="Pictures from captions, captions from pictures, each checking the other.",
        epilog="first steps:\n  tuwen run demo\n"
        "  tuwen generate 'a red circle above a blue square'\n  tuwen caption picture.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=_CommandParser
    )
    for name, purpose in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=purpose,
            description=purpose[0].upper() + purpose[1:] + ".",
            formatter_class=_HelpFormatter,
        )
        sub.command = name
    return top


def command_module(name: str) -> Any:
    """Returns the module of a command: `EXAMPLES`, `add_arguments(parser)`, `run(arguments)`."""
    return importlib.import_module(f"pipeline.commands.{name.replace('-', '_')}")


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong in one line, and fails where its help cannot be written."""

    def print_help(self, file: Any = None) -> None:
        # argparse passes over errors of writing.
        (file or sys.stdout).write(self.format_help())

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (see '{self.prog} --help')\n")


class _CommandParser(_Parser):
    """Parses one command. Its module is imported, for examples and arguments, when it is used."""

    command = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.complete()
        return super().parse_known_args(args, namespace)

    def complete(self) -> None:
        """Adds the examples and the arguments of the command, if they are not there yet."""
        if self.epilog is None:
            module = command_module(self.command)
            self.epilog = "examples:\n" + "\n".join(f"  {line}" for line in module.EXAMPLES)
            module.add_arguments(self)
            self.add_argument("--debug", action="store_true", help="show the trace of an error")


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
    print(printable_lines(message), file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
