"""Makes `.tools/torch`, where PyTorch is, or finds it up to date.

    python requirements/make_torch.py

`benchmarks/training_steps.py` compares a training step with PyTorch's there; nothing else needs it.
"""

import argparse
import sys
from typing import List, Optional

from make_env import ROOT, TOOLS, EnvError, find_uv, run

PLACE = TOOLS / "torch"
LOCK = ROOT / "requirements" / "torch.txt"
STAMP = PLACE / "made-from"


def main(argv: Optional[List[str]] = None) -> int:
    """Makes the environment from its list; 1 with a reason if that fails."""
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args(argv)
    wanted = LOCK.read_text(encoding="utf-8")
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted:
        return 0
    try:
        run(
            find_uv(),
            "venv",
            "--quiet",
            "--clear",
            "--seed",
            "--python",
            sys.executable,
            str(PLACE),
        )
        # Not uv: it does not look at the pages and folders that pip is told of.
        pip = (str(PLACE / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
        run(*pip, "install", "--quiet", "--no-deps", "--requirement", str(LOCK))
    except EnvError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    # Last: an environment without it is half made.
    STAMP.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
