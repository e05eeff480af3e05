"""Attribute and metadata values: what may be stored, made read-only, and compared to the bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from talon.ir.errors import TalonTypeError, TalonValueError

MAX_DEPTH = 32
STORABLE_KINDS = "fiub"
_FLOATS = (2, 4, 8)


def storable_dtype(dtype: np.dtype[Any]) -> bool:
    """Whether arrays of this dtype can be kept: f2 f4 f8, integers of up to 8 bytes, bool."""
    if dtype.kind == "f":
        return dtype.itemsize in _FLOATS
    return dtype.kind in STORABLE_KINDS


def read_only(array: np.ndarray) -> np.ndarray:
    """A read-only view in native byte order; the caller's own array stays as it is."""
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    view = array.view()
    view.flags.writeable = False
    return view


def freeze(value: Any, where: str, depth: int = 0) -> Any:
    """Check a metadata value and make it read-only: str, int, float, bool, None, list, tuple, dict, arrays.

    NumPy scalars become 0-d arrays, so that their dtype is kept. Raises `TalonTypeError` (T204) for anything else.
    """
    if depth > MAX_DEPTH:
        raise TalonValueError("T204", f"{where} is nested deeper than {MAX_DEPTH} levels")
    if value is None or (isinstance(value, (str, bool, int, float)) and not isinstance(value, np.generic)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if not storable_dtype(array.dtype):
            raise TalonTypeError(
                "T204",
                f"{where} is an array of dtype {array.dtype}, which no file can hold",
                expected="float16/32/64, an integer type or bool",
                found=array.dtype,
                help="convert it, for example with .astype(numpy.float32)",
            )
        copy = array.copy()
        copy.flags.writeable = False
        return copy
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TalonTypeError("T204", f"{where} has a key that is not a string: {key!r}")
        return MappingProxyType({k: freeze(v, f"{where}[{k!r}]", depth + 1) for k, v in value.items()})
    if isinstance(value, (list, tuple)):
        items = [freeze(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    raise TalonTypeError(
        "T204",
        f"{where} holds a {type(value).__name__}, which no file can hold",
        expected="str, int, float, bool, None, list, tuple, dict or a numpy array",
        found=type(value).__name__,
    )


def thaw(value: Any) -> Any:
    """Plain dicts in place of read-only mappings, for pickling and for handing on."""
    if isinstance(value, Mapping):
        return {k: thaw(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(thaw(v) for v in value)
    return value


def as_scalar(array: np.ndarray) -> Any:
    """What files mean by a single number: int64, float64 and bool are Python's own, other dtypes stay 0-d arrays."""
    return array.item() if not array.ndim and array.dtype in (np.int64, np.float64, np.bool_) else array


def brief(value: Any, most: int = 80) -> str:
    """A value as messages show it, cut short."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no decimal numbers of more than 4,300 digits
        text = f"{type(value).__name__} with a number of more than 4,300 digits"
    return text[:most]


def same_array(a: np.ndarray, b: np.ndarray) -> bool:
    """Equality to the bit: dtype, shape and bytes (NaN equals itself, 0.0 differs from -0.0)."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def same_value(a: Any, b: Any) -> bool:
    """Equality of type and value, at every depth; floats and arrays to the bit."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and same_array(a, b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same_value(a[k], b[k]) for k in a)
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same_value, a, b))
    if isinstance(a, float):
        return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (math.isnan(a) and math.isnan(b))
    return bool(a == b)
