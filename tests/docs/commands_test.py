"""docs/commands.md says what the command line itself says.

    TUWEN_RENEW_GOLDEN=1 python -m pytest tests/docs/commands_test.py

writes the page anew.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.cli import parser

PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
HEAD = """\
# Commands

`tuwen COMMAND --help` prints the same. Every command takes `--debug`, which shows the trace of an
error. The status is 0, 1 when a command failed, and 2 when it was given wrongly.
"""


def commands() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command by name."""
    (found,) = (
        action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    for command in found.choices.values():
        command.complete()
    return found.choices


def page() -> Iterator[str]:
    """The lines of the page."""
    yield HEAD
    for name, command in commands().items():
        examples = (command.epilog or "").removeprefix("examples:\n").replace("\n  ", "\n").strip()
        yield f"## `tuwen {name}`\n\n{command.description}\n\n```bash\n{examples}\n```\n"
        rows = [row for action in command._actions if (row := described(command, action))]
        if rows:
            yield "| argument | is |\n|---|---|"
            yield from rows
            yield ""


def described(command: argparse.ArgumentParser, action: argparse.Action) -> str:
    """A row of the table of arguments, "" for those that all commands have."""
    if action.dest in ("help", "debug"):
        return ""
    value = action.metavar or (action.option_strings and action.dest.upper()) or action.dest
    if action.choices is not None and not action.metavar:
        value = " / ".join(map(str, action.choices))
    names = ", ".join(action.option_strings)
    shown = f"{names} {value}" if names and action.nargs != 0 else names or str(value)
    says = command._get_formatter()._expand_help(action)
    for special, escaped in {"<": "&lt;", "|": r"\|", "*": r"\*"}.items():
        says = says.replace(special, escaped)
    return f"| `{shown}` | {says} |"


def test_the_page_says_what_the_command_line_says() -> None:
    expected = "\n".join(page())
    if os.environ.get("TUWEN_RENEW_GOLDEN"):
        PAGE.write_text(expected, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == expected


def test_every_command_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert {"run", "train", "generate", "caption", "serve"} <= set(commands())
    assert all(f"## `tuwen {name}`" in text for name in commands())
