"""A target of which nothing is unknown that integers need: what nobody states is taken from generic-mesh."""

from __future__ import annotations

import copy
from typing import Any

from talon.hw.catalogue import target as find_target
from talon.hw.description import Target, build
from talon.hw.rules import UNKNOWN

CITE = "generic-mesh"
"""The citation of what is taken from there."""


def completed(target: Target) -> tuple[Target, tuple[str, ...]]:
    """The target with its arithmetic complete, and the keys that were filled in."""
    data: dict[str, Any] = copy.deepcopy(dict(target.data))
    mesh = recited(copy.deepcopy(find_target("generic-mesh").data["numeric"]))
    filled: list[str] = []
    data["numeric"] = filled_in("numeric", data["numeric"], mesh, filled)
    if not filled:
        return target, ()
    citations = {**data["target"]["citations"], CITE: "the arithmetic of generic-mesh, where nobody says what is there"}
    data["target"] = {**data["target"], "citations": citations}
    return build(data, f"{target.id}, completed"), tuple(filled)


def filled_in(key: str, said: Any, mesh: Any, filled: list[str]) -> Any:
    """What is said, with what the mesh says in the place of what is unknown."""
    if said == UNKNOWN:
        filled.append(key)
        return mesh
    if not isinstance(said, dict) or "value" in said:
        return said
    return {name: filled_in(f"{key}.{name}", item, mesh.get(name), filled) for name, item in said.items()}


def recited(value: Any) -> Any:
    """Numbers with the citation that says where they were taken from."""
    if isinstance(value, dict):
        return {name: CITE if name == "cite" else recited(item) for name, item in value.items()}
    return value
