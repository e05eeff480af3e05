"""Document: a graph as plain records, between Graph and any storage backend.

Graph <-> Document is derived from the declarations here; Document <-> bytes is a backend's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.edges import make_edge
from talon.ir.errors import TalonFormatError, pip_line
from talon.ir.graph import Graph
from talon.ir.grouped import stored_arrays
from talon.ir.node import Node
from talon.ir.opaque import Opaque
from talon.ir.quantized import RECORD, Quantized, to_records
from talon.ir.restoring import Restoring

FORMAT = "1.0"
"""What is written. Any `1.x` is read: a newer minor version adds only what a reader may pass over."""


PUBLISHED = "0.0.1"
"""The version of the published package's layout, which stands in `/version`. Any `0.0.x` is read."""


def check_format(found: str, by: str = "talon-core") -> None:
    """Refuse what says a newer major version (T307), naming the distribution `by` that reads it, and what says none of
    ours (T303)."""
    major = int(FORMAT.partition(".")[0])
    said = numbers(found)
    if said is None or said[0] < major:
        raise no_version("the file does not say a version of the format", f"{major}.x", f"{found!r:.40}")
    if said[0] > major:
        raise newer(f"format {major}.x", f"format {found}", by)


def check_published(found: str | None) -> str:
    """The version of the published layout. Refuses a newer one (T307), and None or what is no version (T303)."""
    said = None if found is None else numbers(found)
    if found is None or said is None:
        what = "the file says neither a format of talon's nor the version of the published package's layout"
        raise no_version(what, f"/talon, or /version {PUBLISHED!r}", "neither" if found is None else f"{found!r:.40}")
    if max(said[:2]) > 0:
        raise newer("version 0.0.x of the published layout, or a group /talon", f"version {found}", "talon-core")
    return found


def numbers(version: str) -> tuple[int, ...] | None:
    """`"1.0"` -> (1, 0), or None for what is no version."""
    said = re.fullmatch(r"\d{1,9}(\.\d{1,9}){0,3}", version, re.ASCII)
    return None if said is None else tuple(map(int, version.split(".")))


def no_version(message: str, expected: str, found: str) -> TalonFormatError:
    return TalonFormatError("T303", message, expected=expected, found=found, help="get an undamaged copy")


def newer(expected: str, found: str, by: str) -> TalonFormatError:
    message = "the file has a newer format than this version reads"
    return TalonFormatError("T307", message, expected=expected, found=found, help=pip_line(by, upgrade=True))


@dataclass(slots=True)
class NodeRecord:
    """A node: its path (`"sub/fc1"`; the outermost graph is `""`), type, who provides it, and its field values.

    `attrs` are plain values by stored name, `arrays` the array fields; of one that is a group of arrays (`ir.CSR`) each
    part as `"weight/indices"`. `free` names the attributes whose declaration
    does not say their type. `published` says what the published package must be given to compute the same.
    """

    path: str
    type: str
    provider: str = ""
    version: str = ""
    schema: int = 1
    attrs: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, ArrayRef] = field(default_factory=dict)
    free: frozenset[str] = frozenset()
    published: dict[str, Any] = field(default_factory=dict)


class EdgeRecord(NamedTuple):
    """An edge of the graph at `level` (a node path); `delay` None is unstated."""

    level: str
    src: str
    dst: str
    delay: int | None


