"""What a tile computes from its inputs, in integers: windows over the part of the map that it hears."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from talon.hw.deploying.programs import Part, Source
from talon.hw.families import Box, Window
from talon.hw.integers.arithmetic import Arithmetic, Register, overflowed
from talon.ir import exact

EXACT = 2**52
"""Up to twice this size every whole number is itself in float64, in which products of matrices are fast. Half of that,
because what an artifact says of its sums is checked in float64."""
NOTHING = -(2**62)
"""Stands where a window of a maximum has no value."""


class Local:
    """A source on one tile. Inputs are `(B, *region)`, the part of the map that the box hears, in int64."""

    def __init__(self, source: Source, part: Part, box: Box) -> None:
        self.source, self.part, self.box = source, part, box
        self.tables = [local(window, *ends) for window, ends in zip(source.windows, box, strict=True)]
        self.form = tuple(end - start for start, end in box)

    def sums(self, t: int, x: np.ndarray, numeric: Arithmetic) -> np.ndarray:
        """The results for the box, `(B, *form)`, at step `t` of the weights."""
        operation = self.source.operation
        if operation == "copy":
            return x
        if operation == "max":
            return np.asarray(self.windows(x, NOTHING).max(axis=-1))
        if operation == "sum":
            return np.asarray(self.windows(x, 0).sum(axis=-1))
        weight, bias = self.weight(t), self.bias(t)
        if self.source.clipped:
            x = overflowed(x, numeric.accumulators)
        if numeric.accumulate == "sequential_saturate":
            return self.in_order(x, weight, bias, numeric.accumulators)
        total = self.dense(x, weight) if operation == "dense" else self.conv(x, weight)
        return total if bias is None else total + bias

    def weight(self, t: int) -> np.ndarray:
        assert self.part.weight is not None
        return np.asarray(exact.at_step(self.part.weight, self.source.stepped_weight, t), np.int64)

    def bias(self, t: int) -> np.ndarray | None:
        """The bias so that it broadcasts to the sums."""
        if self.part.bias is None:
            return None
        bias = np.asarray(exact.at_step(self.part.bias, self.source.stepped_bias, t), np.int64)
        return bias if self.source.operation == "dense" else bias.reshape(-1, *(1,) * (len(self.form) - 1))

    def product(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """A product of matrices, exact."""
        if self.source.bound < EXACT:
            return np.asarray(np.matmul(x.astype(np.float64), weight.astype(np.float64))).astype(np.int64)
        return np.asarray(np.matmul(x, weight))

    def dense(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return self.product(x, np.ascontiguousarray(weight.T))

    def conv(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """`weight` is `(out, in_per_group, *taps)` of the box's channels."""
        patches = self.windows(x, 0)  # (B, channels, *places, taps)
        batch, places = len(x), self.form[1:]
        total = np.empty((batch, *self.form), np.int64)
        for group, outs in self.groups():
            taken = np.moveaxis(patches[:, group], 1, -2)  # (B, *places, in_per_group, taps)
            rows = taken.reshape(-1, taken.shape[-2] * taken.shape[-1])
            found = self.product(rows, weight[outs].reshape(outs.stop - outs.start, -1).T)
            total[:, outs] = np.moveaxis(found.reshape(batch, *places, -1), -1, 1)
        return total

    def groups(self) -> list[tuple[np.ndarray, slice]]:
        """For each group of channels in the box: the channels of the region that it reads, and its outputs."""
        window, (start, end) = self.source.windows[0], self.box[0]
        first = start // window.every
        found = []
        for row, channels in enumerate(self.tables[0]):
            low = max((first + row) * window.every, start) - start
            high = min((first + row + 1) * window.every, end) - start
            found.append((channels, slice(low, high)))
        return found

    @cached_property
    def there(self) -> np.ndarray:
        """1 where a sparse layer joins an input to an output, `(in, out)`."""
        assert self.part.weight is not None
        return np.asarray((self.part.weight != 0).T, np.float64)

    def windows(self, x: np.ndarray, fill: int) -> np.ndarray:
        """The values that each place reads, on a new last axis; the axes before that have windows of one."""
        rank = len(self.form) - 1
        for axis, table in enumerate(self.tables[1:], start=2):
            if table.size and table.min() < 0:
                # -1 finds what stands behind the last.
                behind = np.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), fill, x.dtype)
                x = np.concatenate([x, behind], axis=axis)
            x = np.moveaxis(x.take(table, axis=axis), axis + 1, -1)
        return x.reshape(*x.shape[: 2 + rank], -1)

    def heard(self, active: np.ndarray) -> np.ndarray:
        """How many active inputs every place reads, `(B, *form)`; with weights, each is a synaptic operation."""
        if self.source.operation == "dense":
            if self.source.sparse:
                return np.asarray(np.matmul(active.astype(np.float64), self.there)).astype(np.int64)
            each = np.count_nonzero(active, axis=-1)
            return np.broadcast_to(each[..., None], (len(active), *self.form))
        if self.source.operation == "copy":
            return active.astype(np.int64)
        read = self.windows(active.astype(np.int64), 0).sum(axis=-1)
        if self.source.operation != "conv":
            return np.asarray(read)
        found = np.empty((len(active), *self.form), np.int64)
        for group, outs in self.groups():
            found[:, outs] = read[:, group].sum(axis=1)[:, None]
        return found

    def in_order(self, x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, register: Register) -> np.ndarray:
        """One input after the other in the written order, each sum kept to the register."""
        total = np.zeros((len(x), *self.form), np.int64)
        if bias is not None:
            total = overflowed(total + bias, register)
        if self.source.operation == "dense":
            for i in range(x.shape[-1]):
                total = overflowed(total + x[..., i, None] * weight[:, i], register)
            return total
        patches = self.windows(x, 0)
        flat = weight.reshape(*weight.shape[:2], -1)
        for tap in range(flat.shape[2]):
            for channel in range(flat.shape[1]):
                term = np.empty_like(total)
                for group, outs in self.groups():
                    values = patches[:, group[channel], ..., tap]
                    along = flat[outs, channel, tap].reshape(-1, *(1,) * (len(self.form) - 1))
                    term[:, outs] = values[:, None] * along
                total = overflowed(total + term, register)
        return total


def local(window: Window, start: int, end: int) -> np.ndarray:
    """As `Window.table`, of places in what the outputs read, in ascending order."""
    table, read = window.table(start, end), window.reads(start, end)
    return np.where(table < 0, -1, np.searchsorted(read, table))


def region(windows: Sequence[Window], box: Box) -> tuple[int, ...]:
    """The form of what a box reads."""
    return tuple(len(window.reads(*ends)) for window, ends in zip(windows, box, strict=True))
