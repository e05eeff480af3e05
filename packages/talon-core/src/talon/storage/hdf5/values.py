"""Attribute and metadata values in the tree, and what the tree cannot say, as strict JSON.

In the tree: int -> int64, float -> float64, bool -> HDF5's boolean, str -> UTF-8, numbers in a tuple -> one axis,
strings in a list -> one axis of strings, dict -> group, empty list and list of pairs of strings -> group of `src` and
`dst`, None -> absent. `from_tree(tree_form(v))` is what a reader makes of it; where that is not `v` to the bit, the
value stands in `/talon/exact` too, in the tagged form of `tagged`.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.ir.errors import TalonFormatError
from talon.ir.values import MAX_DEPTH, as_scalar

INT64 = range(-(1 << 63), 1 << 63)


class Absent:
    """The type of `ABSENT`: the tree does not hold the value at all."""


ABSENT = Absent()


def tree_form(value: Any) -> Any:
    """What stands in the tree: an ndarray, a str, a list of str, a dict of these, or `ABSENT`."""
    if isinstance(value, bool):
        return np.array(value)
    if isinstance(value, int):
        return np.array(value, np.int64) if value in INT64 else ABSENT
    if isinstance(value, float):
        return np.array(value, np.float64)
    if isinstance(value, str):
        return value if plain_text(value) else ABSENT
    if isinstance(value, np.ndarray):
        return value if value.size else ABSENT
    if isinstance(value, Mapping):
        items = {k: tree_form(v) for k, v in value.items() if plain_name(k)}
        return {k: v for k, v in items.items() if not isinstance(v, Absent)}
    if isinstance(value, (list, tuple)):
        return sequence_form(value)
    return ABSENT


def sequence_form(value: list[Any] | tuple[Any, ...]) -> Any:
    kinds = {type(item) for item in value}
    if kinds and kinds <= {int, float} and all(item in INT64 for item in value if isinstance(item, int)):
        return np.array(value, np.int64 if kinds == {int} else np.float64)
    if kinds == {str} and all(map(plain_text, value)):
        return list(value)
    pairs = all(isinstance(p, (list, tuple)) and len(p) == 2 and all(plain_text(s) for s in p) for p in value)
    if pairs:
        return {"src": [p[0] for p in value], "dst": [p[1] for p in value]}
    return ABSENT


def plain_text(value: Any) -> bool:
    """Whether a fixed-length, null-padded UTF-8 string says it completely."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain_name(key: str) -> bool:
    """Whether a key can be the name of an HDF5 object."""
    return bool(key) and "/" not in key and key != "." and plain_text(key)


def from_tree(form: Any) -> Any:
    """The value a reader makes of a tree form: the inverse of `tree_form` wherever the tree is exact."""
    if isinstance(form, Mapping):
        if form.keys() == {"src", "dst"} and all(isinstance(v, list) for v in form.values()):
            return [list(pair) for pair in zip(form["src"], form["dst"], strict=False)]
        return {k: from_tree(v) for k, v in form.items()}
    return as_scalar(form) if isinstance(form, np.ndarray) else form


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


def untagged(form: Any, depth: int = 0) -> Any:
    """Undo `tagged`. Raises `TalonFormatError` (T303) for anything it did not make."""
    if form is None or isinstance(form, (bool, str)):
        return form
    if depth > MAX_DEPTH or not isinstance(form, dict) or len(form) != 1:
        raise malformed(form)
    ((kind, content),) = form.items()
    try:
        if kind == "int":
            return int(content, 0)
        if kind == "float":
            return float(content)
        if kind == "bits":
            return struct.unpack("<d", bytes.fromhex(content))[0]
        if kind == "array":
            dtype, shape, data = content
            found = np.frombuffer(base64.b64decode(data, validate=True), np.dtype(dtype)).reshape(shape)
            if found.dtype.kind not in "fiub":
                raise malformed(form)
            return found
        if kind == "dict":
            return {key: untagged(item, depth + 1) for key, item in content}
        if kind in ("list", "tuple"):
            items = [untagged(item, depth + 1) for item in content]
            return items if kind == "list" else tuple(items)
    except (TypeError, ValueError, struct.error) as error:
        if isinstance(error, TalonFormatError):
            raise
        raise malformed(form) from error
    raise malformed(form)


def malformed(form: Any) -> TalonFormatError:
    return TalonFormatError(
        "T303", "/talon/exact holds a malformed value", expected="a value in tagged form", found=f"{form!r:.80}"
    )
