"""Values as strict JSON that keeps type and bits, and strict reading of JSON that strangers wrote."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.ir.errors import TalonFormatError
from talon.ir.values import MAX_DEPTH

_DTYPES = {
    np.dtype(code).newbyteorder("<").str: np.dtype(code).newbyteorder("<")
    for code in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
}
DEEPEST_JSON = 4 * MAX_DEPTH
"""A level of a value takes up to three of its tagged form."""


def tagged(value: Any) -> Any:
    """A JSON form that keeps type and bits."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        # Python writes no decimal numbers of more than 4,300 digits.
        return {"int": str(value) if value.bit_length() <= 4096 else hex(value)}
    if isinstance(value, float):
        # repr reads back to the same bits, but for the payload of a NaN.
        return {"bits": struct.pack("<d", value).hex()} if math.isnan(value) else {"float": repr(value)}
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        data = base64.b64encode(array.tobytes()).decode("ascii")
        return {"array": [array.dtype.str, list(value.shape), data]}
    if isinstance(value, Mapping):
        return {"dict": [[key, tagged(item)] for key, item in value.items()]}
    kind = "tuple" if isinstance(value, tuple) else "list"
    return {kind: [tagged(item) for item in value]}


def untagged(form: Any, where: str = "/talon/exact", depth: int = 0) -> Any:
    """Undo `tagged`. Raises `TalonFormatError` (T303) for anything it did not make."""
    if form is None or isinstance(form, (bool, str)):
        return form
    if depth > MAX_DEPTH or not isinstance(form, dict) or len(form) != 1:
        raise malformed(form, where)
    ((kind, content),) = form.items()
    try:
        if kind == "int" and isinstance(content, str):
            return int(content, 0)
        if kind == "float" and isinstance(content, str):
            return float(content)
        if kind == "bits":
            return struct.unpack("<d", bytes.fromhex(content))[0]
        if kind == "array":
            dtype, shape, data = content
            if not all(type(n) is int and n >= 0 for n in shape):
                raise malformed(form, where)
            # The dtype is looked up, never made: a text can describe types of any size to numpy.
            content = base64.b64decode(data, validate=True)
            if dtype == "|b1" and content.translate(None, b"\0\1"):
                raise malformed(form, where)
            return np.frombuffer(content, _DTYPES[dtype]).reshape(shape)
        if kind == "dict" and isinstance(content, list):
            found: dict[str, Any] = {}
            for key, item in content:
                if not isinstance(key, str) or key in found:
                    raise malformed(form, where)
                found[key] = untagged(item, where, depth + 1)
            return found
        if kind in ("list", "tuple") and isinstance(content, list):
            items = [untagged(item, where, depth + 1) for item in content]
            return items if kind == "list" else tuple(items)
    except (TypeError, ValueError, LookupError, OverflowError, struct.error) as error:
        if isinstance(error, TalonFormatError):
            raise
        raise malformed(form, where) from error
    raise malformed(form, where)


def malformed(form: Any, where: str) -> TalonFormatError:
    return TalonFormatError(
        "T303",
        f"{where} holds a malformed value",
        expected="a value in tagged form",
        found=f"{form!r:.80}",
        help="get an undamaged copy",
    )


def strict_json(text: str | bytes, name: str, deepest: int = MAX_DEPTH) -> dict[str, Any]:
    """A JSON object in UTF-8 without duplicate keys, NaN, numbers beyond floats, and too many levels."""
    found = strict_value(text, name, deepest)
    if not isinstance(found, dict):
        raise TalonFormatError("T303", f"{name} is no strict JSON", found="not an object", help="get an undamaged copy")
    return found


def strict_value(text: str | bytes, name: str, deepest: int) -> Any:
    """Any JSON value, as strictly."""
    try:
        value = json.loads(
            text if isinstance(text, str) else text.decode(),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_float=_finite,
        )
        if too_deep(value, deepest):
            raise ValueError(f"nested deeper than {deepest} levels")
    except (ValueError, RecursionError) as error:
        raise TalonFormatError(
            "T303", f"{name} is no strict JSON", found=str(error)[:200], help="get an undamaged copy"
        ) from error
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.20} is too large a number")
    return number


def too_deep(value: Any, deepest: int) -> bool:
    """Whether lists and objects are nested in more levels than `deepest`; goes level by level, not by recursion."""
    level = [value]
    for _ in range(deepest):
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return any(isinstance(item, (dict, list)) for item in level)
