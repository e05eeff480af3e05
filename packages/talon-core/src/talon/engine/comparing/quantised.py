"""A float network beside what quantising made of it: what its nodes are called, and what may be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talon.engine.comparing.window import Site
from talon.engine.quantised import in_integers
from talon.ir.graph import Graph


def called(values: tuple[Any, Any], place: int) -> Mapping[str, str]:
    """What the nodes of a side are called in the comparison: quantising flattens, so that its nodes have the flat
    names of the float network's."""
    graph, other = values[place], values[1 - place]
    if not in_integers(graph) or in_integers(other) or not isinstance(other, Graph):
        return {}
    paths = other.flatten().provenance
    return {name: path for name, path in paths.items() if name in graph.nodes}


def comparable(site: Site) -> bool:
    """Quantising puts gains of neurons into the weights before them: what stands between neurons is in other units,
    while membranes, spikes and what leaves the network mean the same."""
    return site.spiking or site.exit
