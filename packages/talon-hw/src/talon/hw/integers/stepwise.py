"""Nodes that the integer engine computes in numpy, by the oracle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talon.engine.wiring import Tallies, Unit
from talon.hw.integers import oracle
from talon.hw.integers.arithmetic import Arithmetic
from talon.hw.integers.pieces import Cell, Piece
from talon.hw.native.ops import Arrays, Op, Quantities

EXACT = 2**24
"""Up to this size every whole number is itself in float32."""


class OracleOp(Op):
    """A node by the oracle, one step after the other. Arguments are int64; outputs are float32 where that is exact."""

    how = "integers in numpy"

    def __init__(self, unit: Unit, piece: Piece, numeric: Arithmetic) -> None:
        super().__init__(unit)
        self.piece, self.numeric = piece, numeric

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        unit, steps = self.unit, len(arguments[0])
        types = [np.float32 if value.bound <= EXACT else np.int64 for value in self.piece.outs]
        outputs = tuple([np.empty((steps, *shape), own) for shape, own in zip(unit.promised, types, strict=True)])
        tallies = Tallies(steps, arguments[0].shape[1])
        for k in range(steps):
            own = tuple([argument[k] for argument in arguments])
            result = oracle.computed(self.piece, t + k, unit.state, own, self.numeric)
            for into, value in zip(outputs, result, strict=True):
                into[k] = value
            for name, trace in traces.items():
                trace[k] = unit.state[name] * self.piece.unit.astype(np.float64) if isinstance(self.piece, Cell) else 0
            tallies.add(unit.path, k, unit.count(own, result))
        return outputs, tallies.found.get(unit.path, {})
