"""Target descriptions: TOML files of the schema in `talon.hw.schema`, read into a `Target`."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from talon.hw.families import FAMILIES, attributes
from talon.hw.rules import Place, Quantity, Table
from talon.hw.schema import schema
from talon.ir.errors import TalonFileError, TalonTargetError, suggest

WIDTH_OF = {"weights": "weights", "biases": "accumulators", "membranes": "membranes", "parameters": "membranes"}
"""For each kind of stored value, the register in `[numeric]` that has its width."""


@dataclass(frozen=True)
class Memory:
    """One memory of a core: `words` words of `bits` bits for the kinds of values in `holds`."""

    name: str
    holds: tuple[str, ...]
    words: Quantity
    bits: Quantity
    packing: str | None


@dataclass(frozen=True)
class Core:
    """What one core offers, and how many of them there are. `out_edges`: pairs of a neuron and a core it reaches."""

    count: Quantity
    neurons: Quantity
    fan_in: Quantity
    in_axons: Quantity
    out_edges: Quantity
    memory: tuple[Memory, ...]


@dataclass(frozen=True, repr=False)
class Target:
    """A hardware target. Numbers are `Quantity` (value, unit, kind, citation key); what is unknown has the value None.

    `ops`: primitives the target runs, with the attribute values it takes; None where nobody says.
    """

    id: str
    family: str
    revision: str
    summary: str
    citations: Mapping[str, str]
    core: Core
    noc: Mapping[str, Any]
    numeric: Mapping[str, Any]
    ops: Mapping[str, Mapping[str, tuple[Any, ...]]] | None
    cost: Mapping[str, Quantity] | None
    timing: Mapping[str, Quantity]
    data: Mapping[str, Any]
    """The description as it stands in the file."""

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
        return f"Target {self.id}: {self.core.count.value} cores of {self.core.neurons.value} neurons ({self.summary})"


def _facts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Quantity):
        yield key, str(value)
    elif isinstance(value, (Core, Memory)):
        for field in fields(value):
            yield from _facts(f"{key}.{field.name}", getattr(value, field.name))
    elif isinstance(value, tuple) and value and isinstance(value[0], Memory):
        for memory in value:
            yield from _facts(f"{key}.{memory.name}", memory)
    elif isinstance(value, tuple):
        yield key, ", ".join(map(str, value))
    elif isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _facts(f"{key}.{name}", item)
    elif isinstance(value, Mapping):
        yield key, "all"
    else:
        yield key, {None: "unknown", True: "yes", False: "no"}.get(value, str(value))


def targets() -> list[str]:
    """Names of the targets that `target()` knows."""
    return sorted(_shipped())


@cache
def _shipped() -> dict[str, Any]:
    return {f.name.removesuffix(".toml"): f for f in files("talon.hw").joinpath("targets").iterdir()}


def target(name: str | os.PathLike[str] | Target) -> Target:
    """A target by name, or from a `.toml` file of one's own (anything that ends in `.toml` or is a `Path`).

    Raises `TalonTargetError` for an unknown name (T501) or a wrong description (T502), `TalonFileError` (T301) when
    the file cannot be read.
    """
    if isinstance(name, Target):
        return name
    if not isinstance(name, str) or name.endswith(".toml"):
        return read(Path(name))
    if name not in _shipped():
        raise TalonTargetError(
            "T501",
            f"there is no target {name!r}",
            expected=", ".join(targets()),
            found=repr(name),
            help=suggest(name, targets(), "'talon hw targets' lists them; a file of your own ends in .toml"),
        )
    return parse(_shipped()[name].read_bytes(), f"{name}.toml")


def read(path: Path) -> Target:
    """A target from a TOML file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TalonFileError(
            "T301",
            "the target's file cannot be read",
            file=str(path),
            found=error.strerror or str(error),
            help="check the path, or give the name of a target that 'talon hw targets' lists",
        ) from error
    return parse(content, str(path))


def parse(content: bytes, file: str) -> Target:
    """A target from the bytes of a TOML file; `file` is its name in messages."""
    try:
        data = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise TalonTargetError(
            "T502", "the file is not TOML", file=file, expected="TOML in UTF-8", found=str(error), help="correct it"
        ) from error
    # Citations are read first, because every number names one.
    head = data.get("target")
    cited = head.get("citations") if isinstance(head, dict) else None
    place = Place(file, citations=frozenset(cited) if isinstance(cited, dict) else frozenset())
    read = Table(schema(tuple(FAMILIES))).read(data, place)
    (core,) = read.pop("core")
    memory = tuple(Memory(**m) for m in core.pop("memory"))
    found = Target(**read.pop("target"), core=Core(**core, memory=memory), data=data, **read)
    _agree(found, place)
    return found


def _agree(found: Target, place: Place) -> None:
    """What the keys say together: dims with count, distinct memories, attributes that the primitives have."""
    count, dims = found.core.count.value, found.noc["dims"].value
    if count is not None and dims is not None and math.prod(dims) != count:
        raise (
            place.at("noc")
            .at("dims")
            .error("does not fit core[0].count", f"dims whose product is {count}", f"{dims[0]} x {dims[1]}")
        )
    names = [m.name for m in found.core.memory]
    for i, name in enumerate(names):
        if name in names[:i]:
            where = place.at("core").at(0).at("memory").at(i).at("name")
            raise where.error("stands twice", "a name of its own for each memory", repr(name))
    for primitive, choices in (found.ops or {}).items():
        declared = attributes(primitive)
        for key in choices:
            if key not in declared:
                raise (
                    place.at("ops")
                    .at(primitive)
                    .at(key)
                    .error(
                        f"is no attribute of {primitive}",
                        ", ".join(declared) or "no attributes",
                        key,
                        suggest(key, declared, f"'talon primitives show {primitive}' lists them"),
                    )
                )
