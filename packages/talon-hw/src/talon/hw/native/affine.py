"""Fully connected layers by the C library."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talon.engine.wiring import Unit
from talon.hw.native.library import library
from talon.hw.native.ops import Arrays, Quantities
from talon.hw.native.options import Options, way
from talon.ir import exact
from talon.ir.primitives.linear import Affine

CROSSOVER = 0.25
"""Share of active inputs from which the dense kernel is faster, measured on weights that fit the second cache."""


class AffineOp:
    def __init__(self, unit: Unit, options: Options) -> None:
        assert isinstance(unit.node, Affine)
        self.unit, self.node = unit, unit.node
        self.crossover = options.crossover(CROSSOVER)
        self.index = np.empty(self.node.dims["in"], np.int32)
        self.ways: set[int] = set()
        self.steps_alike = not (self.node.per_step("weight") or self.node.per_step("bias"))

    @property
    def how(self) -> str:
        return f"native affine, {way(self.ways)}"

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        (x,) = arguments
        x = np.ascontiguousarray(x)
        outs = self.node.dims["out"]
        y = np.empty((*x.shape[:-1], outs), x.dtype)
        active = np.empty(x.shape[:-1], np.int64)
        binary = np.empty(x.shape[:-1], np.uint8)
        if self.steps_alike:
            self.call(t, x, y, active, binary)
        else:
            for k in range(len(x)):
                self.call(t + k, x[k], y[k], active[k], binary[k])
        lead = x.shape[:2]
        counts = {
            "macs": np.full(lead, x[0, 0].size * outs, np.int64),
            "synops": active.reshape(*lead, -1).sum(axis=2) * outs,
            "binary_input": binary.reshape(*lead, -1).all(axis=2),
        }
        return (y,), counts

    def call(self, t: int, x: np.ndarray, y: np.ndarray, active: np.ndarray, binary: np.ndarray) -> None:
        node = self.node
        slot = t % node.weight.shape[0] if node.per_step("weight") else 0
        weight = node.prepared(
            f"weight_t{slot}",
            lambda: np.ascontiguousarray(exact.at_step(node.weight, node.per_step("weight"), t).T),
        )
        bias = None if node.bias is None else np.ascontiguousarray(exact.at_step(node.bias, node.per_step("bias"), t))
        ins, outs = weight.shape
        rows = x.size // ins
        self.ways.add(library().affine(rows, ins, outs, self.crossover, x, weight, bias, y, active, binary, self.index))
