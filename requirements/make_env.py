"""Makes `.venv` from the locked stack that fits this machine, or finds it up to date.

    python3 requirements/make_env.py [--gpu]

A stamp inside `.venv` names what it was made from and is written last: an environment without one
is half made and is made anew, one with another lock's stamp is brought up to date, and one with
the right stamp costs nothing. Needs no more than the standard library of Python 3.8.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Optional

from pick import PickError, ask, python_for, stack_for, this_machine

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
INTERPRETER = VENV / "bin" / "python"
TOOLS = ROOT / ".tools"
STAMP = VENV / "made-from"
UV_LOCK = ROOT / "requirements" / "uv.txt"
# The first uv whose `venv` knows `--clear`.
OLDEST_UV = [0, 8]


class EnvError(Exception):
    """The environment could not be made; the message says what to do."""


def run(*command: str) -> None:
    """Runs a step, its output shown; EnvError if it fails."""
    # An index, a proxy or certificates set for this machine stay in force.
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    if has_certificates():
        # uv would trust its own list alone, and so no proxy that a company's authority vouches for.
        environment.setdefault("UV_SYSTEM_CERTS", "true")
    done = subprocess.run(command, check=False, cwd=str(ROOT), env=environment)
    if done.returncode:
        raise EnvError(f"`{' '.join(command)}` failed with status {done.returncode}")


def has_certificates() -> bool:
    """Whether this machine has a store of certificates."""
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())))


def made_from(locks: List[Path]) -> str:
    """What the stamp of a whole environment says: all that its making depends on."""
    inputs = (*locks, ROOT / "setup.py", Path(__file__))
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in inputs]
    return "\n".join([str(ROOT), *sums, ""])


def stamp() -> Optional[str]:
    """The stamp of `.venv`, None if it has none or its interpreter is gone."""
    if not (STAMP.exists() and os.access(str(INTERPRETER), os.X_OK)):
        return None
    return STAMP.read_text(encoding="utf-8")


def uv_version(uv: str) -> List[int]:
    """[0, 13] for a uv 0.13.8; [] if it does not run."""
    found = re.match(r"uv (\d+)\.(\d+)", ask(uv, "--version"))
    return [int(number) for number in found.groups()] if found else []


def find_uv() -> str:
    """Path of a uv that is new enough: the machine's, else a private one in `.tools`."""
    private = str(TOOLS / "bin" / "uv")
    for uv in (shutil.which("uv"), private):
        if uv and uv_version(uv) >= OLDEST_UV:
            return uv
    print(f"installing uv into {TOOLS.name}", flush=True)
    try:
        run(sys.executable, "-m", "venv", "--clear", str(TOOLS))
    except EnvError as error:
        raise EnvError(
            f"{error}. Give this Python its `venv` (Debian, Ubuntu: `apt-get install python3-venv`)"
            " or install uv, and run the command again."
        ) from None
    pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    run(*pip, "--quiet", "--require-hashes", "-r", str(UV_LOCK))
    return private


def install(uv: str, locks: List[Path], anew: bool) -> None:
    """Fills `.venv` with exactly what `locks` name, and with Tuwen itself, editable."""
    if anew:
        python = python_for(stack_for(this_machine()))
        run(uv, "venv", "--quiet", "--clear", "--python", python, str(VENV))
    else:
        STAMP.unlink()
    into = ("--python", str(INTERPRETER))
    # The few packages without a wheel are built with the setuptools of the lock.
    locked = ("--require-hashes", "--build-constraints", str(locks[0]))
    try:
        run(uv, "pip", "sync", *into, *locked, *map(str, locks))
    except EnvError as error:
        raise EnvError(f"{error}. {advice()}") from None
    editable = ("--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    run(uv, "pip", "install", *into, *editable)


def advice() -> str:
    """What may have kept the packages from being installed."""
    where = ask(str(INTERPRETER), "-c", "import sysconfig; print(sysconfig.get_path('include'))")
    header = Path(where.strip(), "Python.h")
    missing = [] if shutil.which(os.environ.get("CXX", "g++")) else ["a C++ compiler (g++)"]
    missing += [] if header.exists() else [f"Python's headers ({header})"]
    if missing:
        return (
            "pyfarmhash has no wheel and is compiled, and this machine lacks"
            f" {' and '.join(missing)}: `apt-get install g++ python3-dev` (Debian, Ubuntu)."
        )
    return "See the lines above; running the command again goes on with what was downloaded."


def locks_for(stack: str, gpu: bool) -> List[Path]:
    """The lock of a stack, and that of CUDA's libraries beside it."""
    names = [stack, f"{stack}-gpu"] if gpu else [stack]
    locks = [ROOT / "requirements" / f"{name}.txt" for name in names]
    if not locks[-1].exists():
        raise EnvError(f"CUDA's libraries are locked for tfx-1.21 alone, and this takes {stack}")
    return locks


def make(gpu: bool) -> None:
    """Brings `.venv` up to date with the lock of this machine's stack."""
    locks = locks_for(stack_for(this_machine()).name, gpu)
    wanted, old = made_from(locks), stamp()
    if old == wanted:
        return
    begin = time.monotonic()
    print(f"making {VENV.name} from {', '.join(lock.name for lock in locks)}", flush=True)
    install(find_uv(), locks, anew=old is None)
    part = STAMP.with_suffix(".part")
    part.write_text(wanted, encoding="utf-8")
    part.replace(STAMP)
    print(f"made {VENV.name} in {time.monotonic() - begin:.0f} s", flush=True)


def main(argv: Optional[List[str]] = None) -> int:
    """Makes the environment, one process at a time; 1 with a reason if that fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--gpu", action="store_true", help="CUDA's libraries too")
    given = parser.parse_args(argv)
    # The lock goes with the process, however that ends.
    with open(str(UV_LOCK), "rb") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        try:
            make(given.gpu)
        except (EnvError, PickError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
