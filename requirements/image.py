"""Builds and runs the container image where there is no container engine: in Debian roots.

    python3 requirements/image.py [--build-arg NAME=VALUE] [COMMAND...]

Carries out the instructions of the Dockerfile one by one, each stage in a Debian 13 root of its own
made by debootstrap, and runs COMMAND (the image's own command without one) as the image's user in
the last one. So what is proven is the recipe itself. Needs the rights of root.

The roots stay in TUWEN_CACHE. Indexes, proxies and certificates of this machine hold inside too.
"""

import argparse
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from recipe import Instruction, RecipeError, Stage, pairs, read, words

PROJECT = Path(__file__).resolve().parent.parent
LIBRARY = PROJECT / "requirements" / "root.sh"
CACHE = Path(
    os.environ.get("TUWEN_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tuwen"
)
IMAGE = "debian:trixie-slim"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Mounts end with the command, in a name space of its own; `$1` is the root, the rest the command.
INSIDE = """PATH=$PATH:/usr/sbin:/sbin
mount --rbind /proc "$1/proc" && mount --rbind /dev "$1/dev" && shift && exec "$@"
"""


class BuildError(Exception):
    """An instruction failed; the message names it."""


class Root:
    """One stage while it is built: where its files are, and what later instructions go by."""

    def __init__(self, place: Path):
        self.place = place
        self.environment = {"PATH": PATH}
        self.user, self.folder = "root", Path("/")
        self.entry: List[str] = []
        self.command: List[str] = []

    def outer(self, path: str) -> Path:
        """Returns where `path` of the image, relative to WORKDIR, is on this machine."""
        return self.place / (self.folder / path).relative_to("/")


def shell(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Calls a function of root.sh; what it prints on standard output is in the result."""
    source = f'. {shlex.quote(str(LIBRARY))}; "$@"'
    command = ["bash", "-euo", "pipefail", "-c", source, "bash", *arguments]
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)


def settings() -> Dict[str, str]:
    """Returns this machine's variables that hold in a build, as build arguments would."""
    return dict(line.split("=", 1) for line in shell("settings").stdout.splitlines())


def run_inside(root: Root, argv: Sequence[str], extra: Dict[str, str]) -> int:
    """Runs a command as the stage's user, in its folder, with its variables; returns its status."""
    variables = [f"{name}={value}" for name, value in {**extra, **root.environment}.items()]
    chroot = ["chroot", f"--userspec={root.user}", str(root.place), "/usr/bin/env", "-i"]
    chroot += [f"--chdir={root.folder}", *variables, *argv]
    outer = ["unshare", "--mount", "sh", "-c", INSIDE, "sh", str(root.place), *chroot]
    return subprocess.run(outer, check=False).returncode


def carry_out(step: Instruction, root: Root, roots: Dict[str, Root], extra: Dict[str, str]) -> None:
    """Does what one instruction says.

    Raises:
      BuildError: its command failed, or what it copies is not there.
    """
    if step.name == "RUN":
        # Anew each time: an instruction may have installed files of its own over them.
        shell("copy_settings", str(root.place), str(root.place / "root"))
        if run_inside(root, ["/bin/sh", "-c", step.text], {"HOME": "/root", **extra}):
            raise BuildError(f"line {step.line}: RUN {step.text} failed")
    elif step.name == "COPY":
        copy(step, root, roots)
    elif step.name == "ENV":
        for name, value in pairs(step).items():
            root.environment[name] = value.replace("$PATH", root.environment["PATH"])
    elif step.name == "WORKDIR":
        root.folder = root.folder / step.text
        root.outer("").mkdir(parents=True, exist_ok=True)
    elif step.name == "USER":
        root.user = step.text
    elif step.name == "ENTRYPOINT":
        root.entry, root.command = words(step), []
    elif step.name == "CMD":
        root.command = words(step)


def copy(step: Instruction, root: Root, roots: Dict[str, Root]) -> None:
    """Copies files of the project, or of an earlier stage, into the stage."""
    given = step.text.split()
    source: Optional[Root] = None
    if given[0].startswith("--from="):
        source = roots[given.pop(0).partition("=")[2]]
    *names, target = given
    for name in names:
        found = source.outer(name) if source else PROJECT / name
        place = root.outer(target)
        if not found.exists():
            raise BuildError(f"line {step.line}: COPY: there is no {name}")
        if found.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", f"{found}/.", str(place)], check=True)
        else:
            place = place / found.name if target.endswith("/") or place.is_dir() else place
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(found), str(place))


def build(stages: Sequence[Stage], extra: Dict[str, str]) -> Root:
    """Builds all stages anew; returns the last."""
    roots: Dict[str, Root] = {}
    base = CACHE / "trixie-slim"
    if not base.is_dir():
        print("making a Debian root (once)", flush=True)
    if not base.is_dir() and shell("make_root", str(base), "", f"{base}.log").returncode:
        raise BuildError("there is no Debian root to start from")
    for stage in stages:
        if stage.base != IMAGE:
            raise BuildError(f"stage {stage.name} starts from {stage.base}; only {IMAGE} is here")
        place = CACHE / f"image-{stage.name}"
        shutil.rmtree(str(place), ignore_errors=True)
        subprocess.run(["cp", "-a", str(base), str(place)], check=True)
        roots[stage.name] = Root(place)
        for step in stage.steps:
            print(f"[{stage.name}] {step.name} {step.text}", flush=True)
            carry_out(step, roots[stage.name], roots, extra)
    return roots[stages[-1].name]


def main(argv: Optional[List[str]] = None) -> int:
    """Builds the image and runs a command in it; returns the command's status, 1 without one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="arguments of the image")
    given = parser.parse_args(argv)
    arguments = dict(one.partition("=")[::2] for one in given.build_arg)
    CACHE.mkdir(parents=True, exist_ok=True)
    # The lock goes with the process, however that ends.
    with open(str(CACHE / "image.lock"), "w", encoding="utf-8") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        begin = time.monotonic()
        try:
            text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
            extra = settings()
            root = build(read(text, arguments), extra)
        except (BuildError, RecipeError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        print(f"built in {time.monotonic() - begin:.0f} s, user {root.user}", flush=True)
        command = [*root.entry, *(given.command or root.command)]
        return run_inside(root, command, {"HOME": str(root.folder)})


if __name__ == "__main__":
    sys.exit(main())
