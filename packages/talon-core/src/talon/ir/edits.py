"""Edits of graphs: each gives a new graph, with the ports that an edge left implied written out first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from talon.ir.edges import Edge
from talon.ir.errors import TalonGraphError, TalonTypeError
from talon.ir.graph import Graph
from talon.ir.node import Node
from talon.ir.primitives.boundary import Input, Output

if TYPE_CHECKING:
    import networkx


def explicit(graph: Graph) -> list[Edge]:
    """The edges, with the port of a split written out where its place in the edge order implied it."""
    ports = [node.ports() for node in graph.nodes.values()]
    edges = []
    for edge, link in zip(graph.edges, graph.links, strict=True):
        if ports[link.src].numbered and edge.src_port is None:
            edge = Edge(f"{edge.src}:{ports[link.src].outputs[link.src_port]}", edge.dst, delay=edge.delay)
        edges.append(edge)
    return edges


def at(name: str, port: str | None) -> str:
    return name if port is None else f"{name}:{port}"


def moved(edge: Edge, src: str | None = None, dst: str | None = None) -> Edge:
    """The edge with other node names, same ports and delay."""
    return Edge(
        at(src, edge.src_port) if src is not None else edge.src,
        at(dst, edge.dst_port) if dst is not None else edge.dst,
        delay=edge.delay,
    )


def free(name: str, taken: Iterable[str]) -> str:
    """`name`, or with the first number that makes it unique."""
    taken = set(taken)
    number, candidate = 2, name
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def unused(graph: Graph, name: str) -> None:
    if name in graph.nodes:
        raise TalonGraphError(
            "T102",
            f"there is already a node {name!r}",
            found=type(graph.nodes[name]).__name__,
            help=f"choose another name, such as {free(name, graph.nodes)!r}",
        )


def replace(graph: Graph, name: str, node: Node) -> Graph:
    graph.node(name)
    return graph._like({n: node if n == name else old for n, old in graph.nodes.items()}, explicit(graph))


def insert_after(graph: Graph, after: str, name: str, node: Node) -> Graph:
    outputs = graph.node(after).ports().outputs
    unused(graph, name)
    if len(outputs) != 1:
        raise TalonGraphError(
            "T103",
            f"cannot insert after {after!r}, which has {len(outputs)} output ports",
            expected="one output port",
            help="add the node and its edges by hand with ir.Graph(...)",
        )
    nodes: dict[str, Node] = {}
    for old, value in graph.nodes.items():
        nodes[old] = value
        if old == after:
            nodes[name] = node
    edges: list[Edge] = []
    joined = False
    for edge in explicit(graph):
        if edge.src_node != after:
            edges.append(edge)
            continue
        # The new edge stands where the first moved one stood, so that the rule for cycles takes the same way.
        edges += [] if joined else [Edge(after, name)]
        edges.append(Edge(name, edge.dst, delay=edge.delay))
        joined = True
    return graph._like(nodes, edges if joined else [*edges, Edge(after, name)])


def remove(graph: Graph, name: str, bridge: bool) -> Graph:
    ports = graph.node(name).ports()
    edges = explicit(graph)
    into = [e for e in edges if e.dst_node == name]
    kept: list[Edge] = []
    if bridge and (len(ports.inputs) != 1 or len(ports.outputs) != 1):
        raise TalonGraphError(
            "T103", f"{name!r} cannot be bridged", expected="one input and one output port", help="use bridge=False"
        )
    for edge in edges:
        if edge.dst_node == name:
            continue
        if edge.src_node != name:
            kept.append(edge)
        elif bridge:
            kept += [Edge(i.src, edge.dst, delay=total(i.delay, edge.delay)) for i in into if i.src_node != name]
    return graph._like({n: node for n, node in graph.nodes.items() if n != name}, kept)


def total(a: int | None, b: int | None) -> int | None:
    return None if a is None and b is None else (a or 0) + (b or 0)


def rename(graph: Graph, names: Mapping[str, str]) -> Graph:
    for old in names:
        graph.node(old)
    renamed = [names.get(n, n) for n in graph.nodes]
    clash = next((name for name, count in Counter(renamed).items() if count > 1), None)
    if clash is not None:
        raise TalonGraphError("T102", f"renaming gives {clash!r} to two nodes", help="choose another name")
    edges = [moved(e, names.get(e.src_node, e.src_node), names.get(e.dst_node, e.dst_node)) for e in explicit(graph)]
    return graph._like(dict(zip(renamed, graph.nodes.values(), strict=True)), edges)


def subgraph(graph: Graph, names: Iterable[str]) -> Graph:
    if isinstance(names, str):
        raise TalonTypeError("T206", "subgraph takes several names", found=repr(names), help=f"give [{names!r}]")
    chosen = dict.fromkeys(names)
    for name in chosen:
        graph.node(name)
    shapes = graph.shapes
    nodes: dict[str, Node] = {n: node for n, node in graph.nodes.items() if n in chosen}
    entries: dict[str, Node] = {}
    # By node and port numbers: an edge may leave the port out or say it, and means the same source.
    inputs: dict[tuple[int, int], str] = {}
    outputs: dict[tuple[int, int], str] = {}
    edges = []
    for edge, link in zip(explicit(graph), graph.links, strict=True):
        inside = edge.src_node in chosen, edge.dst_node in chosen
        if not any(inside):
            continue
        ports, source = graph.nodes[edge.src_node].ports().outputs, (link.src, link.src_port)
        shape = shapes[f"{edge.src_node}:{ports[link.src_port]}"]
        stem = edge.src_node if len(ports) == 1 else f"{edge.src_node}.{ports[link.src_port]}"
        if all(inside):
            edges.append(edge)
        elif inside[1]:
            if source not in inputs:
                inputs[source] = free(stem, [*graph.nodes, *nodes, *entries])
                entries[inputs[source]] = Input(shape)
            edges.append(Edge(inputs[source], edge.dst, delay=edge.delay))
        elif source not in outputs:
            outputs[source] = free(f"{stem}_out", [*graph.nodes, *nodes, *entries])
            nodes[outputs[source]] = Output(shape)
            edges.append(Edge(edge.src, outputs[source]))
    return graph._like({**entries, **nodes}, edges)


def with_delays(graph: Graph) -> Graph:
    edges = []
    stated = {tuple(link) for link in graph.links}
    for edge, link, delay in zip(explicit(graph), graph.links, graph.delays(), strict=True):
        # Beside an edge that states the same delay it stays unstated, or it would be a duplicate; it means the same.
        twin = link.delay is None and (*link[:4], delay) in stated
        edges.append(edge if twin else Edge(edge.src, edge.dst, delay=delay))
    nodes = {n: node.with_delays() if isinstance(node, Graph) else node for n, node in graph.nodes.items()}
    return graph._like(nodes, edges)


def to_networkx(graph: Graph) -> networkx.MultiDiGraph:
    import networkx

    result = networkx.MultiDiGraph()
    for name, node in graph.nodes.items():
        result.add_node(name, node=node, type=node.type_name)
    for edge in graph.edges:
        result.add_edge(edge.src_node, edge.dst_node, src=edge.src, dst=edge.dst, delay=edge.delay)
    return networkx.freeze(result)
