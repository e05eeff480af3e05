"""check(): every problem of a graph at once, as diagnostics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from talon.ir import order
from talon.ir.errors import Diagnostic, Findings, TalonGraphError
from talon.ir.flow import Flow
from talon.ir.graph import Graph
from talon.ir.infer import Inferred, infer_shapes
from talon.ir.node import Node, findings
from talon.ir.opaque import Opaque
from talon.ir.primitive import Composite
from talon.ir.values import MAX_DEPTH

TOLD = 8
"""Findings that the short form of a report lists."""


@dataclass(frozen=True, repr=False)
class CheckReport(Findings):
    """The diagnostics of a graph, errors first."""

    raises = TalonGraphError

    diagnostics: tuple[Diagnostic, ...]

    def __str__(self) -> str:
        return "\n".join([*map(str, self.diagnostics), self.summary()])

    def summary(self) -> str:
        """How many findings of each kind, in words."""
        notes = len(self.diagnostics) - len(self.errors) - len(self.warnings)
        counts = {"error": len(self.errors), "warning": len(self.warnings), "note": notes}
        return ", ".join(f"{n} {kind}{'s' * (n != 1)}" for kind, n in counts.items() if n or kind != "note")

    def __repr__(self) -> str:
        first = [f"  {d.severity}[{d.code}] {d.where()}: {d.message}".replace("] :", "]:") for d in self.diagnostics]
        shown = first[:TOLD] + [f"  and {len(first) - TOLD} more; print() shows all in full"] * (len(first) > TOLD)
        return "\n".join([f"CheckReport: {'ok' if self.ok else 'not ok'}, {self.summary()}", *shown])


def check(graph: Graph) -> CheckReport:
    """Check structure, shapes, cycles and values, at every level. Reads all arrays; linear in nodes and edges.

    What follows from another finding is not told: a shape that nobody knows because of an error upstream, the rest of
    a dead branch, nodes after a missing edge.
    """
    flows: dict[str, Flow] = {}
    found = [*values(graph, ""), *level(graph, "", flows)]
    silent = [d.node for d in found if d.code in SILENT and d.node is not None and d.severity == "error"]
    inferred = infer_shapes(graph, skip=frozenset(silent))
    found += shapes(graph, inferred.problems)
    wrong = {d.node for d in found if (d.severity == "error" or d.code == "T117") and d.node is not None}
    for path in list(wrong):
        wrong.update(path[:i] for i, letter in enumerate(path) if letter == "/")
    found += open_shapes(inferred, flows, "", wrong, ())
    rank = {"error": 0, "warning": 1, "note": 2}
    return CheckReport(tuple(sorted(found, key=lambda d: rank[d.severity])))


SILENT = ("T116", "T201", "T202", "T900")
"""Findings after which a node is not asked for shapes. Not T205: no shape depends on the values of an array."""

EXPECTED = {"T205": "finite numbers", "T900": "a primitive that says all it must"}
"""What was expected, for codes whose error leaves it to its message."""


def level(graph: Graph, prefix: str, flows: dict[str, Flow]) -> Iterator[Diagnostic]:
    """The findings of one level and of the graphs nested in it, shapes apart; `flows` is filled by prefix."""
    flows[prefix] = Flow(graph, prefix)
    yield from boundaries(graph, prefix)
    yield from flows[prefix].connections()
    yield from cycles(graph, prefix)
    for name, node in graph.nodes.items():
        if isinstance(node, Graph):
            yield from level(node, f"{prefix}{name}/", flows)
        elif isinstance(node, Composite):
            yield from decomposition(node, prefix + name)
        elif isinstance(node, Opaque):
            yield node.unknown(prefix + name)
        yield from values(node, prefix + name)


def values(node: Node, path: str) -> Iterator[Diagnostic]:
    """Values out of range, not finite, or contradicting each other; the outermost graph's path is empty."""
    for d in findings(node, path):
        yield complete(d if path else replace(d, node=None), node)


def complete(d: Diagnostic, node: Node) -> Diagnostic:
    """The finding with both sides and a help, which primitives of others may have left out."""
    kind = node.type_name
    return replace(
        d,
        expected=d.expected or EXPECTED.get(d.code, f"what 'talon primitives show {kind}' says"),
        found=d.found or f"{kind}, as it stands",
        help=d.help or f"'talon primitives show {kind}' lists what it takes",
    )


def boundaries(graph: Graph, prefix: str) -> Iterator[Diagnostic]:
    """Graphs that nothing enters or leaves (T109)."""
    for kind, there in (("Input", graph.inputs), ("Output", graph.outputs)):
        if not there:
            yield Diagnostic(
                "T109",
                f"the graph has no {kind}",
                node=prefix.rstrip("/") or None,
                expected=f"at least one ir.{kind}",
                found="none",
                help=f"add ir.{kind}([...]) and an edge",
            )


