"""What the host computes after the chip, as a graph of its own, and what crosses over to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from talon.hw.integers.planned import on_host
from talon.hw.integers.wiring import IntegerWiring
from talon.ir.edges import Edge
from talon.ir.edits import free
from talon.ir.graph import Graph
from talon.ir.primitives.boundary import Input


@dataclass(frozen=True)
class Crossing:
    """A value that leaves the chip: what arrives at an argument of a node or, with `source`, a port alone. `value`: the
    port that says what its numbers stand for. `name`: the Output or, with `to_host`, the host's Input."""

    name: str
    node: int
    argument: int
    source: tuple[int, int] | None
    value: tuple[int, int]
    to_host: bool


def divided(graph: Graph, wired: IntegerWiring) -> tuple[Graph | None, list[Crossing]]:
    """The host's part of a flat graph, None where it has none, and all that leaves the chip."""
    host = on_host(wired)
    if not host & graph.outputs.keys():
        # What the host would compute, nobody sees.
        host = frozenset()
    hosts = [name in host for name in wired.names]
    # Names of the host's Inputs must be new among the graph's and among each other.
    taken = set(graph.nodes)
    nodes = {name: node for name, node in graph.nodes.items() if name in host}
    edges: list[Edge] = []
    crossings: list[Crossing] = []
    for number, name in enumerate(wired.names):
        if hosts[number]:
            for argument, given in enumerate(arguments(graph, number)):
                for crossing, edge in entering(wired, hosts, number, argument, given, taken):
                    if crossing is not None:
                        taken.add(crossing.name)
                        shape = wired.units[crossing.value[0]].shapes[crossing.value[1]]
                        if crossing.source is None:
                            shape = wired.task.in_shapes[name][argument if len(wired.task.in_shapes[name]) > 1 else 0]
                        nodes[crossing.name] = Input(shape)
                        crossings.append(crossing)
                    edges.append(edge)
        elif name in graph.outputs:
            crossings.append(Crossing(name, number, 0, None, (number, 0), to_host=False))
    if not host:
        return None, crossings
    return Graph(nodes, edges), crossings


def entering(
    wired: IntegerWiring, hosts: list[bool], number: int, argument: int, edges: list[Edge], taken: set[str]
) -> Iterator[tuple[Crossing | None, Edge]]:
    """The edges into an argument of one of the host's nodes, and what crosses on them. What the chip alone feeds is
    added there, in integers."""
    name, sources = wired.names[number], wired.units[number].arguments[argument]
    if not any(hosts[source.node] for source in sources):
        new = free(f"{name}_{argument}", taken)
        first = sources[0]
        crossing = Crossing(new, number, argument, None, (first.node, first.port), to_host=True)
        yield crossing, Edge(new, edges[0].dst)
        return
    for place, (source, edge) in enumerate(zip(sources, edges, strict=True)):
        if hosts[source.node]:
            yield None, edge
            continue
        new = free(f"{name}_{argument}_{place}", taken)
        port = (source.node, source.port)
        yield Crossing(new, number, argument, port, port, to_host=True), Edge(new, edge.dst, delay=edge.delay)


def arguments(graph: Graph, number: int) -> list[list[Edge]]:
    """The edges of every argument of a node, as `Wiring` gives it the sources."""
    ports = list(graph.nodes.values())[number].ports().inputs
    found: list[list[Edge]] = [[] for port in ports if not port.ordered]
    for given, link, delay in zip(graph.edges, graph.links, graph.delays(), strict=True):
        if link.dst == number:
            # Said in full: the host's part may lack the cycle from which a delay follows. One that says 0 is another
            # edge than one that says nothing.
            edge = Edge(given.src, given.dst, delay=delay or given.delay)
            if ports[link.dst_port].ordered:
                found.append([edge])
            else:
                found[link.dst_port].append(edge)
    return found
