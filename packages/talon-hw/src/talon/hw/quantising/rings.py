"""Cycles without a neuron: sums that go around in them grow without end, so that no width holds them."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from talon.hw.integers.pieces import PIECES, Cell
from talon.ir.errors import TalonTargetError
from talon.ir.graph import Graph


def endless(graph: Graph) -> Iterator[TalonTargetError]:
    """An error (T506) for the first cycle of a flat graph in which integers would go around, and no neuron stands."""
    passing = {name for name, node in graph.nodes.items() if PIECES.get(node.type_name) not in (None, Cell)}
    before: dict[str, list[str]] = {}
    for edge in graph.edges:
        if edge.src_node in passing and edge.dst_node in passing:
            before.setdefault(edge.dst_node, []).append(edge.src_node)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        ring = [str(graph.provenance.get(name, name)) for name in error.args[1]]
        yield TalonTargetError(
            "T506",
            "a cycle without a neuron has no width that holds its sums",
            node=ring[0],
            expected="a neuron in every cycle",
            found=" -> ".join(ring if len(ring) <= 6 else [*ring[:5], "..."]),
            help="put a neuron into the cycle",
        )
