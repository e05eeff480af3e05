"""Fully connected layers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from talon.ir import exact
from talon.ir.csr import CSR
from talon.ir.declare import OptionalArray, SparseArray, array, choice, integer
from talon.ir.errors import TalonShapeError, TalonValueError
from talon.ir.fields import Shape
from talon.ir.primitive import Primitive, Tally


class Affine(Primitive):
    """`y = x W^T + b` on the last axis; leading axes are free.

    A sparse weight (`ir.CSR`, or anything by rows such as `scipy.sparse.csr_array`) computes what the same weight with
    zeros computes, to the bit, and counts the products that are there. It has no step axis.
    """

    known_as = {"torch": "nn.Linear", "onnx": "Gemm with transB = 1", "nir": "Affine, or Linear without a bias"}
    usage = ("ir.Affine(np.ones((2, 3)), np.zeros(2))", [(3,)])

    weight: SparseArray = array("*step out in", doc="weight matrix", sparse=True)
    bias: OptionalArray = array("*step out", doc="added to the output", default=None, neutral=0.0)

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = inputs[0]
        if shape is None:
            return None
        if not shape or shape[-1] != self.dims["in"]:
            raise TalonShapeError(
                "T104",
                "the last axis does not fit weight",
                expected=f"{self.dims['in']} values on the last axis (weight is {self.shape_of('weight')})",
                found=f"a sample of shape {shape}",
                help="change weight's second axis, or flatten the input before this node",
            )
        return (*shape[:-1], self.dims["out"])

    def transposed(self, t: int) -> np.ndarray:
        """The weight of step `t` as `(in, out)`, made once for each that there is."""
        slot = t % self.weight.shape[0] if self.per_step("weight") else 0
        assert isinstance(self.weight, np.ndarray)
        weight = exact.at_step(self.weight, self.per_step("weight"), t)
        kept: np.ndarray = self.prepared(f"weight_t{slot}", lambda: np.ascontiguousarray(weight.T))
        return kept

    def by_inputs(self, weight: CSR) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A sparse weight input by input, made once."""
        kept: tuple[np.ndarray, np.ndarray, np.ndarray] = self.prepared("by_inputs", weight.by_columns)
        return kept

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        bias = None if self.bias is None else exact.at_step(self.bias, self.per_step("bias"), t)
        flat, weight = x.reshape(-1, x.shape[-1]), self.weight
        if isinstance(weight, CSR):
            rows = exact.affine_by_columns(flat, self.by_inputs(weight), weight.shape[0], bias)
        else:
            rows = exact.affine(flat, self.transposed(t), bias)
        return rows.reshape(*x.shape[:-1], -1)

    def count(self, inputs: tuple[np.ndarray, ...], output: Any) -> Tally:
        (x,) = inputs
        weight = self.weight
        if isinstance(weight, CSR):
            fan_out = np.diff(self.by_inputs(weight)[0])
            active = (x != 0).reshape(x.shape[0], -1, x.shape[-1]).sum(axis=1)
            rows = x[0].size // x.shape[-1]
            return {"macs": rows * weight.nnz, "synops": (active * fan_out).sum(axis=1)}
        outs = self.dims["out"]
        active = np.count_nonzero(x.reshape(x.shape[0], -1), axis=1)
        return {"macs": x[0].size * outs, "synops": active * outs}


class SpikingAffine(Affine):
    """Affine for spiking hardware: bits and spike mode bind integer engines; in float it computes what Affine does."""

    known_as = {"torch": "nn.Linear fed by spikes", "nir": "Affine"}
    usage = ("ir.SpikingAffine(np.ones((2, 3)), np.zeros(2), weight_bits=4)", [(3,)])

    spike_mode: Literal["binary", "graded", "rate"] = choice(
        ("binary", "graded", "rate"), doc="what an input value means to the hardware", default="binary"
    )
    weight_bits: int = integer(doc="bits of a stored weight", unit="bit", default=8, low=1, high=32)
    accumulator_bits: int = integer(doc="bits of the accumulator", unit="bit", default=16, low=1, high=64)

    def constrain(self) -> None:
        if self.accumulator_bits < self.weight_bits:
            raise TalonValueError(
                "T202",
                "accumulator_bits is smaller than weight_bits",
                expected=f">= {self.weight_bits} (weight_bits)",
                found=f"accumulator_bits = {self.accumulator_bits}",
            )
