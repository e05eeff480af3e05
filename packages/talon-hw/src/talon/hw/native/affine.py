"""Fully connected layers by the C library."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from talon.engine.wiring import Unit
from talon.hw.native.layers import Layer, filled
from talon.hw.native.layout import moved
from talon.hw.native.library import library
from talon.hw.native.ops import Arrays
from talon.hw.native.options import Options
from talon.ir.primitives.linear import Affine

CROSSOVER = 0.95
"""Share of active inputs from which the dense kernel is faster: an event leaves out the product where it is 1."""


class AffineOp(Layer):
    kind = "affine"

    def __init__(self, unit: Unit, options: Options) -> None:
        assert isinstance(unit.node, Affine)
        super().__init__(unit, unit.node, options.crossover(CROSSOVER))
        ins, self.outs = self.node.dims["in"], self.node.dims["out"]
        self.rows = unit.shapes[0][:-1]
        self.macs = math.prod(self.rows) * ins * self.outs
        c = library()
        self.index, self.masks = np.empty(ins + c.WIDE, np.int32), np.empty(ins, np.uint64)
        self.widened = np.empty(c.ROWS * ins, np.float32)

    def call(self, t: int, x: np.ndarray, y: np.ndarray | None, cost: Arrays, neurons: tuple[Any, ...] | None) -> None:
        weight, bias = self.weights(t)
        number = getattr(library(), self.types.name)
        numbers = (number, cost[0].size, len(self.masks), self.outs, self.crossover)
        scratch = self.index, self.masks, self.widened
        self.do(library().affine, *numbers, x, weight, bias, y, *cost, *scratch, neurons)

    def laid_out(self, t: int) -> tuple[Any, ...]:
        """The weight as `(in, wide)` and the bias, filled up to the width at which the kernels work."""
        lanes = self.types.lanes
        weight = moved(np.ascontiguousarray(self.weight_at(t))[None, None], last=True)[0, 0]
        return filled(weight, lanes), filled(self.bias_at(t), lanes)
