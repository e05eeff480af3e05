"""Who is connected with whom: every value that travels is traced back to the units that send it.

A unit is what a core holds: a neuron, a sum, or a pooled value. Units are numbered through the whole graph. The wires
of a value are an array `(alternatives, *shape)`: the units whose values are summed there, -1 for none. Each is the
number of a unit, and in its upper bits how many steps late and how often its value is taken: `unit_of`, `delay_of`,
`times_of`. Structure (Concat, Flatten, ChannelSplit ...) is traced by letting the primitives' own `step` move the
numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from talon.hw.families import FAMILIES, Role
from talon.ir.errors import Diagnostic, TalonGraphError, TalonTargetError
from talon.ir.fields import Shape
from talon.ir.flow import Flow
from talon.ir.graph import Graph
from talon.ir.infer import Inferred, infer_shapes
from talon.ir.order import Link

Wires = np.ndarray
PASSIVE = ("wire", "fold")
"""The roles that hold nothing and only pass on who sends."""
LATE, TIMES = 34, 48
"""From these bits on stand how late a value is, and how often it is taken beyond the first time."""
MOST = (1 << 14) - 1
"""Of both; what is more stays there, and is refused where it would be run."""


def unit_of(wires: Wires) -> np.ndarray:
    """The numbers of the units alone; -1 stays."""
    return np.where(wires < 0, wires, wires & ((1 << LATE) - 1))


def delay_of(wires: Wires) -> np.ndarray:
    """How many steps late each value is; 0 where there is none."""
    return np.where(wires < 0, 0, (wires >> LATE) & MOST)


def times_of(wires: Wires) -> np.ndarray:
    """How often each value is taken; 0 where there is none."""
    return np.where(wires < 0, 0, (wires >> TIMES) + 1)


def delayed(wires: Wires, steps: int) -> Wires:
    """The same values, so many steps later."""
    if not steps:
        return wires
    more = np.minimum(delay_of(wires) + steps, MOST) - delay_of(wires)
    return np.where(wires < 0, wires, wires + (more << LATE))


class Wiring:
    """A flat graph with its shapes, its units and the wires of every value.

    `roles`: by node number; None for what stays outside the chip: Inputs, what no core can hold, and the host's, which
    are `hosted`. `incoming`: the links into a node, `delays` how late each delivers. `units`: by node number, the
    numbers of its units in the shape of its output. `wires`: by node number and output port. `owner`: by unit, its
    node number. `folded`: nodes into whose weights a batch norm goes.
    """

    def __init__(self, graph: Graph, inferred: Inferred, pooling: bool, host: frozenset[str] = frozenset()) -> None:
        self.graph = graph
        self.paths = list(graph.provenance.values())
        self.hosted = frozenset(number for number, name in enumerate(graph.nodes) if name in host)
        self.nodes: list[Any] = list(graph.nodes.values())
        self.roles = [None if name in host else role_of(node, pooling) for name, node in graph.nodes.items()]
        self.inputs = [[s for s in known if s is not None] for known in inferred.inputs]
        self.outputs = [[s for s in known if s is not None] for known in inferred.outputs]
        self.incoming: list[list[Link]] = [[] for _ in self.nodes]
        self.outgoing: list[list[Link]] = [[] for _ in self.nodes]
        self.delays: list[list[int]] = [[] for _ in self.nodes]
        for link, delay in zip(graph.links, graph.delays(), strict=True):
            self.incoming[link.dst].append(link)
            self.delays[link.dst].append(delay)
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

    def added(self, number: int, shape: Shape) -> np.ndarray:
        """New units of a node, beside those that others know."""
        numbers = np.arange(self.count, self.count + math.prod(shape)).reshape(shape)
        self.count += numbers.size
        self.owner = np.concatenate([self.owner, np.full(numbers.size, number)])
        return numbers

    def path(self, number: int) -> str:
        """Where the node stands in the graph that was given."""
        return self.paths[number]

    def arriving(self, number: int) -> list[Wires]:
        """The wires into a node, one for each argument of its `step`: edges into one port are summed."""
        each: list[Wires] = []
        for place, port in enumerate(self.nodes[number].ports().inputs):
            found = [
                delayed(self.wires[link.src, link.src_port], late)
                for link, late in zip(self.incoming[number], self.delays[number], strict=True)
                if link.dst_port == place
            ]
            each += found if port.ordered else [summed(found)] if found else []
        return each


def role_of(node: Any, pooling: bool) -> Role | None:
    """What a node is to the cores; with `pooling` the links make means of windows, which then are wires."""
    family = FAMILIES.get(type(node).__name__)
    if family is None or type(node).__name__ == "Input" or family.refusal(node):
        return None
    return "wire" if pooling and family.pooled else family.role


def summed(values: list[Wires]) -> Wires:
    """The wires of a sum: all alternatives, and equal ones once, taken so many times."""
    if len(values) == 1:
        return values[0]
    rows = np.concatenate(values)
    flat = rows.reshape(len(rows), -1)
    keys = np.where(flat < 0, flat, flat & ((1 << TIMES) - 1))
    _, first, place = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    if len(first) == len(rows):
        return rows
    times = np.zeros((len(first), flat.shape[1]), np.int64)
    np.add.at(times, place.reshape(-1), times_of(flat))
    first, times = np.sort(first), times[np.argsort(first)]
    more = np.minimum(times, MOST + 1) - 1
    found = np.where(flat[first] < 0, flat[first], keys[first] + (more << TIMES))
    return found.reshape(-1, *rows.shape[1:])


def padded(values: list[Wires]) -> list[Wires]:
    """The same wires with equally many alternatives, as a join needs them."""
    most = max(len(value) for value in values)
    return [np.concatenate([v, np.full((most - len(v), *v.shape[1:]), -1, v.dtype)]) for v in values]


def wired(graph: Graph, pooling: bool = False, host: frozenset[str] = frozenset()) -> Wiring:
    """The wiring of a flat graph before anything is traced. `pooling`: whether the target's links pool; `host`: nodes
    that stay outside the chip.

    Raises `TalonGraphError` where edges are missing or shapes do not meet (T1xx), `TalonTargetError` (T504) for a ring
    that holds nothing."""
    inferred = infer_shapes(graph)
    for problem in (*unfed(graph), *inferred.problems, *open_shapes(graph, inferred)):
        error = TalonGraphError(problem.code, problem.message)
        where = graph.provenance.get(problem.node or "", problem.node)
        error.diagnostic = replace(problem, node=where)
        raise error
    wiring = Wiring(graph, inferred, pooling, host)
    passive_order(wiring)
    return wiring


def trace(graph: Graph, pooling: bool = False, host: frozenset[str] = frozenset()) -> Wiring:
    """The wiring of a flat graph with the wires of every value. Takes and raises what `wired` does."""
    wiring = wired(graph, pooling, host)
    for number in passive_order(wiring):
        arguments = padded(wiring.arriving(number))
        node = wiring.nodes[number]
        if wiring.roles[number] == "fold":
            result = arguments[0]
            wiring.folded.update(wiring.owner[unit_of(result[result >= 0])].tolist())
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
