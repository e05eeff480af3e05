"""What the keys of a description must say together, after each was found right by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from talon.hw.families import allowable
from talon.hw.rules import Place
from talon.ir.errors import suggest

if TYPE_CHECKING:
    from talon.hw.description import Target


def agree(target: Target, place: Place) -> None:
    """Raise `TalonTargetError` (T502) for keys that contradict each other."""
    count, dims = target.core_count, target.noc["dims"].value
    if count is not None and dims is not None and math.prod(dims) != count:
        cores = "core[0].count" if len(target.cores) == 1 else "the counts of all cores"
        raise (
            place.at("noc")
            .at("dims")
            .error(f"does not fit {cores}", f"dims whose product is {count}", f"{dims[0]} x {dims[1]}")
        )
    once(place.at("core"), [core.name for core in target.cores], "kind of core")
    for i, core in enumerate(target.cores):
        once(place.at("core").at(i).at("memory"), [m.name for m in core.memory], "memory")
    alike(target, place)
    attributes_exist(target, place)


def once(place: Place, names: Iterable[str], what: str) -> None:
    """Raise for a name that stands twice."""
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            raise place.at(i).at("name").error("stands twice", f"a name of its own for each {what}", repr(name))
        seen.add(name)


def alike(target: Target, place: Place) -> None:
    """Memories of one name are one resource, so they count alike; a bank belongs to its padding."""
    first: dict[str, tuple[object, ...]] = {}
    for i, core in enumerate(target.cores):
        for j, memory in enumerate(core.memory):
            where = place.at("core").at(i).at("memory").at(j)
            if (memory.padding == "bank") != (memory.bank is not None):
                found = "none" if memory.bank is None else str(memory.bank)
                expected = 'words of one bank where padding = "bank", and only there'
                raise where.at("bank").error("does not fit padding", expected, found)
            form = (memory.holds, memory.bits.value)
            if first.setdefault(memory.name, form) != form:
                raise where.error(
                    f"differs from the {memory.name!r} memory of other cores",
                    "the same holds and bits in every kind of core",
                    f"{', '.join(memory.holds)} in {memory.bits}",
                    "give it another name",
                )


def attributes_exist(target: Target, place: Place) -> None:
    """Raise for attributes in `[ops]` that their primitives have not."""
    for primitive, choices in (target.ops or {}).items():
        declared = allowable(primitive)
        for key in choices:
            if key not in declared:
                raise (
                    place.at("ops")
                    .at(primitive)
                    .at(key)
                    .error(
                        f"is no attribute of {primitive}",
                        ", ".join(declared),
                        key,
                        suggest(key, declared, f"'talon primitives show {primitive}' lists them"),
                    )
                )
