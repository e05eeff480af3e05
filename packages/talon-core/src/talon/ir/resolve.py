"""Structure that a graph must have from the start: legal names, known nodes and ports, each connection once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from talon.ir.edges import Edge
from talon.ir.errors import TalonGraphError, TalonTypeError, suggest
from talon.ir.node import Node
from talon.ir.order import Link
from talon.ir.ports import Ports


def named_nodes(nodes: Any) -> dict[str, Node]:
    """A copy of the mapping, with names and types checked."""
    if not isinstance(nodes, Mapping):
        raise TalonTypeError("T206", "nodes is a mapping from name to node", found=type(nodes).__name__)
    for name, node in nodes.items():
        if not isinstance(name, str):
            raise TalonTypeError("T102", f"a node's name is a string, not {name!r}")
        if not name or ":" in name or "/" in name or name == "." or not name.isprintable() or len(name) > 255:
            raise TalonGraphError(
                "T102",
                f"{name!r:.80} cannot be a node's name",
                expected="1 to 255 printable characters without ':' and '/', and not '.' alone",
            )
        if not isinstance(node, Node):
            raise TalonTypeError(
                "T206",
                f"node {name!r} is not a node",
                expected="a primitive such as ir.LIF(...), or a Graph",
                found=f"the class {node.__name__} itself" if isinstance(node, type) else type(node).__name__,
                help="call it with its parameters" if isinstance(node, type) else None,
            )
    return dict(nodes)


def ports_of(name: str, node: Node) -> Ports:
    """The ports a node declares. Raises `TalonGraphError` (T900) where its class fails to say them."""
    try:
        ports = node.ports()
        if not isinstance(ports, Ports):
            raise TypeError(f"ports() gave {ports!r:.80}, not ir.Ports")
    except Exception as error:
        raise TalonGraphError(
            "T900",
            f"{type(node).__name__} does not say its ports",
            node=name,
            expected="ir.Ports",
            found=f"{type(error).__name__}: {error}",
            help="report it to the distribution that provides it",
        ) from error
    return ports


def resolved(nodes: Mapping[str, Node], ports: Sequence[Ports], edges: Sequence[Edge]) -> list[Link]:
    """Every edge by node and port numbers. Raises `TalonGraphError` on unknown names and ports and on duplicates."""
    index = {name: number for number, name in enumerate(nodes)}
    seen: dict[Link, Edge] = {}
    implied: dict[int, int] = {}
    for edge in edges:
        src_name, _, src_port = edge.src.partition(":")
        dst_name, _, dst_port = edge.dst.partition(":")
        try:
            src, dst = index[src_name], index[dst_name]
        except KeyError:
            missing = src_name if src_name not in index else dst_name
            raise TalonGraphError(
                "T101",
                f"edge {edge.src!r} -> {edge.dst!r} names a node that is not in the graph",
                found=repr(missing),
                help=suggest(missing, index, f"add a node named {missing!r}"),
            ) from None
        outputs = ports[src].outputs
        if len(outputs) == 1 and not src_port:
            out = 0
        elif not src_port and ports[src].numbered:
            out = implied.get(src, 0)
            implied[src] = out + 1
            if out >= len(outputs):
                said = f"edge number {out + 1} without a port"
                raise bad_port(edge, src_name, nodes[src_name], said, outputs, "output")
        else:
            out = port_number(edge, src_name, nodes, src_port, outputs, "out")
        inputs, into = ports[dst].inputs, 0
        if dst_port or len(inputs) != 1:
            into = port_number(edge, dst_name, nodes, dst_port, tuple([port.name for port in inputs]), "in")
        link = Link._make((src, out, dst, into, edge.delay))
        if link in seen:
            raise TalonGraphError(
                "T107",
                f"edge {edge.src!r} -> {edge.dst!r} stands twice",
                expected="each connection once",
                found=f"{seen[link]!r} and {edge!r}",
                help="to add a value twice, send one copy through ir.Skip('passthrough')",
            )
        seen[link] = edge
    return list(seen)


def port_number(
    edge: Edge, node: str, nodes: Mapping[str, Node], port: str, names: tuple[str, ...], default: str
) -> int:
    """The place of a port among `names`; without a name it is the only one, or the one called `default`."""
    if port in names:
        return names.index(port)
    if not port and default in names:
        return names.index(default)
    if len(names) == 1 and port == default:
        return 0
    kind = f"{default}put"
    raise bad_port(edge, node, nodes[node], repr(port) if port else f"no {kind} port", names, kind)


def bad_port(edge: Edge, name: str, node: Node, found: str, names: tuple[str, ...], kind: str) -> TalonGraphError:
    return TalonGraphError(
        "T103",
        f"edge {edge.src!r} -> {edge.dst!r} does not name an {kind} port of {name!r}",
        node=name,
        expected=" or ".join(f"'{name}:{n}'" for n in names) or f"a node that has {kind}s",
        found=found,
        help=f"{type(node).__name__} has {len(names)} {kind} port{'s' * (len(names) != 1)}",
    )