def cycles(graph: Graph, prefix: str) -> Iterator[Diagnostic]:
    """Cycles that no step could compute (T114), else the delays chosen for the others, as notes (T115)."""
    if graph.is_dag:
        return
    immediate = list(immediate_cycles(graph))
    if immediate:
        names = list(graph.nodes)
        for cycle in immediate:
            loop = " -> ".join(repr(names[n]) for n in [*cycle, cycle[0]])
            yield Diagnostic(
                "T114",
                f"every delay in the cycle {loop} is stated 0",
                node=prefix + names[cycle[0]],
                expected="at least one edge with a delay of 1 or more",
                found="delay=0 on all of them",
                help="leave one delay unstated, or state delay=1",
            )
        return
    for edge, delay in zip(graph.edges, graph.delays(), strict=True):
        if delay and edge.delay is None:
            yield Diagnostic(
                "T115",
                f"edge {edge.src!r} -> {edge.dst!r} closes a cycle and delivers one step late",
                "note",
                node=prefix + edge.dst_node,
                expected="a stated delay in every cycle",
                found="none: delay 1 was chosen",
                help=f"say so with ir.Edge({edge.src!r}, {edge.dst!r}, delay=1)",
            )


def immediate_cycles(graph: Graph) -> Iterator[list[int]]:
    """One cycle, by node numbers, of every component that edges stated 0 alone form."""
    pairs = [(link.src, link.dst) for link in graph.links if link.delay == 0]
    if not pairs:
        return
    component = order.components(order.neighbours(len(graph.nodes), pairs))
    inner: dict[int, dict[int, list[int]]] = {}
    for src, dst in pairs:
        if component[src] == component[dst]:
            inner.setdefault(component[src], {}).setdefault(src, []).append(dst)
    for fixed in inner.values():
        try:
            order.refuse_immediate_cycle(fixed)
        except order.ImmediateCycle as cycle:
            yield cycle.nodes


def decomposition(node: Composite, path: str) -> Iterator[Diagnostic]:
    """Composites that cannot be decomposed (T900), or into composites for ever (T116)."""
    todo: list[tuple[Node, int]] = [(node, path.count("/"))]
    while todo:
        part, depth = todo.pop()
        if depth > MAX_DEPTH:
            yield Diagnostic(
                "T116",
                f"{type(node).__name__} decomposes into composites more than {MAX_DEPTH} levels deep",
                node=path,
                expected=f"at most {MAX_DEPTH} levels",
                found=f"level {depth} and no end",
                help="let decompose() end in primitives that have a step",
            )
            return
        if isinstance(part, Composite):
            try:
                graph = part.decompose()
                todo.append((graph, depth + 1))
            except Exception as error:  # noqa: BLE001 - whatever a stranger's primitive raises is a finding
                yield complete(
                    Diagnostic(
                        "T900",
                        f"{type(part).__name__} cannot be decomposed",
                        node=path,
                        found=f"{type(error).__name__}: {error}",
                        help="report it to the distribution that provides it",
                    ),
                    node,
                )
                return
        elif isinstance(part, Graph):
            todo += [(n, depth) for n in part.nodes.values() if isinstance(n, Composite)]
            todo += [(n, depth + 1) for n in part.nodes.values() if isinstance(n, Graph)]


def shapes(graph: Graph, problems: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """What shape inference found; of shapes that do not meet (T104), the first at every node."""
    more: Counter[str | None] = Counter(d.node for d in problems if d.code == "T104")
    told: set[str | None] = set()
    for d in problems:
        if d.code == "T104":
            if d.node in told:
                continue
            told.add(d.node)
            if (count := more[d.node] - 1) > 0:
                d = replace(d, message=f"{d.message} (and {count} more at this node)")
        yield d if d.expected and d.found and d.help else complete(d, graph.node(d.node or ""))


def open_shapes(
    inferred: Inferred, flows: dict[str, Flow], prefix: str, wrong: set[str], arriving: Sequence[object]
) -> Iterator[Diagnostic]:
    """Shapes that follow from nothing (T108), at every level, where neither a finding in `wrong` explains them nor an
    open shape outside: `arriving` are the shapes that the level's Inputs were given."""
    flow = flows[prefix]
    excused = {n for n, path in enumerate(map(flow.path, range(len(flow.names)))) if path in wrong}
    entries = [flow.graph._index[name] for name in flow.graph.inputs]
    excused |= {n for n, shape in zip(entries, arriving, strict=False) if shape is None}
    for name, inner in inferred.nested.items():
        number = flow.graph._index[name]
        inside = list(open_shapes(inner, flows, f"{prefix}{name}/", wrong, inferred.inputs[number]))
        if inside:
            excused.add(number)
        yield from inside
    yield from flow.open_shapes([None in known for known in inferred.outputs], excused)
