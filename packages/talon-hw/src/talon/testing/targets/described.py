"""What the description of a target promises, before anything is run."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

from talon.hw.description import Target, build
from talon.hw.quantities import KINDS, UNLIMITED, Quantity
from talon.hw.rules import UNKNOWN


def check_description(target: Target) -> None:
    """The object says what its description says, every number has its source, and the hash is that of the content."""
    for key, number in numbers("", {field.name: getattr(target, field.name) for field in dataclasses.fields(Target)}):
        check_source(target, key, number)
    again = build(target.data, target.id)
    for field in dataclasses.fields(Target):
        own, said = getattr(target, field.name), getattr(again, field.name)
        assert own == said, f"{target.id}: {field.name} is {own!r:.200}, and its description says {said!r:.200}"
    turned = build(reversed_keys(target.data), target.id)
    copied = build(json.loads(json.dumps(target.data)), target.id)
    carried = pickle.loads(pickle.dumps(target))
    for what, other in (("built again", again), ("in another order", turned), ("copied", copied), ("sent", carried)):
        assert other.hash == target.hash, f"{target.id}: {what}, the same description has another hash"


def check_source(target: Target, key: str, number: Quantity) -> None:
    if number.value is None:
        assert number.kind in (UNKNOWN, UNLIMITED), f"{target.id}: {key} has no value, and is neither of the two words"
        return
    assert number.kind in KINDS, f"{target.id}: {key} is {number.kind!r}, which is no kind of source"
    assert number.cite in target.citations, f"{target.id}: {key} cites {number.cite!r}, which is no citation"


def numbers(key: str, value: Any) -> Iterator[tuple[str, Quantity]]:
    """Every number of an object, by its key."""
    if isinstance(value, Quantity):
        yield key.strip("."), value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from numbers(f"{key}.{field.name}", getattr(value, field.name))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from numbers(f"{key}.{name}", item)
    elif isinstance(value, (tuple, list)):
        for number, item in enumerate(value):
            yield from numbers(f"{key}[{number}]", item)


def reversed_keys(value: Any) -> Any:
    """The same content with its keys in another order."""
    if isinstance(value, dict):
        return {name: reversed_keys(item) for name, item in reversed(value.items())}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value
