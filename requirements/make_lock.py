"""Resolves the locks anew: uv's own, both stacks, CUDA's libraries, Kubeflow's SDK, MkDocs.

    python3 requirements/make_lock.py [--upgrade]

Versions that stand in a lock stay as long as they fit; `--upgrade` takes the newest that fit.
"""

import argparse
import re
import sys
from typing import List, Optional

from make_env import ROOT, EnvError, find_uv, run

COMMON = ("--quiet", "--generate-hashes", "--universal", "--custom-compile-command", "make lock")
STACK = ("setup.py", "--extra", "tfx", "--extra", "dev", "--python-version", "3.10")


def compile_lock(uv: str, name: str, *options: str, project: str = ".") -> None:
    """Writes requirements/NAME.txt from NAME.in (and what `options` name)."""
    source, lock = f"requirements/{name}.in", f"requirements/{name}.txt"
    run(uv, "--project", project, "pip", "compile", *COMMON, *options, source, "-o", lock)


def beside(lock: str) -> List[str]:
    """Options by which a lock fits another one and holds nothing of what is in it."""
    path = f"requirements/{lock}.txt"
    names = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", (ROOT / path).read_text("utf-8"), re.MULTILINE)
    unneeded = [option for name in sorted(set(names)) for option in ("--no-emit-package", name)]
    return ["--python-version", "3.10", "--constraints", path, *unneeded]


def main(argv: Optional[List[str]] = None) -> int:
    """Resolves all locks; 1 with a reason if one has no solution."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    upgrade = ("--upgrade",) if parser.parse_args(argv).upgrade else ()
    try:
        uv = find_uv()
        compile_lock(uv, "uv", "--python-version", "3.8", *upgrade)
        for tool in ("kfp", "docs"):
            compile_lock(uv, tool, "--python-version", "3.10", *upgrade)
        compile_lock(uv, "tfx-1.16", *STACK, *upgrade, project="requirements/tfx-1.16")
        compile_lock(uv, "tfx-1.21", *STACK, *upgrade)
        compile_lock(uv, "tfx-1.21-gpu", *beside("tfx-1.21"), *upgrade)
    except EnvError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"wrote the locks under {ROOT.name}/requirements; `make env` installs this machine's")
    return 0


if __name__ == "__main__":
    sys.exit(main())
