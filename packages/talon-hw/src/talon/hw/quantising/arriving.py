"""What reaches what in a network that is being quantised: sources of every argument, layers whose sums a node gives,
and what the host computes. Every question costs a look; each is worked out once, in one pass over the graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from talon.hw.integers.pieces import PIECES, Weights, on_host
from talon.ir.fields import Shape
from talon.ir.graph import Graph


class Port(NamedTuple):
    """An output of a node."""

    node: str
    number: int


@dataclass
class Arriving:
    """Of a flat graph."""

    graph: Graph

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

    @cached_property
    def readers(self) -> dict[str, list[str]]:
        """The nodes that read a node, once for every edge."""
        found: dict[str, list[str]] = {name: [] for name in self.graph.nodes}
        for name in self.graph.nodes:
            for source in self.sources(name):
                found[source].append(name)
        return found

    def sources(self, name: str) -> Iterator[str]:
        """The nodes that a node reads, once for every edge."""
        return (source.node for argument in self.arguments[name] for source in argument)

    def kind(self, name: str) -> Any:
        return PIECES.get(self.graph.nodes[name].type_name)

    @cached_property
    def layers(self) -> list[str]:
        """The nodes with weights."""
        return [name for name in self.graph.nodes if self.kind(name) is Weights]

    @cached_property
    def shapes(self) -> dict[str, Shape | None]:
        return self.graph.shapes

    def shape(self, port: Port) -> Shape:
        outputs = self.graph.nodes[port.node].ports().outputs
        return tuple(self.shapes[f"{port.node}:{outputs[port.number]}"] or ())

    def settled(self, name: str) -> bool:
        """Whether what a node gives is known before anything that enters it: spikes, and what is given."""
        node: Any = self.graph.nodes[name]
        return bool(node.spiking) or node.type_name == "Input"

    @cached_property
    def order(self) -> list[str]:
        """The nodes, each behind those it reads that are not settled; without those on `rings` and behind them."""
        waiting = {name: sum(not self.settled(s) for s in self.sources(name)) for name in self.graph.nodes}
        found = [name for name, count in waiting.items() if not count]
        for name in found:  # grows while it is read
            for reader in () if self.settled(name) else self.readers[name]:
                waiting[reader] -= 1
                if not waiting[reader]:
                    found.append(reader)
        return found

    @cached_property
    def rings(self) -> list[str]:
        """The nodes on cycles without a neuron, and between such cycles."""
        placed = set(self.order)
        left = {name: 0 for name in self.graph.nodes if name not in placed}
        for name in left:
            left[name] = 0 if self.settled(name) else sum(reader in left for reader in self.readers[name])
        ends = [name for name, count in left.items() if not count]
        for name in ends:  # grows while it is read
            for source in self.sources(name):
                if source in left and not self.settled(source):
                    left[source] -= 1
                    if not left[source]:
                        ends.append(source)
        gone = set(ends)
        return [name for name in left if name not in gone]

    @cached_property
    def hosted(self) -> set[str]:
        """The nodes that the host computes: what has no integers, and what reads such."""
        nodes = self.graph.nodes
        found = {name for name, node in nodes.items() if on_host(node) and node.type_name != "Input"}
        for name in self.order:
            if any(source in found for source in self.sources(name)):
                found.add(name)
        return found

    @cached_property
    def _sums(self) -> dict[str, int]:
        """Which layers' sums a node gives: a bit for each, in the order of `layers`."""
        found = {name: 1 << number for number, name in enumerate(self.layers)}
        for name in self.order:
            if name not in found:
                found[name] = 0 if self.settled(name) else self._arriving(name, found)
        return found

    def _arriving(self, name: str, sums: dict[str, int]) -> int:
        found = 0
        for source in self.sources(name):
            found |= sums.get(source, 0)
        return found

    def read_by(self, name: str, of: int = -1) -> list[str]:
        """The layers whose sums reach a node, itself apart. `of`: bits of those that are asked for."""
        found, layers = self._arriving(name, self._sums) & of, []
        while found:
            lowest = found & -found
            layers.append(self.layers[lowest.bit_length() - 1])
            found ^= lowest
        return layers

    def bits(self, layers: set[str]) -> int:
        """These layers as `read_by` is asked for them."""
        return sum(1 << number for number, name in enumerate(self.layers) if name in layers)
