"""Layers: what is placed as one, a population of units with everything that feeds it.

Neurons sit on the sums that feed them, on the same core, wherever each sum goes to one neuron and nowhere else (through
Flatten, Concat, ChannelSplit and sums with others). A sum that something else reads too stays a unit of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from talon.hw.families import FAMILIES, Box, Need, one_to_one
from talon.hw.wiring import PASSIVE, Wires, Wiring, delay_of, times_of, unit_of
from talon.ir.fields import PerNeuronField, Shape


@dataclass(frozen=True)
class Feeder:
    """One source of a layer: which inputs its units read, and the units behind those inputs.

    `node`: the number of the node whose operation it is. `delay`: how many steps late its result is taken. `columns`:
    the part of the node's input channels that it is; `summing`: it adds up such parts, which were computed elsewhere.
    """

    node: int
    need: Need
    wires: Wires
    delay: int = 0
    columns: tuple[int, int] | None = None
    summing: bool = False

    @cached_property
    def distinct(self) -> bool:
        """Whether every input is one unit, and no two inputs are the same."""
        return bool(self.wires.min() >= 0) and len(np.unique(unit_of(self.wires))) == self.wires.size

    def read_by(self, box: Box) -> Wires:
        """The wires of the part of the map that a box of outputs reads."""
        return np.asarray(self.wires[np.ix_(np.arange(len(self.wires)), *self.need.reads(box))])

    def fan_in(self) -> int:
        """The most connections that one output has."""
        return self.need.fan_in((self.wires >= 0).sum(axis=0))


@dataclass(frozen=True)
class Layer:
    """A population: `members` are its nodes in graph order, `sends` the unit numbers by which others know its values.

    `per_unit`: values stored for every unit, by kind ("membranes", "parameters"). `biases`: per channel. `label`: what
    part of its node it is, where it is not the whole. `core`: the number of the core that its nodes ask for.
    """

    members: tuple[int, ...]
    shape: Shape
    channel_axis: int
    feeders: tuple[Feeder, ...]
    sends: np.ndarray
    spiking: bool
    per_unit: dict[str, int]
    label: str = ""
    core: int | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def weights(self) -> int:
        """Weights stored for one channel."""
        return sum(feeder.need.weights for feeder in self.feeders)

    @property
    def biases(self) -> int:
        """Biases stored for one channel: those that meet in a sum are one."""
        return max((feeder.need.biases for feeder in self.feeders), default=0)

    def fan_in(self) -> int:
        """The most connections that one unit has. Where several feeders meet, their largest are added."""
        return sum(feeder.fan_in() for feeder in self.feeders)


def owners(layers: Sequence[Layer], count: int) -> np.ndarray:
    """By unit, of `count` ones, the number of the layer that sends it; -1 for others."""
    owner = np.full(count, -1, np.int64)
    for number, layer in enumerate(layers):
        owner[layer.sends.ravel()] = number
    return owner


def layers_of(wiring: Wiring) -> list[Layer]:
    """All layers, in the order of their first nodes."""
    alone = lonely(wiring)
    found: list[Layer] = []
    taken: set[int] = set()
    for number, role in enumerate(wiring.roles):
        if role == "neuron":
            made = populations(wiring, number, alone)
            taken.update(m for layer in made for m in layer.members)
            found += made
    for number, role in enumerate(wiring.roles):
        if role in ("sum", "pick") and number not in taken:
            feeder = fed_by(wiring, number)
            shape = wiring.outputs[number][0]
            found.append(Layer((number,), shape, feeder.need.channel_axis, (feeder,), wiring.units[number], False, {}))
    return sorted(found, key=lambda layer: layer.members)


def fed_by(wiring: Wiring, number: int) -> Feeder:
    """The feeder that a node with a need is, with the bias that a batch norm folded into it brings."""
    node = wiring.nodes[number]
    need_of = FAMILIES[type(node).__name__].need
    assert need_of is not None
    need = need_of(node, wiring.inputs[number][0], wiring.outputs[number][0])
    if number in wiring.folded:
        need = replace(need, biases=max(need.biases, 1))
    wires = wiring.arriving(number)[0]
    return Feeder(number, replace(need, taps=flattened(wiring, wires)) if need.taps == 1 else need, wires)


def flattened(wiring: Wiring, wires: Wires) -> int:
    """The places of one channel where the inputs are a whole map, flattened: as a kernel over it; else 1."""
    if len(wires) > 1 or wires.ndim > 2 or wires.min(initial=0) < 0:
        return 1
    read = unit_of(wires)
    source = int(wiring.owner[read[0, 0]])
    units = wiring.wires[source, 0]
    shape = wiring.outputs[source][0]
    same = len(shape) > 1 and np.array_equal(units.ravel(), read.ravel())
    return math.prod(shape[1:]) if same else 1


def lonely(wiring: Wiring) -> np.ndarray:
    """For every unit, whether one thing reads its value, and reads it once: a neuron, a sum, a host, an Output."""
    read = np.zeros(wiring.count, np.int64)
    for number, role in enumerate(wiring.roles):
        if role in PASSIVE and type(wiring.nodes[number]).__name__ != "Output":
            continue
        for wires in wiring.arriving(number):
            np.add.at(read, unit_of(wires[wires >= 0]), times_of(wires[wires >= 0]))
    return np.asarray(read == 1)


def populations(wiring: Wiring, number: int, alone: np.ndarray) -> list[Layer]:
    """The layers that a neuron node makes: one for each group of sums that its neurons sit on, else one of its own."""
    node, (arriving,) = wiring.nodes[number], wiring.arriving(number)
    shape, own = wiring.outputs[number][0], wiring.units[number].ravel()
    flat = arriving.reshape(len(arriving), -1)
    read, late = unit_of(flat), delay_of(flat)
    stored = per_unit(node, shape)
    spiking = type(node).__name__ != "StepMean"
    groups: dict[bytes, list[tuple[int, int]]] = {}
    seats: dict[bytes, np.ndarray] = {}
    for source in np.unique(wiring.owner[read[read >= 0]]).tolist():
        if wiring.roles[source] != "sum" or not alone[wiring.units[source]].all():
            continue
        seat = places(read, wiring.units[source])
        # One sum is as late everywhere: what passes it on has one delay for all that it passes on.
        delays = np.unique(late[np.isin(read, wiring.units[source])])
        if seat is not None and len(delays) == 1:
            groups.setdefault(seat.tobytes(), []).append((source, int(delays[0])))
            seats[seat.tobytes()] = seat
    if not covers(seats.values(), own.size) or not alike(wiring, groups.values()):
        feeder = Feeder(number, one_to_one(node, shape, shape), arriving)
        return [Layer((number,), shape, 0, (feeder,), wiring.units[number], spiking, stored)]
    made = []
    for key, sources in groups.items():
        feeders = [replace(fed_by(wiring, source), delay=delay) for source, delay in sources]
        form = wiring.outputs[sources[0][0]][0]
        direct = flat[:, seats[key]].reshape(-1, *form)
        inside = np.concatenate([wiring.units[source].ravel() for source, _ in sources])
        direct = np.where(np.isin(unit_of(direct), inside), -1, direct)
        if (direct >= 0).any():
            feeders.append(Feeder(number, one_to_one(node, form, form), direct))
        axis = feeders[0].need.channel_axis
        sends = own[seats[key]].reshape(form)
        members = (*(source for source, _ in sources), number)
        made.append(Layer(members, form, axis, tuple(feeders), sends, spiking, stored))
    return made


def places(flat: np.ndarray, units: np.ndarray) -> np.ndarray | None:
    """For each unit the neuron that reads it, where all of them go to this population; else None."""
    first = int(units.flat[0])
    inside = (flat >= first) & (flat < first + units.size)
    if np.count_nonzero(inside) != units.size:
        return None
    _, neurons = np.nonzero(inside)
    seat = np.empty(units.size, np.int64)
    seat[flat[inside] - first] = neurons
    return seat


def covers(seats: Iterable[np.ndarray], size: int) -> bool:
    """Whether every neuron has its seat in exactly one group of sums."""
    taken = np.zeros(size, np.int64)
    for seat in seats:
        np.add.at(taken, seat, 1)
    return bool((taken == 1).all())


def alike(wiring: Wiring, groups: Iterable[list[tuple[int, int]]]) -> bool:
    """Whether the sums that meet in a group have the same axes, so that they can be cut in the same places."""
    for group in groups:
        axes = {(wiring.outputs[n][0], fed_by(wiring, n).need.channel_axis) for n, _ in group}
        if len(axes) > 1:
            return False
    return True


def per_unit(node: Any, shape: Shape) -> dict[str, int]:
    """State and differing parameters of one unit, from what the node's `init_state` and fields declare."""
    state = node.init_state(0, (shape,), np.dtype(np.float32))
    membranes = sum(value.shape[1:] == shape for value in state.values())
    forms = [node.shape_of(name) for name, field in node.fields.items() if isinstance(field, PerNeuronField)]
    # What all neurons share is a setting of the core, not memory.
    return {"membranes": membranes, "parameters": sum(form is not None and math.prod(form) > 1 for form in forms)}
