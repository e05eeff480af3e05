"""Files of the published package, read with the meaning that their writer executed, spelled out in fields.

Each primitive says in `published_meaning` what it meant there, where our defaults differ. Edges that stand twice were
summed twice there; here each copy goes through a Skip of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any, NamedTuple

from talon.ir.document import Document, EdgeRecord, NodeRecord, from_document
from talon.ir.errors import TalonError
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.infer import infer_shapes
from talon.ir.node import Node


class Meaning(NamedTuple):
    """A field that was set for what the published package executed; `path` is the node's."""

    path: str
    field: str
    value: Any


Resolve = Callable[[NodeRecord], type[Node] | None]


def as_read(document: Document, resolve: Resolve) -> Graph:
    """The graph that a file of the published package meant. `resolve` is that of `from_document`."""
    return as_meant(from_document(without_duplicates(document), resolve))


def told(document: Document, resolve: Resolve, refused: list[TalonError]) -> Iterator[Meaning]:
    """What `as_read` sets: the notes of the nodes that it adds, then the fields that it changes. What `as_read` would
    raise goes to `refused`."""
    whole = without_duplicates(document)
    for record in whole.nodes[len(document.nodes) :]:
        yield Meaning(record.path, "metadata", record.attrs["metadata"])
    yield from meanings(from_document(whole, resolve), refused=refused)


def meanings(graph: Graph, prefix: str = "", refused: list[TalonError] | None = None) -> Iterator[Meaning]:
    """Every field that differs between the file as stored and what it meant. Raises `TalonFormatError` (T303) for what
    cannot be said without the batch axis, or leaves it in `refused`."""
    inputs: list[list[Shape | None]] = []

    def shapes(number: int) -> list[Shape | None]:
        if not inputs:
            inputs.extend(infer_shapes(graph).inputs)
        return inputs[number]

    for number, (name, node) in enumerate(graph.nodes.items()):
        path = prefix + name
        if isinstance(node, Graph):
            yield from meanings(node, f"{path}/", refused)
            continue
        try:
            found = node.published_meaning(partial(shapes, number))
        except TalonError as error:
            if refused is None:
                raise error.at(node=path) from None
            refused.append(error.at(node=path))
            continue
        for field, value in found.items():
            yield Meaning(path, field, value)


def as_meant(graph: Graph) -> Graph:
    """The graph with every meaning spelled out, at all levels."""
    return changed(graph, list(meanings(graph)), "")


def changed(graph: Graph, found: list[Meaning], prefix: str) -> Graph:
    fields: dict[str, dict[str, Any]] = {}
    for meaning in found:
        if meaning.path.startswith(prefix):
            name, _, inside = meaning.path[len(prefix) :].partition("/")
            fields.setdefault(name, {}).update({} if inside else {meaning.field: meaning.value})
    if not fields:
        return graph
    nodes = dict(graph.nodes)
    for name, values in fields.items():
        node = nodes[name]
        if isinstance(node, Graph):
            nodes[name] = changed(node, found, f"{prefix}{name}/")
        else:
            nodes[name] = type(node).restore({**node.given(), **values})
    return graph._like(nodes, graph.edges)


def without_duplicates(document: Document) -> Document:
    """The document with every further copy of an edge sent through a passthrough Skip, which says so.

    Edges that leave a split are no copies of each other: each carries the chunk of its own place.
    """
    seen: set[EdgeRecord] = set()
    taken = {record.path for record in document.nodes}
    splits = {record.path for record in document.nodes if record.type == "ChannelSplit"}
    numbers: dict[str, Iterator[int]] = {}
    nodes, edges = list(document.nodes), []
    for edge in document.edges:
        stem = f"{edge.level}/" if edge.level else ""
        if edge not in seen or stem + edge.src in splits:
            seen.add(edge)
            edges.append(edge)
            continue
        base = f"{edge.src[:200]}_again_"
        number = numbers.setdefault(stem + base, count(2))
        name = next(name for k in number if stem + (name := f"{base}{k}") not in taken)
        taken.add(stem + name)
        note = f"the file has the edge {edge.src!r} -> {edge.dst!r} more than once; this carries one more copy"
        attrs: dict[str, Any] = {"skip_type": "passthrough", "metadata": {"note": note}}
        nodes.append(NodeRecord(stem + name, "Skip", attrs=attrs))
        edges += [EdgeRecord(edge.level, edge.src, name, edge.delay), EdgeRecord(edge.level, name, edge.dst, None)]
    return replace(document, nodes=nodes, edges=edges)
