"""First placements: cores and positions drawn in a plane, and one plane laid on the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def first_placements(both: np.ndarray, distances: np.ndarray) -> Iterator[np.ndarray]:
    """Placements to begin with: along a chain, and by halves of halves with either axis first."""
    plane = modes(both)
    yield along(plane[:, 0], distances)
    where = drawn(distances)
    for axes in ((0, 1), (1, 0)):
        placed = np.empty(len(both), np.int64)
        split(np.arange(len(both)), np.arange(len(distances)), plane[:, axes], where, placed)
        yield placed


def modes(both: np.ndarray) -> np.ndarray:
    """Two coordinates for every core, near for those that talk much: the slowest modes of their traffic."""
    cores = len(both)
    _, vectors = np.linalg.eigh(np.diag(both.sum(axis=1)) - both)
    return signed(vectors[:, [min(1, cores - 1), min(2, cores - 1)]])


def drawn(distances: np.ndarray) -> np.ndarray:
    """Two coordinates for every position, as far apart as the hops say, as well as a plane can."""
    square = distances**2
    square = square - square.mean(axis=0) - square.mean(axis=1)[:, None] + square.mean()
    values, vectors = np.linalg.eigh(-square / 2)
    last = [-1, -2 if len(distances) > 1 else -1]
    plane: np.ndarray = signed(vectors[:, last]) * np.sqrt(np.maximum(values[last], 0))
    return plane


def signed(vectors: np.ndarray) -> np.ndarray:
    """Vectors without what rounding decides: the sign, by their first large number, and the last digits."""
    vectors = np.round(vectors, 9)
    large = np.abs(vectors) > 0.5 * np.abs(vectors).max(axis=0)
    signs: np.ndarray = np.where(vectors[large.argmax(axis=0), np.arange(vectors.shape[1])] < 0, -1, 1)
    turned: np.ndarray = signs * vectors
    return turned


def split(cores: np.ndarray, positions: np.ndarray, plane: np.ndarray, where: np.ndarray, placed: np.ndarray) -> None:
    """Place cores on positions: halves of the one on halves of the other, across the longer side of the positions."""
    if len(cores) <= 1:
        placed[cores] = positions[:1] if len(cores) else []
        return
    axis = int(np.ptp(where[positions], axis=0).argmax())
    positions = positions[np.lexsort((positions, where[positions, 1 - axis], where[positions, axis]))]
    cores = cores[np.lexsort((cores, plane[cores, 1 - axis], plane[cores, axis]))]
    half = len(positions) // 2
    share = min(half, max(len(cores) * half // len(positions), len(cores) - (len(positions) - half)))
    split(cores[:share], positions[:half], plane, where, placed)
    split(cores[share:], positions[half:], plane, where, placed)


def along(mode: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Cores in the order of a mode, on positions that follow one another: each the nearest to the last, the first at
    the edge."""
    behind = distances.sum(axis=1)
    order = [int(behind.argmax())]
    free = np.ones(len(distances), bool)
    while len(order) < len(mode):
        free[order[-1]] = False
        near = np.where(free, distances[order[-1]], np.inf)
        order.append(int(np.lexsort((-behind, near))[0]))
    placed = np.empty(len(mode), np.int64)
    placed[np.argsort(mode, kind="stable")] = order
    return placed
