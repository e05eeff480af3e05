"""Values as JSON and back, to the bit, and one kind of error for whatever a damaged or hostile file holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from talon import ir

DEPTH = 40
"""Values may be nested 32 deep, as talon allows; more than a few levels above that is no file of ours."""


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn every failure inside into one `TalonFormatError` (T303) that names the file and the cause."""
    try:
        yield
    except ir.TalonError:
        raise
    except Exception as error:
        raise ir.TalonFormatError(
            "T303",
            "the .npz file is damaged",
            file=str(path),
            found=f"{type(error).__name__}: {error}",
            help="get an undamaged copy",
        ) from error


def want(value: Any, *kinds: type) -> Any:
    """The value, if it is of exactly one of the types."""
    if type(value) not in kinds:
        raise ValueError(f"{value!r:.60} in place of {' or '.join(kind.__name__ for kind in kinds)}")
    return value


def strict_json(data: bytes) -> dict[str, Any]:
    """A JSON object without duplicate keys and without floats, which `pack` writes as text."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key stands twice in the header")
        return dict(pairs)

    def refuse(number: str) -> Any:
        raise ValueError(f"{number} in the header is no whole number")

    found = json.loads(data.decode(), object_pairs_hook=unique, parse_float=refuse, parse_constant=refuse)
    header: dict[str, Any] = want(found, dict)
    return header


def pack(value: Any, arrays: list[ir.ArrayRef]) -> Any:
    """A JSON form that keeps type and bits; arrays are put into the table and named by their number."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return {"int": hex(value)}
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, (np.ndarray, ir.ArrayRef)):
        arrays.append(value if isinstance(value, ir.ArrayRef) else ir.ArrayRef.of(value))
        return {"array": len(arrays) - 1}
    if isinstance(value, Mapping):
        return {"dict": [[key, pack(item, arrays)] for key, item in value.items()]}
    return {"tuple" if isinstance(value, tuple) else "list": [pack(item, arrays) for item in value]}


def unpack(form: Any, arrays: list[ir.ArrayRef], loaded: bool = True, depth: int = 0) -> Any:
    """Undo `pack`; raises ValueError for anything that it did not make."""
    if form is None or isinstance(form, (bool, str)):
        return form
    if depth > DEPTH or len(want(form, dict)) != 1:
        raise ValueError(f"{form!r:.60} is no value")
    ((kind, content),) = form.items()
    if kind == "int":
        return int(want(content, str), 16)
    if kind == "float":
        return float.fromhex(want(content, str))
    if kind == "array":
        if not 0 <= want(content, int) < len(arrays):
            raise ValueError(f"there is no array {content}")
        return arrays[content].load() if loaded else arrays[content]
    items = want(content, list)
    if kind == "dict":
        found = {want(key, str): unpack(item, arrays, loaded, depth + 1) for key, item in items}
        if len(found) < len(items):
            raise ValueError("a key stands twice")
        return found
    if kind in ("list", "tuple"):
        values = [unpack(item, arrays, loaded, depth + 1) for item in items]
        return values if kind == "list" else tuple(values)
    raise ValueError(f"a value of kind {kind!r:.20}")
