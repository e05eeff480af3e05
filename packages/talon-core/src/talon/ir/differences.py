"""What two graphs have otherwise, without running them: nodes, fields, edges, delays, metadata, hints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.document import walk
from talon.ir.equality import apart, distance
from talon.ir.errors import TalonTypeError
from talon.ir.fingerprint import canonical, resolved_edges
from talon.ir.graph import Graph
from talon.ir.grouped import Grouped
from talon.ir.node import HINTS, Node
from talon.ir.opaque import Opaque
from talon.ir.quantized import Quantized
from talon.ir.values import thaw

LONGEST = 60
"""Characters of a value that a line shows."""


@dataclass(frozen=True)
class Change:
    """One difference. `kind`: `"node"`, `"type"`, `"schema"`, `"field"`, `"hint"`, `"metadata"`, `"edge"`, `"delay"` or
    `"order"` of edges. `node`: the path of the node, or of the graph that has the edge (the outermost is `""`). `name`:
    the field, or the edge. `a` and `b` say what is on each side, None where there is nothing. `differing` and
    `largest`: how many elements of an array differ, and how far at most."""

    kind: str
    node: str
    name: str
    a: str | None
    b: str | None
    differing: int | None = None
    largest: float | None = None

    def __str__(self) -> str:
        what = f"{self.node}.{self.name}".strip(".") if self.kind in FIELDS else self.name or self.node
        where = f" in {self.node}" if self.kind in EDGES and self.node else ""
        if self.a is None or self.b is None:
            return f"{self.kind} {what}{where}: only in {'b' if self.a is None else 'a'}: {self.b or self.a}"
        if self.kind == "order":
            return f"order of edges{where}: {self.a} comes first in a, {self.b} in b"
        if self.differing is None:
            return f"{self.kind} {what}{where}: {self.a} -> {self.b}"
        sides = self.a if self.a == self.b else f"{self.a} -> {self.b}"
        return f"{self.kind} {what}{where}: {sides}: {self.differing:,} elements differ, by {self.largest:.4g} at most"


FIELDS = ("field", "hint", "metadata")
EDGES = ("edge", "delay", "order")


@dataclass(frozen=True, repr=False)
class Diff:
    """The differences of two graphs, in the order of `a`'s nodes. Empty, and false, exactly where fingerprints are
    equal."""

    changes: tuple[Change, ...]

    @property
    def equal(self) -> bool:
        return not self.changes

    def __bool__(self) -> bool:
        return bool(self.changes)

    def summary(self) -> str:
        """How many differences of each kind, in words."""
        counts = Counter(change.kind for change in self.changes)
        found = (f"{n} {kind if n == 1 else PLURALS.get(kind, f'{kind}s')}" for kind, n in counts.items())
        return ", ".join(found) or "no difference"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `talon compare --json` prints them."""
        return {"equal": self.equal, "changes": [asdict(change) for change in self.changes]}

    def __str__(self) -> str:
        return "\n".join(["equal" if self.equal else f"different: {self.summary()}", *(f"  {c}" for c in self.changes)])

    __repr__ = __str__


PLURALS = {"metadata": "metadata", "order": "orders of edges"}
"""Of kinds, where it is not the kind with an s."""


def diff(a: Graph, b: Graph) -> Diff:
    """What two graphs have otherwise. Nodes are paired by path at every level; the order of nodes means nothing.

    Delays that follow from the rule for cycles count as if they were stated. Reads all arrays, one pair at a time.
    """
    for graph in (a, b):
        if not isinstance(graph, Graph):
            raise TalonTypeError("T206", "diff takes two graphs", expected="ir.Graph", found=type(graph).__name__)
    return Diff((*of_nodes(a, b), *of_edges(a, b)))


def of_nodes(a: Graph, b: Graph) -> Iterator[Change]:
    one, other = ({path: node for path, node, _ in walk(graph)} for graph in (a, b))
    for path in {**one, **other}:
        mine, theirs = one.get(path), other.get(path)
        if mine is None or theirs is None:
            there, here = (None if node is None else node.type_name for node in (mine, theirs))
            yield Change("node", path, "", there, here)
        elif mine.type_name != theirs.type_name:
            yield Change("type", path, "", mine.type_name, theirs.type_name)
        else:
            if schema_of(mine) != schema_of(theirs):
                yield Change("schema", path, "", str(schema_of(mine)), str(schema_of(theirs)))
            yield from of_fields(path, values(mine), values(theirs))


def schema_of(node: Node) -> int:
    return node.record.schema if isinstance(node, Opaque) else node.schema


def values(node: Node) -> dict[str, Any]:
    """What a node stores, by stored name."""
    if isinstance(node, Opaque):
        return {**node.record.attrs, **node.record.arrays}
    return {field.key: value if field.is_array else field.plain(value) for field, value in node.stored_fields()}


