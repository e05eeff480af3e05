"""Fully connected layers with a sparse weight by the C library."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from talon.engine.wiring import Unit
from talon.hw.native.layers import Layer
from talon.hw.native.library import library
from talon.hw.native.memory import aligned, scattered
from talon.hw.native.ops import Arrays
from talon.hw.native.options import Options
from talon.ir.csr import CSR
from talon.ir.primitives.linear import Affine

NEAR = 1 << 16
"""So many outputs have places of 16 bits."""


class SparseOp(Layer):
    """It always goes by events: what is not there cannot be gone through."""

    kind = "sparse affine"
    sum_bits = 32
    """Of the sums, where weights are int16."""

    def __init__(self, unit: Unit, options: Options) -> None:
        assert isinstance(unit.node, Affine)
        super().__init__(unit, unit.node, options.crossover(1.0))
        weight = unit.node.weight
        assert isinstance(weight, CSR)
        self.weight = weight
        self.rows = unit.shapes[0][:-1]
        self.macs = math.prod(self.rows) * weight.nnz
        self.index = np.empty(weight.shape[1] + library().WIDE, np.int32)
        # The library leaves zeros where it finds them.
        self.sums = aligned((weight.shape[0],))
        self.sums.fill(0)

    def call(self, t: int, x: np.ndarray, y: np.ndarray | None, cost: Arrays, neurons: tuple[Any, ...] | None) -> None:
        synapses, bias = self.weights(t)
        self.do(library().sparse, cost[0].size, synapses, x, bias, y, *cost, self.index, self.sums, neurons)

    def laid_out(self, t: int) -> tuple[Any, ...]:
        """The weight by inputs, which is the same at all steps, and the bias."""
        return self.node.prepared("synapses", self.joined), self.bias_at(t)

    def by_inputs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The weight as `CSR.by_columns` gives it; of whole numbers as int16, if they are."""
        found: tuple[np.ndarray, np.ndarray, np.ndarray] = self.node.by_inputs(self.weight)
        return found

    def joined(self) -> Any:
        weight = self.weight
        ends, outputs, values = self.by_inputs()
        near, whole = weight.shape[0] <= NEAR, values.dtype == np.int16
        index: Any = np.asarray(outputs, np.uint16 if near else np.int32)
        value: Any = np.asarray(values, np.int16 if whole else np.float32)
        if near and whole:
            index, value = index | value.view(np.uint16).astype(np.uint32) << 16, None
        bits = self.sum_bits if whole else 0
        size = weight.shape[1], weight.shape[0], weight.nnz
        index, value = scattered(index), None if value is None else scattered(value)
        return library().synapses(near, bits, *size, np.asarray(ends, np.int64), index, value)
