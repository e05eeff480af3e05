"""Who is connected with whom: every value that travels is traced back to the units that send it.

A unit is what a core holds: a neuron, a sum, or a pooled value. Units are numbered through the whole graph. The wires
of a value are an array `(alternatives, *shape)` of unit numbers: the units whose values are summed there, -1 for none.
Structure (Concat, Flatten, ChannelSplit ...) is traced by letting the primitives' own `step` move the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from talon.hw.families import FAMILIES, Role
from talon.ir.errors import Diagnostic, TalonGraphError, TalonTargetError
from talon.ir.flow import Flow
from talon.ir.graph import Graph
from talon.ir.infer import Inferred, infer_shapes
from talon.ir.order import Link

Wires = np.ndarray
PASSIVE = ("wire", "fold")
"""The roles that hold nothing and only pass on who sends."""


class Wiring:
    """A flat graph with its shapes, its units and the wires of every value.

    `roles`: by node number; None for what stays outside the chip, Inputs and what no core can hold. `units`: by node
    number, the numbers of its units in the shape of its output. `wires`: by node number and output port. `owner`: by
    unit, its node number. `folded`: nodes into whose weights a batch norm goes.
    """

    def __init__(self, graph: Graph, inferred: Inferred, pooling: bool) -> None:
        self.graph = graph
        self.paths = list(graph.provenance.values())
        self.nodes: list[Any] = list(graph.nodes.values())
        self.roles = [role_of(node, pooling) for node in self.nodes]
        self.inputs = [[s for s in known if s is not None] for known in inferred.inputs]
        self.outputs = [[s for s in known if s is not None] for known in inferred.outputs]
        self.incoming: list[list[Link]] = [[] for _ in self.nodes]
        self.outgoing: list[list[Link]] = [[] for _ in self.nodes]
        for link in graph.links:
            self.incoming[link.dst].append(link)
            self.outgoing[link.src].append(link)
        self.units: dict[int, np.ndarray] = {}
        self.wires: dict[tuple[int, int], Wires] = {}
        self.folded: set[int] = set()
        self.count = 0
        for number, role in enumerate(self.roles):
            if role not in PASSIVE:
                self.number_units(number)
        self.owner = np.empty(self.count, np.int64)
        for (number, _), wires in self.wires.items():
            self.owner[wires] = number

    def number_units(self, number: int) -> None:
        """Number what a node sends; what stands outside the chip has numbers too, and no place on a core."""
        for port, shape in enumerate(self.outputs[number]):
            numbers = np.arange(self.count, self.count + math.prod(shape)).reshape(shape)
            self.count += numbers.size
            self.wires[number, port] = numbers[None]
            if self.roles[number] is not None:
                self.units[number] = numbers

    def path(self, number: int) -> str:
        """Where the node stands in the graph that was given."""
        return self.paths[number]

    def arriving(self, number: int) -> list[Wires]:
        """The wires into a node, one for each argument of its `step`: edges into one port are summed."""
        each: list[Wires] = []
        for place, port in enumerate(self.nodes[number].ports().inputs):
            found = [self.wires[k.src, k.src_port] for k in self.incoming[number] if k.dst_port == place]
            each += found if port.ordered else [summed(found)] if found else []
        return each


def role_of(node: Any, pooling: bool) -> Role | None:
    """What a node is to the cores; with `pooling` the links make means of windows, which then are wires."""
    family = FAMILIES.get(type(node).__name__)
    if family is None or type(node).__name__ == "Input" or family.refusal(node):
        return None
    return "wire" if pooling and family.pooled else family.role


def summed(values: list[Wires]) -> Wires:
    """The wires of a sum: all alternatives, equal ones once (so a unit read at several delays counts once)."""
    if len(values) == 1:
        return values[0]
    rows: dict[bytes, np.ndarray] = {}
    for value in values:
        for row in value:
            rows.setdefault(row.tobytes(), row)
    return np.stack(list(rows.values()))


def padded(values: list[Wires]) -> list[Wires]:
    """The same wires with equally many alternatives, as a join needs them."""
    most = max(len(value) for value in values)
    return [np.concatenate([v, np.full((most - len(v), *v.shape[1:]), -1, v.dtype)]) for v in values]


def trace(graph: Graph, pooling: bool = False) -> Wiring:
    """The wiring of a flat graph. `pooling`: whether the target's links pool.

    Raises `TalonGraphError` where edges are missing or shapes do not meet (T1xx)."""
    inferred = infer_shapes(graph)
    for problem in (*unfed(graph), *inferred.problems, *open_shapes(graph, inferred)):
        error = TalonGraphError(problem.code, problem.message)
        where = graph.provenance.get(problem.node or "", problem.node)
        error.diagnostic = replace(problem, node=where)
        raise error
    wiring = Wiring(graph, inferred, pooling)
    for number in passive_order(wiring):
        arguments = padded(wiring.arriving(number))
        node = wiring.nodes[number]
        if wiring.roles[number] == "fold":
            result = arguments[0]
            wiring.folded.update(wiring.owner[result[result >= 0]].tolist())
        elif (pooled := FAMILIES[type(node).__name__].pooled) is not None:
            result = pooled(node, arguments[0])
        else:
            result = node.step(0, {}, *arguments)
        for port, value in enumerate(result if isinstance(result, tuple) else (result,)):
            wiring.wires[number, port] = value
    return wiring


def unfed(graph: Graph) -> Iterator[Diagnostic]:
    """Inputs of nodes that no edge leads into, as diagnostics."""
    return (diagnostic for _, diagnostic in Flow(graph, "").unfed())


def open_shapes(graph: Graph, inferred: Inferred) -> Iterator[Diagnostic]:
    """Shapes that do not follow from what is declared, as diagnostics."""
    for port, shape in inferred.named(graph).items():
        if shape is None:
            yield Diagnostic(
                "T108",
                f"the shape of {port} does not follow from what is declared",
                node=port.partition(":")[0],
                expected="a shape for every port",
                found="an open one",
                help="declare the shape of the Input, or input_type on a node of the cycle",
            )


def passive_order(wiring: Wiring) -> list[int]:
    """Wires and folds, each after those that feed it. Raises `TalonTargetError` (T504) for a ring of nothing else."""
    passive = [role in PASSIVE for role in wiring.roles]
    waiting = [sum(passive[link.src] for link in links) for links in wiring.incoming]
    ready = [n for n, on in enumerate(passive) if on and not waiting[n]]
    for number in ready:  # grows while it is read
        for link in wiring.outgoing[number]:
            waiting[link.dst] -= 1
            if passive[link.dst] and not waiting[link.dst]:
                ready.append(link.dst)
    if len(ready) < sum(passive):
        stuck = [wiring.path(n) for n, on in enumerate(passive) if on and waiting[n]]
        raise TalonTargetError(
            "T504",
            "values go around a ring of connections that nothing holds",
            node=stuck[0],
            expected="a neuron or a layer with weights in every cycle",
            found=", ".join(stuck[:5]),
            help="put a neuron into the cycle",
        )
    return ready