def of_fields(path: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    for name in {**a, **b}:
        kind = "metadata" if name == "metadata" else "hint" if name in HINTS else "field"
        if name not in a or name not in b:
            one, other = (shown(side[name]) if name in side else None for side in (a, b))
            yield Change(kind, path, name, one, other)
        elif isinstance(a[name], Mapping) and isinstance(b[name], Mapping):
            yield from of_mappings(kind, path, name, a[name], b[name])
        else:
            yield from of_values(kind, path, name, a[name], b[name])


def of_mappings(kind: str, path: str, name: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    """The entries that differ, by `name[key]`."""
    for key in {**a, **b}:
        place = f"{name}[{key!r}]"
        if key not in a or key not in b:
            one, other = (shown(side[key]) if key in side else None for side in (a, b))
            yield Change(kind, path, place, one, other)
        else:
            yield from of_values(kind, path, place, a[key], b[key])


def of_values(kind: str, path: str, name: str, a: Any, b: Any) -> Iterator[Change]:
    """One value on both sides, equal or not."""
    if is_array(a) and is_array(b):
        yield from of_arrays(kind, path, name, a, b)
    elif is_array(a) or is_array(b) or canonical(a) != canonical(b):
        one, other = shown(a), shown(b)
        # What is cut short, or differs in type alone, would look the same.
        yield Change(kind, path, name, *((one, other) if one != other else (repr(a), repr(b))))


def is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, ArrayRef, Grouped))


def of_arrays(kind: str, path: str, name: str, a: Any, b: Any) -> Iterator[Change]:
    x, y = (value.load() if isinstance(value, ArrayRef) else value for value in (a, b))
    if isinstance(a, Quantized) or isinstance(b, Quantized):
        same = isinstance(a, Quantized) and a.same_as(b)
    elif isinstance(x, Grouped) or isinstance(y, Grouped):
        same = isinstance(x, Grouped) and x.same_as(y)
    else:
        same = canonical(x) == canonical(y)
    if same:
        return
    one, other = numbers(x, y)
    if one is None or other is None:
        mine, theirs = shown(a), shown(b)
        yield Change(kind, path, name, mine, theirs if mine != theirs else f"{theirs} with other entries")
    else:
        count = int(np.count_nonzero(apart(one, other))) if one.ndim else None
        yield Change(kind, path, name, shown(a), shown(b), count, float(distance(one, other).max(initial=0.0)))


def numbers(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    """What two values of one shape hold at the same places; nothing where they hold something at different ones."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return (a, b) if a.shape == b.shape else (None, None)
    if not isinstance(a, Grouped) or type(a) is not type(b):
        return None, None
    one, other = a.parts(), b.parts()
    alike = a.shape == b.shape and all(np.array_equal(one[n], other[n]) for n in a.names if n != a.values)
    return (one[a.values], other[a.values]) if alike else (None, None)


def shown(value: Any) -> str:
    """A value on one line, cut to what fits; arrays by dtype and shape, single numbers by what they are."""
    if isinstance(value, Quantized):
        return f"{value.bits} bits ({value.source.dtype}) {list(value.shape)}, {value.rule} scale"
    if isinstance(value, ArrayRef):
        value = value.load()
    if isinstance(value, Grouped):
        return f"{type(value).__name__} {value.dtype}{list(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}" if value.ndim else f"{value.item()!r} ({value.dtype})"
    text = repr(thaw(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def of_edges(a: Graph, b: Graph) -> Iterator[Change]:
    """Edges, delays and their order, at the levels that are graphs on both sides."""
    one, other = levels(a), levels(b)
    for path in (path for path in one if path in other):
        mine, theirs = ({(src, dst, n): delay for src, dst, delay, n in numbered(side[path])} for side in (one, other))
        for edge in chain(mine, (edge for edge in theirs if edge not in mine)):
            name = f"{edge[0]} -> {edge[1]}"
            had, has = mine.get(edge), theirs.get(edge)
            if had is None or has is None:
                there, here = (None if delay is None else f"delay {delay}" for delay in (had, has))
                yield Change("edge", path, name, there, here)
            elif had != has:
                yield Change("delay", path, name, str(had), str(has))
        kept = [[edge for edge in side if edge in mine and edge in theirs] for side in (mine, theirs)]
        moved = next((place for place, (x, y) in enumerate(zip(*kept, strict=True)) if x != y), None)
        if moved is not None:
            first, second = (f"{edges[moved][0]} -> {edges[moved][1]}" for edges in kept)
            yield Change("order", path, "edges", first, second)


def levels(graph: Graph) -> dict[str, Graph]:
    return {path: node for path, node, _ in walk(graph) if isinstance(node, Graph)}


def numbered(graph: Graph) -> Iterator[tuple[str, str, int, int]]:
    """Every edge with the delay that it has, and how many stood before it between the same ports."""
    seen: Counter[tuple[str, str]] = Counter()
    for src, dst, delay in resolved_edges(graph):
        yield src, dst, delay, seen[src, dst]
        seen[src, dst] += 1
