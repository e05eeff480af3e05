"""Place: which position every core takes, so that packets travel few hops."""

from __future__ import annotations

import math

import numpy as np

from talon.hw.mapping.annealing import anneal
from talon.hw.mapping.topology import hops

EXACT = 400_000
"""So many placements at most are all tried; nine cores on nine positions are 362,880."""
ROOM = 2
"""Positions that are looked at, times the cores: others are further from the middle."""
LEAST = 36
"""Positions that are looked at in any case."""


def hop_cost(traffic: np.ndarray, distances: np.ndarray, placed: np.ndarray) -> float:
    """Packets times the hops they travel."""
    return float((traffic * distances[np.ix_(placed, placed)]).sum())


def place(
    traffic: np.ndarray,
    positions: np.ndarray | None = None,
    seed: int = 0,
    distances: np.ndarray | None = None,
    fixed: np.ndarray | None = None,
) -> np.ndarray:
    """An index into the positions for every core, each another, with few hops in sum.

    `traffic` (K, K): packets from core to core. `positions` (P, 2): rows and columns of an open mesh; any other
    topology is given by `distances` (P, P), hops from position to position, the same both ways. They count where both
    are given; positions then only say what to begin with. `fixed` (K,): the position that a core has to take, -1 for
    any. The same for the same seed on every processor.
    """
    if distances is None:
        if positions is None:
            raise ValueError("place: expected positions or distances")
        distances = hops(positions)
    apart = np.asarray(distances, np.float64)
    flow = np.array(traffic, np.float64)
    if flow.ndim != 2 or flow.shape[0] != flow.shape[1]:
        raise ValueError(f"traffic: expected a row and a column for every core, found shape {flow.shape}")
    if not np.array_equal(apart, apart.T):
        raise ValueError("distances: expected as many hops from a position to another as back")
    cores, room = len(flow), len(apart)
    if cores > room:
        raise ValueError(f"place: {cores} cores do not go on {room} positions")
    if cores == 0:
        return np.zeros(0, np.int64)
    held = np.full(cores, -1) if fixed is None else np.asarray(fixed, np.int64)
    taken = held[held >= 0]
    if held.shape != (cores,) or held.max() >= room or len(np.unique(taken)) < len(taken):
        raise ValueError("fixed: expected a position for every core, each another, or -1")
    np.fill_diagonal(flow, 0)  # what stays in a core does not travel
    near = middle(apart, max(LEAST, ROOM * cores), taken)
    apart = np.ascontiguousarray(apart[np.ix_(near, near)])
    plane = None if positions is None else np.asarray(positions, np.float64)[near]
    held = np.where(held >= 0, np.searchsorted(near, held), -1)
    free = cores - len(taken)
    if math.perm(len(near) - len(taken), free) <= EXACT:
        found = best_of_all(flow, apart, held)
    else:
        found = anneal(flow, apart, seed, plane, held)
    placed: np.ndarray = near[found]
    return placed


def middle(distances: np.ndarray, count: int, taken: np.ndarray) -> np.ndarray:
    """The positions nearest to the one in the middle or, where some are `taken`, to the next of these; in their
    order."""
    if len(distances) <= count:
        return np.arange(len(distances))
    centres = taken if len(taken) else distances.sum(axis=1).argmin(keepdims=True)
    return np.sort(np.argsort(distances[centres].min(axis=0), kind="stable")[:count])


def best_of_all(flow: np.ndarray, distances: np.ndarray, fixed: np.ndarray | None = None) -> np.ndarray:
    """The placement of least cost, found by trying all; the first of them where several cost the same. `fixed`: the
    position of cores that have one, -1 for others."""
    fixed, room = np.full(len(flow), -1) if fixed is None else fixed, len(distances)
    tried = np.zeros((1, 0), np.int16)
    for held in fixed.tolist():
        free = np.ones((len(tried), room), bool)
        free[:, fixed[fixed >= 0]] = False
        if held >= 0:
            free[:, held] = True
        np.put_along_axis(free, tried.astype(np.intp), False, axis=1)
        if held >= 0:
            free[:, np.arange(room) != held] = False
        row, position = np.nonzero(free)
        tried = np.column_stack([tried[row], position.astype(np.int16)])
    cost = np.zeros(len(tried))
    for a, b in np.argwhere(flow):
        cost += flow[a, b] * distances[tried[:, a], tried[:, b]]
    best: np.ndarray = tried[int(cost.argmin())].astype(np.int64)
    return best
