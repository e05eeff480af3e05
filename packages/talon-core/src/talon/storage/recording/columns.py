"""An array that grows along its first axis: values wait until a whole chunk of the file is full."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Protocol

import numpy as np

CHUNK_BYTES = 1 << 20
"""A chunk takes at most this, and so does what waits for it; a step that is larger is cut into several."""


class Container(Protocol):
    """A file where arrays grow. Places are names with slashes, of which those in front are groups."""

    def put(self, place: str, column: Column, values: np.ndarray) -> None:
        """Whole chunks behind `column.written` steps; only the last that is put may be shorter."""
        ...

    def finish(self, columns: Mapping[str, Column], said: Mapping[str, Any]) -> None:
        """All arrays have their last value; `said` is about all of them."""
        ...


class Column:
    """An array `(T, *shape)`. `said`: its attributes. `packed`: its bytes repeat so often that compressing pays."""

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...], said: Mapping[str, str], packed: bool) -> None:
        self.dtype, self.shape, self.said, self.packed = dtype, shape, said, packed
        self.chunk = chunk_shape(shape, dtype.itemsize)
        self.waiting = np.empty((self.chunk[0], *shape), dtype)
        self.filled = self.written = 0

    def append(self, values: np.ndarray, place: str, into: Container) -> None:
        """Further steps."""
        while len(values):
            steps = min(len(self.waiting) - self.filled, len(values))
            self.waiting[self.filled : self.filled + steps] = values[:steps]
            self.filled += steps
            values = values[steps:]
            if self.filled == len(self.waiting):
                self.flush(place, into)

    def flush(self, place: str, into: Container) -> None:
        """Write what waits."""
        if self.filled:
            if not self.written:
                # The only chunk, if it is not full.
                self.chunk = (self.filled, *self.chunk[1:])
            into.put(place, self, self.waiting[: self.filled])
            self.written += self.filled
            self.filled = 0


def chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Of `(T, *shape)`: whole samples of many steps, where they fit; else parts of a step, cut along its first axes."""
    left = max(1, CHUNK_BYTES // itemsize)
    parts: list[int] = []
    for length in reversed(shape):
        parts.append(max(1, min(length, left)))
        left //= parts[-1]
    return (max(1, left) if prod(parts) == prod(shape) else 1, *reversed(parts))
