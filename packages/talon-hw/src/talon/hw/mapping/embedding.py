"""First placements: cores and positions drawn in a plane, and one plane laid on the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

STEPS = 200
"""Of a search for a vector; with fewer cores it is exact."""
LOOK = 4
"""Steps after which is looked whether the vector is found."""
NEAR = 1e-6
"""How near, beside the largest eigenvalue that there may be."""
SAME = 1e-7
"""Coordinates that differ by less, beside the largest, are one: what a rounding makes of equal ones is no order."""


def first_placements(both: np.ndarray, distances: np.ndarray, plane: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Placements to begin with: along a chain, and by halves of halves with either axis first. `plane`: coordinates of
    the positions, where they are known."""
    cores = modes(both)
    yield along(cores[:, 0], distances)
    where = drawn(distances) if plane is None else plane
    for axes in ((0, 1), (1, 0)):
        placed = np.empty(len(both), np.int64)
        split(np.arange(len(both)), np.arange(len(distances)), cores[:, axes], where, placed)
        yield placed


def modes(both: np.ndarray) -> np.ndarray:
    """Two coordinates for every core, near for those that talk much: the slowest modes of their traffic."""
    laplacian = np.diag(both.sum(axis=1)) - both
    known = np.full((1, len(both)), len(both) ** -0.5)  # that of value 0, which says nothing
    for _ in range(2):
        known = np.vstack([known, least(laplacian, known)[1]])
    return np.column_stack([settled(vector) for vector in known[1:]])


def drawn(distances: np.ndarray) -> np.ndarray:
    """Two coordinates for every position, as far apart as the hops say, as well as a plane can."""
    square = distances**2
    square = square - square.mean(axis=0) - square.mean(axis=1)[:, None] + square.mean()
    known, scales = np.zeros((0, len(distances))), []
    for _ in range(2):
        value, vector = least(square / 2, known)
        known = np.vstack([known, vector])
        scales.append(np.sqrt(max(-value, 0)))
    plane: np.ndarray = np.column_stack([settled(vector) * scale for vector, scale in zip(known, scales, strict=True)])
    return plane


def least(matrix: np.ndarray, known: np.ndarray) -> tuple[float, np.ndarray]:
    """The least eigenvalue of a symmetric matrix with its vector, beside those known (rows, orthonormal).

    By Lanczos' iteration from a fixed vector: where several belong to one value it finds the part of them that the
    fixed one has, and so the same on every processor. All zero where nothing is left.
    """
    size, begun = len(matrix), len(known)
    steps = min(STEPS, size - begun)
    basis = np.vstack([known, np.zeros((max(steps, 0) + 1, size))])
    start = cleaned(np.random.default_rng(begun).random(size) - 0.5, basis[:begun])
    norm, scale = float(np.linalg.norm(start)), float(np.abs(matrix).sum(axis=1).max(initial=0.0))
    if steps < 1 or norm < 1e-9:
        return 0.0, np.zeros(size)
    basis[begun] = start / norm
    diagonal, beside = [], []
    found = 0.0, start / norm
    for step in range(begun, begun + steps):
        following = matrix @ basis[step]
        diagonal.append(float(basis[step] @ following))
        following = cleaned(following, basis[: step + 1])
        beside.append(float(np.linalg.norm(following)))
        last = beside[-1] <= NEAR * scale or step + 1 == begun + steps
        if last or len(diagonal) % LOOK == 0:
            values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1))
            found = float(values[0]), vectors[:, 0] @ basis[begun : step + 1]
            # Not to the last digit: beyond it the iteration finds what rounding brought in.
            if last or beside[-1] * abs(vectors[-1, 0]) <= NEAR * scale:
                break
        basis[step + 1] = following / beside[-1]
    value, vector = found
    return value, vector * (1 if vector @ start >= 0 else -1)


def cleaned(vector: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """A vector without what it has of orthonormal others; twice, since the first leaves a rounding."""
    for _ in range(2):
        vector = vector - basis.T @ (basis @ vector)
    return vector


def settled(vector: np.ndarray) -> np.ndarray:
    """The numbers, equal ones as one number."""
    order = np.argsort(vector, kind="stable")
    rising = vector[order]
    apart = np.diff(rising, prepend=-np.inf) > SAME * np.abs(vector).max(initial=0.0)
    found = np.empty(len(vector))
    found[order] = rising[np.flatnonzero(apart)[np.cumsum(apart) - 1]]
    return found


def split(cores: np.ndarray, positions: np.ndarray, plane: np.ndarray, where: np.ndarray, placed: np.ndarray) -> None:
    """Place cores on positions: halves of the one on halves of the other, across the longer side of the positions."""
    if len(cores) <= 1:
        placed[cores] = positions[:1] if len(cores) else []
        return
    sides = np.ptp(where[positions], axis=0)
    axis = int(sides[1] > sides[0] * (1 + SAME))
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
