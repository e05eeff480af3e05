"""Pools, resampling and joining of maps by the C library, and what is computed value by value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from talon.engine.wiring import Unit
from talon.hw.native.layout import floats
from talon.hw.native.library import library
from talon.hw.native.ops import Arrays, Op, Quantities
from talon.ir.fields import Shape
from talon.ir.primitives.activation import ReLU
from talon.ir.primitives.spatial import AvgPool2d, Pool2d, Upsample


class PoolOp(Op):
    """Windows of a map, channels side by side."""

    last = True
    repeats = True
    how = "native pool"

    def __init__(self, unit: Unit, shapes: tuple[Shape, ...]) -> None:
        assert isinstance(unit.node, Pool2d)
        super().__init__(unit)
        node, (channels, *size) = unit.node, shapes[0]
        out = tuple(unit.shapes[0][1:])
        c = library()
        kind, self.divisors = c.MAX, None
        if isinstance(node, AvgPool2d):
            kind, self.divisors = c.MEAN, np.ascontiguousarray(node.divisors(tuple(size)).astype(np.float32))
        window = (tuple(size), tuple(node.kernel_size), node.strides, tuple(node.padding), tuple(node.dilations), out)
        self.numbers = (channels, kind, *window)
        self.shape = (*out, channels)
        # Where nothing of a window lies inside the map, its maximum is minus infinity.
        self.takes_bytes = kind == c.MAX and all(map(all, map(covered, *window)))

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        x = np.ascontiguousarray(arguments[0])
        lead = x.shape[:2]
        y = self.room("y", (*lead, *self.shape), x.dtype)
        self.do(library().pool, lead[0] * lead[1], *self.numbers, x, self.divisors, y)
        return (y,), {}


def covered(size: int, kernel: int, stride: int, padding: int, dilation: int, out: int) -> list[bool]:
    """Of an axis: whether the window of an output has a place inside the map."""
    return [any(0 <= o * stride + k * dilation - padding < size for k in range(kernel)) for o in range(out)]


class NearestOp(Op):
    """The nearest neighbour: places copied, all channels of a place at once."""

    last = True
    repeats = True
    how = "native gather"
    takes_bytes = True

    def __init__(self, unit: Unit, shapes: tuple[Shape, ...]) -> None:
        assert isinstance(unit.node, Upsample)
        super().__init__(unit)
        channels, *size = shapes[0]
        rows, columns = unit.node.nearest(tuple(size))
        self.places, self.channels = math.prod(size), channels
        self.index = np.ascontiguousarray((rows[:, None] * size[1] + columns).astype(np.int32))
        self.shape = (*unit.shapes[0][1:], channels)

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        x = np.ascontiguousarray(arguments[0])
        lead = x.shape[:2]
        y = self.room("y", (*lead, *self.shape), x.dtype)
        self.do(library().gather, lead[0] * lead[1], self.places, self.index.size, self.channels, self.index, x, y)
        return (y,), {}


class JoinOp(Op):
    """Maps joined along their channels, which lie last."""

    last = True
    repeats = True
    how = "native join"
    takes_bytes = True

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit)
        channels, *size = unit.shapes[0]
        self.shape, self.places = (*size, channels), math.prod(size)

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        lead = arguments[0].shape[:2]
        if len({x.dtype for x in arguments}) > 1:
            rooms = [partial(self.room, f"x{place}") for place in range(len(arguments))]
            arguments = tuple([floats(x, self.do, room) for x, room in zip(arguments, rooms, strict=True)])
        y = self.room("y", (*lead, *self.shape), arguments[0].dtype)
        offset = 0
        for x in arguments:
            channels = x.shape[-1]
            places = lead[0] * lead[1] * self.places
            self.do(library().join, places, channels, self.shape[-1], offset, np.ascontiguousarray(x), y)
            offset += channels
        return (y,), {}


class ReLUOp(Op):
    repeats = True
    how = "native rectifier"

    def __init__(self, unit: Unit, last: bool) -> None:
        assert isinstance(unit.node, ReLU)
        super().__init__(unit)
        self.last, self.slope = last, float(np.float32(unit.node.negative_slope))

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        x = np.ascontiguousarray(arguments[0])
        y = self.room("y", x.shape)
        self.do(library().rectify, x.size, self.slope, x, y)
        return (y,), {}


class MeanOp(Op):
    """The mean of the steps so far."""

    repeats = True
    how = "native mean"

    def __init__(self, unit: Unit) -> None:
        super().__init__(unit)
        self.start: dict[str, np.ndarray] = {}

    def begin(self) -> None:
        # Its own copies, which the kernel changes in place.
        given, self.unit.state = self.unit.state, {}
        for name, value in given.items():
            own = self.unit.state[name] = self.room(name, value.shape, value.dtype)
            own[...] = value

    def keep_start(self) -> None:
        self.start = {name: value.copy() for name, value in self.unit.state.items()}

    def restore(self) -> None:
        for name, value in self.kept.items():
            np.copyto(self.unit.state[name], value)

    def again(self) -> bool:
        for name, value in self.start.items():
            np.copyto(self.unit.state[name], value)
        return bool(self.start)

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        x = np.ascontiguousarray(arguments[0])
        y = self.room("y", x.shape)
        total, count = self.unit.state["sum"], self.unit.state["count"]
        size = total[0].size
        every: Any = range(len(x)) if traces else [slice(None)]
        for k in every:
            part = x[k] if traces else x
            self.do(library().mean, 1 if traces else len(x), len(count), size, part, y[k], total, count)
            for name, trace in traces.items():
                trace[k] = self.unit.state[name]
        return (y,), {}
