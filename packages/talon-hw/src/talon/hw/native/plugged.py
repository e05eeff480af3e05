"""A node by the kernel that a plugin gives for it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talon.engine.kernels import PluginKernel
from talon.engine.wiring import Tallies, Unit
from talon.hw.native.ops import Arrays, Op, Quantities
from talon.ir.fields import Shape
from talon.plugins.registry import Entry


class Plugged(Op):
    """One step after the other: a kernel knows nothing of several."""

    def __init__(self, unit: Unit, shapes: tuple[Shape, ...], entry: Entry) -> None:
        super().__init__(unit)
        self.kernel = PluginKernel(entry, unit, shapes)
        self.how = f"kernel of {self.kernel.origin}"

    def begin(self) -> None:
        self.kernel.begin()

    def restore(self) -> None:
        super().restore()
        self.kernel.begin()

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        unit, steps = self.unit, len(arguments[0])
        outputs = tuple([np.empty((steps, *shape), unit.dtype) for shape in unit.promised])
        tallies = Tallies(steps, arguments[0].shape[1])
        for k in range(steps):
            result, counts = self.kernel.step(t + k, tuple([argument[k] for argument in arguments]))
            for into, value in zip(outputs, result, strict=True):
                into[k] = value
            for name, trace in traces.items():
                trace[k] = unit.state[name]
            tallies.add(unit.path, k, counts)
        return outputs, tallies.found.get(unit.path, {})
