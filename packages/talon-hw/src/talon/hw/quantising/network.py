"""`quantize`: a network in the integers of a target."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon.hw.catalogue import target as find_target
from talon.hw.description import Target
from talon.hw.integers.arithmetic import Arithmetic
from talon.hw.integers.pieces import PIECES, Site, Value, Weights
from talon.hw.integers.record import Encoding, QuantRecord
from talon.hw.ledger import Rewrite
from talon.hw.legalising import legalise
from talon.hw.quantising import folding, widths
from talon.hw.quantising.calibration import Calibration, calibrate
from talon.hw.quantising.encodings import encoding
from talon.hw.quantising.scales import CHOICES, METHODS, narrow, of_the_rule, rounded
from talon.hw.rewrites.pass_ import Work
from talon.ir.errors import TalonTargetError, TalonTypeError
from talon.ir.graph import Graph
from talon.ir.quantized import Quantized


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
    them; the ledger of all that is in `quantization_config["origin"]["ledger"]`.

    Raises `TalonTargetError` (T506) for what cannot be quantised, naming the node, and what `run` raises.
    """
    if not isinstance(graph, Graph):
        raise TalonTypeError("T206", "quantize takes a graph", expected="ir.Graph", found=type(graph).__name__)
    if method not in METHODS:
        raise TalonTargetError(
            "T506", "there is no such method", expected=" or ".join(map(repr, METHODS)), found=repr(method)
        )
    target = find_target(target)
    numeric = widths.arithmetic(target)
    legal = legalise(graph, target)
    flat = legal.graph.flatten()
    # What was inside others is called by its flat name from here on, in recordings too.
    work = Work(Graph(flat.nodes, flat.edges, **flat.given()), target, list(legal.ledger), "fold")
    folding.dense(work)
    folding.gains(work, numeric)
    return Quantizer(work, numeric, Asked(bits, method, percentile, input_bits)).quantized(calibration, repeat)