@dataclass(slots=True)
class Document:
    """A whole graph as records; the first node is the outermost graph. `legacy`: written by the published package."""

    format: str
    writer: str
    nodes: list[NodeRecord]
    edges: list[EdgeRecord]
    legacy: bool = False

    @property
    def dt(self) -> float | None:
        """Seconds per step of the outermost graph."""
        return self.nodes[0].attrs.get("dt")

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Metadata of the outermost graph."""
        metadata: Mapping[str, Any] = self.nodes[0].attrs.get("metadata", {})
        return metadata


def to_document(graph: Graph, provider: Callable[[type], tuple[str, str]], writer: str) -> Document:
    """The records of a graph. Arrays are handed on as references; lazy ones are not loaded."""
    nodes: list[NodeRecord] = []
    edges: list[EdgeRecord] = []
    providers: dict[type, tuple[str, str]] = {}
    free: dict[type, frozenset[str]] = {}
    for path, node, owner in walk(graph):
        if isinstance(node, Opaque):
            nodes.append(replace(node.record, path=path))
            continue
        cls = type(node)
        if cls not in providers:
            providers[cls] = provider(cls)
            free[cls] = frozenset(f.key for f in cls.fields.values() if f.free)
        attrs: dict[str, Any] = {}
        arrays: dict[str, ArrayRef] = {}
        for declared, value in node.stored_fields():
            if isinstance(value, np.ndarray) and declared.is_array:
                arrays[declared.key] = ArrayRef.of(value)
            elif isinstance(value, Quantized):
                to_records(declared.key, value, arrays, attrs)
            elif declared.is_array:
                arrays |= stored_arrays(declared.key, value)
            else:
                attrs[declared.key] = declared.plain(value)
        said = free[cls] | {RECORD} if RECORD in attrs else free[cls]
        published = node.published_values(owner)
        if published:
            published = {cls.fields[name].key: value for name, value in published.items()}
        nodes.append(NodeRecord(path, cls.__name__, *providers[cls], cls.schema, attrs, arrays, said, published))
        if isinstance(node, Graph):
            edges += [EdgeRecord(path, e.src, e.dst, e.delay) for e in node.edges]
    return Document(FORMAT, writer, nodes, edges)


def walk(graph: Graph, path: str = "") -> Iterator[tuple[str, Node, Callable[[], Any]]]:
    """Every node with its path, outer before inner, and a function that gives the shapes of its inputs."""
    if not path:
        yield "", graph, lambda: ()
    inferred: dict[str, Any] = {}

    def shapes_of(number: int) -> Any:
        if not inferred:
            from talon.ir.infer import infer_shapes

            inferred["inputs"] = infer_shapes(graph).inputs
        return inferred["inputs"][number]

    for number, (name, node) in enumerate(graph.nodes.items()):
        yield f"{path}{name}", node, partial(shapes_of, number)
        if isinstance(node, Graph):
            yield from walk(node, f"{path}{name}/")


def from_document(document: Document, resolve: Callable[[NodeRecord], type[Node] | None]) -> Graph:
    """The graph of the records. Shapes and types are checked, values are not.

    `resolve` gives the class of a record, or None for one that is to be kept as an opaque node.
    """
    edges: dict[str, list[EdgeRecord]] = {}
    for edge in document.edges:
        edges.setdefault(edge.level, []).append(edge)
    members: dict[str, dict[str, Node]] = {}
    used: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    # Inner nodes stand behind the graph that holds them, so going backwards builds graphs from complete parts.
    restoring = Restoring()
    for record, cls in reversed([(record, resolve(record)) for record in document.nodes]):
        if cls is None:
            used = used or ports_used(document.edges)
            add(members, record, Opaque(record, *used.get(record.path, ((), ()))))
            continue
        parts: dict[str, Any] = {}
        if record.type == "Graph":
            inside = members.pop(record.path, {})
            parts["nodes"] = dict(reversed(inside.items()))
            parts["edges"] = [make_edge(e.src, e.dst, e.delay) for e in edges.pop(record.path, [])]
        node = restoring.node(record, cls, parts)
        if not record.path:
            if not isinstance(node, Graph):
                raise TalonFormatError("T303", "the outermost node is not a graph", found=record.type)
            refuse_strays(members, edges)
            return node
        add(members, record, node)
    raise TalonFormatError("T303", "the file holds no graph", expected="a record of the outermost graph", found="none")


def add(members: dict[str, dict[str, Node]], record: NodeRecord, node: Node) -> None:
    """Put a node among those of its graph."""
    parent, _, name = record.path.rpartition("/")
    if name in members.setdefault(parent, {}):
        raise TalonFormatError("T303", "a node stands twice in the file", node=record.path)
    members[parent][name] = node


def ports_used(edges: list[EdgeRecord]) -> dict[str, tuple[dict[str, None], dict[str, None]]]:
    """For every node path, the input and the output ports that edges name, in edge order."""
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for edge in edges:
        for place, end, default in ((1, edge.src, "out"), (0, edge.dst, "in")):
            name, _, port = end.partition(":")
            path = f"{edge.level}/{name}" if edge.level else name
            found.setdefault(path, ({}, {}))[place][port or default] = None
    return found


def refuse_strays(members: Mapping[str, Any], edges: Mapping[str, Any]) -> None:
    for path in [*members, *edges]:
        if path:
            raise TalonFormatError("T303", "the file has nodes or edges inside something that is no graph", node=path)
