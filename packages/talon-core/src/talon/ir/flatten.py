"""Flattening: nested graphs and composites inlined into one level, meaning unchanged.

Delays are resolved first, at every level by itself. Each inlined boundary stays as an identity node, so that sums, edge
order and duplicates never change; engines alias it away. Names are joined with `.`; provenance keeps the paths. The
core that a composite or a graph asks for is asked for by the nodes inside that name no other.
"""

from __future__ import annotations

from talon.ir.edges import Edge
from talon.ir.edits import at, explicit, free
from talon.ir.errors import TalonGraphError
from talon.ir.graph import Graph
from talon.ir.infer import declared_shape
from talon.ir.node import Node
from talon.ir.primitive import Composite
from talon.ir.primitives.boundary import Boundary
from talon.ir.primitives.structure import Skip
from talon.ir.values import MAX_DEPTH


def flatten(graph: Graph) -> Graph:
    """The graph on one level, of leaves only, with `provenance` from every node to the path it came from."""
    flat = _Flat(graph)
    flat.add(graph, "", "", top=True, core=graph.core_id)
    provenance = {name: graph._provenance.get(path, path) for name, path in flat.provenance.items()}
    return graph._like(flat.nodes, flat.edges, provenance=provenance)


def passage(boundary: Boundary, graph: Graph, owner: Node | None) -> Skip:
    """The identity node in place of an inner boundary, with the shape that it, or the node it belongs to, declares."""
    shape = boundary.shape
    if shape is None and owner is not None:
        side, there = ("input", graph.inputs) if boundary.ports().inputs == () else ("output", graph.outputs)
        shape = declared_shape(owner, side, len(there))
    return Skip("passthrough", input_type=shape)


class _Flat:
    def __init__(self, graph: Graph) -> None:
        # Names of the outermost level stay as they are: its Inputs and Outputs are how users address the graph.
        self.reserved = frozenset(graph.nodes)
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.seen: set[tuple[str, str, int | None]] = set()
        self.provenance: dict[str, str] = {}

    def add(
        self,
        graph: Graph,
        prefix: str,
        path: str,
        top: bool = False,
        owner: Node | None = None,
        core: int | None = None,
    ) -> dict[str, str]:
        """Add one level; returns the flat name of every leaf of it. `owner` is the node that the level stands for,
        `core` the one that is asked for around it."""
        if path.count("/") > MAX_DEPTH:
            raise TalonGraphError("T116", f"composites are nested deeper than {MAX_DEPTH} levels", node=path)
        names: dict[str, str] = {}
        inside: dict[str, tuple[list[str], list[str]]] = {}
        for name, node in graph.nodes.items():
            inner = node.decompose() if isinstance(node, Composite) else node
            if isinstance(inner, Graph):
                around = core if node.core_id is None else node.core_id
                flat = self.add(inner, f"{prefix}{name}.", f"{path}{name}/", owner=node, core=around)
                inside[name] = ([flat[n] for n in inner.inputs], [flat[n] for n in inner.outputs])
                continue
            unique = prefix + name
            if unique in self.nodes or (not top and unique in self.reserved):
                unique = free(unique, [*self.nodes, *self.reserved])
            if isinstance(node, Boundary):
                node = node if top else passage(node, graph, owner)
            elif core is not None and node.core_id is None and not node.identity:
                node = node.changed(core_id=core)
            self.nodes[unique] = node
            self.provenance[unique] = path + name
            names[name] = unique
        for edge, link, delay in zip(explicit(graph), graph.links, graph.delays(), strict=True):
            src, dst = edge.src_node, edge.dst_node
            source = inside[src][1][link.src_port] if src in inside else at(names[src], edge.src_port)
            target = inside[dst][0][link.dst_port] if dst in inside else at(names[dst], edge.dst_port)
            self.join(Edge(source, target, delay=delay or edge.delay), path)
        return names

    def join(self, edge: Edge, path: str) -> None:
        """Add an edge; one whose delay was chosen goes through an identity node where it would stand twice."""
        key = edge.src, edge.dst, edge.delay
        if key in self.seen:
            twin = free(f"{edge.src_node}.twin", [*self.nodes, *self.reserved])
            self.nodes[twin] = Skip("passthrough")
            self.provenance[twin] = path + twin
            self.edges.append(Edge(edge.src, twin, delay=edge.delay))
            edge = Edge(twin, edge.dst)
        self.seen.add(key)
        self.edges.append(edge)
