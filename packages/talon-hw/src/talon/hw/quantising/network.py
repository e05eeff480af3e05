"""`quantize`: a network in the integers of a target."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon.hw.arguments import expect_graph
from talon.hw.catalogue import target as find_target
from talon.hw.description import Target
from talon.hw.integers.arithmetic import Arithmetic, Register
from talon.hw.integers.pieces import PIECES, Cell, Weights
from talon.hw.integers.planned import planned
from talon.hw.integers.record import Encoding, QuantRecord
from talon.hw.legalising import legalise
from talon.hw.quantising import accumulators, folding, hints, widths
from talon.hw.quantising.arriving import Arriving, Port, ScaleGroup
from talon.hw.quantising.calibration import Calibration, calibrate
from talon.hw.quantising.doubts import QuantisingWarning, narrow_weights, silent
from talon.hw.quantising.encodings import encoding
from talon.hw.quantising.lines import lines
from talon.hw.quantising.parameters import PARAMETERS, Field, layer_fields, neuron_fields, parameter_bits
from talon.hw.quantising.scales import CHOICES, METHODS, of_the_rule
from talon.hw.rewrites.pass_ import Work
from talon.ir.errors import TalonRunError, TalonTargetError
from talon.ir.graph import Graph
from talon.ir.primitives.neurons import spread


@dataclass(frozen=True)
class Asked:
    """What the user asked for."""

    bits: int | None
    method: str
    percentile: float
    input_bits: int | None


def quantize(
    graph: Graph,
    target: Target | str | os.PathLike[str] = "generic-mesh",
    *,
    calibration: Any,
    repeat: int | None = None,
    bits: int | None = None,
    method: str = "mse",
    percentile: float = 99.9,
    input_bits: int | None = None,
) -> Graph:
    """The network in integers of the target's widths, run by `engine="integer"` to the bit as the target computes.

    `calibration`: a representative input as `run` takes it, with `repeat` as there; it sets the scales of inputs and
    keeps membranes in their registers. `bits`: of weights, by default the target's; what a node says for itself
    (`weight_bits`, a hint such as `weight_t="int4"`) comes first. `method`: how scales of weights are chosen, "mse"
    (least squared error), "max" (none is cut) or "percentile". `input_bits`: for Inputs whose values are not 0 and 1,
    where the target carries numbers.

    What does not fit integers is rewritten first, as `legalise` does, and gains of neurons go into the weights before
    them; `quantization_ledger` gives a line for every change.

    Warns (`hw.QuantisingWarning`) of weights that got fewer bits than they were to have, and of neurons that never fire
    with the calibration. Raises `TalonTargetError` (T506) for what cannot be quantised, naming the node, and what `run`
    raises.
    """
    expect_graph(graph, "quantize")
    if method not in METHODS:
        raise TalonTargetError(
            "T506", "there is no such method", expected=" or ".join(map(repr, METHODS)), found=repr(method)
        )
    check_asked(bits, percentile, input_bits)
    target = find_target(target)
    numeric = widths.arithmetic(target)
    for error in hints.placeless(graph):
        raise error
    legal = legalise(graph, target)
    flat = legal.graph.flatten()
    # What was inside others is called by its flat name from here on, in recordings too.
    work = Work(Graph(flat.nodes, flat.edges, **flat.given()), target, list(legal.ledger), "fold")
    folding.dense(work)
    folding.meetings(work)
    folding.gains(work, numeric)
    quantizer = Quantizer(work, numeric, Asked(bits, method, percentile, input_bits))
    quantised = quantizer.quantized(calibration, repeat)
    for doubt in quantizer.doubts(quantised):
        warnings.warn(doubt, QuantisingWarning, stacklevel=2)
    return quantised


def check_asked(bits: Any, percentile: Any, input_bits: Any) -> None:
    """Raise `TalonTargetError` (T506) for what is no width or no percentile."""
    for name, value in (("bits", bits), ("input_bits", input_bits)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
            raise TalonTargetError(
                "T506", f"{name} is a number of bits", expected="a whole number >= 1, or None", found=repr(value)
            )
    if isinstance(percentile, bool) or not isinstance(percentile, (int, float)) or not 0 < percentile <= 100:
        raise TalonTargetError("T506", "a percentile is a part of 100", expected="> 0, <= 100", found=repr(percentile))


def refuse_what_does_not_run(graph: Graph) -> None:
    """Raise `TalonTargetError` (T506) where the integer engine would refuse the graph, before anybody writes it."""
    try:
        planned(graph)
    except TalonRunError as error:
        said = error.diagnostic
        raise TalonTargetError(
            "T506", said.message, node=said.node, expected=said.expected, found=said.found, help=said.help
        ) from error


@dataclass
class Quantizer:
    """One network on its way to integers."""

    work: Work
    numeric: Arithmetic
    asked: Asked
    units: dict[str, np.ndarray] = field(default_factory=dict)
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    bits: dict[str, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    shifts: dict[str, int] = field(default_factory=dict)

    def quantized(self, inputs: Any, repeat: int | None) -> Graph:
        work, graph = self.work, self.work.graph
        kinds = {name: PIECES.get(node.type_name) for name, node in graph.nodes.items()}
        self.layers = [name for name, kind in kinds.items() if kind is Weights]
        self.cells = [name for name, kind in kinds.items() if kind is Cell]
        self.rule = work.target.numeric["weights"]["scale"]
        keys = [f"{name}.{what}" for name in self.cells for what in ("v", "spikes")]
        keys += [f"{name}.out" for name in self.layers]
        self.calibration = found = calibrate(graph, inputs, keys, repeat)
        self.inputs = {
            name: encoding(name, array, work.target, self.asked.input_bits) for name, array in found.inputs.items()
        }
        self.arriving = Arriving(graph, self.numeric, self.inputs, self.units)
        self.sums = accumulators.of_neurons(self.arriving, self.numeric.accumulators.bits, self.log)
        for group in self.arriving.groups():
            self.scale_group(group)
        for name in self.layers:
            before = self.arriving.unit_before(name)
            node, unit = graph.nodes[name], self.units[name]
            bits, wide = self.bits[name], widths.bias_bits(node, name, self.numeric)
            for made in layer_fields(node, unit, before, bits, wide, self.rule):
                self.take(name, made)
        for name in self.cells:
            self.cell(name)
        nodes = {
            name: node.changed(**self.changed[name]) if name in self.changed else node
            for name, node in graph.nodes.items()
        }
        quantised = Graph(nodes, graph.edges, **{**graph.given(), "quantization_config": None})
        quantised = quantised.changed(quantization_config=self.record(found).as_config())
        refuse_what_does_not_run(quantised)
        return quantised

    def doubts(self, quantised: Graph) -> Iterator[str]:
        """What to warn of, a line each."""
        nodes = self.work.graph.nodes
        asked = self.bits if self.asked.bits is not None else {n for n in self.bits if hints.width(nodes[n], n)}
        yield from narrow_weights(self.work.graph, quantised, self.bits, asked)
        yield from silent(self.calibration.largest, self.cells)

    def take(self, name: str, made: Field) -> None:
        """A field in integers, with its line in the ledger."""
        self.log(name, made.name, getattr(self.work.graph.nodes[name], made.name), made.after, made.why)
        self.changed.setdefault(name, {})[made.name] = made.value

    def rows(self, name: str) -> np.ndarray:
        """The weights of a layer with the units of its inputs in them, `(out, n)`, over all steps."""
        node: Any = self.work.graph.nodes[name]
        weight = node.weight.astype(np.float64)
        stepped = weight if node.per_step("weight") else weight[None]
        units = self.arriving.unit_before(name)
        if "in" not in node.dims:
            # Channels of the input, as the groups read them.
            each = units.reshape(node.group_count, -1)
            per_out = np.repeat(each, stepped.shape[1] // node.group_count, axis=0)
            stepped = stepped * per_out.reshape(1, *per_out.shape, *(1,) * (stepped.ndim - 3))
        else:
            stepped = stepped * units
        return np.asarray(np.moveaxis(stepped, 1, 0).reshape(stepped.shape[1], -1))

    def scale_group(self, group: ScaleGroup) -> None:
        """One unit for every channel of layers that meet: large enough for their weights, and for thresholds and
        membranes of the neurons that read them."""
        members, numeric, choose = group.members, self.numeric, CHOICES[self.asked.method]
        unit: np.ndarray = np.zeros(1)
        for name in members:
            widths.require_spike_mode(self.work.graph.nodes[name], name, self.work.target)
            self.bits[name] = self.weight_bits(name)
            most = 2 ** (self.bits[name] - 1) - 1
            unit = np.maximum(unit, choose(self.rows(name), most, self.asked.percentile, self.rule))
        by_weights = unit
        for name in members:
            wide = widths.bias_bits(self.work.graph.nodes[name], name, numeric)
            unit = np.maximum(unit, self.bias(name) / (2 ** (wide - 1) - 1))
        for name, many in group.readers.items():
            unit = np.maximum(unit, self.floor(name, members[0], len(unit)) * many)
        many = max(group.readers.values(), default=1)
        narrowest = min((self.sums[name] for name in group.readers if name in self.sums), default=None)
        kept = numeric.accumulators if narrowest is None else Register(narrowest, numeric.accumulators.overflow)
        for name in members:
            sums = self.per_channel(self.calibration.largest[f"{name}.out"], name) / kept.high
            unit = np.maximum(unit, sums * many)
        if (coarser := unit > by_weights * 1.0000001).any() and (by_weights > 0).any():
            self.log(
                members[0],
                "scale",
                f"{int(coarser.sum())} channels by their weights",
                "by membranes, sums and biases",
                "so that these and thresholds fit their registers weights use fewer of their bits",
            )
        unit = np.where(unit > 0, unit, 1.0)
        self.units.update(dict.fromkeys(members, of_the_rule(unit, self.rule).astype(np.float32)))

    def weight_bits(self, name: str) -> int:
        """Bits of the weights of a layer, with a line where a hint of its own gives way to a field."""
        node: Any = self.work.graph.nodes[name]
        bits = widths.weight_bits(node, name, self.asked.bits, self.work.target)
        for hint in hints.WEIGHTS:
            if "weight_bits" in node.fields and hints.asked(node, name, hint) not in (None, bits):
                self.log(name, hint, getattr(node, hint), f"{bits} bits", "weight_bits of the node comes first")
        return bits

    def bias(self, name: str) -> np.ndarray:
        """The largest bias of every channel of a layer over all steps."""
        node: Any = self.work.graph.nodes[name]
        return np.zeros(1) if node.bias is None else np.abs(node.bias).reshape(-1, node.dims["out"]).max(axis=0)

    def floor(self, name: str, layer: str, channels: int) -> np.ndarray:
        """The least unit with which a neuron's threshold and membrane fit their register."""
        size, most = self.per_channel(self.needed(name), layer), widths.shift(self.work.target)
        # Behind a Flatten or a Concat channels are others: the largest of all goes for each.
        size = size if len(size) == channels else np.full(channels, size.max())
        # As far as sums can be shifted to the right, `shift` sees to it; with a bit to spare.
        return size / self.numeric.membranes.high / (2.0 ** (most - 1) if most else 1.0)

    def needed(self, name: str) -> np.ndarray:
        """What membranes must hold of a neuron: how large they become, and what they are compared with and set to, so
        that this fits a register of its own, or a file, that is narrower."""
        node: Any = self.work.graph.nodes[name]
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
        if room > 0 and "tau" not in self.work.graph.nodes[name].fields:
            return 0
        return min(max(room, -most), most)

    def per_channel(self, size: np.ndarray, layer: str) -> np.ndarray:
        """The largest of every channel of a layer's sums: the last axis for an Affine, else axis 0."""
        node: Any = self.work.graph.nodes[layer]
        flat = size.reshape(-1, size.shape[-1]).T if "in" in node.dims else size.reshape(size.shape[0], -1)
        return np.asarray(flat.max(axis=1))

    def cell(self, name: str) -> None:
        """Threshold, reset and first membrane of a neuron, in the unit of what it reads."""
        unit = self.arriving.unit_of_sum(name)
        if shift := self.shift(name, unit):
            self.shifts[name] = shift
            self.log(
                name,
                "input",
                "as it is summed",
                f"shifted by {shift} bits",
                "what a shift to the right drops is rounded",
            )
            unit = unit / np.float32(2.0**shift)
        rank = len(self.arriving.shape(Port(name, 0)))
        limit = widths.threshold_bits(self.work.target)
        for made in neuron_fields(self.work.graph.nodes[name], unit, rank, self.numeric, limit, self.rule):
            self.take(name, made)

    def log(self, node: str, key: str, before: Any, after: str, why: str) -> None:
        self.work.running = "quantise"
        self.work.log(node, key, before, after, why)

    def record(self, found: Calibration) -> QuantRecord:
        target = self.work.target
        origin: Mapping[str, Any] = {
            "target": target.id,
            "target_hash": target.hash,
            "calibration": found.digest,
            "method": self.asked.method,
            "bits": {name: self.bits[name] for name in self.layers},
            "ledger": lines(self.work.ledger),
        }
        encodings: dict[str, Encoding] = dict(self.inputs)
        return QuantRecord(self.numeric, encodings, self.units, self.sums, self.shifts, origin)
