"""Where cores can stand: a rectangle of positions, open or closed to a ring on each side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """`height` x `width` positions, numbered by rows; on a torus the last of a row or column is next to the first."""

    height: int
    width: int
    torus: bool = False

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"a mesh has at least one row and column, found {self.height} x {self.width}")

    @property
    def positions(self) -> np.ndarray:
        """Row and column of every position (P, 2)."""
        return np.indices((self.height, self.width)).reshape(2, -1).T

    def steps(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Signed steps along rows and columns from positions to others (..., 2). A torus takes the shorter way round,
        upwards where both are as long; a row of two is no ring."""
        size = np.array([self.height, self.width])
        apart: np.ndarray = end - start
        if not self.torus:
            return apart
        around: np.ndarray = apart % size
        shorter: np.ndarray = np.where(size > 2, around - size * (2 * around > size), apart)
        return shorter

    def distances(self) -> np.ndarray:
        """Hops from every position to every other (P, P)."""
        rows, columns = (self.along(length) for length in (self.height, self.width))
        every: np.ndarray = rows[:, None, :, None] + columns[None, :, None, :]
        return every.reshape(self.height * self.width, -1)

    def along(self, length: int) -> np.ndarray:
        """Steps from every place of a row or column to every other."""
        place = np.arange(length)
        apart: np.ndarray = np.abs(place[:, None] - place)
        return np.asarray(np.minimum(apart, length - apart)) if self.torus else apart


def hops(positions: np.ndarray) -> np.ndarray:
    """Hops between positions of an open mesh (P, P)."""
    p = np.asarray(positions, np.int64)
    apart: np.ndarray = np.abs(p[:, None] - p[None, :]).sum(axis=2)
    return apart
