"""Makes `.tools/NAME`, an environment beside the product's own, or finds it up to date.

    python requirements/make_tool.py kfp      # Kubeflow's SDK, which reads what is compiled
    python requirements/make_tool.py torch    # PyTorch, which benchmarks compare with
    python requirements/make_tool.py docs     # MkDocs, which builds the documentation site

None of them fits into the product's environment. What each holds is in NAME.txt.
"""

import argparse
import sys
from pathlib import Path
from typing import List, Optional

from make_env import ROOT, TOOLS, EnvError, find_uv, run

TOOL_NAMES = ("kfp", "torch", "docs")


def main(argv: Optional[List[str]] = None) -> int:
    """Makes the environment from its list; 1 with a reason if that fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("name", choices=TOOL_NAMES)
    name = parser.parse_args(argv).name
    place, lock = TOOLS / name, ROOT / "requirements" / f"{name}.txt"
    stamp, wanted = place / "made-from", lock.read_text(encoding="utf-8")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return 0
    try:
        uv = find_uv()
        venv = (uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place))
        if name == "torch":
            run(*venv, "--seed")
            _install_by_pip(place, lock)
        else:
            run(*venv)
            into = ("--python", str(place / "bin" / "python"))
            run(uv, "pip", "sync", "--quiet", *into, "--require-hashes", str(lock))
    except EnvError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    # Last: an environment without it is half made.
    stamp.write_text(wanted, encoding="utf-8")
    return 0


def _install_by_pip(place: Path, lock: Path) -> None:
    """Not by uv: it does not look at the pages and folders that pip is told of."""
    pip = (str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-deps", "--requirement", str(lock))


if __name__ == "__main__":
    sys.exit(main())
