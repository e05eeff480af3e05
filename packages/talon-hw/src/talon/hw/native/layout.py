"""Two layouts of a map: channels first, as the written meaning has it, and channels last, as the kernels read it."""

from __future__ import annotations

import math

import numpy as np

from talon.hw.native.library import library
from talon.hw.native.memory import aligned


def turned(array: np.ndarray, last: bool) -> np.ndarray:
    """`(n, B, channels, *size)` as `(n, B, *size, channels)` where `last`, else the other way round."""
    lead, sample = array.shape[:2], array.shape[2:]
    if len(sample) < 2:
        return array
    shape = (*sample[1:], sample[0]) if last else (sample[-1], *sample[:-1])
    channels = sample[0] if last else sample[-1]
    places = math.prod(sample) // max(channels, 1)
    x = np.ascontiguousarray(array)
    if channels == 1 or places == 1:
        return x.reshape(*lead, *shape)
    y = aligned((*lead, *shape), array.dtype)
    library().turn(lead[0] * lead[1], *((channels, places) if last else (places, channels)), x, y)
    return y


def moved(array: np.ndarray, last: bool) -> np.ndarray:
    """The same as `turned`, of any dtype; what has four bytes goes its way, whatever they mean."""
    if array.dtype.itemsize == 4:
        return turned(array.view(np.float32), last).view(array.dtype)
    if array.ndim < 4:
        return array
    return np.ascontiguousarray(np.moveaxis(array, 2, -1) if last else np.moveaxis(array, -1, 2))


class Signal:
    """What a port gives over a chunk of steps, in the layout in which it came; the other one when it is asked for."""

    __slots__ = ("array", "last", "other")

    def __init__(self, array: np.ndarray, last: bool) -> None:
        self.array, self.last = array, last
        self.other: np.ndarray | None = None

    def whole(self, last: bool) -> np.ndarray:
        if last == self.last:
            return self.array
        if self.other is None:
            self.other = turned(self.array, last)
        return self.other

    def part(self, first: int, count: int, last: bool) -> np.ndarray:
        """`count` of the steps, from `first` on."""
        if first == 0 and count == len(self.array):
            return self.whole(last)
        steps = self.array[first : first + count]
        return steps if last == self.last else turned(steps, last)
