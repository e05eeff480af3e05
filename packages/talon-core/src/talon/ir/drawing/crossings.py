"""The order of vertices on each layer, so that few wires cross: barycentre sweeps, then swaps of neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talon.ir.drawing.layers import Grid

SWEEPS = 16
PATIENCE = 4
"""Sweeps without a better order after which it is left at the best one."""
SWAPS = 8

Ends = list[list[tuple[int, float, float]]]
"""For every vertex its neighbours on one side: neighbour, where it is met, where one starts (ports, as fractions)."""


def untangle(grid: Grid, ports: Sequence[tuple[int, int]]) -> None:
    """Reorder `grid.rows`; `ports` are the numbers of inputs and outputs that every box shows."""
    above: Ends = [[] for _ in grid.layer]
    below: Ends = [[] for _ in grid.layer]
    for piece in grid.pieces:
        start = 0.0 if piece.upper_port is None else fraction(piece.upper_port, ports[piece.upper][1])
        end = 0.0 if piece.lower_port is None else fraction(piece.lower_port, ports[piece.lower][0])
        below[piece.upper].append((piece.lower, end, start))
        above[piece.lower].append((piece.upper, start, end))
    for row in grid.rows:
        row[:] = beside(row, [v for v in row if not above[v] and not below[v]], grid)
    best = [list(row) for row in grid.rows]
    fewest = crossings(best, below)
    rows, patience = [list(row) for row in best], PATIENCE
    for sweep in range(SWEEPS):
        if not fewest or not patience:
            break
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            row[:] = by_barycentre(row, rows, grid, above if down else below)
        now = crossings(rows, below)
        patience = PATIENCE if now < fewest else patience - 1
        if now < fewest:
            best, fewest = [list(row) for row in rows], now
    grid.rows = best
    if fewest:
        swap_neighbours(grid, above, below)


def fraction(port: int, count: int) -> float:
    """Where a port is on its side, from -0.5 to 0.5."""
    return (port + 1) / (max(count, 1) + 1) - 0.5


def places(rows: Sequence[Sequence[int]], count: int) -> list[int]:
    place = [0] * count
    for row in rows:
        for i, vertex in enumerate(row):
            place[vertex] = i
    return place


def by_barycentre(row: Sequence[int], rows: Sequence[Sequence[int]], grid: Grid, side: Ends) -> list[int]:
    """The row sorted by the mean place of each vertex's neighbours on one side; those without any keep their place.

    A bend where a wire turns follows the box that the wire turns round.
    """
    layer = grid.layer[row[0]]
    place = {v: i for n in (layer - 1, layer + 1) if 0 <= n < len(rows) for i, v in enumerate(rows[n])}
    mean = {v: sum(place[n] + met for n, met, _ in side[v]) / len(side[v]) for v in row if side[v]}
    turns = [v for v in row if v not in mean and v in grid.turns]
    sorted_ones = iter(sorted(mean, key=mean.__getitem__))
    return beside([next(sorted_ones) if v in mean else v for v in row if v not in turns], turns, grid)


def beside(row: Sequence[int], turns: Sequence[int], grid: Grid) -> list[int]:
    """The row with those of `turns` that are bends right of the box that their wire turns round."""
    turns = [v for v in turns if v in grid.turns]
    made = [v for v in row if v not in turns]
    for turn in reversed(turns):
        made.insert(made.index(grid.turns[turn]) + 1, turn)
    return made


def crossings(rows: Sequence[Sequence[int]], below: Ends) -> int:
    """How many pairs of pieces cross."""
    place = places(rows, len(below))
    total = 0
    for row in rows:
        ends = [(place[v] + start, place[n] + met) for v in row for n, met, start in below[v]]
        total += inversions(np.array([end for _, end in sorted(ends)]))
    return total


def inversions(values: np.ndarray) -> int:
    """Pairs that stand in the wrong order, by halves that are sorted and merged."""
    if len(values) < 64:
        return int(np.count_nonzero(np.triu(values[:, None] > values[None, :], 1)))
    left, right = np.array_split(values, 2)
    over = len(left) - np.searchsorted(np.sort(left), right, side="right")
    return int(over.sum()) + inversions(left) + inversions(right)


def swap_neighbours(grid: Grid, above: Ends, below: Ends) -> None:
    """Swap vertices that stand side by side while that saves a crossing."""
    place = places(grid.rows, len(grid.layer))

    def cost(left: int, right: int) -> int:
        return sum(
            place[n] + met > place[m] + other
            for side in (above, below)
            for n, met, _ in side[left]
            for m, other, _ in side[right]
        )

    for _ in range(SWAPS):
        better = False
        for row in grid.rows:
            for i in range(len(row) - 1):
                left, right = row[i : i + 2]
                if cost(left, right) > cost(right, left):
                    row[i : i + 2] = right, left
                    place[left], place[right] = i + 1, i
                    better = True
        if not better:
            break
