"""Programs of cores from a quantised graph whose tiles have their cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon.hw.deploying.hosted import Crossing
from talon.hw.deploying.programs import (
    Cells,
    Chip,
    Gather,
    Operation,
    Part,
    Population,
    Port,
    Readout,
    Routes,
    Rule,
    Source,
    Tile,
)
from talon.hw.families import Box
from talon.hw.integers import matrices
from talon.hw.integers.narrow import narrow
from talon.hw.integers.pieces import Cell, Piece, Summed, Weights
from talon.hw.integers.plan import Plan
from talon.hw.integers.wiring import IntegerWiring
from talon.hw.layers import Feeder, Layer, owners
from talon.hw.placed import Placed
from talon.hw.tiles import Tile as Cut
from talon.hw.wiring import MOST, Wires, delay_of, times_of, unit_of
from talon.ir.errors import TalonTargetError


@dataclass
class Compiler:
    """One build. `placed`: layers, tiles and cores; `wired`: the same graph as integers compute it; `positions` of the
    cores; `crossings`: what goes from the chip to Outputs and the host."""

    placed: Placed
    wired: IntegerWiring
    positions: np.ndarray
    crossings: Sequence[Crossing]
    lines: np.ndarray = field(init=False)
    """By unit: its line, -1 where it has none."""

    def chip(self) -> Chip:
        placed = self.placed
        cuts, packed = placed.tiles, placed.packed
        self.lines = np.full(placed.wiring.count, -1, np.int64)
        firsts: dict[int, int] = {}
        total = 0
        for n in (n for own in packed for n in own.tiles):
            firsts[n] = total
            self.lines[cuts[n].sends] = np.arange(total, total + cuts[n].neurons)
            total += cuts[n].neurons
        inputs: dict[str, Port] = {}
        for number, node in enumerate(placed.wiring.nodes):
            if type(node).__name__ == "Input":
                units = placed.wiring.wires[number, 0][0]
                inputs[placed.wiring.path(number)] = Port(units.shape, self.plan.encodings[number], total)
                self.lines[units.ravel()] = np.arange(total, total + units.size)
                total += units.size
        self.axons = [axons_of([cuts[n] for n in own.tiles], placed.layers) for own in packed]
        levels = levels_of(placed.layers, placed.wiring.count)
        layers = tuple([self.population(layer, level) for layer, level in zip(placed.layers, levels, strict=True)])
        tiles: list[Tile] = []
        place = np.full(placed.wiring.count + 1, -1, np.int64)
        for core, (own, axons) in enumerate(zip(packed, self.axons, strict=True)):
            place[axons] = np.arange(len(axons))
            tiles += [self.tile(cuts[n], core, firsts[n], place) for n in own.tiles]
            place[axons] = -1
        return Chip(
            self.plan.record.arithmetic,
            layers,
            tuple(tiles),
            tuple(len(axons) for axons in self.axons),
            tuple(own.neurons for own in packed),
            self.positions,
            tuple(own.kind for own in packed),
            self.routes(total),
            inputs,
            tuple([self.readout(crossing) for crossing in self.crossings]),
        )

    @property
    def plan(self) -> Plan:
        assert self.wired.plan is not None
        return self.wired.plan

    def piece(self, number: int) -> Piece:
        return self.plan.pieces[number]

    def population(self, layer: Layer, level: int) -> Population:
        """What all tiles of a layer share."""
        wiring = self.placed.wiring
        members = tuple(f"{wiring.path(member)}{', ' * bool(layer.label)}{layer.label}" for member in layer.members)
        sources = tuple([self.source(feeder) for feeder in layer.feeders])
        last = layer.members[-1]
        cell = self.piece(last)
        if not isinstance(cell, Cell):
            return Population(members, layer.shape, layer.channel_axis, level, sources)
        node = cell.node
        return Population(
            members,
            layer.shape,
            layer.channel_axis,
            level,
            sources,
            members[-1],
            Rule(node.reset, node.is_late(), node.comparator),
            cell.decay is not None,
            cell.shift,
            cell.input_bits,
            wiring.outputs[last][0],
            folded(cell.unit),
        )

    def source(self, feeder: Feeder) -> Source:
        piece, node = self.piece(feeder.node), self.placed.wiring.nodes[feeder.node]
        weighted, path = isinstance(piece, Weights), self.placed.wiring.path(feeder.node)
        refuse_beyond(feeder.delay, 1, path)
        if feeder.summing:
            return Source(path, "copy", feeder.need.windows, feeder.delay)
        return Source(
            path,
            operation(piece, node),
            feeder.need.windows,
            feeder.delay,
            piece.bound if isinstance(piece, Weights) else 0,
            isinstance(piece, Weights) and piece.clipped,
            weighted and node.per_step("weight"),
            weighted and node.bias is not None and node.per_step("bias"),
            isinstance(piece, Weights) and piece.columns is not None,
        )

    def tile(self, cut: Cut, core: int, first: int, place: np.ndarray) -> Tile:
        own = self.placed.layers[cut.layer]
        parts = tuple([self.part(feeder, own, cut.box, place) for feeder in own.feeders])
        return Tile(cut.layer, core, cut.box, first, parts, self.cells(own, cut.box))

    def part(self, feeder: Feeder, layer: Layer, box: Box, place: np.ndarray) -> Part:
        """The weights of a box, and the axons of what it hears. `place`: by unit, the axon of the core."""
        inputs = gather(feeder.read_by(box), place, self.placed.wiring.path(feeder.node))
        piece, node = self.piece(feeder.node), self.placed.wiring.nodes[feeder.node]
        if not isinstance(piece, Weights) or feeder.summing:
            return Part(inputs)
        channels = slice(*box[layer.channel_axis])
        weight = matrices.part(piece.weight, node, box[layer.channel_axis], feeder.columns)
        bias = piece.bias if feeder.columns is None or feeder.columns[0] == 0 else None
        if bias is not None:
            bias = narrow(bias[(slice(None), channels) if node.per_step("bias") else channels])
        return Part(inputs, narrow(weight), bias)

    def cells(self, layer: Layer, box: Box) -> Cells | None:
        """The neurons of a box."""
        number = layer.members[-1]
        piece = self.piece(number)
        if not isinstance(piece, Cell):
            return None
        wiring = self.placed.wiring
        shape = wiring.outputs[number][0]
        seats = (layer.sends - wiring.units[number].flat[0])[tuple(slice(*ends) for ends in box)]
        each = (piece.threshold, piece.reset, piece.start, piece.factor)
        threshold, reset, start, factor = (folded(np.broadcast_to(values, shape).reshape(-1)[seats]) for values in each)
        return Cells(threshold, reset, start, factor, narrow(seats))

    def routes(self, lines: int) -> Routes:
        """Which axons of which cores hear every line."""
        heard = [self.lines[axons] for axons in self.axons]
        line = np.concatenate([*heard, np.zeros(0, np.int64)])
        core = np.repeat(np.arange(len(heard)), [len(own) for own in heard])
        axon = np.concatenate([*(np.arange(len(own)) for own in heard), np.zeros(0, np.int64)])
        order = np.lexsort((core, line))
        return Routes(np.bincount(line, minlength=lines), core[order], axon[order])

    def readout(self, crossing: Crossing) -> Readout:
        wires = self.placed.wiring.arriving(crossing.node)[crossing.argument]
        if crossing.source is not None:
            wires = self.placed.wiring.wires[crossing.source]
        lines = gather(wires, np.append(self.lines, -1), crossing.name)
        value = self.plan.values[crossing.value]
        unit = folded(np.broadcast_to(value.unit, wires.shape[1:]))
        return Readout(crossing.name, lines, unit, value.summed, crossing.to_host)


def operation(piece: Piece, node: Any) -> Operation:
    """What a source does, by its piece."""
    if isinstance(piece, Weights):
        return "dense" if "in" in node.dims else "conv"
    if isinstance(piece, Cell):
        return "copy"
    return "sum" if isinstance(piece, Summed) else "max"


def axons_of(tiles: Sequence[Cut], layers: Sequence[Layer]) -> np.ndarray:
    """The units that a core hears, each once, in the order in which its tiles name them first."""
    heard = [unit_of(feeder.read_by(tile.box)).ravel() for tile in tiles for feeder in layers[tile.layer].feeders]
    every = np.concatenate([*heard, np.zeros(0, np.int64)])
    units, first = np.unique(every[every >= 0], return_index=True)
    return np.asarray(units[np.argsort(first)], np.int64)


def levels_of(layers: Sequence[Layer], count: int) -> list[int]:
    """The turn of every layer within a step: behind all that it hears without delay."""
    owner = owners(layers, count)
    before = [set(now(layer, owner)) for layer in layers]
    levels = [-1] * len(layers)
    waiting = list(range(len(layers)))
    while waiting:
        # No ring of layers is without delay: a graph with one is refused before it gets here.
        ready = [n for n in waiting if all(levels[source] >= 0 for source in before[n])]
        for n in ready:
            levels[n] = 1 + max((levels[source] for source in before[n]), default=-1)
        waiting = [n for n in waiting if levels[n] < 0]
    return levels


def now(layer: Layer, owner: np.ndarray) -> Iterator[int]:
    """The layers that a layer hears within the step."""
    for feeder in layer.feeders:
        if not feeder.delay:
            units = unit_of(feeder.wires[(feeder.wires >= 0) & (delay_of(feeder.wires) == 0)])
            yield from (n for n in np.unique(owner[units]).tolist() if n >= 0)


def gather(wires: Wires, place: np.ndarray, node: str) -> Gather:
    """Wires as the places of their units."""
    delays, times = delay_of(wires), times_of(wires)
    refuse_beyond(int(delays.max(initial=0)), int(times.max(initial=0)), node)
    numbers = place[unit_of(wires)]
    return Gather(narrow(numbers), folded(delays), folded(times))


def refuse_beyond(delay: int, times: int, node: str) -> None:
    """Raise `TalonTargetError` (T506) for what wires cannot count."""
    if delay >= MOST or times > MOST:
        raise TalonTargetError(
            "T506",
            "a value is later, or taken more often, than a core can be told",
            node=node,
            expected=f"delays below {MOST:,} steps, and at most {MOST:,} paths from a unit",
            found="more",
            help="state a shorter delay, or add fewer copies of one value",
        )


def folded(values: np.ndarray) -> np.ndarray:
    """The smallest array that broadcasts to these values."""
    for axis in range(values.ndim):
        first = values.take([0], axis=axis) if values.shape[axis] else values
        if (values == first).all():
            values = first
    return narrow(values)
