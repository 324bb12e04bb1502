"""Versions of the libraries and what the machine is."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

LIBRARIES = (
    "tuwen",
    "tensorflow",
    "keras",
    "tensorflow-text",
    "tfx",
    "apache-beam",
    "numpy",
)


def versions() -> dict[str, str]:
    """Returns the versions of Python and of those libraries that are installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, str]:
    """Returns the processor, the cores that this process may use, and the memory."""
    found = {"CPU": _cpu(), "cores": str(len(os.sched_getaffinity(0)))}
    memory = _field(Path("/proc/meminfo"), "MemTotal")
    if memory:
        found["memory"] = f"{int(memory.split()[0]) / 2**20:.0f} GiB"
    found["system"] = f"{platform.system()} {platform.release()}"
    return found


def _cpu() -> str:
    return _field(Path("/proc/cpuinfo"), "model name") or platform.processor() or "unknown"


def _field(path: Path, name: str) -> str:
    """The value of the first `name : value` line, or ""."""
    if not path.is_file():
        return ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return ""
