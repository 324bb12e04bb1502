"""Picks the locked stack and the Python for this machine, and prints both in one line.

    python3 requirements/pick.py      ->  tfx-1.16 /usr/bin/python3.11

TFX 1.17 and later ship wheels for glibc >= 2.39 only, so glibc decides the stack, and the stack
decides which Pythons will do. Needs no more than the standard library of Python 3.8.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Tuple

Version = Tuple[int, int]


class Stack(NamedTuple):
    """A lock under requirements/ and the Pythons that it serves, best first.

    With `ranked` the order decides; without it any of them is as good, and the running one is
    taken if it is among them.
    """

    name: str
    pythons: Tuple[Version, ...]
    ranked: bool


MODERN = Stack("tfx-1.21", ((3, 13), (3, 12), (3, 11), (3, 10)), ranked=False)
OLDER = Stack("tfx-1.16", ((3, 11), (3, 10)), ranked=True)
MODERN_GLIBC = (2, 39)
OLDEST_GLIBC = (2, 31)

# Run inside a candidate: what it is (the interpreter behind it, in a virtual environment), and
# whether wheels for plain 64-bit CPython fit it.
PROBE = """
import json, platform, struct, sys
plain = platform.python_implementation() == "CPython" and "t" not in getattr(sys, "abiflags", "")
fits = plain and struct.calcsize("P") == 8
path = getattr(sys, "_base_executable", sys.executable)
print(json.dumps({"path": path, "version": sys.version_info[:2], "fits": fits}))
"""


class PickError(Exception):
    """This machine cannot take a stack as it is; the message says what to do."""


class Machine(NamedTuple):
    """What the choice depends on; `glibc` is None where the C library is another one."""

    system: str
    architecture: str
    glibc: Optional[Version]


def this_machine() -> Machine:
    """Reads the machine that runs this script."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        text = ""
    numbers = text.rpartition(" ")[2].split(".")[:2]
    glibc = (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else None
    return Machine(platform.system(), platform.machine(), glibc)


def stack_for(machine: Machine) -> Stack:
    """The stack whose wheels run on `machine`."""
    if (machine.system, machine.architecture) != ("Linux", "x86_64"):
        raise PickError(
            f"TFX ships wheels for Linux on x86_64 only, and this is {machine.system} on"
            f" {machine.architecture}. Use the container image (Dockerfile) on such a machine."
        )
    if machine.glibc is None or machine.glibc < OLDEST_GLIBC:
        found = f"glibc {dotted(machine.glibc)}" if machine.glibc else "another C library"
        raise PickError(
            f"TensorFlow's wheels need glibc {dotted(OLDEST_GLIBC)} or later, and this machine has"
            f" {found}. Use Debian 11 or later, Ubuntu 20.04 or later, or the container image."
        )
    return MODERN if machine.glibc >= MODERN_GLIBC else OLDER


def dotted(version: Version) -> str:
    """(3, 11) -> "3.11"."""
    return f"{version[0]}.{version[1]}"


def ask(*command: str) -> str:
    """What a program prints; nothing if it does not run."""
    try:
        return subprocess.run(
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=30,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def probe(python: str) -> Optional[Tuple[Version, str]]:
    """Version and own path of an interpreter, None if it does not run or no wheel fits it."""
    try:
        said = json.loads(ask(python, "-c", PROBE))
    except ValueError:
        return None
    major, minor = said["version"]
    return ((major, minor), said["path"]) if said["fits"] else None


def candidates(version: Version) -> Iterator[str]:
    """Places where an interpreter of this version may be, without looking whether it runs."""
    name = dotted(version)
    yield sys.executable
    on_path = shutil.which(f"python{name}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for home in sorted(pyenv.glob(f"versions/{name}.*"), reverse=True):
        yield str(home / "bin" / f"python{name}")
    yield from ask("uv", "python", "find", "--no-python-downloads", name).splitlines()


def python_for(stack: Stack) -> str:
    """Path of the best interpreter of this machine for `stack`."""
    running = probe(sys.executable)
    if not stack.ranked and running and running[0] in stack.pythons:
        return running[1]
    for version in stack.pythons:
        for path in candidates(version):
            found = probe(path)
            if found and found[0] == version:
                return found[1]
    raise PickError(no_python(stack))


def no_python(stack: Stack) -> str:
    """What to say when no interpreter fits."""
    best = dotted(stack.pythons[0])
    wanted = " or ".join(dotted(version) for version in stack.pythons)
    return (
        f"The stack {stack.name} needs CPython {wanted} (64 bit), and none was found: this is"
        f" Python {platform.python_version()}, and none is on PATH, in pyenv or known to uv."
        f" Install one, such as by `apt-get install python{best} python{best}-dev`,"
        f" `pyenv install {best}` or `uv python install {best}`, and run the command again."
    )


def main(argv: Optional[List[str]] = None) -> int:
    """Prints `STACK PYTHON`, or the reason why there is none."""
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args(argv)
    try:
        stack = stack_for(this_machine())
        print(stack.name, python_for(stack))
    except PickError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
