"""Targets: what a description of the schema in `talon.hw.schema` says, as objects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from talon.hw.agreement import agree
from talon.hw.choices import Allowed
from talon.hw.families import FAMILIES
from talon.hw.quantities import Quantity
from talon.hw.rules import Place, Table
from talon.hw.schema import schema

WIDTH_OF = {"weights": "weights", "biases": "accumulators", "membranes": "membranes", "parameters": "membranes"}
"""For each kind of stored value, the register in `[numeric]` that has its width."""


@dataclass(frozen=True)
class Memory:
    """One memory of a core: `words` words of `bits` bits for the kinds of values in `holds`.

    `packing`, `padding`, `overhead` and `bank` say how many words the values take: see `talon.hw.schema`.
    """

    name: str
    holds: tuple[str, ...]
    words: Quantity
    bits: Quantity
    packing: str | None
    padding: str | None
    overhead: Quantity
    bank: Quantity | None


@dataclass(frozen=True)
class Core:
    """One kind of core, `count` of them, and what each offers; `talon.hw.schema` says what every limit counts."""

    name: str
    count: Quantity
    neurons: Quantity
    fan_in: Quantity
    fan_out: Quantity
    in_axons: Quantity
    out_edges: Quantity
    reach: Quantity
    destinations: Quantity
    layers: Quantity
    inputs: Quantity
    outputs: Quantity
    spikes: Quantity
    memory: tuple[Memory, ...]


@dataclass(frozen=True, repr=False)
class Target:
    """A hardware target. Numbers are `Quantity` (value, unit, kind, citation key); what is unknown has the value None.

    `ops`: primitives the target runs, with what it takes of their attributes. It, `cost`, `timing` and `chip` are None
    where nobody says anything.
    """

    id: str
    family: str
    revision: str
    summary: str
    citations: Mapping[str, str]
    capabilities: Mapping[str, bool | None]
    cores: tuple[Core, ...]
    chip: Mapping[str, Quantity] | None
    noc: Mapping[str, Any]
    numeric: Mapping[str, Any]
    ops: Mapping[str, Mapping[str, Allowed]] | None
    cost: Mapping[str, Quantity] | None
    timing: Mapping[str, Quantity] | None
    data: Mapping[str, Any]
    """The description as it stands in the file, what it inherits included."""

    @property
    def core(self) -> Core:
        """The first kind of core, on most targets the only one."""
        return self.cores[0]

    @property
    def core_count(self) -> int | None:
        """Cores of all kinds together; None where a number is unknown."""
        return summed(core.count.value for core in self.cores)

    @property
    def neuron_count(self) -> int | None:
        """Neurons of all cores together; None where a number is unknown."""
        return summed(times(core.count.value, core.neurons.value) for core in self.cores)

    @cached_property
    def hash(self) -> str:
        """sha256 of the description as canonical JSON (sorted keys, no blanks): the identity of the target."""
        text = json.dumps(self.data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def width(self, stored: str) -> int | None:
        """Bits of one stored value ("weights", "biases", "membranes" or "parameters"); None where unknown."""
        bits: int | None = self.numeric[WIDTH_OF[stored]]["bits"].value
        return bits

    def facts(self) -> Iterator[tuple[str, str]]:
        """Every fact by its key, in words, with where it comes from."""
        for field in fields(self):
            if field.name != "data":
                yield from _facts(field.name, getattr(self, field.name))

    def __repr__(self) -> str:
        each = (f"{core.count.value} cores of {core.neurons.value} neurons" for core in self.cores)
        return f"Target {self.id}: {', '.join(each)} ({self.summary})"


def times(number: int | None, factor: int | None) -> int | None:
    """The product, unknown where one of them is."""
    return None if number is None or factor is None else number * factor


def summed(numbers: Iterable[int | None]) -> int | None:
    """The sum, unknown where one of them is."""
    found = list(numbers)
    return None if None in found else sum(n for n in found if n is not None)


def _facts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Quantity):
        yield key, str(value)
    elif isinstance(value, (Core, Memory)):
        for field in fields(value):
            item = getattr(value, field.name)
            if field.name != "name" and not (field.name == "bank" and item is None):
                yield from _facts(f"{key}.{field.name}", item)
    elif isinstance(value, tuple) and value and isinstance(value[0], (Core, Memory)):
        for part in value:
            yield from _facts(f"{key}.{part.name}", part)
    elif isinstance(value, tuple):
        yield key, ", ".join(map(str, value))
    elif isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _facts(f"{key}.{name}", item)
    elif isinstance(value, Mapping):
        yield key, "all"
    else:
        yield key, {None: "unknown", True: "yes", False: "no"}.get(value, str(value))


def build(data: Mapping[str, Any], file: str) -> Target:
    """A target from a description that is complete, what it inherits included; `file` is its name in messages.

    Raises `TalonTargetError` (T502) with file, key, what is expected and what was found.
    """
    # Citations are read first, because every number names one.
    head = data.get("target")
    cited = head.get("citations") if isinstance(head, dict) else None
    place = Place(file, citations=frozenset(cited) if isinstance(cited, dict) else frozenset())
    read = Table(schema(tuple(FAMILIES))).read(data, place)
    cores = tuple(Core(**{**core, "memory": tuple(Memory(**m) for m in core["memory"])}) for core in read.pop("core"))
    found = Target(**read.pop("target"), cores=cores, data=data, **read)
    agree(found, place)
    return found
