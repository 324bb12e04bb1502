"""What each output of an answer must look like, and when two rows count as equal."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from data.picture_files import PictureError, open_picture

TOLERANCE = 1e-3


def decode(record: Mapping[str, Any]) -> np.ndarray:
    """Returns the array that `replay` wrote: numbers, or objects that hold bytes."""
    if "b64" in record:
        flat = np.empty(len(record["b64"]), object)
        flat[:] = [base64.b64decode(item) for item in record["b64"]]
    else:
        flat = np.asarray(record["values"])
    return flat.reshape(record["shape"])


def faults(name: str, values: np.ndarray, rows: int) -> list[str]:
    """Says what is wrong with output `name` [rows, ...] of one answer."""
    if not values.ndim or len(values) != rows:
        return [f"{name} has shape {list(values.shape)} for {rows} rows"]
    if name == "image_bytes" and rows:
        return _picture_faults(values)
    if values.dtype == object:
        return [] if all(_is_utf8(value) for value in values.ravel()) else [f"{name} is no UTF-8"]
    if not np.isfinite(values).all():
        return [f"{name} holds values that are not finite"]
    if name == "embedding" and _off_unit(values) > TOLERANCE:
        return ["embedding rows are no unit vectors"]
    return []


def blank_faults(name: str, values: np.ndarray) -> list[str]:
    """Says whether rows [K, ...] of output `name` that have an error hold more than nothing."""
    empty = values == b"" if values.dtype == object else values == 0
    return [] if np.all(empty) else [f"{name} is not empty in a row with an error"]


def difference(name: str, one: Any, other: Any) -> str:
    """Says how two rows of output `name` differ, or "" when they count as equal.

    Text and pictures must be equal to the byte, numbers within `TOLERANCE`.
    """
    if name == "image_bytes":
        return _picture_difference(one, other)
    one, other = np.asarray(one, _kind(one)), np.asarray(other, _kind(other))
    if object in (one.dtype, other.dtype):
        return "" if one.tolist() == other.tolist() else f"{name}: {_show(one)} and {_show(other)}"
    if one.shape != other.shape:
        return f"{name}: shapes {list(one.shape)} and {list(other.shape)}"
    gap = float(np.abs(one - other).max(initial=0.0))
    return "" if gap <= TOLERANCE else f"{name}: up to {gap:.3g} apart"


def _picture_faults(values: np.ndarray) -> list[str]:
    sizes = set()
    for value in values.ravel():
        try:
            picture = open_picture(value).decode()
            sizes.add((picture.format, picture.mode, picture.size))
        except PictureError as error:
            return [f"image_bytes does not decode: {error.detail}"]
    described = ", ".join(f"{kind} {mode} {w}x{h}" for kind, mode, (w, h) in sorted(sizes))
    kinds = {(kind, mode) for kind, mode, _ in sizes}
    if kinds != {("PNG", "RGB")} or len(sizes) != 1:
        return [f"image_bytes should be RGB PNGs of one size, not {described}"]
    return []


def _off_unit(values: np.ndarray) -> float:
    return float(np.abs(np.linalg.norm(values, axis=-1) - 1).max(initial=0.0))


def _picture_difference(one: bytes, other: bytes) -> str:
    if one == other:
        return ""
    first, second = (np.asarray(open_picture(item).decode(), np.int16) for item in (one, other))
    if first.shape != second.shape:
        return f"image_bytes: {first.shape} and {second.shape} pixels"
    return f"image_bytes: pixels up to {np.abs(first - second).max()} of 255 apart"


def _kind(row: Any) -> Any:
    return object if isinstance(row, bytes) else None


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _show(values: np.ndarray) -> str:
    texts = [value.decode("utf-8", "replace") for value in values.ravel()[:3]]
    return repr(" ".join(texts))
