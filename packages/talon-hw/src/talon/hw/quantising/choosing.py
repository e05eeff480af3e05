"""Units in numbers: what 1 stands for in the sums of every layer, from weights and what the calibration did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon.hw.integers.arithmetic import Arithmetic, Register
from talon.hw.integers.record import Encoding
from talon.hw.quantising import hints, widths
from talon.hw.quantising.calibration import Calibration
from talon.hw.quantising.flow import Flow
from talon.hw.quantising.grouping import ScaleGroup
from talon.hw.quantising.parameters import PARAMETERS, parameter_bits
from talon.hw.quantising.rows import rows_of
from talon.hw.quantising.scales import CHOICES, of_the_rule
from talon.hw.quantising.structure import Structure
from talon.hw.rewrites.pass_ import Work
from talon.ir.errors import TalonTargetError
from talon.ir.primitives.neurons import spread


@dataclass(frozen=True)
class Asked:
    """What the user asked for."""

    bits: int | None
    method: str
    percentile: float
    input_bits: int | None


def single(name: str, scale: np.ndarray) -> np.ndarray:
    """A unit or scale in float32. Raises `TalonTargetError` (T506) where it is beyond that."""
    with np.errstate(over="ignore", under="ignore"):
        found = np.asarray(scale, np.float32)
    if (np.isfinite(found) & (found >= np.finfo(np.float32).tiny)).all():
        return found
    raise TalonTargetError(
        "T506",
        "what 1 stands for is beyond float32",
        node=name,
        expected=f"{np.finfo(np.float32).tiny:.3g} to {np.finfo(np.float32).max:.3g}",
        found=f"{np.min(scale):.3g} to {np.max(scale):.3g}",
        help="put neurons between layers that read each other's sums, or bring the weights to another size",
    )


@dataclass
class Choice:
    """The units of one network: `units` of the sums of every layer, by output channel; `bits` of its weights."""

    work: Work
    numeric: Arithmetic
    asked: Asked
    structure: Structure
    flow: Flow
    calibration: Calibration
    encodings: Mapping[str, Encoding]
    units: dict[str, np.ndarray] = field(default_factory=dict)
    bits: dict[str, int] = field(default_factory=dict)
    known: dict[int, np.float32] = field(default_factory=dict)
    """By unit, as the flow numbers them."""

    @property
    def rule(self) -> str:
        found: str = self.work.target.numeric["weights"]["scale"]
        return found

    def choose(self, groups: list[ScaleGroup]) -> None:
        """Choose the units of all layers."""
        symbol = self.flow.units.symbol
        self.known = {symbol(self.flow.units.one).unit: np.float32(1)}
        self.known |= {
            symbol(number).unit: np.float32(self.encodings[name].scale) for name, number in self.flow.inputs.items()
        }
        for group in groups:
            self.of_group(group)

    def value(self, symbols: np.ndarray) -> np.ndarray:
        """What symbols are in numbers, as the engine computes them."""
        different, places = np.unique(self.flow.units.now(symbols), return_inverse=True)
        found = [self.number(number) for number in different.tolist()]
        return np.asarray(found, np.float32)[places.reshape(symbols.shape)]

    def number(self, symbol: int) -> np.float32:
        unit, halves, others = self.flow.units.symbol(symbol)
        found = self.known[unit]
        for other in others:
            found = np.float32(np.float64(found) / other)
        return np.float32(np.float64(found) / halves)

    def unit_before(self, name: str) -> np.ndarray:
        """What 1 stands for in the inputs of a layer, by input channel."""
        entering, node = self.flow.entering[name], self.work.node(name)
        shape = (node.dims["in"],) if "in" in node.dims else (node.channels,)
        return np.broadcast_to(self.value(entering).astype(np.float64), shape)

    def unit_of_sum(self, name: str) -> np.ndarray:
        """What 1 stands for in what a neuron reads, as it broadcasts to the sample."""
        return self.value(self.flow.entering[name])

    def of_group(self, group: ScaleGroup) -> None:
        """One unit for every channel of layers that meet: large enough for their weights, and for thresholds and
        membranes of the neurons that read them."""
        numeric, choose = self.numeric, CHOICES[self.asked.method]
        kinds = {name: self.flow.units.now(self.flow.classes[name]) for name in group.members}
        classes = np.unique(np.concatenate(list(kinds.values())))
        places = {name: np.searchsorted(classes, found) for name, found in kinds.items()}
        unit = np.zeros(len(classes))
        for name in group.members:
            self.bits[name] = self.weight_bits(name)
            most = 2 ** (self.bits[name] - 1) - 1
            rows = rows_of(self.work.node(name), self.unit_before(name))
            np.maximum.at(unit, places[name], choose(rows, most, self.asked.percentile, self.rule))
        by_weights = unit.copy()
        for name in group.members:
            wide = widths.bias_bits(self.work.node(name), name, numeric)
            np.maximum.at(unit, places[name], self.bias(name) / (2 ** (wide - 1) - 1))
        times = np.ones(len(classes), np.int64)
        for name in group.readers:
            self.reader(name, classes, unit, times)
        narrowest = min((self.structure.sums[n] for n in group.readers if n in self.structure.sums), default=None)
        kept = numeric.accumulators if narrowest is None else Register(narrowest, numeric.accumulators.overflow)
        for name in group.members:
            sums = self.per_channel(self.calibration.largest[f"{name}.out"], name) / kept.high
            np.maximum.at(unit, places[name], sums * times[places[name]])
        if (coarser := unit > by_weights * 1.0000001).any() and (by_weights > 0).any():
            self.work.log(
                group.members[0],
                "scale",
                f"{int(coarser.sum())} channels by their weights",
                "by membranes, sums and biases",
                "so that these and thresholds fit their registers weights use fewer of their bits",
            )
        chosen = single(group.members[0], of_the_rule(np.where(unit > 0, unit, 1.0), self.rule))
        self.known |= {self.flow.units.symbol(n).unit: u for n, u in zip(classes.tolist(), chosen, strict=True)}
        self.units.update({name: chosen[places[name]] for name in group.members})

    def reader(self, name: str, classes: np.ndarray, unit: np.ndarray, times: np.ndarray) -> None:
        """Raise units to the least with which the threshold and membrane of a neuron fit their register, and note how
        many sums a pool adds up on the way."""
        size, most = self.needed(name), widths.shift(self.work.target)
        # As far as sums can be shifted to the right, `shift` sees to it; with a bit to spare.
        least = size / self.numeric.membranes.high / (2.0 ** (most - 1) if most else 1.0)
        symbols = self.flow.units.now(self.flow.entering[name])
        symbols = symbols.reshape((1,) * (size.ndim - symbols.ndim) + symbols.shape)
        different, each = np.unique(symbols, return_inverse=True)
        each = each.reshape(symbols.shape)
        # The largest over the places that have one unit.
        over = tuple(axis for axis in range(each.ndim) if each.shape[axis] == 1)
        largest = np.zeros(len(different))
        np.maximum.at(largest, each, least.max(axis=over, keepdims=True) if over else least)
        place = {self.flow.units.symbol(number).unit: n for n, number in enumerate(classes.tolist())}
        for number, value in zip(different.tolist(), largest.tolist(), strict=True):
            symbol = self.flow.units.symbol(number)
            if symbol.unit in place:
                n, many = place[symbol.unit], symbol.divisor
                unit[n], times[n] = max(unit[n], value * many), max(times[n], many)

    def weight_bits(self, name: str) -> int:
        """Bits of the weights of a layer, with a line where a hint of its own gives way to a field."""
        node: Any = self.work.node(name)
        bits = widths.weight_bits(node, name, self.asked.bits, self.work.target)
        for hint in hints.WEIGHTS:
            if "weight_bits" in node.fields and hints.asked(node, name, hint) not in (None, bits):
                why = "weight_bits of the node comes first"
                self.work.log(name, hint, getattr(node, hint), f"{bits} bits", why)
        return bits

    def bias(self, name: str) -> np.ndarray:
        """The largest bias of every channel of a layer over all steps."""
        node: Any = self.work.node(name)
        return np.zeros(1) if node.bias is None else np.abs(node.bias).reshape(-1, node.dims["out"]).max(axis=0)

    def needed(self, name: str) -> np.ndarray:
        """What membranes must hold of a neuron: how large they become, and what they are compared with and set to, so
        that this fits a register of its own, or a file, that is narrower."""
        node: Any = self.work.node(name)
        size: np.ndarray = self.calibration.largest[f"{name}.v"]
        for key in PARAMETERS:
            most = 2 ** (parameter_bits(key, self.numeric, widths.threshold_bits(self.work.target)) - 1) - 1
            limit = np.abs(spread(getattr(node, key), size.ndim)).astype(np.float64)
            size = np.maximum(size, limit * (self.numeric.membranes.high / most))
        return size

    def shift(self, name: str, unit: np.ndarray) -> int:
        """How far the input of a neuron is shifted, so that its membrane has a bit to spare: to the left where its
        decay rounds, to the right where it would not fit."""
        most, needed = widths.shift(self.work.target), self.needed(name)
        size = float((needed / spread(unit, needed.ndim)).max())
        room = math.floor(math.log2(self.numeric.membranes.high / 2 / max(size, 1.0)))
        if room > 0 and "tau" not in self.work.node(name).fields:
            return 0
        return min(max(room, -most), most)

    def per_channel(self, size: np.ndarray, layer: str) -> np.ndarray:
        """The largest of every channel of a layer's sums: the last axis for an Affine, else axis 0."""
        node: Any = self.work.node(layer)
        flat = size.reshape(-1, size.shape[-1]).T if "in" in node.dims else size.reshape(size.shape[0], -1)
        return np.asarray(flat.max(axis=1))
