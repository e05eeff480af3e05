"""What cores are told: tiles with their weights and neurons, axons, routes, readouts. Arrays and numbers alone, so that
all of it can be stored.

A line is where a value comes from: the neurons of all cores, core by core, then the values of the Inputs. An axon is
where a value arrives in a core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from talon.hw.families import Box, Window
from talon.hw.integers.arithmetic import Arithmetic, Decay
from talon.hw.integers.record import Encoding
from talon.ir.fields import Shape

Operation = Literal["dense", "conv", "sum", "max", "copy"]
"""dense and conv: sums with weights; sum and max: of windows; copy: the values themselves."""


@dataclass(frozen=True)
class Gather:
    """What is added up in every place of an array: the numbers of axons, or of lines, -1 for nothing.

    `numbers`, `delays` and `times` are `(alternatives, *shape)`; a value is taken `times` times, `delays` steps late.
    """

    numbers: np.ndarray
    delays: np.ndarray
    times: np.ndarray

    @cached_property
    def most_delay(self) -> int:
        return int(self.delays.max(initial=0))

    @cached_property
    def plain(self) -> bool:
        """Whether each place has one value, of this step, taken once."""
        one = len(self.numbers) == 1 and not self.most_delay
        return bool(one and self.numbers.min(initial=0) >= 0 and (self.times == 1).all())


@dataclass(frozen=True)
class Source:
    """One operation of a layer, the same for all its tiles. `node`: whose it is, by path; `windows`: for each axis what
    the outputs read, over the whole layer; `delay`: how many steps late its result is taken."""

    node: str
    operation: Operation
    windows: tuple[Window, ...]
    delay: int = 0
    bound: int = 0
    """No sum of its is larger."""
    clipped: bool = False
    """Whether its inputs are sums, which are kept to the accumulators' width."""
    stepped_weight: bool = False
    stepped_bias: bool = False
    sparse: bool = False
    """Whether weights of 0 are not there, so that no operation is counted for them; of `dense` alone."""


@dataclass(frozen=True)
class Rule:
    """How a neuron fires, of all neurons of a layer: named as its node has it."""

    reset: str
    late: bool
    comparator: str

    def is_late(self) -> bool:
        return self.late


@dataclass(frozen=True)
class Population:
    """A layer: `members` are its nodes by path, `level` its turn within a step. `neuron`: the node whose membranes it
    holds, or None where it gives the sums themselves."""

    members: tuple[str, ...]
    shape: Shape
    channel_axis: int
    level: int
    sources: tuple[Source, ...]
    neuron: str | None = None
    rule: Rule | None = None
    decays: bool = False
    shift: int = 0
    input_bits: int = 0
    neurons: Shape = ()
    """The shape of the neuron's node, where it has neurons."""
    unit: np.ndarray = field(default_factory=lambda: np.ones((), np.float32))
    """What 1 stands for in a membrane, an array that broadcasts to `neurons`."""


@dataclass(frozen=True)
class Part:
    """What one tile holds for one source of its layer: weights, biases, and which axon is which input."""

    inputs: Gather
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None


@dataclass(frozen=True)
class Cells:
    """Parameters of the neurons of a tile, each an array that broadcasts to its form; `seats`: the place of each in the
    node's own order."""

    threshold: np.ndarray
    reset: np.ndarray
    start: np.ndarray
    factor: np.ndarray
    seats: np.ndarray


@dataclass(frozen=True)
class Tile:
    """Part of layer `layer` on core `core`: the box of the layer's map, and its neurons from line `first` on."""

    layer: int
    core: int
    box: Box
    first: int
    parts: tuple[Part, ...]
    cells: Cells | None = None

    @property
    def form(self) -> Shape:
        return tuple(end - start for start, end in self.box)

    @cached_property
    def size(self) -> int:
        return int(np.prod(self.form))


@dataclass(frozen=True)
class Port:
    """An Input: how its values are encoded, and its first line."""

    shape: Shape
    encoding: Encoding
    first: int


@dataclass(frozen=True)
class Readout:
    """What leaves the chip: sums of lines, in the unit `unit`; `summed`: they are kept to the accumulators' width. It
    goes to the Output `name`, or with `to_host` to the host's Input of that name."""

    name: str
    lines: Gather
    unit: np.ndarray
    summed: bool
    to_host: bool = False

    @property
    def shape(self) -> Shape:
        return self.lines.numbers.shape[1:]


@dataclass(frozen=True)
class Routes:
    """By line, in order: `counts` says how many places hear it, `cores` and `axons` which."""

    counts: np.ndarray
    cores: np.ndarray
    axons: np.ndarray

    @cached_property
    def offsets(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.counts)])


@dataclass(frozen=True)
class Chip:
    """All that the cores of one build are told. `axons`: of every core; `positions`: `(cores, axes)` on the network."""

    arithmetic: Arithmetic
    layers: tuple[Population, ...]
    tiles: tuple[Tile, ...]
    axons: tuple[int, ...]
    neurons: tuple[int, ...]
    positions: np.ndarray
    kinds: tuple[int, ...]
    routes: Routes
    inputs: Mapping[str, Port]
    readouts: tuple[Readout, ...]

    @property
    def decay(self) -> Decay | None:
        return self.arithmetic.decay

    @cached_property
    def lines(self) -> int:
        return sum(self.neurons) + sum(int(np.prod(port.shape)) for port in self.inputs.values())

    @cached_property
    def core_of(self) -> np.ndarray:
        """The core of every line; -1 for the Inputs."""
        found = np.full(self.lines, -1, np.int64)
        found[: sum(self.neurons)] = np.repeat(np.arange(len(self.neurons)), self.neurons)
        return found

    @cached_property
    def depth(self) -> int:
        """How many steps values are kept in axons."""
        return 1 + max((part.inputs.most_delay for tile in self.tiles for part in tile.parts), default=0)

    @cached_property
    def order(self) -> list[int]:
        """The tiles in the order of a step."""
        return sorted(range(len(self.tiles)), key=lambda n: (self.layers[self.tiles[n].layer].level, n))


def places(shape: Shape, box: Box) -> np.ndarray:
    """Where the places of a box stand in a map of this shape, in row order."""
    found = np.zeros((), np.int64)
    for length, (start, end) in zip(shape, box, strict=True):
        found = found[..., None] * length + np.arange(start, end)
    return np.asarray(found)
