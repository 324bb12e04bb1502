"""Reads the Dockerfile: stages and their instructions, with variables put in.

Knows as much of the language as the recipe uses, and refuses the rest: an instruction that were
passed over would prove nothing. Needs no more than the standard library of Python 3.8.
"""

import json
import re
from shlex import quote
from typing import Dict, List, NamedTuple, Optional, Tuple

KNOWN = ("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "LABEL", "RUN", "USER", "WORKDIR")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")


class RecipeError(Exception):
    """The recipe holds what this reader does not know; the message names the line."""


class Instruction(NamedTuple):
    """One instruction: its line in the file, its name in capitals, and what follows."""

    line: int
    name: str
    text: str


class Stage(NamedTuple):
    """One stage: its name, what it starts from (an image or an earlier stage), and its steps."""

    name: str
    base: str
    steps: Tuple[Instruction, ...]


def read(text: str, arguments: Optional[Dict[str, str]] = None) -> List[Stage]:
    """Returns the stages in order.

    Args:
      text: of the Dockerfile.
      arguments: values of ARG in place of their defaults, as `docker build --build-arg` gives them.

    Raises:
      RecipeError: an instruction or a variable is not known, or nothing precedes the first FROM.
    """
    given = dict(arguments or {})
    stages: List[Stage] = []
    common: Dict[str, str] = {}
    known: Dict[str, str] = {}
    for step in instructions(text):
        if step.name == "FROM":
            base, name = _from(step._replace(text=put_in(step, common)), len(stages))
            stages.append(Stage(name, base, ()))
            known = {}
        elif step.name == "ARG":
            name, default = _assigned(step)
            value = given.get(name, common.get(name, default))
            (known if stages else common)[name] = value
        elif not stages:
            raise RecipeError(f"line {step.line}: {step.name} before the first FROM")
        else:
            steps = (*stages[-1].steps, _with_values(step, known))
            stages[-1] = stages[-1]._replace(steps=steps)
    return stages


def instructions(text: str) -> List[Instruction]:
    """Returns the instructions with continued lines joined; comments are left out."""
    found, part, begun = [], "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not (line.strip() or part):
            continue
        begun = begun or number
        part += line.rstrip()
        if part.endswith("\\"):
            part = part[:-1] + " "
            continue
        name, _, rest = part.strip().partition(" ")
        if name.upper() not in KNOWN:
            raise RecipeError(f"line {begun}: {name} is not known; known are {', '.join(KNOWN)}")
        found.append(Instruction(begun, name.upper(), " ".join(rest.split())))
        part, begun = "", 0
    return found


def put_in(step: Instruction, values: Dict[str, str], keep: bool = False) -> str:
    """Returns the text with `$NAME`, `${NAME}` and `${NAME:-default}` replaced.

    Args:
      keep: leaves variables that are not known, which the environment may hold.
    """

    def value(match: "re.Match[str]") -> str:
        name = match[1] or match[3]
        if name in values:
            return values[name] or match[2] or ""
        if match[2] is not None:
            return match[2]
        if keep:
            return match[0]
        raise RecipeError(f"line {step.line}: no ARG gives ${name}")

    return _VARIABLE.sub(value, step.text)


def pairs(step: Instruction) -> Dict[str, str]:
    """Returns what an ENV sets."""
    found = {}
    for word in step.text.split():
        name, equals, value = word.partition("=")
        if not equals or '"' in value:
            raise RecipeError(f"line {step.line}: write it as {step.name} NAME=value, unquoted")
        found[name] = value
    return found


def words(step: Instruction) -> List[str]:
    """Returns the words of an ENTRYPOINT or CMD, which must be JSON."""
    try:
        return json.loads(step.text)
    except ValueError:
        raise RecipeError(f"line {step.line}: write {step.name} as a list in JSON") from None


def _with_values(step: Instruction, known: Dict[str, str]) -> Instruction:
    """A shell reads variables itself, so they go before the command of a RUN."""
    if step.name == "RUN":
        before = "".join(f"export {key}={quote(known[key])}; " for key in sorted(known))
        return step._replace(text=before + step.text)
    return step._replace(text=put_in(step, known, keep=step.name == "ENV"))


def _from(step: Instruction, number: int) -> Tuple[str, str]:
    given = step.text.split()
    if len(given) == 1:
        return given[0], str(number)
    if len(given) == 3 and given[1].upper() == "AS":
        return given[0], given[2]
    raise RecipeError(f"line {step.line}: write it as FROM IMAGE [AS NAME]")


def _assigned(step: Instruction) -> Tuple[str, str]:
    name, _, default = step.text.partition("=")
    return name, default
