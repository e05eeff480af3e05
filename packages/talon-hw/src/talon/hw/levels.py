"""What comes after what: how far behind others each of some things is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any


def levels(needed: Mapping[int, Collection[int]]) -> dict[int, int]:
    """Level 0 needs nothing, each next one only those before it. What is on a ring, or needs what is, has none."""
    import networkx

    graph: Any = networkx.DiGraph()
    graph.add_nodes_from(needed)
    graph.add_edges_from((other, number) for number, others in needed.items() for other in others)
    found: dict[int, int] = {}
    with suppress(networkx.NetworkXUnfeasible):  # raised once all that is on no ring was given
        for level, members in enumerate(networkx.topological_generations(graph)):
            found.update(dict.fromkeys(members, level))
    return found