@dataclass
class Quantizer:
    """One network on its way to integers."""

    work: Work
    numeric: Arithmetic
    asked: Asked
    units: dict[str, np.ndarray] = field(default_factory=dict)
    entering: dict[str, Value] = field(default_factory=dict)
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    bits: dict[str, int] = field(default_factory=dict)
    shifts: dict[str, int] = field(default_factory=dict)

    def quantized(self, inputs: Any, repeat: int | None) -> Graph:
        work = self.work
        graph = work.graph
        self.layers = [name for name, node in graph.nodes.items() if PIECES.get(node.type_name) is Weights]
        self.cells = [name for name, node in graph.nodes.items() if node.type_name in ("LIF", "IF")]
        keys = [*(f"{name}.v" for name in self.cells), *(f"{name}.out" for name in self.layers)]
        self.calibration = found = calibrate(graph, inputs, keys, repeat)
        self.inputs = {
            name: encoding(name, array, work.target, self.asked.input_bits) for name, array in found.inputs.items()
        }
        for members, readers in self.groups():
            self.scale_group(members, readers)
        for name in self.layers:
            self.weights(name)
        for name in self.cells:
            self.cell(name)
        nodes = {
            name: node.changed(**self.changed[name]) if name in self.changed else node
            for name, node in graph.nodes.items()
        }
        quantised = Graph(nodes, graph.edges, **{**graph.given(), "quantization_config": None})
        return quantised.changed(quantization_config=self.record(found).as_config())

    # Scale groups: what meets in one sum

    def groups(self) -> list[tuple[list[str], list[str]]]:
        """Layers that share their scale because they meet in a sum, each with the nodes that read it."""
        graph = self.work.graph
        owner = {name: name for name in self.layers}

        def root(name: str) -> str:
            while owner[name] != name:
                name = owner[name]
            return name

        meeting: dict[tuple[str, str | None], list[str]] = {}
        for edge in graph.edges:
            if edge.src_node in owner:
                meeting.setdefault((edge.dst_node, edge.dst_port), []).append(edge.src_node)
        for members in meeting.values():
            for other in members[1:]:
                owner[root(other)] = root(members[0])
        found: dict[str, tuple[list[str], list[str]]] = {}
        for name in self.layers:
            found.setdefault(root(name), ([], []))[0].append(name)
        for (reader, _), members in meeting.items():
            readers = found[root(members[0])][1]
            if reader not in readers:
                readers.append(reader)
        return list(found.values())

    def value(self, name: str, port: int = 0) -> Value:
        """What is known of what a node gives that is no layer: spikes, inputs, and both in other places."""
        node: Any = self.work.graph.nodes[name]
        if name in self.inputs:
            own = self.inputs[name]
            return Value(np.asarray(own.scale, np.float32), max(abs(own.low), abs(own.high)), summed=False)
        if node.spiking:
            return Value(np.ones((), np.float32), 1, summed=False)
        kind = PIECES.get(node.type_name)
        if kind is None or kind is Weights:
            raise TalonTargetError(
                "T506",
                f"a layer reads what {node.type_name} gives, which is no spike and no number of an Input",
                node=name,
                expected="spikes, or numbers from an Input",
                found=node.type_name,
                help="put neurons between the two; 'talon hw check' names what the target does not run",
            )
        if name not in self.entering:
            self.entering[name] = kind(self.site(name)).outs[port]
        return self.entering[name]

    def site(self, name: str) -> Site:
        graph = self.work.graph
        node = graph.nodes[name]
        edges = self.work.into(name)
        shapes = tuple(graph.shapes[f"{e.src_node}:{e.src_port or 'out'}"] or () for e in edges)
        shape = graph.shapes[f"{name}:out"] if f"{name}:out" in graph.shapes else graph.shapes[f"{name}:0"]
        entering = [self.value(e.src_node) for e in edges]
        empty = QuantRecord(self.numeric, {}, {})
        return Site(name, node, shapes, shape or (), entering, empty)

    def arriving(self, name: str) -> np.ndarray:
        """What 1 stands for in the inputs of a layer: `(in,)`, or `(channels,)` of a map."""
        node: Any = self.work.graph.nodes[name]
        edges = self.work.into(name)
        shape = tuple(self.work.graph.shapes[f"{edges[0].src_node}:{edges[0].src_port or 'out'}"] or ())
        units = [np.broadcast_to(self.value(e.src_node).unit, shape) for e in edges]
        unit = units[0]
        flat = unit.reshape(-1, shape[-1]) if "in" in node.dims else unit.reshape(shape[0], -1).T
        if any(not np.array_equal(unit, other) for other in units[1:]) or (flat != flat[0]).any():
            raise TalonTargetError(
                "T506",
                "what the layer reads has different units in one channel",
                node=name,
                expected="one unit for all that a weight multiplies",
                found="several",
                help="bring the inputs to one scale",
            )
        return np.asarray(flat[0], np.float64)

    def rows(self, name: str) -> np.ndarray:
        """The weights of a layer with the units of its inputs in them, `(out, n)`, over all steps."""
        node: Any = self.work.graph.nodes[name]
        weight = node.weight.astype(np.float64)
        stepped = weight if node.per_step("weight") else weight[None]
        units = self.arriving(name)
        if "in" not in node.dims:
            # Channels of the input, as the groups read them.
            each = units.reshape(node.group_count, -1)
            per_out = np.repeat(each, stepped.shape[1] // node.group_count, axis=0)
            stepped = stepped * per_out.reshape(1, *per_out.shape, *(1,) * (stepped.ndim - 3))
        else:
            stepped = stepped * units
        return np.asarray(np.moveaxis(stepped, 1, 0).reshape(stepped.shape[1], -1))

    def scale_group(self, members: list[str], readers: list[str]) -> None:
        """One unit for every channel of layers that meet: large enough for their weights, and for thresholds and
        membranes of the neurons that read them."""
        graph, numeric = self.work.graph, self.numeric
        choose, rule = CHOICES[self.asked.method], self.work.target.numeric["weights"]["scale"]
        unit: np.ndarray = np.zeros(1)
        for name in members:
            self.bits[name] = widths.weight_bits(graph.nodes[name], name, self.asked.bits, self.work.target)
            most = 2 ** (self.bits[name] - 1) - 1
            unit = np.maximum(unit, choose(self.rows(name), most, self.asked.percentile, rule))
        by_weights = unit
        for name in readers:
            unit = np.maximum(unit, self.floor(name, len(unit)))
        for name in members:
            sums = self.per_channel(self.calibration.largest[f"{name}.out"], name) / numeric.accumulators.high
            unit = np.maximum(unit, sums)
        if (coarser := unit > by_weights * 1.0000001).any() and (by_weights > 0).any():
            self.log(
                members[0],
                "scale",
                f"{int(coarser.sum())} channels by their weights",
                "by membranes and sums",
                "so that thresholds, membranes and sums fit their registers weights use fewer of their bits",
            )
        unit = np.where(unit > 0, unit, 1.0)
        chosen = of_the_rule(unit, rule).astype(np.float32)
        for name in members:
            self.units[name] = chosen

    def floor(self, name: str, channels: int) -> np.ndarray:
        """The least unit with which a neuron's threshold and membrane fit their register."""
        if name not in self.cells or widths.shift(self.work.target):
            return np.zeros(channels)
        return self.per_channel(self.largest(name), name) / self.numeric.membranes.high

    def largest(self, name: str) -> np.ndarray:
        """How large the membranes of a neuron become, and what they are compared with and set to."""
        node: Any = self.work.graph.nodes[name]
        size = self.calibration.largest[f"{name}.v"]
        for parameter in (node.v_threshold, node.v_reset, node.v_init):
            shape = parameter.shape + (1,) * (size.ndim - parameter.ndim) if parameter.ndim == 1 else parameter.shape
            size = np.maximum(size, np.abs(parameter).reshape(shape))
        return size

    def shift(self, name: str, unit: np.ndarray) -> int:
        """How far the input of a neuron is shifted, so that its membrane has a bit to spare: to the left where its
        decay rounds, to the right where it would not fit."""
        most = widths.shift(self.work.target)
        size = float((self.per_channel(self.largest(name), name) / unit).max())
        room = math.floor(math.log2(self.numeric.membranes.high / 2 / max(size, 1.0)))
        if room > 0 and "tau" not in self.work.graph.nodes[name].fields:
            return 0
        return min(max(room, -most), most)

    def per_channel(self, size: np.ndarray, name: str) -> np.ndarray:
        """The largest of every channel: axis 0 of a map, the last axis of what an Affine gives."""
        node: Any = self.work.graph.nodes[name]
        dense = "in" in node.dims if name in self.layers else self.last_axis(name)
        flat = size.reshape(-1, size.shape[-1]).T if dense else size.reshape(size.shape[0], -1)
        return np.asarray(flat.max(axis=1))

    def last_axis(self, name: str) -> bool:
        """Whether the channels of what a neuron reads lie on the last axis."""
        before = [e.src_node for e in self.work.into(name) if e.src_node in self.layers]
        node: Any = self.work.graph.nodes[before[0]] if before else None
        return node is not None and "in" in node.dims

    # Integers

    def weights(self, name: str) -> None:
        node: Any = self.work.graph.nodes[name]
        unit, bits = self.units[name].astype(np.float64), self.bits[name]
        rule = self.work.target.numeric["weights"]["scale"]
        weight, units = node.weight, self.arriving(name)
        axes = weight.ndim - (1 if node.per_step("weight") else 0)
        per_out = unit.reshape(-1, *(1,) * (axes - 1))
        if (units == units[0]).all():
            scale = per_out / units[0]
        elif "in" in node.dims:
            scale = per_out / units
        else:
            each = units.reshape(node.group_count, -1)
            each = np.repeat(each, node.dims["out"] // node.group_count, axis=0)
            scale = per_out / each.reshape(*each.shape, *(1,) * (axes - 2))
        scale = scale.astype(np.float32)
        integers, cut = rounded(weight, scale, 2 ** (bits - 1) - 1)
        fields = {"weight": Quantized(narrow(integers, bits), scale, bits, self.rule(scale, rule))}
        why = f"{cut} weights are cut" if cut else "weights are rounded"
        self.log(name, "weight", node.weight, f"{bits} bits, scale {scale.min():.4g} to {scale.max():.4g}", why)
        if node.bias is not None:
            register = self.numeric.accumulators
            wide = min(register.bits, 32)
            values, lost = rounded(node.bias, unit, 2 ** (wide - 1) - 1)
            fields["bias"] = Quantized(
                values.astype(np.int32), self.units[name], wide, self.rule(self.units[name], rule)
            )
            self.log(
                name, "bias", node.bias, f"{wide} bits", f"{lost} values are cut" if lost else "values are rounded"
            )
        self.changed[name] = fields

    def rule(self, scale: np.ndarray, rule: str) -> str:
        return "pow2" if rule == "pow2" and (np.frexp(scale)[0] == 0.5).all() else "float"

    def cell(self, name: str) -> None:
        """Threshold, reset and first membrane of a neuron, in the unit of what it reads."""
        node: Any = self.work.graph.nodes[name]
        unit = self.unit_of(name)
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
        bits = min(self.numeric.membranes.bits, 32)
        rule = self.work.target.numeric["weights"]["scale"]
        for key in ("v_threshold", "v_reset", "v_init"):
            value = getattr(node, key)
            if key != "v_threshold" and (value == 0).all():
                continue
            along = unit if value.ndim <= 1 else unit.reshape(-1, *(1,) * (value.ndim - 1))
            spread = np.broadcast_to(value, np.broadcast_shapes(value.shape, along.shape))
            scale = np.broadcast_to(along, np.broadcast_shapes(spread.shape, along.shape)) if spread.size > 1 else along
            integers, cut = rounded(spread, scale, 2 ** (bits - 1) - 1)
            quantised = Quantized(
                integers.astype(np.int32), np.asarray(along, np.float32), bits, self.rule(along, rule)
            )
            self.changed.setdefault(name, {})[key] = quantised
            self.log(name, key, value, f"{bits} bits", f"{cut} values are cut" if cut else "values are rounded")

    def unit_of(self, name: str) -> np.ndarray:
        """What 1 stands for in a neuron's membrane: one, or one per channel."""
        sources = [e.src_node for e in self.work.into(name)]
        layers = [source for source in sources if source in self.units]
        if layers:
            unit = self.units[layers[0]]
            return unit if unit.size > 1 else unit.reshape(())
        value = self.value(sources[0]).unit
        unit = value.reshape(-1)
        if unit.size > 1 and (unit != unit[0]).any():
            raise TalonTargetError(
                "T506",
                "a neuron reads values of different units",
                node=name,
                expected="one unit",
                found="several",
                help="put a layer with weights before it",
            )
        return np.asarray(unit[0])

    # The record

    def log(self, node: str, key: str, before: Any, after: str, why: str) -> None:
        self.work.running = "quantise"
        self.work.log(node, key, before, after, why)

    def record(self, found: Calibration) -> QuantRecord:
        target = self.work.target
        own: dict[str, int] = {}
        for name in self.layers:
            node: Any = self.work.graph.nodes[name]
            if "accumulator_bits" in node.fields:
                for edge in self.work.out_of(name):
                    own[edge.dst_node] = min(node.accumulator_bits, self.numeric.accumulators.bits)
        origin: Mapping[str, Any] = {
            "target": target.id,
            "target_hash": target.hash,
            "calibration": found.digest,
            "method": self.asked.method,
            "bits": {name: self.bits[name] for name in self.layers},
            "ledger": [told(rewrite) for rewrite in self.work.ledger],
        }
        encodings: dict[str, Encoding] = dict(self.inputs)
        return QuantRecord(self.numeric, encodings, self.units, own, self.shifts, origin)


def told(rewrite: Rewrite) -> dict[str, Any]:
    """A line of the ledger without what it does not say."""
    return {key: value for key, value in rewrite.as_dict().items() if value is not None}
