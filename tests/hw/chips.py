"""Targets with other arithmetic than the mesh that ships, and with other cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talon import hw
from talon.hw.catalogue import described, shipped

NUMBER = '{{ value = {}, unit = "{}", kind = "assumed", cite = "talon" }}'
OF_CORES = {"neurons": "neuron", "fan_in": "input", "in_axons": "axon", "out_edges": "edge"}
OF_MEMORIES = {"weight_words": "weight", "state_words": "state"}


def chip(cores: Mapping[str, int] | None = None, **changes: Any) -> hw.Target:
    """The mesh with other arithmetic: `membranes__overflow="wrap"` is numeric.membranes.overflow. `cores`: how many
    there are (`count`), and other limits of each: `neurons, fan_in, in_axons, out_edges, weight_words, state_words`."""
    lines = ['inherits = "generic-mesh"', 'target.id = "chip"']
    for key, value in changes.items():
        if isinstance(value, bool):
            written = str(value).lower()
        elif isinstance(value, int):
            written = NUMBER.format(value, "bit")
        else:
            written = value if value[0] in "[{" else f'"{value}"'
        section = "" if key.startswith(("ops__", "noc__")) else "numeric."
        lines.append(f"{section}{key.replace('__', '.')} = {written}")
    return described("\n".join([*lines, *of_cores(cores or {})]).encode(), "chip.toml")


def of_cores(limits: Mapping[str, int]) -> list[str]:
    """The lines of a description that say what its cores have."""
    lines: list[str] = []
    if "count" in limits:
        count = limits["count"]
        lines.append(f"noc.dims = {NUMBER.format(f'[{count}, 1]', 'core')}")
    lines.append("[[core]]")
    if "count" in limits:
        lines.append(f"count = {NUMBER.format(limits['count'], 'core')}")
    lines += [f"{key} = {NUMBER.format(limits[key], unit)}" for key, unit in OF_CORES.items() if key in limits]
    for key, name in OF_MEMORIES.items():
        if key in limits:
            lines += ["[[core.memory]]", f'name = "{name}"', f"words = {NUMBER.format(limits[key], 'word')}"]
    return lines


def crossed(name: str) -> hw.Target:
    """The cores and network of a target that ships, with the arithmetic of the mesh and numbers on its links."""
    mesh = shipped()["generic-mesh"].read_text()
    numeric = mesh[mesh.index("[numeric]") : mesh.index("[ops]")]
    citations = mesh[mesh.index("[target.citations]") : mesh.index("[target.capabilities]")]
    return described(f'inherits = "{name}"\ntarget.id = "chip"\n{citations}{numeric}'.encode(), "chip.toml")
