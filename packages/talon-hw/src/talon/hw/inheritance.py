"""Variants: a description that says `inherits = "..."` changes another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ABSENT = "absent"
"""What a variant writes for a key of `[ops]`, `[cost]`, `[timing]` or `[chip]` that it has not."""


def merged(base: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    """The base with what the variant says: tables key by key, tables of an array by their `name`, all else replaced.

    Where the base has one table in an array, it is meant without its name, too. A number is replaced with its source.
    What a primitive in `[ops]` takes is replaced as a whole.
    """
    result = dict(base)
    for key, value in variant.items():
        if value == ABSENT and key in base:
            del result[key]
        else:
            result[key] = joined(base.get(key), value, whole=key == "ops")
    return result


def joined(old: Any, new: Any, whole: bool) -> Any:
    """One value of the base with that of the variant; `whole`: the tables inside are replaced, not merged."""
    if isinstance(old, dict) and isinstance(new, dict) and "value" not in old and "value" not in new:
        if whole:
            return {k: v for k, v in {**old, **new}.items() if v != ABSENT}
        return merged(old, new)
    if rows_of(old) and rows_of(new) and len(old) == len(new) == 1 and "name" not in new[0]:
        return [merged(old[0], new[0])]  # there is no other that could be meant
    if named(old) and named(new):
        rows = {row["name"]: row for row in old}
        for row in new:
            rows[row["name"]] = merged(rows.get(row["name"], {}), row)
        return list(rows.values())
    return new


def named(value: Any) -> bool:
    """Whether this is an array of tables that all have names."""
    return rows_of(value) and all(isinstance(row.get("name"), str) for row in value)


def rows_of(value: Any) -> bool:
    """Whether this is an array of tables."""
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)
