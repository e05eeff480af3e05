"""Layouts of a map: channels first, as the written meaning has it, or last, as the kernels read it. And types: floats,
or spikes as bytes, 0 or 1, which are a quarter of what has to be moved."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from talon.hw.native.library import library
from talon.hw.native.memory import aligned
from talon.ir.fields import Shape

Do = Callable[..., Any]
"""What makes a call: a function of it and its arguments."""
Room = Callable[..., np.ndarray]
"""What gives an array to be filled, of a shape and a type."""


def plainly(function: Callable[..., Any], *arguments: Any) -> None:
    """Call it."""
    function(*arguments)


def held(array: np.ndarray) -> bool:
    """Whether several steps `(n, B, ...)` are one, which is there once."""
    return len(array) > 1 and array.strides[0] == 0


def holding(array: np.ndarray, steps: int) -> np.ndarray:
    """One step `(1, B, ...)` held for several."""
    return np.broadcast_to(array, (steps, *array.shape[1:]))


def formed(sample: Shape, last: bool) -> Shape:
    """A sample `(channels, *size)` as it lies: `(*size, channels)` where `last`."""
    return (*sample[1:], *sample[:1]) if last else sample


def turned(array: np.ndarray, last: bool, do: Do = plainly, room: Room = aligned) -> np.ndarray:
    """`(n, B, channels, *size)` as `(n, B, *size, channels)` where `last`, else the other way round."""
    if held(array):
        return holding(turned(array[:1], last, do, room), len(array))
    lead, sample = array.shape[:2], array.shape[2:]
    if len(sample) < 2:
        return array
    shape = formed(sample, last) if last else (sample[-1], *sample[:-1])
    channels = sample[0] if last else sample[-1]
    places = math.prod(sample) // max(channels, 1)
    x = np.ascontiguousarray(array)
    if channels == 1 or places == 1:
        return x.reshape(*lead, *shape)
    y = room((*lead, *shape), array.dtype)
    do(library().turn, lead[0] * lead[1], *((channels, places) if last else (places, channels)), x, y)
    return y


def moved(array: np.ndarray, last: bool) -> np.ndarray:
    """The same as `turned`, of any dtype; what has four bytes goes its way, whatever they mean."""
    if array.dtype.itemsize == 4:
        return turned(array.view(np.float32), last).view(array.dtype)
    if array.ndim < 4:
        return array
    return np.ascontiguousarray(np.moveaxis(array, 2, -1) if last else np.moveaxis(array, -1, 2))


SPIKES = np.dtype(np.uint8)
"""Of spikes as bytes."""


def floats(array: np.ndarray, do: Do = plainly, room: Room = aligned) -> np.ndarray:
    """Spikes as floats; what is no bytes stays what it is."""
    if array.dtype != SPIKES:
        return array
    if held(array):
        return holding(floats(array[:1], do, room), len(array))
    x = np.ascontiguousarray(array)
    y = room(x.shape, np.float32)
    do(library().widen, x.size, x, y)
    return y


def put(array: np.ndarray, into: np.ndarray) -> None:
    """Values, or spikes as bytes, into an array of floats."""
    if array.dtype == SPIKES and array.flags.c_contiguous and into.flags.c_contiguous:
        library().widen(array.size, array, into)
    else:
        into[...] = array


class Signal:
    """What a port gives over a chunk of steps, as it came; in another layout or type when that is asked for, which `do`
    then makes. It keeps no `do`, which would keep a sweep whose tapes keep it."""

    __slots__ = ("array", "found", "last")

    def __init__(self, array: np.ndarray, last: bool) -> None:
        self.array, self.last = array, last
        self.found: dict[tuple[bool, bool], np.ndarray] = {}

    def whole(self, last: bool, takes_bytes: bool, do: Do) -> np.ndarray:
        """`takes_bytes`: whether spikes may be bytes."""
        if last == self.last and (takes_bytes or self.array.dtype != SPIKES):
            return self.array
        key = last, takes_bytes
        if key not in self.found:
            as_it_came = self.array if takes_bytes else self.whole(last, True, do)
            self.found[key] = turned(as_it_came, last, do) if takes_bytes else floats(as_it_came, do)
        return self.found[key]

    def part(self, first: int, count: int, last: bool, takes_bytes: bool, do: Do, room: Room) -> np.ndarray:
        """`count` of the steps, from `first` on; where they are only some, in the caller's own `room`."""
        if first == 0 and count == len(self.array):
            return self.whole(last, takes_bytes, do)
        return self.as_asked(self.array[first : first + count], last, takes_bytes, do, room)

    def recent(self, count: int, steps: int) -> np.ndarray:
        """The last `count` of the `steps`, or all if there are fewer."""
        return self.array[-count:]

    def as_asked(self, steps: np.ndarray, last: bool, takes_bytes: bool, do: Do, room: Room) -> np.ndarray:
        array = steps if last == self.last else turned(steps, last, do, room)
        return array if takes_bytes else floats(array, do, room)


class Moment(Signal):
    """What a port gives at the last few steps of those that are gone through one by one, where nobody asks for older
    ones: each takes the place of the oldest."""

    __slots__ = ()

    def row(self, step: int) -> np.ndarray:
        """Where a step lies `(1, B, ...)`."""
        at = step % len(self.array)
        return self.array[at : at + 1]

    def part(self, first: int, count: int, last: bool, takes_bytes: bool, do: Do, room: Room) -> np.ndarray:
        return self.as_asked(self.row(first), last, takes_bytes, do, room)

    def recent(self, count: int, steps: int) -> np.ndarray:
        return np.concatenate([self.row(step) for step in range(max(0, steps - count), steps)])
