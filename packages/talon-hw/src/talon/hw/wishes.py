"""What nodes wish of hardware by their hints: `core_id` is heeded or refused, and what nothing here heeds is named.

Formats of numbers are hints too; integers heed or refuse them: `quantising.hints`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from talon.hw.description import Target
from talon.hw.ledger import Rewrite
from talon.hw.places import count_of, kind_of, place_of
from talon.hw.report import Finding, Use, amount
from talon.hw.tiles import boundary, of_core, one_unit
from talon.ir.graph import Graph
from talon.ir.node import Node
from talon.ir.values import brief, thaw

if TYPE_CHECKING:
    from talon.hw.layers import Layer
    from talon.hw.placed import Placed
    from talon.hw.wiring import Wiring

CORE = "core_id"
UNHEEDED = {
    "reuse_factor": "no core that a target describes shares multipliers",
    "hardware_hints": "nothing here knows what they mean",
}
"""Hints that nothing heeds: why not."""
PASS = "hints"
"""What lines of the ledger call it."""


@dataclass(frozen=True)
class Unheeded:
    """A hint that has no effect, with the path of its node."""

    node: str
    hint: str
    value: Any
    why: str

    @property
    def told(self) -> str:
        """The value in a few words."""
        return " ".join(brief(thaw(self.value)).split())

    def rewrite(self) -> Rewrite:
        """The line of the ledger."""
        return Rewrite(PASS, self.node, self.hint, self.told, f"not heeded: {self.why}", True)

    def finding(self) -> Finding:
        """The warning of a check (T509)."""
        return Finding(
            "T509",
            f"the hint {self.hint} has no effect: {self.why}",
            "warning",
            node=self.node or None,
            expected="no such hint",
            found=f"{self.hint}={self.told}",
            help=f"take it away: node.changed({self.hint}=None)",
            resource=self.hint,
        )


def nodes_of(graph: Graph, path: str = "") -> Iterator[tuple[str, Node]]:
    """The graph itself, its nodes, and those of graphs within, with their paths."""
    yield path, graph
    for name, node in graph.nodes.items():
        inner = f"{path}/{name}" if path else name
        if isinstance(node, Graph):
            yield from nodes_of(node, inner)
        else:
            yield inner, node


def meaningless(graph: Graph) -> Iterator[Unheeded]:
    """The hints that nothing heeds, on whatever node."""
    for path, node in nodes_of(graph):
        for hint, why in UNHEEDED.items():
            if (value := getattr(node, hint)) is not None:
                yield Unheeded(path, hint, value, why)


def lost(before: Graph, after: Graph) -> Iterator[Unheeded]:
    """Cores that nodes of a flat graph ask for which rewriting has taken out."""
    for name, node in before.nodes.items():
        if node.core_id is not None and name not in after.nodes:
            why = "the node is rewritten into others, which may say it themselves"
            yield Unheeded(before.provenance.get(name, name), CORE, node.core_id, why)


# Cores


def with_cores(layers: Sequence[Layer], wiring: Wiring, target: Target) -> list[Layer]:
    """The layers, each with the core that its nodes ask for; none where that is not on the target, or two differ."""
    limit = count_of(target)
    found = []
    for layer in layers:
        asked = {core for _, core in asks(layer.members, wiring) if limit is None or core < limit}
        found.append(replace(layer, core=asked.pop()) if len(asked) == 1 else layer)
    return found


def asks(members: Iterable[int], wiring: Wiring) -> list[tuple[str, int]]:
    """The nodes of a layer that ask for a core, with the core."""
    return [(wiring.path(n), core) for n in members if (core := wiring.nodes[n].core_id) is not None]


def asked_by_all(placed: Placed) -> Iterator[tuple[str, int]]:
    """The nodes of all layers that ask for a core, each once, with the core."""
    yield from dict(each for layer in placed.layers for each in asks(layer.members, placed.wiring)).items()


def effectless(graph: Graph, placed: Placed) -> Iterator[Unheeded]:
    """Nodes that ask for a core and take none, with nothing inside that does. `graph`: as it was given."""
    wiring = placed.wiring
    members = {wiring.path(n): n for layer in placed.layers for n in layer.members}
    numbers = {wiring.path(n): n for n in range(len(wiring.nodes))}
    for path, node in nodes_of(graph):
        inside = f"{path}/" if path else ""
        if node.core_id is None or path in members or (path not in numbers and any_below(members, inside)):
            continue
        yield Unheeded(path, CORE, node.core_id, reason(wiring, numbers.get(path)))


def any_below(paths: Iterable[str], inside: str) -> bool:
    return any(path.startswith(inside) for path in paths)


def reason(wiring: Wiring, number: int | None) -> str:
    """Why a node takes no core."""
    role = None if number is None else wiring.roles[number]
    if number is None or (role == "wire" and type(wiring.nodes[number]).__name__ != "Output"):
        return "it only passes on what others compute, and takes no core"
    if role == "fold":
        return "it goes into the weights before it; let that layer say it"
    return "it stands outside the chip"


def heeded(placed: Placed) -> Iterator[Rewrite]:
    """A line for every node that has the core it asks for."""
    for path, core in asked_by_all(placed):
        yield Rewrite(PASS, path, CORE, str(core), f"on {place_of(placed.target, core)}", True)


def impossible(placed: Placed) -> Iterator[Finding]:
    """Why nodes cannot have the cores that they ask for (T509)."""
    yield from nowhere(placed)
    yield from apart(placed)
    yield from unsuited(placed)
    yield from crowded(placed)


def nowhere(placed: Placed) -> Iterator[Finding]:
    """Cores that the target has not."""
    limit = count_of(placed.target)
    for path, core in asked_by_all(placed):
        if limit is not None and core >= limit:
            yield Finding(
                "T509",
                f"{placed.target.id} has no core {core}",
                node=path,
                expected=f"a core_id from 0 to {limit - 1}",
                found=f"core_id={core}",
                help=f"give it a core_id below {limit}, or none: node.changed({CORE}=None)",
                resource="cores",
                have=limit,
                need=core + 1,
            )


def apart(placed: Placed) -> Iterator[Finding]:
    """Nodes that lie on each other, a neuron and its sums, and ask for different cores."""
    for layer in placed.layers:
        asked = asks(layer.members, placed.wiring)
        other = next((each for each in asked if each[1] != asked[0][1]), None)
        if other is not None:
            (first, core), (second, second_core) = asked[0], other
            yield Finding(
                "T509",
                f"{first!r} and {second!r} are one layer, which has one core",
                node=second,
                expected=f"core_id={core}, as {first!r} says",
                found=f"core_id={second_core}",
                help=f"give both the same core_id, or only one of them: node.changed({CORE}=None)",
                resource=CORE,
                have=core,
                need=second_core,
            )


def unsuited(placed: Placed) -> Iterator[Finding]:
    """Layers of which one unit is too much for the core that they ask for, which is of another kind than it needs."""
    several = len(placed.target.cores) > 1  # with one kind it is too much for any core, which is told so
    for number, layer in enumerate(placed.layers):
        if several and layer.core is not None and placed.tiled[number] is None:
            kind = kind_of(placed.target, layer.core)
            for use in one_unit(layer, placed.target, kind, placed.units):
                if use.over:
                    yield over(placed, use, layer.core, [number], "one unit of ")


def crowded(placed: Placed) -> Iterator[Finding]:
    """Cores of which more is asked for than they have."""
    for core, edges in zip(placed.packed, placed.out_edges, strict=True):
        if core.core is None:
            continue
        kind = placed.target.cores[core.kind]
        border = boundary(kind, placed.units, core.inputs, core.sends)
        layers = Use("layers", len(core.layers), kind.layers.value, "layers")
        for use in (*of_core(kind, core.neurons, core.words, len(core.inputs), border, edges), layers):
            if use.over:
                yield over(placed, use, core.core, sorted(core.layers), "")


def over(placed: Placed, use: Use, core: int, layers: Sequence[int], part: str) -> Finding:
    names = [placed.names[n] for n in layers]
    few = len(names) == 1
    return Finding(
        "T509",
        f"{part}{' and '.join(map(repr, names))} {'does' if few else 'do'} not fit on core {core}, as core_id asks",
        node=next(path for n in layers for path, _ in asks(placed.layers[n].members, placed.wiring)),
        expected=f"at most {amount(use.have, use.unit)} a core ({use.resource}, {placed.target.id})",
        found=f"{amount(use.need, use.unit)} needed",
        help=f"take core_id away, so that it is divided over cores: node.changed({CORE}=None); or make it smaller"
        if few
        else f"give some of them another core_id, or none: node.changed({CORE}=None)",
        resource=use.resource,
        have=use.have,
        need=use.need,
    )
