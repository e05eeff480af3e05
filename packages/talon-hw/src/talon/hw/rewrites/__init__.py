"""Passes that make a graph legal for a target: each looks at one kind of problem and mends what it can."""

from __future__ import annotations

from talon.hw.ledger import Rewrite
from talon.hw.rewrites.connections import identities, relays
from talon.hw.rewrites.convolutions import dilations, groups
from talon.hw.rewrites.neurons import comparators, gains, shifts
from talon.hw.rewrites.normalisation import batch_norms
from talon.hw.rewrites.pass_ import Pass, Work
from talon.hw.rewrites.pools import mean_pools
from talon.ir.graph import Graph
from talon.ir.primitive import Composite

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


def rewritten(graph: Graph, work: Work) -> bool:
    """Have every pass mend what it can of a flattened graph, with the lines for what flattening opened; whether there
    was anything."""
    work.ledger += opened(graph)
    flat = len(work.ledger)
    for name, mend in PASSES.items():
        work.running = name
        mend(work)
    return len(work.ledger) > flat


def opened(graph: Graph) -> list[Rewrite]:
    """The lines for what flattening opens."""
    return [
        Rewrite("flatten", name, "node", node.type_name, "the nodes inside", True)
        for name, node in graph.nodes.items()
        if isinstance(node, (Graph, Composite))
    ]
