"""Cores at work: in every step spikes travel as packets from line to axon, and tiles compute in their turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from talon.hw.deploying.gathering import Gathering
from talon.hw.deploying.operations import Local
from talon.hw.deploying.programs import Chip, Readout, Rule, Tile
from talon.hw.integers import oracle
from talon.hw.integers.arithmetic import Decay, overflowed, trapped
from talon.ir.errors import TalonRunError


@dataclass(frozen=True)
class Seat:
    """The neurons of a tile as the rule of a step wants them; what `oracle.cell` reads of a `Cell`. `name`: of their
    node."""

    name: str
    node: Rule
    threshold: np.ndarray
    reset: np.ndarray
    start: np.ndarray
    factor: np.ndarray
    decay: Decay | None
    shift: int
    input_bits: int


@dataclass
class Work:
    """What cores did. By tile: `synops` and `binary` (whether all inputs were 0 and 1), `(tiles, sources, T, B)`, and
    `updates`, `active` (updates of neurons with a charge, a bias or an input, even one that others cancel) and
    `spikes`, `(tiles, T, B)`. By core: `packets` that it sends to others and `arrived` from others, `(cores, T, B)`.
    `entered`: packets from the Inputs, `(T, B)`. `hops` of packets between cores, along rows and along columns of the
    network, `(2, T, B)`; None where that is not known. `sent`: values of every line that are not 0, over all."""

    synops: np.ndarray
    binary: np.ndarray
    updates: np.ndarray
    active: np.ndarray
    spikes: np.ndarray
    packets: np.ndarray
    arrived: np.ndarray
    entered: np.ndarray
    hops: np.ndarray | None
    sent: np.ndarray

    @classmethod
    def empty(cls, chip: Chip, steps: int, batch: int, hops: bool) -> Self:
        tiles, cores = len(chip.tiles), len(chip.axons)
        sources = max((len(layer.sources) for layer in chip.layers), default=0)
        by_source, by_tile, by_core = (tiles, sources, steps, batch), (tiles, steps, batch), (cores, steps, batch)
        return cls(
            synops=np.zeros(by_source, np.int64),
            binary=np.ones(by_source, bool),
            updates=np.zeros(by_tile, np.int64),
            active=np.zeros(by_tile, np.int64),
            spikes=np.zeros(by_tile, np.int64),
            packets=np.zeros(by_core, np.int64),
            arrived=np.zeros(by_core, np.int64),
            entered=np.zeros((steps, batch), np.int64),
            hops=np.zeros((2, steps, batch), np.int64) if hops else None,
            sent=np.zeros(chip.lines, np.int64),
        )


class Running:
    """One run of a chip over a batch, step by step. `hops`: those of a packet of every line, `(lines, 2)`, where they
    are known."""

    def __init__(self, chip: Chip, steps: int, batch: int, hops: np.ndarray | None = None) -> None:
        self.chip, self.batch, self.hops = chip, batch, hops
        self.numeric = chip.arithmetic
        starts = np.concatenate([[0], np.cumsum(chip.axons)])
        self.starts, self.size = starts[:-1], int(starts[-1])
        self.arrivals = [np.zeros((batch, self.size), np.int64) for _ in range(chip.depth)]
        keep = 1 + max((readout.lines.most_delay for readout in chip.readouts), default=0)
        self.past = [np.zeros((batch, chip.lines), np.int64) for _ in range(keep)]
        self.places = (
            chip.routes.axons + self.starts[chip.routes.cores] if len(chip.routes.cores) else chip.routes.axons
        )
        self.locals = [
            [
                Local(source, part, tile.box)
                for source, part in zip(chip.layers[tile.layer].sources, tile.parts, strict=True)
            ]
            for tile in chip.tiles
        ]
        self.inputs = [
            [Gathering(part.inputs, int(self.starts[tile.core])) for part in tile.parts] for tile in chip.tiles
        ]
        self.leaving = {readout.name: Gathering(readout.lines) for readout in chip.readouts}
        self.seats = [seat(chip, tile) for tile in chip.tiles]
        self.v: list[dict[str, np.ndarray]] = [
            {"v": np.array(np.broadcast_to(own.start, (batch, *tile.form)), np.int64)} if own is not None else {}
            for own, tile in zip(self.seats, chip.tiles, strict=True)
        ]
        self.held = {
            (number, place): deque[tuple[np.ndarray, np.ndarray]](maxlen=source.delay)
            for number, tile in enumerate(chip.tiles)
            for place, source in enumerate(chip.layers[tile.layer].sources)
            if source.delay
        }
        self.work = Work.empty(chip, steps, batch, hops is not None)

    def step(self, t: int, entering: Mapping[str, np.ndarray]) -> np.ndarray:
        """One step from the encoded values of the Inputs, `(B, *shape)`; the values of all lines, `(B, lines)`."""
        chip = self.chip
        self.arrivals.insert(0, self.arrivals.pop())
        self.arrivals[0][:] = 0
        self.past.insert(0, self.past.pop())
        values = self.past[0]
        for name, port in chip.inputs.items():
            own = entering[name].reshape(self.batch, -1)
            values[:, port.first : port.first + own.shape[1]] = own
            self.send(t, port.first, own)
        for number in chip.order:
            tile = chip.tiles[number]
            found = self.computed(t, number).reshape(self.batch, -1)
            values[:, tile.first : tile.first + tile.size] = found
            self.send(t, tile.first, found)
        # What is taken later may depend on what was just sent.
        for key, held in self.held.items():
            held.append(self.sums(t, *key))
        return values

    def send(self, t: int, first: int, values: np.ndarray) -> None:
        """Packets of the lines from `first` on: one for each value that is not 0 and place that hears it."""
        chip, routes = self.chip, self.chip.routes
        samples, lines = np.nonzero(values)
        self.work.sent[first : first + values.shape[1]] += np.bincount(lines, minlength=values.shape[1])
        if not len(lines):
            return
        counts = routes.counts[first + lines]
        entry = np.repeat(routes.offsets[first + lines] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        sample, value = np.repeat(samples, counts), np.repeat(values[samples, lines], counts)
        self.arrivals[0][sample, self.places[entry]] = value
        sender = chip.core_of[first]
        target = routes.cores[entry]
        remote = target != sender
        np.add.at(self.work.arrived[:, t], (target[remote], sample[remote]), 1)
        into = self.work.entered[t] if sender < 0 else self.work.packets[sender, t]
        np.add.at(into, sample[remote], 1)
        if self.hops is not None and self.work.hops is not None:
            for axis in range(2):
                np.add.at(self.work.hops[axis, t], samples, self.hops[first + lines, axis])

    def computed(self, t: int, number: int) -> np.ndarray:
        """The values of a tile at a step, `(B, *form)`."""
        tile = self.chip.tiles[number]
        layer = self.chip.layers[tile.layer]
        total = np.zeros((self.batch, *tile.form), np.int64)
        active = np.zeros(total.shape, bool)
        for place, source in enumerate(layer.sources):
            if not source.delay:
                found, heard = self.sums(t, number, place)
            elif len(held := self.held[number, place]) == source.delay:
                found, heard = held[0]
            else:
                continue
            total, active = total + found, active | heard
        cells = self.seats[number]
        if cells is None:
            return total
        # What has a bias and no input has a sum.
        active |= (self.v[number]["v"] != 0) | (total != 0)
        self.work.active[number, t] = np.count_nonzero(active.reshape(self.batch, -1), axis=1)
        try:
            spikes = oracle.cell(cells, t, self.v[number], total, self.numeric)
        except TalonRunError as error:
            raise trapped(error, cells.name, t) from None
        self.work.updates[number, t] = tile.size
        self.work.spikes[number, t] = np.count_nonzero(spikes.reshape(self.batch, -1), axis=1)
        return spikes

    def sums(self, t: int, number: int, place: int) -> tuple[np.ndarray, np.ndarray]:
        """What a source of a tile gives at a step, and which places heard an input."""
        one, x = self.locals[number][place], self.inputs[number][place].taken(self.arrivals)
        heard = one.heard(x != 0)
        if one.part.weight is not None:
            flat = x.reshape(self.batch, -1)
            self.work.synops[number, place, t] = heard.reshape(self.batch, -1).sum(axis=1)
            self.work.binary[number, place, t] = ((flat == 0) | (flat == 1)).all(axis=1)
        try:
            return one.sums(t, x, self.numeric), heard != 0
        except TalonRunError as error:
            raise trapped(error, one.source.node, t) from None

    def read(self, t: int, readout: Readout) -> np.ndarray:
        """What leaves the chip at this step, in integers, `(B, *shape)`."""
        values = self.leaving[readout.name].taken(self.past)
        try:
            return overflowed(values, self.numeric.accumulators) if readout.summed else values
        except TalonRunError as error:
            raise trapped(error, readout.name, t) from None


def seat(chip: Chip, tile: Tile) -> Seat | None:
    layer, cells = chip.layers[tile.layer], tile.cells
    if cells is None or layer.rule is None or layer.neuron is None:
        return None
    decay = chip.decay if layer.decays else None
    numbers = (cells.threshold, cells.reset, cells.start, cells.factor)
    threshold, reset, start, factor = (np.asarray(n, np.int64) for n in numbers)
    return Seat(layer.neuron, layer.rule, threshold, reset, start, factor, decay, layer.shift, layer.input_bits)
