"""LIF and IF by the C library."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talon.engine.wiring import Unit
from talon.hw.native.library import library
from talon.hw.native.ops import Arrays, Quantities
from talon.ir.fields import Shape
from talon.ir.primitives.neurons import LIF, Neuron, spread


class NeuronOp:
    how = "native neuron"

    def __init__(self, unit: Unit, shapes: tuple[Shape, ...]) -> None:
        assert isinstance(unit.node, Neuron)
        node, self.unit = unit.node, unit
        shape = shapes[0]
        rank, one = len(shape), unit.dtype.type(1)
        c = library()
        late = node.reset_delay == 1 and node.reset != "none"
        self.rule = {"value": 0, "subtract": c.SUBTRACT, "none": c.NO_RESET}[node.reset]
        self.rule |= c.LATE * late | c.GREATER * (node.comparator == "gt")
        zero = np.zeros((), unit.dtype)
        beta, gain, leak = zero, zero, zero
        if isinstance(node, LIF):
            self.rule |= c.LEAKS
            # The same operations as in its numpy step, so the same bits.
            beta = np.asarray(one - one / spread(node.tau, rank))
            gain = np.asarray(one - beta)
            leak = spread(node.v_leak, rank)
        r = spread(node.r, rank)  # type: ignore[attr-defined]
        parameters = (beta, gain, leak, r, node.threshold(rank), spread(node.v_reset, rank))
        self.per_neuron = int(any(p.size > 1 for p in parameters))
        form = shape if self.per_neuron else ()
        self.parameters = [np.ascontiguousarray(np.broadcast_to(p, form)) for p in parameters]
        self.size = int(np.prod(shape, dtype=np.int64))
        unit.state["v"] = np.array(unit.state["v"], order="C")

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        x = np.ascontiguousarray(arguments[0])
        y = np.empty_like(x)
        steps, batch = x.shape[:2]
        spikes = np.empty((steps, batch), np.int64)
        v, trace = self.unit.state["v"], traces.get("v")
        library().neuron(
            *(steps, batch, self.size, self.rule, self.per_neuron, t, x, y, v, trace, spikes, *self.parameters)
        )
        return (y,), {"updates": np.full((steps, batch), self.size, np.int64), "spikes": spikes}
