"""The unit of every value, followed through a graph before any number is known, and what cannot have one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon.hw.integers.pieces import Cell, Summed, Weights, divisor
from talon.hw.quantising.arriving import Arriving, Port
from talon.hw.quantising.units import UNKNOWN, Units
from talon.ir.errors import TalonRunError, TalonTargetError

Refuse = Callable[[TalonTargetError], None]


@dataclass
class Flow:
    """The units of everything in a flat graph, as symbols. `classes`: of the sums of every layer, by output channel.
    `entering`: of what layers read, by input channel, and of what neurons read, as it broadcasts to the sample.
    `inputs`: of Inputs. `owners`: the layer of every unit that is chosen."""

    arriving: Arriving
    refuse: Refuse
    units: Units = field(default_factory=Units)
    classes: dict[str, np.ndarray] = field(default_factory=dict)
    entering: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)
    values: dict[Port, np.ndarray] = field(default_factory=dict)

    def follow(self, numbers: frozenset[str]) -> None:
        """Work everything out. `numbers`: the Inputs that give other values than 0 and 1."""
        nodes, arriving = self.arriving.graph.nodes, self.arriving
        for name, node in nodes.items():
            if arriving.kind(name) is Weights:
                self.begin(name)
            elif arriving.settled(name):
                symbol = self.units.given(f"numbers of {name!r}") if name in numbers else self.units.one
                if node.type_name == "Input":
                    self.inputs[name] = symbol
                self.give(name, [np.asarray(symbol)] * len(node.ports().outputs))
        for name in arriving.order:
            if not arriving.arguments[name]:
                continue
            arguments = [self.met(name, sources) for sources in arriving.arguments[name]]
            if arriving.kind(name) is Weights:
                self.entering[name] = self.per_channel(name, arguments[0])
            elif arriving.kind(name) is Cell:
                self.entering[name] = arguments[0]
            elif not arriving.settled(name):
                self.give(name, self.passed(name, arguments))

    def begin(self, name: str) -> None:
        """A layer: units of its own, one for every output channel."""
        node: Any = self.arriving.graph.nodes[name]
        found = self.classes[name] = self.units.chosen(node.dims["out"])
        self.owners.update(dict.fromkeys((self.units.symbol(n).unit for n in found.tolist()), name))
        rank = len(self.arriving.shape(Port(name, 0)))
        self.give(name, [found if "in" in node.dims else found.reshape(-1, *(1,) * (rank - 1))])

    def give(self, name: str, outputs: list[np.ndarray]) -> None:
        self.values.update({Port(name, number): value for number, value in enumerate(outputs)})

    def read(self, source: Port) -> np.ndarray:
        """What a node gives; unknown where that is refused, or floats of the host."""
        return self.values.get(source, np.asarray(UNKNOWN))

    def met(self, name: str, sources: list[Port]) -> np.ndarray:
        """The sources of an argument, which are added, as one."""
        found = self.read(sources[0])
        for source in sources[1:]:
            other = self.read(source)
            if not self.units.unite(found, other):
                self.refuse(
                    TalonTargetError(
                        "T506",
                        "spikes or numbers of an Input meet the sums of a layer, and 1 stands for something else in "
                        "each",
                        node=name,
                        expected="sums of layers alone, or spikes alone",
                        found=", ".join(
                            f"{port.node} (1 is that of {self.units.told(self.read(port), self.owners)})"
                            for port in sources
                        ),
                        help="put a layer of its own before the sum: an Affine, or an SDConv with kernels of 1",
                    )
                )
                return np.asarray(UNKNOWN)
            one, other = np.broadcast_arrays(found, other)
            found = np.where((one == UNKNOWN) | (other == UNKNOWN), UNKNOWN, one)
        return self.units.now(found) if len(sources) > 1 else found

    def per_channel(self, name: str, entering: np.ndarray) -> np.ndarray:
        """What a layer reads, by input channel: a weight multiplies it in every place."""
        node: Any = self.arriving.graph.nodes[name]
        rank = len(self.arriving.shape(self.arriving.arguments[name][0][0]))
        full = entering.reshape((1,) * (rank - entering.ndim) + entering.shape)
        rows = full.reshape(-1, full.shape[-1]) if "in" in node.dims else full.reshape(full.shape[0], -1).T
        if not self.units.unite(rows, rows[:1]):
            self.refuse(
                TalonTargetError(
                    "T506",
                    "what the layer reads has different units in one channel",
                    node=name,
                    expected="one unit for all that a weight multiplies",
                    found="several",
                    help="bring the inputs to one scale",
                )
            )
        return np.asarray(rows[0])

    def passed(self, name: str, arguments: list[np.ndarray]) -> list[np.ndarray]:
        """What a node gives that holds nothing and has no weights."""
        node: Any = self.arriving.graph.nodes[name]
        shapes = [self.arriving.shape(argument[0]) for argument in self.arriving.arguments[name]]
        unknown = [np.asarray(UNKNOWN)] * len(node.ports().outputs)
        if name in self.arriving.hosted or any((argument == UNKNOWN).all() for argument in arguments):
            return unknown
        if self.arriving.kind(name) is Summed:
            return self.pooled(name, node, arguments[0], shapes[0])
        if node.identity or node.type_name == "Output":
            return arguments[:1]

        def step(symbols: list[np.ndarray]) -> list[np.ndarray]:
            full = [np.broadcast_to(a, s)[None].astype(np.float64) for a, s in zip(symbols, shapes, strict=True)]
            found = node.step(0, {}, *full)
            return [symbols_of(each[0]) for each in (found if isinstance(found, tuple) else (found,))]

        def ends(symbols: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
            return step(symbols), [-least for least in step([-each for each in symbols])]

        found, fine = self.units.in_windows(arguments, ends)
        if not fine:
            self.refuse(in_one_window(name, "it compares values of different units"))
        return found

    def pooled(self, name: str, node: Any, entering: np.ndarray, shape: tuple[int, ...]) -> list[np.ndarray]:
        """The sums of windows, in a unit that their size divides."""
        try:
            by = divisor(node, shape, name)
        except TalonRunError as error:
            self.refuse(of_the_engine(error, name))
            return [np.asarray(UNKNOWN)]

        def ends(symbols: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
            # A border of zeros is 0 in every unit.
            windows = node.windows(np.broadcast_to(symbols[0], shape)[None].astype(np.float64), np.nan)
            return [symbols_of(np.nanmax(windows, axis=0)[0])], [symbols_of(np.nanmin(windows, axis=0)[0])]

        found, fine = self.units.in_windows([entering], ends)
        if not fine:
            self.refuse(in_one_window(name, "it adds values of different units"))
        return [self.units.over(found[0], by)]


def symbols_of(values: np.ndarray) -> np.ndarray:
    """Symbols that were moved as floats; none where there is only a border."""
    return np.where(np.isfinite(values), values, UNKNOWN).astype(np.int64)


def in_one_window(name: str, message: str) -> TalonTargetError:
    return TalonTargetError(
        "T506", message, node=name, expected="one unit in every window", found="several", help="pool before you join"
    )


def of_the_engine(error: TalonRunError, name: str) -> TalonTargetError:
    """What the integer engine would refuse, told before the graph is written."""
    said = error.diagnostic
    return TalonTargetError(
        "T506", said.message, node=said.node or name or None, expected=said.expected, found=said.found, help=said.help
    )
