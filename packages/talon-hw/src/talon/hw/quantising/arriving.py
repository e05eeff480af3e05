"""What arrives where in a network that is being quantised: layers whose sums reach a node, and what 1 stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from talon.hw.integers.arithmetic import Arithmetic
from talon.hw.integers.pieces import PIECES, Cell, Piece, Site, Summed, Value, Weights
from talon.hw.integers.record import Encoding, QuantRecord
from talon.hw.quantising.rings import endless
from talon.hw.wiring import trace, unit_of
from talon.ir.errors import TalonRunError, TalonTargetError
from talon.ir.fields import Shape
from talon.ir.graph import Graph


class Port(NamedTuple):
    """An output of a node."""

    node: str
    number: int


@dataclass
class ScaleGroup:
    """Layers that share their unit because their sums meet, and the neurons that read them: each with how many sums
    are added up on the way."""

    members: list[str]
    readers: dict[str, int]


@dataclass
class Arriving:
    """Of a flat graph. `units`: of the sums of a layer, as far as they are known. Raises `TalonTargetError` (T506) for
    a cycle without a neuron."""

    graph: Graph
    numeric: Arithmetic
    inputs: Mapping[str, Encoding]
    units: dict[str, np.ndarray]
    known: dict[str, list[Value]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for error in endless(self.graph):
            raise error

    @cached_property
    def arguments(self) -> dict[str, list[list[Port]]]:
        """The sources of every argument of every node; those of one argument are added."""
        names = list(self.graph.nodes)
        ports = [node.ports() for node in self.graph.nodes.values()]
        found: dict[str, list[list[Port]]] = {
            name: [[] for port in own.inputs if not port.ordered] for name, own in zip(names, ports, strict=True)
        }
        for link in self.graph.links:
            source, own = Port(names[link.src], link.src_port), found[names[link.dst]]
            if ports[link.dst].inputs[link.dst_port].ordered:
                own.append([source])
            else:
                own[link.dst_port].append(source)
        return found

    def kind(self, name: str) -> Any:
        return PIECES.get(self.graph.nodes[name].type_name)

    def shape(self, port: Port) -> Shape:
        outputs = self.graph.nodes[port.node].ports().outputs
        return tuple(self.graph.shapes[f"{port.node}:{outputs[port.number]}"] or ())

    def sums(self, name: str, gone: frozenset[str] = frozenset()) -> dict[str, int]:
        """The layers whose sums a node gives, its own or others', and how many of them are added up on the way."""
        node: Any = self.graph.nodes[name]
        if self.kind(name) is Weights:
            return {name: 1}
        if node.spiking or name in self.inputs or name in gone:
            return {}
        found: dict[str, int] = {}
        for argument in self.arguments[name]:
            for source in argument:
                for layer, many in self.sums(source.node, gone | {name}).items():
                    found[layer] = max(found.get(layer, 0), many)
        times = int(np.prod(node.kernel_size)) if self.kind(name) is Summed else 1
        return {layer: many * times for layer, many in found.items()}

    def groups(self) -> list[ScaleGroup]:
        """Layers whose sums meet in one argument, with the neurons they reach; each behind those it reads."""
        layers = [name for name in self.graph.nodes if self.kind(name) is Weights]
        owner = {name: name for name in layers}

        def root(name: str) -> str:
            while owner[name] != name:
                name = owner[name]
            return name

        for meeting in self.meetings():
            for other in meeting[1:]:
                owner[root(other)] = root(meeting[0])
        reached: dict[str, dict[str, int]] = {name: {} for name in layers}
        for name in self.graph.nodes:
            if self.kind(name) is Cell:
                for argument in self.arguments[name]:
                    for source in argument:
                        for layer, many in self.sums(source.node).items():
                            reached[layer][name] = max(reached[layer].get(name, 0), many)
        groups: dict[str, ScaleGroup] = {}
        for name in layers:
            own = groups.setdefault(root(name), ScaleGroup([], {}))
            own.members.append(name)
            for reader, many in reached[name].items():
                own.readers[reader] = max(own.readers.get(reader, 0), many)
        for group in groups.values():
            self.refuse_different_channels(group.members)
        return list(self.behind_each_other(list(groups.values())))

    def meetings(self) -> Iterator[list[str]]:
        """Layers whose sums are added in one place: channels that only pass the same node need not share a unit."""
        wiring, names = trace(self.graph), list(self.graph.nodes)
        for number in range(len(names)):
            for wires in wiring.arriving(number):
                if len(wires) > 1:
                    units = unit_of(wires).reshape(len(wires), -1)
                    owners = np.where(units < 0, -1, wiring.owner[units])
                    for column in np.unique(owners, axis=1).T.tolist():
                        found = [layer for n in column if n >= 0 for layer in self.sums(names[n])]
                        if len(found) > 1:
                            yield found

    def behind_each_other(self, groups: list[ScaleGroup]) -> Iterator[ScaleGroup]:
        """The same, each behind those whose sums its layers read, as far as there is no ring."""
        owner = {name: number for number, group in enumerate(groups) for name in group.members}
        needed = [
            {
                owner[layer]
                for name in group.members
                for argument in self.arguments[name]
                for source in argument
                for layer in self.sums(source.node)
            }
            - {number}
            for number, group in enumerate(groups)
        ]
        waiting, told = list(range(len(groups))), set[int]()
        while waiting:
            ready = [number for number in waiting if needed[number] <= told] or waiting[:1]
            yield from (groups[number] for number in ready)
            told |= set(ready)
            waiting = [number for number in waiting if number not in told]

    def refuse_different_channels(self, members: list[str]) -> None:
        counts = {name: self.graph.nodes[name].dims["out"] for name in members}
        if len(set(counts.values())) > 1:
            raise TalonTargetError(
                "T506",
                "layers of different widths meet in a sum behind a node that joins them",
                node=members[0],
                expected="as many output channels in every layer of a sum",
                found=", ".join(f"{name}: {count}" for name, count in counts.items()),
                help="put neurons behind each layer",
            )

    def value(self, port: Port) -> Value:
        """What is known of what a node gives. Raises `TalonTargetError` (T506) for a layer without a unit yet, and
        for what no core computes."""
        node: Any = self.graph.nodes[port.node]
        if port.node in self.inputs:
            own = self.inputs[port.node]
            return Value(np.asarray(own.scale, np.float32), max(abs(own.low), abs(own.high)), summed=False)
        if node.spiking:
            return Value(np.ones((), np.float32), 1, summed=False)
        kind = self.kind(port.node)
        if kind is Weights and port.node in self.units:
            unit, rank = self.units[port.node], len(self.shape(port))
            along = unit if "in" in node.dims else unit.reshape(-1, *(1,) * (rank - 1))
            return Value(along, 1, summed=True)
        if port.node not in self.known:
            piece: Piece | None = None if kind is None or kind is Weights else self.piece(port.node)
            if piece is None or piece.host:
                raise TalonTargetError(
                    "T506",
                    f"what {node.type_name} gives is no spike, no number of an Input and no sum of a layer",
                    node=port.node,
                    expected="weights and neurons that read spikes, or numbers from an Input",
                    found=node.type_name,
                    help="put neurons between the two; 'talon hw check' names what the target does not run",
                )
            self.known[port.node] = piece.outs
        return self.known[port.node][port.number]

    def piece(self, name: str) -> Piece:
        """A node as integers compute it; what the engine would refuse is refused here, before it is written."""
        try:
            found: Piece = self.kind(name)(self.site(name))
        except TalonRunError as error:
            said = error.diagnostic
            raise TalonTargetError(
                "T506", said.message, node=name, expected=said.expected, found=said.found, help=said.help
            ) from error
        return found

    def entering(self, name: str) -> Iterator[Value]:
        """What is known of every argument of a node. Raises `TalonTargetError` (T506) where what is added differs in
        what 1 stands for."""
        for argument in self.arguments[name]:
            values = [self.value(source) for source in argument]
            units = np.broadcast_arrays(*[value.unit for value in values])
            if any(not np.array_equal(units[0], unit) for unit in units[1:]):
                raise TalonTargetError(
                    "T506",
                    "spikes or numbers of an Input meet the sums of a layer, and 1 stands for something else in each",
                    node=name,
                    expected="sums of layers alone, or spikes alone",
                    found=", ".join(
                        f"{source.node} (1 is {v.unit.flat[0]:.4g})" for source, v in zip(argument, values, strict=True)
                    ),
                    help="put a layer of its own before the sum: an Affine, or an SDConv with kernels of 1",
                )
            yield Value(units[0], max(value.bound for value in values), any(value.summed for value in values))

    def site(self, name: str) -> Site:
        shapes = tuple(self.shape(argument[0]) for argument in self.arguments[name])
        empty = QuantRecord(self.numeric, {}, {})
        node = self.graph.nodes[name]
        return Site(name, node, shapes, self.shape(Port(name, 0)), list(self.entering(name)), empty)

    def unit_before(self, name: str) -> np.ndarray:
        """What 1 stands for in the inputs of a layer: `(in,)`, or `(channels,)` of a map."""
        node: Any = self.graph.nodes[name]
        (argument,) = self.arguments[name]
        shape = self.shape(argument[0])
        (value,) = self.entering(name)
        unit = np.broadcast_to(value.unit, shape)
        flat = unit.reshape(-1, shape[-1]) if "in" in node.dims else unit.reshape(shape[0], -1).T
        if (flat != flat[0]).any():
            raise TalonTargetError(
                "T506",
                "what the layer reads has different units in one channel",
                node=name,
                expected="one unit for all that a weight multiplies",
                found="several",
                help="bring the inputs to one scale",
            )
        return np.asarray(flat[0], np.float64)

    def unit_of_sum(self, name: str) -> np.ndarray:
        """What 1 stands for in what a neuron reads: one for all, one per channel, or an array that broadcasts to the
        sample."""
        (argument,) = self.arguments[name]
        (value,) = self.entering(name)
        return compact(np.broadcast_to(value.unit, self.shape(argument[0])))


def compact(values: np.ndarray) -> np.ndarray:
    """The smallest of the forms of a parameter per neuron that says the same: one, `(channels,)`, or full rank."""
    for axis in range(values.ndim):
        first = values.take([0], axis=axis)
        if (values == first).all():
            values = first
    if values.size == 1:
        return np.asarray(values.reshape(()))
    return values.reshape(-1) if values.shape[0] == values.size else values
