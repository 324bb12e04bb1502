"""Makes `.tools/kfp`, where Kubeflow's own SDK is, or finds it up to date.

    python requirements/make_kfp.py

The tests in tests/pipeline/cluster/kfp_test.py run it; nothing else needs it.
"""

import argparse
import sys
from typing import List, Optional

from make_env import ROOT, TOOLS, EnvError, find_uv, run

PLACE = TOOLS / "kfp"
LOCK = ROOT / "requirements" / "kfp.txt"
STAMP = PLACE / "made-from"


def main(argv: Optional[List[str]] = None) -> int:
    """Makes the environment from its lock; 1 with a reason if that fails."""
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args(argv)
    wanted = LOCK.read_text(encoding="utf-8")
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted:
        return 0
    try:
        uv = find_uv()
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(PLACE))
        into = ("--python", str(PLACE / "bin" / "python"))
        run(uv, "pip", "sync", "--quiet", *into, "--require-hashes", str(LOCK))
    except EnvError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    # Last: an environment without it is half made.
    STAMP.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
