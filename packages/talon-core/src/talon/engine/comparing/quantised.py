"""A float network beside what quantising made of it: by which engine the integers run, and what may be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talon.engine.choice import specs
from talon.engine.comparing.window import Site
from talon.ir.graph import Graph

ENGINE = "integer"
"""The engine of quantised graphs, where it is installed: any other computes with the floats they stand for."""
RECORDS = {"record", "arithmetic"}
"""Of the record of a quantised graph: what it has in format 2 and in format 1, and nothing else is known to have."""


def in_integers(value: Any) -> bool:
    """Whether this is a graph that carries the arithmetic of its integers."""
    config = value.quantization_config if isinstance(value, Graph) else None
    return isinstance(config, Mapping) and not RECORDS.isdisjoint(config)


def engines(values: tuple[Any, Any], asked: tuple[str, str]) -> tuple[str, str]:
    """ "auto" for a quantised graph beside one that is none is the engine of integers."""
    kinds = in_integers(values[0]), in_integers(values[1])
    if kinds[0] == kinds[1] or ENGINE not in specs():
        return asked
    one, other = (ENGINE if kind and name == "auto" else name for kind, name in zip(kinds, asked, strict=True))
    return one, other


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
