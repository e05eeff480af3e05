"""Convolutions by the C library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.engine.wiring import Unit
from talon.hw.native.library import library
from talon.hw.native.ops import Arrays, Quantities
from talon.hw.native.options import Options, way
from talon.ir import exact
from talon.ir.fields import Shape
from talon.ir.primitives.convolution import Convolution

CROSSOVER = 0.25
"""Share of active inputs from which the dense kernel is faster."""
PLANES_BELOW = 8
"""With fewer output channels a group, rows of maps are computed side by side rather than channels."""
PLANES_CROSSOVER = 0.05
DENSE, PLANE = 1, 2


def two(axes: Shape, fill: int) -> tuple[int, int]:
    """Two axes of one: the first has length 1."""
    return (fill, axes[0]) if len(axes) == 1 else (axes[0], axes[1])


class ConvolutionOp:
    def __init__(self, unit: Unit, shapes: tuple[Shape, ...], options: Options) -> None:
        assert isinstance(unit.node, Convolution)
        node = unit.node
        self.unit, self.node = unit, node
        groups, outs = node.group_count, node.dims["out"]
        size, osize = two(shapes[0][1:], 1), two(unit.shapes[0][1:], 1)
        kernel, stride, dilation = two(node.kernel, 1), two(node.strides, 1), two(node.dilations, 1)
        pad = two(tuple(before for before, _ in node.pads), 0)
        each = [node.dims["in_per_group"], outs // groups]
        self.mode = PLANE if each[1] < PLANES_BELOW else DENSE
        self.crossover = options.crossover(PLANES_CROSSOVER if self.mode == PLANE else CROSSOVER)
        self.numbers = (groups, *each, self.crossover, self.mode, size, kernel, stride, pad, dilation, osize)
        taps = [
            exact.taps(n, o, k, s, p, d)
            for n, o, k, s, p, d in zip(size, osize, kernel, stride, pad, dilation, strict=True)
        ]
        self.fan = np.ascontiguousarray((taps[0][:, None] * taps[1]).astype(np.int64) * each[1])
        self.macs = int(self.fan.sum()) * shapes[0][0]
        self.scratch = np.empty(each[0] * size[0] * size[1] + each[1] * osize[0] * osize[1], np.float32)
        self.taps = np.empty(size[0] * (1 + 2 * kernel[0]) + size[1] * (1 + 2 * kernel[1]), np.int32)
        self.ways: set[int] = set()
        self.steps_alike = not (node.per_step("weight") or node.per_step("bias"))

    @property
    def how(self) -> str:
        return f"native convolution, {way(self.ways)}"

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        x = np.ascontiguousarray(arguments[0])
        lead = x.shape[:2]
        y = np.empty((*lead, *self.unit.shapes[0]), x.dtype)
        synops, binary = np.empty(lead, np.int64), np.empty(lead, np.uint8)
        if self.steps_alike:
            self.call(t, lead[0] * lead[1], x, y, synops, binary)
        else:
            for k in range(len(x)):
                self.call(t + k, lead[1], x[k], y[k], synops[k], binary[k])
        counts = {"macs": np.full(lead, self.macs, np.int64), "synops": synops, "binary_input": binary.astype(bool)}
        return (y,), counts

    def call(self, t: int, rows: int, x: np.ndarray, y: np.ndarray, synops: np.ndarray, binary: np.ndarray) -> None:
        node = self.node
        slot = t % node.weight.shape[0] if node.per_step("weight") else 0
        weight, runs = node.prepared(f"native{slot}", lambda: self.laid_out(t))
        bias = None if node.bias is None else np.ascontiguousarray(exact.at_step(node.bias, node.per_step("bias"), t))
        self.ways.add(
            library().conv(
                rows, *self.numbers, x, weight, runs, bias, y, self.fan, synops, binary, self.scratch, self.taps
            )
        )

    def laid_out(self, t: int) -> tuple[Any, Any]:
        """The weight as `(groups, ky, kx, in, out)` and as `(groups, ky, in, kx falling, out)`."""
        node = self.node
        weight = exact.at_step(node.weight, node.per_step("weight"), t)
        kernel = two(weight.shape[2:], 1)
        grouped = weight.reshape(node.group_count, -1, weight.shape[1], *kernel)
        by_tap = grouped.transpose(0, 3, 4, 2, 1)
        runs = grouped[..., ::-1].transpose(0, 3, 2, 4, 1)
        return np.ascontiguousarray(by_tap), np.ascontiguousarray(runs)
