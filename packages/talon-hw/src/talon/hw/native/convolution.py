"""Convolutions by the C library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.engine.wiring import Unit
from talon.hw.native.layers import Layer, bias_at
from talon.hw.native.library import library
from talon.hw.native.ops import Arrays, Quantities
from talon.hw.native.options import Options
from talon.ir import exact
from talon.ir.fields import Shape
from talon.ir.primitives.convolution import Convolution

CROSSOVER = 0.25
"""Share of active inputs from which the dense kernel is faster."""
PLANES_BELOW = 8
"""With fewer output channels a group, rows of maps are computed side by side rather than channels."""
PLANES_CROSSOVER = 0.05


def two(axes: Shape, fill: int) -> tuple[int, int]:
    """Two axes of one: the first has length 1."""
    return (fill, axes[0]) if len(axes) == 1 else (axes[0], axes[1])


class ConvolutionOp(Layer):
    kind = "convolution"

    def __init__(self, unit: Unit, shapes: tuple[Shape, ...], options: Options) -> None:
        assert isinstance(unit.node, Convolution)
        node = unit.node
        groups, outs = node.group_count, node.dims["out"]
        size, osize = two(shapes[0][1:], 1), two(unit.shapes[0][1:], 1)
        kernel, stride, dilation = two(node.kernel, 1), two(node.strides, 1), two(node.dilations, 1)
        pad = two(tuple(before for before, _ in node.pads), 0)
        each = [node.dims["in_per_group"], outs // groups]
        planes = each[1] < PLANES_BELOW
        super().__init__(unit, node, options.crossover(PLANES_CROSSOVER if planes else CROSSOVER))
        self.node = node
        mode = library().PLANE if planes else library().DENSE
        self.numbers = (groups, *each, self.crossover, mode, size, kernel, stride, pad, dilation, osize)
        taps = [
            exact.taps(n, o, k, s, p, d)
            for n, o, k, s, p, d in zip(size, osize, kernel, stride, pad, dilation, strict=True)
        ]
        self.fan = np.ascontiguousarray((taps[0][:, None] * taps[1]).astype(np.int64) * each[1])
        self.macs = int(self.fan.sum()) * shapes[0][0]
        self.scratch = np.empty(each[0] * size[0] * size[1] + each[1] * osize[0] * osize[1], np.float32)
        self.taps = np.empty(size[0] * (1 + 2 * kernel[0]) + size[1] * (1 + 2 * kernel[1]), np.int32)

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        x = np.ascontiguousarray(arguments[0])
        lead = x.shape[:2]
        y = np.empty((*lead, *self.unit.shapes[0]), x.dtype)
        synops, binary = np.empty(lead, np.int64), np.empty(lead, np.uint8)
        self.go(t, x, y, synops, binary)
        counts = {"macs": np.full(lead, self.macs, np.int64), "synops": synops, "binary_input": binary.astype(bool)}
        return (y,), counts

    def call(self, t: int, *arrays: np.ndarray) -> int:
        x, y, synops, binary = arrays
        node = self.node
        slot = t % node.weight.shape[0] if node.per_step("weight") else 0
        weight, runs = node.prepared(f"native{slot}", lambda: self.laid_out(t))
        used: int = library().conv(
            *(synops.size, *self.numbers, x, weight, runs, bias_at(node, t), y),
            *(self.fan, synops, binary, self.scratch, self.taps),
        )
        return used

    def laid_out(self, t: int) -> tuple[Any, Any]:
        """The weight as `(groups, ky, kx, in, out)` and as `(groups, ky, in, kx falling, out)`."""
        node = self.node
        weight = exact.at_step(node.weight, node.per_step("weight"), t)
        kernel = two(weight.shape[2:], 1)
        grouped = weight.reshape(node.group_count, -1, weight.shape[1], *kernel)
        by_tap = grouped.transpose(0, 3, 4, 2, 1)
        runs = grouped[..., ::-1].transpose(0, 3, 2, 4, 1)
        return np.ascontiguousarray(by_tap), np.ascontiguousarray(runs)
