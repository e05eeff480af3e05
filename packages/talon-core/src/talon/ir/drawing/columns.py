"""Where on its layer every vertex stands, so that wires run straight.

Brandes and Köpf, Fast and Simple Horizontal Coordinate Assignment (2001): vertices are aligned with a median neighbour,
from above and below, from the left and the right; the mean of the two middle ones of these four placements is taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from talon.ir import order
from talon.ir.drawing.layers import Grid

Rows = list[list[int]]
Sides = list[list[int]]
Conflicts = set[tuple[int, int]]


def columns(grid: Grid, boxes: int, widths: Sequence[float], gaps: tuple[float, float]) -> np.ndarray:
    """The centre of every vertex. `gaps` are the distances that two boxes keep, and a bend from what is beside it."""
    above: Sides = [[] for _ in grid.layer]
    below: Sides = [[] for _ in grid.layer]
    for piece in grid.pieces:
        below[piece.upper].append(piece.lower)
        above[piece.lower].append(piece.upper)
    conflicts = conflicting(grid.rows, above, boxes)
    gap = [gaps[0] if v < boxes else gaps[1] for v in range(len(widths))]
    layouts = []
    for down in (True, False):
        rows = grid.rows if down else grid.rows[::-1]
        for left in (True, False):
            ordered = rows if left else [row[::-1] for row in rows]
            x = placed(ordered, above if down else below, conflicts, widths, gap)
            layouts.append(x if left else -x)
    half = np.asarray(widths) / 2
    narrowest = min(layouts, key=lambda x: float((x + half).max() - (x - half).min()))
    low, high = (narrowest - half).min(), (narrowest + half).max()
    for i, x in enumerate(layouts):
        x += low - (x - half).min() if i % 2 == 0 else high - (x + half).max()
    found: np.ndarray = np.sort(layouts, axis=0)[1:3].mean(axis=0)
    found -= (found - half).min()
    return found


def conflicting(rows: Rows, above: Sides, boxes: int) -> Conflicts:
    """Pieces that cross one between two bends: they give way to it, so that long wires stay straight."""
    found: Conflicts = set()
    for upper, lower in itertools.pairwise(rows):
        place = {v: i for i, v in enumerate(upper)}
        start = scanned = 0
        for i, v in enumerate(lower):
            inner = next((u for u in above[v] if u >= boxes), None) if v >= boxes else None
            if inner is None and i < len(lower) - 1:
                continue
            end = len(upper) if inner is None else place[inner]
            for other in lower[scanned : i + 1]:
                for u in above[other]:
                    if (place[u] < start or place[u] > end) and not (u >= boxes and other >= boxes):
                        found.add((u, other))
            start, scanned = end, i + 1
    return found


def placed(rows: Rows, side: Sides, conflicts: Conflicts, widths: Sequence[float], gap: Sequence[float]) -> np.ndarray:
    """One of the four placements: as far left as alignment allows, then blocks moved right where that costs nothing."""
    root = aligned(rows, side, conflicts, len(widths))
    apart: dict[tuple[int, int], float] = {}
    for row in rows:
        for u, v in itertools.pairwise(row):
            need = (widths[u] + widths[v]) / 2 + min(gap[u], gap[v])
            key = root[u], root[v]
            apart[key] = max(apart.get(key, 0.0), need)
    out: list[list[tuple[int, float]]] = [[] for _ in widths]
    for (u, v), need in apart.items():
        out[u].append((v, need))
    x = [0.0] * len(widths)
    sequence = order.topological(len(widths), apart) or []
    for u in sequence:
        for v, need in out[u]:
            x[v] = max(x[v], x[u] + need)
    starts = {v for _, v in apart}
    for u in reversed(sequence):
        # Only blocks with something on either side: an outermost one would drift away from what it belongs to.
        if out[u] and u not in starts:
            x[u] = max(x[u], min(x[v] - need for v, need in out[u]))
    return np.array([x[root[v]] for v in range(len(widths))])


def aligned(rows: Rows, side: Sides, conflicts: Conflicts, count: int) -> list[int]:
    """For every vertex the first one of its block: vertices that stand exactly under each other."""
    root = list(range(count))
    linked = [False] * count
    place = [0] * count
    for row in rows:
        for i, v in enumerate(row):
            place[v] = i
    for row in rows:
        last = -1
        for v in row:
            near = sorted(side[v], key=place.__getitem__)
            middle = (len(near) - 1) // 2, len(near) // 2
            for u in dict.fromkeys(near[m] for m in middle) if near else ():
                free = (u, v) not in conflicts and (v, u) not in conflicts
                if root[v] == v and not linked[u] and place[u] > last and free:
                    root[v] = root[u]
                    linked[u] = True
                    last = place[u]
    return root
