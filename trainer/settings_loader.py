"""Strict conversion of nested mappings to frozen dataclasses."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import reprlib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
# The optimisers of `trainer.engine.optimizers`, repeated here because settings are read without
# TensorFlow.
OPTIMIZERS = ("adam", "muon")
# YAML 1.1 reads a number without a dot, such as 5e-5, as text.
_EXPONENT = re.compile(r"[-+]?\d+[eE][-+]?\d+")
# Maximum number of keys in the path of a `--set`; no setting is deeper.
_KEYS = 10
_WIDTH = 80
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _WIDTH


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the file, the key and what is allowed."""


def from_mapping(cls: type[T], values: Mapping[str, Any], where: str, prefix: str = "") -> T:
    """Builds the dataclass `cls` from `values`.

    Args:
      cls: a frozen dataclass; fields may be dataclasses, mappings, tuples, optionals and literals.
      values: the content of the file, with its keys.
      where: the file's name, for messages.
      prefix: dotted path of `values` in the file, for messages.

    Raises:
      SettingsError: a key is unknown, or a value has the wrong type or is out of range.
    """
    if not isinstance(values, Mapping):
        raise SettingsError(
            f"{where}: '{prefix.rstrip('.')}' must be a mapping of keys, not {shown(values)}"
        )
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for key in values:
        if key not in names:
            raise SettingsError(_unknown(where, prefix + str(key), str(key), names))
    built = {key: _convert(hints[key], value, where, prefix + key) for key, value in values.items()}
    try:
        return cls(**built)
    except SettingsError as error:
        raise SettingsError(f"{where}: {prefix}{error}") from None
    except TypeError as error:
        raise SettingsError(f"{where}: {prefix.rstrip('.') or 'file'}: {error}") from None


def to_mapping(settings: Any) -> dict[str, Any]:
    """Returns nested plain dicts and lists; `from_mapping` is the inverse."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    return plain(dataclasses.asdict(settings))


def override(values: Mapping[str, Any], assignment: str) -> dict[str, Any]:
    """Returns `values` with one `dotted.key=value` applied; the value is read as YAML.

    Raises:
      SettingsError: the assignment has no `=`, its path passes through a value that is not a
        mapping, or its value is not YAML.
    """
    from trainer import yaml_values

    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise SettingsError(f"--set {assignment}: write it as key=value, e.g. training.minutes=5")
    changed = dict(values)
    node = changed
    *path, last = key.strip().split(".")
    if len(path) > _KEYS:
        raise SettingsError(f"--set {clipped(assignment)}: no setting has so many keys")
    for part in path:
        child = node.get(part, {})
        if not isinstance(child, Mapping):
            raise SettingsError(f"--set {assignment}: '{part}' holds a value, not further keys")
        node[part] = dict(child)
        node = node[part]
    try:
        node[last] = yaml_values.load(text)
    except yaml_values.YamlError as error:
        raise SettingsError(
            f"--set {clipped(assignment)}: {shown(text)} is no YAML value: {error.problem}"
        ) from None
    return changed


def read_yaml(path: Path) -> Any:
    """Returns the value of a YAML file of settings, None for an empty file.

    Raises:
      SettingsError: it is not UTF-8, or not YAML; the message names file and line.
      OSError: it cannot be read.
    """
    # PyYAML is slow to import: import it only in commands that read settings.
    from trainer import yaml_values

    try:
        return yaml_values.load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except yaml_values.YamlError as error:
        raise SettingsError(f"{path}:{error.line}: not valid YAML: {error.problem}") from None


def shown(value: Any) -> str:
    """Returns `repr(value)`, shortened to fit a line."""
    return _SHORT.repr(value)


def clipped(text: str) -> str:
    """Returns `text`, shortened to fit a line."""
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def require(condition: bool, key: str, value: Any, allowed: str) -> None:
    """Raises SettingsError unless `condition`, naming the key, the value and what is allowed."""
    if not condition:
        raise SettingsError(f"{key} = {shown(value)} is not allowed: {allowed}")


def require_one_of(key: str, value: str, names: typing.Iterable[str]) -> None:
    """Raises SettingsError unless `value` is one of `names`, with the nearest name as a hint."""
    choices = list(names)
    near = difflib.get_close_matches(str(value), choices, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    require(value in choices, key, value, f"choose one of {', '.join(choices)}{hint}")


def require_optimiser(optimizer: str, batch_size: int, learning_rate: float) -> None:
    """Raises SettingsError unless all three values are valid."""
    require_one_of("optimizer", optimizer, OPTIMIZERS)
    require(batch_size >= 1, "batch_size", batch_size, "1 or more")
    require(learning_rate > 0, "learning_rate", learning_rate, "more than 0")


def _unknown(where: str, dotted: str, key: str, names: list[str]) -> str:
    near = difflib.get_close_matches(key, names, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"{where}: unknown key '{dotted}'.{hint} Allowed here: {', '.join(sorted(names))}"


def _convert(hint: Any, value: Any, where: str, key: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return from_mapping(typing.cast(type, hint), value, where, key + ".")
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        kinds = [item for item in arguments if item is not type(None)]
        fitting = [item for item in kinds if _is_mapping(item) == isinstance(value, Mapping)]
        return _convert((fitting or kinds)[0], value, where, key)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise SettingsError(f"{where}: {key} must be a list, not {shown(value)}")
        return tuple(
            _convert(arguments[0], item, where, f"{key}[{i}]") for i, item in enumerate(value)
        )
    if _is_mapping(hint):
        if not isinstance(value, Mapping):
            raise SettingsError(f"{where}: {key} must be a mapping, not {shown(value)}")
        for name in value:
            if not isinstance(name, str):
                raise SettingsError(f"{where}: {key}: the key {shown(name)} must be text")
        return {
            name: _convert(arguments[1], item, where, f"{key}.{name}")
            for name, item in value.items()
        }
    return _scalar(hint, value, where, key)


def _is_mapping(hint: Any) -> bool:
    """Whether values of this type are written as a mapping."""
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and (
        issubclass(origin, Mapping) or dataclasses.is_dataclass(origin)
    )


def _scalar(kind: Any, value: Any, where: str, key: str) -> Any:
    if kind is Any:
        return value
    if kind is float and isinstance(value, str) and _EXPONENT.fullmatch(value):
        value = float(value)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise SettingsError(f"{where}: {key} must be a finite number, not {value}")
        return float(value)
    if (
        kind is not float
        and isinstance(value, kind)
        and not (kind is int and isinstance(value, bool))
    ):
        return value
    names = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}
    raise SettingsError(
        f"{where}: {key} must be {names.get(kind.__name__, kind.__name__)}, not {shown(value)}"
    )
