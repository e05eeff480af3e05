"""Passes that make a graph legal for a target: each looks at one kind of problem and mends what it can."""

from __future__ import annotations

from typing import TypeVar

from talon.hw.description import Target
from talon.hw.ledger import Rewrite
from talon.hw.rewrites.connections import identities, relays
from talon.hw.rewrites.convolutions import dilations, groups
from talon.hw.rewrites.neurons import comparators, gains, shifts
from talon.hw.rewrites.normalisation import batch_norms
from talon.hw.rewrites.pass_ import Pass, Work
from talon.hw.rewrites.pools import mean_pools
from talon.ir.graph import Graph
from talon.ir.primitive import Composite

SomeWork = TypeVar("SomeWork", bound=Work)

PASSES: dict[str, Pass] = {
    "identities": identities,
    "batch norm": batch_norms,
    "mean pools": mean_pools,
    "groups": groups,
    "dilations": dilations,
    "gains": gains,
    "shifts": shifts,
    "comparators": comparators,
    "relays": relays,
}
"""In this order: what one leaves, the next may rely on."""


def rewritten(graph: Graph, work: type[SomeWork], target: Target) -> SomeWork:
    """A graph flattened, with everything that passes can mend. Where there is nothing the ends of nested graphs stay,
    too, and the ledger is empty; else it begins with the lines for what flattening opened."""
    flat = graph.flatten()
    found = work(flat, target)
    found.ledger += opened(graph)
    lines = len(found.ledger)
    for name, mend in PASSES.items():
        found.running = name
        mend(found)
    return found if len(found.ledger) > lines else work(flat, target)


def opened(graph: Graph) -> list[Rewrite]:
    """The lines for what flattening opens."""
    return [
        Rewrite("flatten", name, "node", node.type_name, "the nodes inside", True)
        for name, node in graph.nodes.items()
        if isinstance(node, (Graph, Composite))
    ]
