"""Attribute and metadata values in the tree, and what the tree cannot say, as strict JSON.

In the tree: int -> int64, float -> float64, bool -> HDF5's boolean, str -> UTF-8, numbers in a tuple -> one axis,
strings in a list -> one axis of strings, dict -> group, empty list and list of pairs of strings -> group of `src` and
`dst`, None -> absent. `from_tree(tree_form(v))` is what a reader makes of it; where that is not `v` to the bit, the
value stands in `/talon/exact` too, in the form of `talon.storage.tagged`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.ir.values import as_scalar

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
