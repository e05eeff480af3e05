"""Scale groups: layers that share units, the neurons that read them, and in what order they get their units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon.hw.levels import levels
from talon.hw.quantising.flow import Flow
from talon.ir.errors import TalonTargetError


@dataclass
class ScaleGroup:
    """Layers that share units because their sums meet, and the neurons that read them."""

    members: list[str]
    readers: list[str] = field(default_factory=list)


def groups(flow: Flow) -> list[ScaleGroup]:
    """The groups of a graph, each behind those whose sums its layers read. What reads sums that its own are added to is
    refused (T506): neither can have its unit first."""
    owner: dict[str, int] = {}
    group_of: dict[int, int] = {}
    found: list[ScaleGroup] = []
    for members in connected(flow):
        for name in members:
            owner[name] = len(found)
            group_of.update(dict.fromkeys(units_in(flow, flow.classes[name]), len(found)))
        found.append(ScaleGroup(members))
    for name, symbols in flow.entering.items():
        if name not in flow.classes:
            for number in sorted({group_of[unit] for unit in units_in(flow, symbols) if unit in group_of}):
                found[number].readers.append(name)
    needed: list[dict[int, str]] = [{} for _ in found]
    for name, number in owner.items():
        for unit in units_in(flow, flow.entering.get(name, np.empty(0, np.int64))):
            if unit in group_of:
                needed[number].setdefault(group_of[unit], name)
    order = levels(dict(enumerate(needed)))
    for number, group in enumerate(found):
        if number not in order:
            flow.refuse(among_itself(group, needed[number].get(number, group.members[0])))
    return [found[number] for number in sorted(order, key=lambda number: (order[number], number))]


def units_in(flow: Flow, symbols: np.ndarray) -> set[int]:
    return {flow.units.symbol(number).unit for number in np.unique(symbols).tolist() if number >= 0}


def connected(flow: Flow) -> list[list[str]]:
    """The layers in groups that share a unit, both in graph order."""
    import networkx

    graph: Any = networkx.Graph()
    for name, symbols in flow.classes.items():
        graph.add_node(name)
        graph.add_edges_from((name, unit) for unit in units_in(flow, symbols))
    part_of = {each: number for number, part in enumerate(networkx.connected_components(graph)) for each in part}
    found: dict[int, list[str]] = {}
    for name in flow.classes:
        found.setdefault(part_of[name], []).append(name)
    return list(found.values())


def among_itself(group: ScaleGroup, name: str) -> TalonTargetError:
    members = ", ".join(map(repr, group.members[:5])) + (", ..." if len(group.members) > 5 else "")
    return TalonTargetError(
        "T506",
        "the layer reads sums that its own are added to, so that neither can get its unit first",
        node=name,
        expected="neurons between layers whose sums meet",
        found=f"one unit for {members}",
        help="put neurons before the layer",
    )
