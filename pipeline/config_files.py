"""Finds the named configs, reads their YAML and the comment block that each begins with."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.settings_loader import SettingsError, read_yaml, shown

DIRECTORY = Path(__file__).parent / "configs"
HEADINGS = ("Command", "Cost", "Expected", "Smoke")
_HEADING = re.compile(r"^# (\w+): +(.*)$")


@dataclass(frozen=True)
class ConfigFile:
    """One config as it stands on disk.

    Attributes:
      path: the YAML file.
      header: text under each of `HEADINGS`, from the comment block at the top.
      values: its keys, without those of the smoke twin.
      smoke: the keys that the smoke twin has in their place.
    """

    path: Path
    header: dict[str, str]
    values: dict[str, Any]
    smoke: dict[str, Any]

    def twin(self) -> dict[str, Any]:
        """Returns the keys of the smoke twin: the same run in seconds, on few pictures.

        Its thresholds, where it has any, take the place of all others.
        """
        merged = merge(self.values, self.smoke)
        if "thresholds" in self.smoke:
            merged["thresholds"] = self.smoke["thresholds"]
        return merged


def names() -> list[str]:
    """Returns the names of the configs that come with the package."""
    return sorted(path.stem for path in DIRECTORY.glob("*.yaml"))


def find(name_or_path: str) -> Path:
    """Returns the file of a named config, or the path itself if it names a YAML file.

    Raises:
      SettingsError: there is neither; the message lists the names.
    """
    if name_or_path in names():
        return DIRECTORY / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise SettingsError(f"{path}: no such file")
    near = difflib.get_close_matches(name_or_path, names(), n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise SettingsError(
        f"no config '{name_or_path}'.{hint} Choose {', '.join(names())}, or give a .yaml file"
    )


def load(path: Path) -> ConfigFile:
    """Reads one config file.

    Raises:
      SettingsError: it is not UTF-8, not YAML, or not a mapping.
    """
    values = read_yaml(path) or {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: must be a mapping of keys, not {shown(values)}")
    smoke = values.pop("smoke", None) or {}
    if not isinstance(smoke, dict):
        raise SettingsError(f"{path}: 'smoke' must be a mapping of keys, not {shown(smoke)}")
    return ConfigFile(path, _header(path.read_text(encoding="utf-8")), values, smoke)


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `base` with `changes` laid over it, mapping by mapping."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def _header(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    heading = ""
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if match := _HEADING.match(line):
            heading = match[1]
            found[heading] = match[2].strip()
        elif not line[1:].strip():
            heading = ""
        elif heading:
            found[heading] += " " + line[1:].strip()
    return found
