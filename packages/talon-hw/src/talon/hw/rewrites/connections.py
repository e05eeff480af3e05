"""Connections: nodes that pass their input on, and edges that are later than the target's longest delay."""

from __future__ import annotations

from typing import Any

from talon.hw.rewrites.pass_ import Work
from talon.ir.edges import Edge
from talon.ir.edits import at, total
from talon.ir.primitives.neurons import IF


def identities(work: Work) -> None:
    """Take out nodes that pass one input on, such as Dropout; no core computes them."""
    paths = work.paths
    for name, node in work.nodes():
        boundary = node.type_name in ("Input", "Output")
        if node.identity and not boundary and len(work.into(name)) == 1 and not doubles(work, name):
            if not ("/" in paths[name] and node.type_name == "Skip"):  # the ends of what flattening opened go unsaid
                work.log(name, "node", node.type_name, "removed")
            work.draft.bridge(name)


def doubles(work: Work, name: str) -> bool:
    """Whether an edge in the place of the node would be there twice, or lead from the node to itself."""
    (into,) = work.into(name)
    there = [(e.src, e.dst, e.delay) for e in work.out_of(into.src_node)]
    new = [(into.src, e.dst, total(into.delay, e.delay)) for e in work.out_of(name)]
    return into.src_node == name or len({*there, *new}) < len(there) + len(new)


def relays(work: Work) -> None:
    """Split an edge from a spiking neuron that is too late: neurons in between pass each spike on."""
    limit = work.target.noc["max_delay"].value
    if limit is None or not work.runs("IF"):
        return
    resets = work.target.numeric["reset"] or ("value",)
    # A spike lifts the membrane to 1; set to 0 or taken down by a threshold of 1, it is 0 again.
    reset: Any = next((word for word in resets if word != "none"), None)
    if reset is None or (reset == "subtract" and work.target.numeric["comparator"] == "gt"):
        return
    comparator: Any = work.target.numeric["comparator"] or "ge"
    last = next(reversed(list(work.draft.names())))
    for late in work.draft.late(limit):
        if not getattr(work.node(late.src_node), "spiking", False):
            continue
        chain, src, rest = [], late.src, late.delay or 0
        while rest > limit:
            relay = IF(1.0 if comparator == "ge" else 0.5, comparator=comparator, reset=reset)
            name = last = work.draft.add(f"{late.src_node}_relay", relay, work.draft.shape(late), last)
            chain.append(Edge(src, name, delay=limit))
            src, rest = name, rest - limit
        chain.append(Edge(src, at(late.dst_node, late.dst_port), delay=rest))
        work.log(
            late.dst_node, "delay", f"{late.delay} from {late.src_node}", f"through {len(chain) - 1} relay neurons"
        )
        work.draft.swap(late, chain)
