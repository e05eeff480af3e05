"""Convolutions by the C library."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from talon.engine.wiring import Unit
from talon.hw.native.layers import Layer, filled
from talon.hw.native.library import library
from talon.hw.native.memory import aligned
from talon.hw.native.ops import Arrays
from talon.hw.native.options import Options
from talon.ir import exact
from talon.ir.fields import Shape
from talon.ir.primitives.convolution import Convolution

EVENT, RUN, TAP, ADD, MULTIPLY = 0.8, 2.4, 5.3, 0.65, 0.42
"""What they cost, measured in nanoseconds: an event, more than where all are gone through; a run of weights in a patch,
where it is not of whole registers; a tap that has to be found; as many sums as are made at once (by events, and dense).
Only their ratios matter."""


def two(axes: Shape, fill: int) -> tuple[int, int]:
    """Two axes of one: the first has length 1."""
    return (fill, axes[0]) if len(axes) == 1 else (axes[0], axes[1])


def classes(kernel: int, stride: int) -> list[list[int]]:
    """The taps of an axis, those together by which one place is read, falling, as rising outputs read it."""
    return [list(reversed(range(first, kernel, stride))) for first in range(min(stride, kernel))]


def crossover(groups: int, ins: int, outs: int, *window: tuple[int, int]) -> float:
    """The share of active inputs from which the dense kernel is faster."""
    wide = library().WIDE
    size, kernel, stride, _, dilation, osize = map(np.array, window)
    inputs, taps = groups * ins * size.prod(), kernel.prod()
    if groups == 1 and (dilation == 1).all():
        lanes, reached = math.gcd(outs, wide), -(-kernel[1] // stride[1])
        # A patch is gone through by registers, or by halves of them, where the channels of a place fill those.
        run = ADD * reached * outs / lanes if lanes >= wide // 2 else RUN + ADD * -(-reached * outs // wide)
        event = EVENT + kernel[0] / stride[0] * run
    else:
        event = EVENT + taps / stride.prod() * (TAP + ADD * -(-outs // wide))
    sums = -(-groups // wide) if ins == outs == 1 else groups * ins * -(-outs // wide)
    return float(MULTIPLY * osize.prod() * taps * sums / (inputs * event))


class ConvolutionOp(Layer):
    kind = "convolution"
    last = True
    whole: ClassVar[bool] = False
    """Whether all numbers are whole and so small that no sum of them is rounded."""

    def __init__(self, unit: Unit, shapes: tuple[Shape, ...], options: Options) -> None:
        assert isinstance(unit.node, Convolution)
        node = unit.node
        groups, outs = node.group_count, node.dims["out"]
        size, osize = two(shapes[0][1:], 1), two(unit.shapes[0][1:], 1)
        kernel, stride, dilation = two(node.kernel, 1), two(node.strides, 1), two(node.dilations, 1)
        pad = two(tuple(before for before, _ in node.pads), 0)
        each = (node.dims["in_per_group"], outs // groups)
        channels, window = (groups, *each), (size, kernel, stride, pad, dilation, osize)
        super().__init__(unit, node, options.crossover(crossover(*channels, *window)))
        self.numbers = (*channels, self.crossover, *window)
        taps = [
            exact.taps(n, o, k, s, p, d)
            for n, o, k, s, p, d in zip(size, osize, kernel, stride, pad, dilation, strict=True)
        ]
        self.fan = np.ascontiguousarray((taps[0][:, None] * taps[1]).astype(np.int64) * each[1])
        self.macs = int(self.fan.sum()) * shapes[0][0]
        floats, numbers, patches = library().conv_scratch(*channels, *window)
        self.patches = bool(patches)
        self.classes = [classes(k, s if self.patches else 1) for k, s in zip(kernel, stride, strict=True)]
        self.scratch, self.index = aligned((floats,)), aligned((numbers,), np.int32)

    def call(self, t: int, x: np.ndarray, y: np.ndarray | None, cost: Arrays, neurons: tuple[Any, ...] | None) -> None:
        weight, runs, bias = self.weights(t)
        narrow = None if neurons is None else self.narrowed(runs)
        self.do(
            *(library().conv, self.whole, narrow is not None, cost[0].size, *self.numbers, x, weight),
            *(runs if narrow is None else narrow, bias, y),
            *(self.fan, *cost, self.scratch, self.index, neurons),
        )

    def narrowed(self, runs: np.ndarray) -> np.ndarray | None:
        """The runs in 16 bits, if all sums are proved to fit those."""
        return None

    def laid_out(self, t: int) -> tuple[Any, ...]:
        """The weight as `(ky, kx, in, groups, wide)`, and by classes of taps `(groups * in, ky, kx, out)`; the bias."""
        node = self.node
        weight = self.weight_at(t)
        kernel = two(weight.shape[2:], 1)
        grouped = weight.reshape(node.group_count, -1, weight.shape[1], *kernel)
        by_tap = grouped.transpose(3, 4, 2, 0, 1)
        lines, places = self.classes
        by_line = grouped[..., [tap for own in lines for tap in own], :]
        # All as long as the longest.
        filling = [[(0, 0)] * 4 + [(0, len(places[0]) - len(own))] for own in places]
        each = [np.pad(by_line[..., own], fill) for own, fill in zip(places, filling, strict=True)]
        runs = np.concatenate(each, axis=-1).transpose(0, 2, 3, 4, 1)
        depthwise = grouped.shape[1:3] == (1, 1)
        dense = np.ascontiguousarray(by_tap if depthwise else filled(by_tap))
        return dense, np.ascontiguousarray(runs), self.bias_at(t)
