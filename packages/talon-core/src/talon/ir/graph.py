"""Graph: named nodes and the edges between them. A Graph is a node, so graphs nest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from inspect import Parameter, Signature
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, overload

from talon.ir import order
from talon.ir.declare import flag, number, stored_value, text
from talon.ir.declared import signature_of
from talon.ir.edges import Edge, as_edge
from talon.ir.errors import (
    TalonGraphError,
    TalonNameError,
    TalonShapeError,
    TalonTypeError,
    suggest,
)
from talon.ir.fields import Shape
from talon.ir.node import Node, rebuild
from talon.ir.order import Link
from talon.ir.ports import InPort, Ports
from talon.ir.primitives.boundary import Input, Output
from talon.ir.resolve import named_nodes, ports_of, resolved
from talon.ir.values import MAX_DEPTH, thaw

if TYPE_CHECKING:
    import networkx

    from talon.ir.check import CheckReport

    class Edges:
        """Annotation of the edges of a graph: pairs or Edges in, a tuple of Edges out."""

        @overload
        def __get__(self, instance: None, owner: type) -> Edges: ...
        @overload
        def __get__(self, instance: object, owner: type) -> tuple[Edge, ...]: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(self, instance: object, value: Iterable[Edge | tuple[str, str]]) -> None: ...


class Graph(Node):
    """Nodes by name and edges between their ports. Immutable: every edit gives a new graph.

    `nodes`: mapping from name to node, names without `:` and `/`. `edges`: pairs `("a", "b")`, `("split:1", "b")`, or
    `ir.Edge(src, dst, delay=n)`. `dt`: seconds per step, or None. Structure is checked here (unknown names and ports,
    duplicates: `TalonGraphError`), shapes and values by `check()`.
    """

    known_as = {"torch": "nn.Module", "onnx": "GraphProto", "nir": "NIRGraph"}
    usage = ("ir.Graph.chain(x=ir.Input([3]), act=ir.ReLU(features=3), y=ir.Output([3]))", [(3,)])

    # The published extras are kept and round-tripped; none of them has an effect here.
    dt: float | None = number(doc="length of one step", unit="s", default=None, kw_only=True, above=0.0)
    allow_cycles: bool = flag(doc="published extra; cycles are always allowed", default=False, kw_only=True)
    quantization_config: Any = stored_value(doc="published extra, kept", default=None, kw_only=True)
    partition_metadata: Any = stored_value(doc="published extra, kept", default=None, kw_only=True)
    cyclic_config: Any = stored_value(doc="published extra, kept", default=None, kw_only=True)
    target_hardware: str | None = text(doc="published extra, kept", default=None, kw_only=True)
    execution_schedule: Any = stored_value(doc="published extra, kept", default=None, kw_only=True)

    if TYPE_CHECKING:
        # Plain values in the instance's dict at run time, set once by `_build`. Type checkers take them for fields, so
        # that they know the whole constructor.
        nodes: Mapping[str, Node] = stored_value(doc="the nodes by name, read-only, in insertion order")
        edges: Edges = stored_value(doc="the edges in order")

        @property
        def depth(self) -> int:
            """How many levels of graphs, this one included."""
            raise AttributeError

        @property
        def _index(self) -> dict[str, int]: ...
        @property
        def _ports(self) -> list[Ports]: ...
        @property
        def _links(self) -> list[Link]: ...
        @property
        def _provenance(self) -> Mapping[str, str]: ...

    else:

        def __init__(self, nodes: Mapping[str, Node], edges: Iterable[Any], **fields: Any) -> None:
            self._take(self._bind((), fields))
            for problem in self.problems(small_only=True):
                raise problem
            self._build(nodes, edges)

    def _build(self, nodes: Mapping[str, Node], edges: Iterable[Any], provenance: Mapping[str, str] = {}) -> None:
        values = self.__dict__
        values["_provenance"] = provenance
        values["nodes"] = MappingProxyType(named_nodes(nodes))
        values["edges"] = tuple(map(as_edge, edges))
        values["_index"] = {name: i for i, name in enumerate(self.nodes)}
        values["_ports"] = [ports_of(name, node) for name, node in self.nodes.items()]
        values["_links"] = resolved(self.nodes, self._ports, self.edges)
        depth = 1 + max((n.depth for n in self.nodes.values() if isinstance(n, Graph)), default=0)
        if depth > MAX_DEPTH:
            raise TalonGraphError("T116", f"graphs are nested deeper than {MAX_DEPTH} levels")
        values["depth"] = depth

    @classmethod
    def restore(cls, values: Mapping[str, Any]) -> Self:
        fields = dict(values)
        parts = fields.pop("nodes"), fields.pop("edges"), fields.pop("provenance", {})
        graph = cls.__new__(cls)
        graph._take(cls._bind((), fields))
        graph._build(*parts)
        return graph

    @classmethod
    def chain(cls, *nodes: Node, **named: Node) -> Self:
        """A sequence, each node feeding the next: unnamed ones first, called by their class and a number."""
        counts: dict[str, int] = {}
        given: dict[str, Node] = {}
        for node in nodes:
            stem = type(node).__name__.lower()
            counts[stem] = counts.get(stem, -1) + 1
            given[f"{stem}{counts[stem]}" if counts[stem] else stem] = node
        clash = given.keys() & named.keys()
        if clash:
            raise TalonGraphError("T102", f"the name {min(clash)!r} is given twice", help="name the unnamed nodes too")
        given |= named
        names = list(given)
        return cls(given, list(pairwise(names)))

    # Structure

    @property
    def links(self) -> tuple[Link, ...]:
        """The edges by node and port numbers, in edge order (nodes count in insertion order)."""
        return tuple(self._links)

    def delays(self) -> list[int]:
        """The delay of every edge in steps, those of unstated ones chosen by the rule for cycles."""
        try:
            return order.resolve_delays(len(self.nodes), self._links)
        except order.ImmediateCycle as cycle:
            names = list(self.nodes)
            loop = " -> ".join(repr(names[n]) for n in [*cycle.nodes, cycle.nodes[0]])
            raise TalonGraphError(
                "T114",
                f"every delay in the cycle {loop} is stated 0",
                expected="at least one edge with a delay of 1 or more",
                found="delay=0 on all of them",
                help="leave one delay unstated, or state delay=1",
            ) from None

    @property
    def is_dag(self) -> bool:
        """Whether there is no cycle at all, delayed or not."""
        return order.topological(len(self.nodes), ((link.src, link.dst) for link in self._links)) is not None

    def order(self) -> list[str]:
        """Node names in an order in which one step can compute them."""
        live = ((k.src, k.dst) for k, delay in zip(self._links, self.delays(), strict=True) if not delay)
        names = list(self.nodes)
        return [names[n] for n in order.topological(len(names), live) or []]

    @property
    def inputs(self) -> dict[str, Input]:
        """The Input nodes by name."""
        return {name: node for name, node in self.nodes.items() if isinstance(node, Input)}

    @property
    def outputs(self) -> dict[str, Output]:
        """The Output nodes by name."""
        return {name: node for name, node in self.nodes.items() if isinstance(node, Output)}

    def ports(self) -> Ports:
        return Ports(tuple(InPort(name) for name in self.inputs), tuple(self.outputs))

    def predecessors(self, name: str) -> list[str]:
        """Names of the nodes with an edge into `name`, each once, in edge order."""
        self.node(name)
        return list(dict.fromkeys(e.src_node for e in self.edges if e.dst_node == name))

    def successors(self, name: str) -> list[str]:
        """Names of the nodes that `name` has an edge to, each once, in edge order."""
        self.node(name)
        return list(dict.fromkeys(e.dst_node for e in self.edges if e.src_node == name))

    def node(self, path: str) -> Node:
        """The node at a path: a name, or names joined with `/` for nested graphs. Raises `TalonNameError` (T101)."""
        graph: Node = self
        for name in path.split("/"):
            if not isinstance(graph, Graph) or name not in graph.nodes:
                names = graph.nodes if isinstance(graph, Graph) else ()
                raise TalonNameError(
                    "T101",
                    f"there is no node {path!r}",
                    found=repr(name),
                    help=suggest(name, names, "'talon ls FILE' lists the nodes"),
                )
            graph = graph.nodes[name]
        return graph

    # Shapes and checks

    @property
    def shapes(self) -> dict[str, Shape | None]:
        """Inferred sample shape of every output port, by `"node:port"`; None where it stays open."""
        from talon.ir.infer import infer_shapes

        return infer_shapes(self).named(self)

    def infer(self, *inputs: Shape | None) -> Any:
        from talon.ir.infer import infer_shapes

        found = infer_shapes(self, inputs)
        for problem in found.problems:
            raise TalonShapeError(
                problem.code,
                problem.message if problem.node is None else f"{problem.message} (inside, at {problem.node!r})",
                expected=problem.expected,
                found=problem.found,
                help=problem.help,
            )
        shapes = tuple(found.outputs[self._index[name]][0] for name in self.outputs)
        return shapes[0] if len(shapes) == 1 else shapes

    def check(self) -> CheckReport:
        """Every problem at once: structure, shapes, cycles, values. Reads all arrays."""
        from talon.ir.check import check

        return check(self)

    def validate(self) -> None:
        """Raise `TalonGraphError` with the first error of `check()`, and the number of the others."""
        self.check().raise_errors()

    # Comparison

    def same_as(self, other: object) -> bool:
        """Equality of nodes by value and name, in order, of edges in order, and of every field."""
        return (
            isinstance(other, Graph)
            and Node.same_as(self, other)
            and list(self.nodes) == list(other.nodes)
            and self.edges == other.edges
            and all(node.same_as(other.nodes[name]) for name, node in self.nodes.items())
        )

    def fingerprint(self) -> str:
        """sha256 over nodes, fields, edges in order, resolved delays and metadata; node order does not matter."""
        from talon.ir.fingerprint import fingerprint

        return fingerprint(self)

    def load(self) -> Self:
        """Load every lazy array now, so that the file may go; returns the graph itself."""
        for node in self.nodes.values():
            node.detach()
        return self

    def detach(self) -> None:
        self.load()

    # Edits: each gives a new graph

    @property
    def provenance(self) -> dict[str, str]:
        """For a flattened graph: the path (`"sub/fc1"`) each node came from. A node of this graph by its own name."""
        return {name: self._provenance.get(name, name) for name in self.nodes}

    def changed(self, **fields: Any) -> Self:
        """The graph with some fields changed, or with other `nodes` or `edges`."""
        return type(self)(**{"nodes": self.nodes, "edges": self.edges, **self.given(), **fields})

    def replace(self, name: str, node: Node) -> Graph:
        """The graph with another node under `name`, same edges."""
        from talon.ir.edits import replace

        return replace(self, name, node)

    def insert_after(self, after: str, name: str, node: Node) -> Graph:
        """The graph with `node` between `after` and everything that `after` fed."""
        from talon.ir.edits import insert_after

        return insert_after(self, after, name, node)

    def remove(self, name: str, *, bridge: bool = False) -> Graph:
        """The graph without the node and its edges; `bridge=True` joins what fed it with what it fed."""
        from talon.ir.edits import remove

        return remove(self, name, bridge)

    def rename(self, names: Mapping[str, str]) -> Graph:
        """The graph with nodes renamed, `{old: new}`."""
        from talon.ir.edits import rename

        return rename(self, names)

    def subgraph(self, names: Iterable[str]) -> Graph:
        """The named nodes and the edges between them; where an edge was cut an Input or Output takes its place."""
        from talon.ir.edits import subgraph

        return subgraph(self, names)

    def with_delays(self) -> Graph:
        """The graph with every delay stated, at every level; an edge beside one that states the same stays as it is."""
        from talon.ir.edits import with_delays

        return with_delays(self)

    def flatten(self) -> Graph:
        """Nested graphs and composites inlined, names joined with `.`, delays stated where they are not 0."""
        from talon.ir.flatten import flatten

        return flatten(self)

    def to_networkx(self) -> networkx.MultiDiGraph:
        """A frozen `networkx.MultiDiGraph`: nodes carry `node` and `type`, edges `src`, `dst` and `delay`."""
        from talon.ir.edits import to_networkx

        return to_networkx(self)

    # Copying and printing

    def __reduce__(self) -> tuple[Any, ...]:
        parts = {"nodes": dict(self.nodes), "edges": list(self.edges), "provenance": self._provenance}
        return rebuild, (type(self), {**parts, **thaw(self.given())})

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        from copy import deepcopy

        nodes = {name: deepcopy(node, memo) for name, node in self.nodes.items()}
        parts = {"nodes": nodes, "edges": self.edges, "provenance": self._provenance}
        return type(self).restore({**parts, **self.given()})

    def _like(self, nodes: Mapping[str, Node], edges: Iterable[Edge], **fields: Any) -> Graph:
        """A graph with this one's fields and other nodes and edges; no value is checked again."""
        return Graph.restore({"nodes": nodes, "edges": edges, **self.given(), **fields})

    def __iter__(self) -> Iterator[str]:
        raise TalonTypeError("T206", "a graph is not iterable", help="iterate over graph.nodes or graph.edges")

    def _repr_html_(self) -> str:
        from talon.ir.drawing import html

        return html(self)

    def _repr_svg_(self) -> str:
        from talon.ir.drawing import svg

        return svg(self)

    def __repr__(self) -> str:
        head = f"Graph: {len(self.nodes)} nodes, {len(self.edges)} edges"
        head += "" if self.is_dag else ", with cycles"
        if self.dt is not None:
            head += f", dt={self.dt:g} s"
        rows = list(self.nodes.items())
        width = max((len(n) for n, _ in rows[:12]), default=0)
        lines = [f"  {name:<{width}}  {brief(node)}" for name, node in rows[:12]]
        if len(rows) > 12:
            lines.append(f"  ... and {len(rows) - 12} more")
        return "\n".join([head, *lines])


# The constructor takes its fields as `**fields`; its signature names them.
_PARTS = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in ("nodes", "edges")]
Graph.__signature__ = Signature([*_PARTS, *signature_of(Graph.fields).parameters.values()])


def brief(node: Node) -> str:
    """A node on one line, cut to what fits."""
    if isinstance(node, Graph):
        return f"Graph({len(node.nodes)} nodes, {len(node.edges)} edges)"
    text = repr(node)
    return text if len(text) <= 90 else text[:87] + "..."
