"""`tuwen configs`: what can be run, what it costs and what it gives."""

from __future__ import annotations

import argparse

from pipeline import config_files
from pipeline.terminal import wrapped

EXAMPLES = ("tuwen configs",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds nothing: the command takes no arguments."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Prints the comment block of every config that comes with the package."""
    del arguments
    for name in config_files.names():
        file = config_files.load(config_files.find(name))
        print(f"{name}   {file.path}")
        for heading in config_files.HEADINGS:
            label = f"  {heading.lower() + ':':<10}"
            text = file.header.get(heading, "")
            print("\n".join(wrapped(text, label, " " * 12)))
        print()
    return 0
