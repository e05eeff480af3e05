"""Fully connected layers by the C library."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talon.engine.wiring import Unit
from talon.hw.native.layers import Layer, bias_at
from talon.hw.native.library import library
from talon.hw.native.ops import Arrays, Quantities
from talon.hw.native.options import Options
from talon.ir.primitives.linear import Affine

CROSSOVER = 0.25
"""Share of active inputs from which the dense kernel is faster, measured on weights that fit the second cache."""


class AffineOp(Layer):
    kind = "affine"

    def __init__(self, unit: Unit, options: Options) -> None:
        assert isinstance(unit.node, Affine)
        super().__init__(unit, unit.node, options.crossover(CROSSOVER))
        self.node = unit.node
        self.index = np.empty(self.node.dims["in"], np.int32)

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        x = np.ascontiguousarray(arguments[0])
        outs, lead = self.node.dims["out"], x.shape[:2]
        y = np.empty((*x.shape[:-1], outs), x.dtype)
        active, binary = np.empty(x.shape[:-1], np.int64), np.empty(x.shape[:-1], np.uint8)
        self.go(t, x, y, active, binary)
        counts = {
            "macs": np.full(lead, x[0, 0].size * outs, np.int64),
            "synops": active.reshape(*lead, -1).sum(axis=2) * outs,
            "binary_input": binary.reshape(*lead, -1).all(axis=2),
        }
        return (y,), counts

    def call(self, t: int, *arrays: np.ndarray) -> int:
        x, y, active, binary = arrays
        weight, bias = self.node.transposed(t), bias_at(self.node, t)
        used: int = library().affine(
            active.size, *weight.shape, self.crossover, x, weight, bias, y, active, binary, self.index
        )
        return used
