"""Strict reading of nested mappings into frozen dataclasses."""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")
# Kinds of `trainer.optimizers`, which loads TensorFlow and settings do not.
OPTIMIZERS = ("adam", "muon")
# YAML 1.1 takes a number without a dot, such as 5e-5, for text.
_EXPONENT = re.compile(r"[-+]?\d+[eE][-+]?\d+")


class SettingsError(ValueError):
    """A setting that cannot be used; the message names file, key and what is allowed."""


def from_mapping(cls: type[T], values: Mapping[str, Any], where: str, prefix: str = "") -> T:
    """Builds the dataclass `cls` from `values`.

    Args:
      cls: a frozen dataclass; fields may be dataclasses, mappings, tuples, optionals and literals.
      values: what the file holds, keys as written there.
      where: the file's name, for messages.
      prefix: dotted path of `values` in the file, for messages.

    Raises:
      SettingsError: an unknown key, a value of the wrong type, or one out of its range.
    """
    if not isinstance(values, Mapping):
        raise SettingsError(
            f"{where}: '{prefix.rstrip('.')}' must be a mapping of keys, not {values!r}"
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
    """Returns nested plain dicts and lists, which `from_mapping` reads back to an equal value."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    return plain(dataclasses.asdict(settings))


def override(values: Mapping[str, Any], assignment: str) -> dict[str, Any]:
    """Returns `values` with one `dotted.key=value` applied; the value is read as YAML.

    Raises:
      SettingsError: the assignment has no `=`, walks through a value that is no mapping, or has a
        value that is not YAML.
    """
    import yaml

    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise SettingsError(f"--set {assignment}: write it as key=value, e.g. training.minutes=5")
    changed = dict(values)
    node = changed
    *path, last = key.strip().split(".")
    for part in path:
        child = node.get(part, {})
        if not isinstance(child, Mapping):
            raise SettingsError(f"--set {assignment}: '{part}' holds a value, not further keys")
        node[part] = dict(child)
        node = node[part]
    try:
        node[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(f"--set {assignment}: {text!r} is no YAML value") from None
    return changed


def require(condition: bool, key: str, value: Any, allowed: str) -> None:
    """Raises SettingsError naming the key, the value and what is allowed."""
    if not condition:
        raise SettingsError(f"{key} = {value!r} is not allowed: {allowed}")


def require_one_of(key: str, value: str, names: typing.Iterable[str]) -> None:
    """Raises SettingsError unless `value` is one of `names`, with the nearest name as a hint."""
    choices = list(names)
    near = difflib.get_close_matches(str(value), choices, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    require(value in choices, key, value, f"choose one of {', '.join(choices)}{hint}")


def require_optimiser(optimizer: str, batch_size: int, learning_rate: float) -> None:
    """Raises SettingsError unless all three can be trained with."""
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
            raise SettingsError(f"{where}: {key} must be a list, not {value!r}")
        return tuple(
            _convert(arguments[0], item, where, f"{key}[{i}]") for i, item in enumerate(value)
        )
    if _is_mapping(hint):
        if not isinstance(value, Mapping):
            raise SettingsError(f"{where}: {key} must be a mapping, not {value!r}")
        return {
            name: _convert(arguments[1], item, where, f"{key}.{name}")
            for name, item in value.items()
        }
    return _scalar(hint, value, where, key)


def _is_mapping(hint: Any) -> bool:
    """Whether values of this type are written as a mapping of keys."""
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and (
        issubclass(origin, Mapping) or dataclasses.is_dataclass(origin)
    )


def _scalar(kind: Any, value: Any, where: str, key: str) -> Any:
    if kind is Any:
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is float and isinstance(value, str) and _EXPONENT.fullmatch(value):
        return float(value)
    if (
        kind is not float
        and isinstance(value, kind)
        and not (kind is int and isinstance(value, bool))
    ):
        return value
    names = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}
    raise SettingsError(
        f"{where}: {key} must be {names.get(kind.__name__, kind.__name__)}, not {value!r}"
    )
