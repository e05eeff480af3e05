"""A graph of integers made: units chosen, every field rounded, and the record of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talon.hw.integers.arithmetic import Arithmetic
from talon.hw.integers.pieces import Cell
from talon.hw.integers.planned import planned
from talon.hw.integers.record import Encoding, QuantRecord
from talon.hw.quantising import hints, sparse, widths
from talon.hw.quantising.arriving import Port
from talon.hw.quantising.calibration import Calibration
from talon.hw.quantising.choosing import Asked, Choice, single
from talon.hw.quantising.doubts import narrow_weights, silent
from talon.hw.quantising.encodings import encoding
from talon.hw.quantising.flow import of_the_engine
from talon.hw.quantising.lines import lines
from talon.hw.quantising.parameters import Field, layer_fields, neuron_fields
from talon.hw.quantising.structure import Structure
from talon.hw.quantising.units import compact
from talon.hw.rewrites.pass_ import Work
from talon.ir.errors import TalonRunError, TalonTargetError
from talon.ir.graph import Graph


@dataclass
class Making:
    """One network on its way to integers."""

    work: Work
    numeric: Arithmetic
    asked: Asked
    structure: Structure
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    shifts: dict[str, int] = field(default_factory=dict)
    choice: Choice = field(init=False)

    def __post_init__(self) -> None:
        arriving = self.structure.flow.arriving
        self.layers = arriving.layers
        self.cells = [name for name in arriving.graph.nodes if arriving.kind(name) is Cell]

    @property
    def keys(self) -> list[str]:
        """What the calibration is to record."""
        return [f"{name}.{what}" for name in self.cells for what in ("v", "spikes")] + [f"{n}.out" for n in self.layers]

    def quantised(self, calibration: Calibration) -> Graph:
        """The graph in integers, of what a representative input did. Raises `TalonTargetError` (T506) where its numbers
        have no integers."""
        graph = self.work.graph
        inputs = {
            name: encoding(name, array, self.work.target, self.asked.input_bits)
            for name, array in calibration.inputs.items()
        }
        refuse_infinite(calibration)
        flow, groups = self.structure.flow, self.structure.groups
        numbers = frozenset(name for name, found in inputs.items() if not found.binary)
        if self.asked.input_bits is not None and not numbers:
            raise TalonTargetError(
                "T506",
                "every Input gives 0 and 1 alone, which need no input_bits",
                expected="a calibration with other numbers, or no input_bits",
                found=f"input_bits={self.asked.input_bits!r}",
                help="leave input_bits out, or give a calibration with the numbers that the Input will have",
            )
        if numbers:
            flow, groups = self.structure.with_numbers(numbers, self.work.refuse)
        self.choice = Choice(self.work, self.numeric, self.asked, self.structure, flow, calibration, inputs)
        self.choice.choose(groups)
        for name in self.layers:
            self.layer(name)
        for name in self.cells:
            self.cell(name)
        nodes = {
            name: node.changed(**self.changed[name]) if name in self.changed else node
            for name, node in graph.nodes.items()
        }
        quantised = Graph(nodes, graph.edges, **{**graph.given(), "quantization_config": None})
        quantised = quantised.changed(quantization_config=self.record(calibration, inputs).as_config())
        refuse_what_does_not_run(quantised)
        return quantised

    def doubts(self, quantised: Graph) -> Iterator[str]:
        """What to warn of, a line each."""
        bits = self.choice.bits
        asked = bits if self.asked.bits is not None else {n for n in bits if hints.width(self.work.node(n), n)}
        yield from narrow_weights(self.work.graph, quantised, bits, asked)
        yield from silent(self.choice.calibration.largest, self.cells)

    def take(self, name: str, made: Field) -> None:
        """A field in integers, with its line in the ledger."""
        self.work.log(name, made.name, getattr(self.work.node(name), made.name), made.after, made.why)
        self.changed.setdefault(name, {})[made.name] = made.value

    def layer(self, name: str) -> None:
        """Weight and bias of a layer."""
        choice, node = self.choice, self.work.node(name)
        wide = widths.bias_bits(node, name, self.numeric)
        before = single(name, choice.unit_before(name)).astype(np.float64)
        sparse.refuse_many_scales(node, before, name)
        single(name, np.array([choice.units[name].min() / before.max(), choice.units[name].max() / before.min()]))
        for made in layer_fields(node, choice.units[name], before, choice.bits[name], wide, choice.rule):
            self.take(name, made)

    def cell(self, name: str) -> None:
        """Threshold, reset and first membrane of a neuron, in the unit of what it reads."""
        shape = self.structure.flow.arriving.shape(Port(name, 0))
        unit = compact(np.broadcast_to(self.choice.unit_of_sum(name), shape))
        if shift := self.choice.shift(name, unit):
            self.shifts[name] = shift
            self.work.log(
                name,
                "input",
                "as it is summed",
                f"shifted by {shift} bits",
                "what a shift to the right drops is rounded",
            )
            unit = unit / np.float32(2.0**shift)
        unit = single(name, unit)
        limit = widths.threshold_bits(self.work.target)
        for made in neuron_fields(self.work.node(name), unit, len(shape), self.numeric, limit, self.choice.rule):
            self.take(name, made)

    def record(self, found: Calibration, inputs: dict[str, Encoding]) -> QuantRecord:
        target = self.work.target
        origin: Mapping[str, Any] = {
            "target": target.id,
            "target_hash": target.hash,
            "calibration": found.digest,
            "method": self.asked.method,
            "bits": {name: self.choice.bits[name] for name in self.layers},
            "ledger": lines(self.work.ledger),
        }
        return QuantRecord(self.numeric, inputs, self.choice.units, self.structure.sums, self.shifts, origin)


def refuse_infinite(calibration: Calibration) -> None:
    """Raise `TalonTargetError` (T506) where the float network leaves float32 with the calibration."""
    for key, size in calibration.largest.items():
        if not np.isfinite(size).all():
            raise TalonTargetError(
                "T506",
                "with this calibration the network leaves float32, so that no integer is large enough",
                node=key.rpartition(".")[0],
                expected="finite values",
                found=f"{size[~np.isfinite(size)].flat[0]} in {key!r}",
                help="give an input of the kind that the network is for, or look at its weights",
            )


def refuse_what_does_not_run(graph: Graph) -> None:
    """Raise `TalonTargetError` (T506) where the integer engine would refuse the graph, before anybody writes it: sums
    that are too large to prove."""
    try:
        planned(graph)
    except TalonRunError as error:
        raise of_the_engine(error, "") from error
