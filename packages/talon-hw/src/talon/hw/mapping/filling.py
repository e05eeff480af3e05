"""Filling cores one after the other, which always keeps the limits and says what cannot fit."""

from __future__ import annotations

import numpy as np

from talon.hw.mapping.hypergraph import Hypergraph, Limits, excess, use


class NothingFits(ValueError):
    """No way was found to keep the limits of the cores with the cores there are."""


CHUNK = 256
"""So many vertices are looked at together."""
SMALL = 0.02
"""Vertices that need no larger part of a core fill it without waste."""


def in_order(h: Hypergraph, limits: Limits, order: np.ndarray) -> np.ndarray:
    """The core of every vertex when cores are filled in an order, the next one opened where one more does not fit.

    Edges are counted as if all who hear were on cores of their own: on fewer cores there are never more.
    """
    over = excess(use(h, np.arange(h.vertices)).all, limits.all).any(axis=1)
    if over.any():
        raise NothingFits(f"vertex {int(over.argmax())} needs more than an empty core has")
    need, most = additive(h, limits)
    need = need[order]
    hears = None if limits.in_axons is None else listening(h)
    core = np.empty(h.vertices, np.int64)
    heard = np.full(len(h.sources), -1)  # the last core that hears a net
    used, axons = np.zeros_like(most), 0
    at = number = 0
    while at < len(order):
        total = np.cumsum(need[at : at + CHUNK], axis=0) + used
        fits: np.ndarray = np.all(total <= most, axis=1)
        count = len(fits) if fits.all() else int(fits.argmin())
        if hears is not None:
            for taken, v in enumerate(order[at : at + count].tolist()):
                new = hears[v][heard[hears[v]] != number]
                axons += int(h.units[new].sum())
                if axons > limits.all[-2]:
                    count = taken
                    break
                heard[new] = number
        core[order[at : at + count]] = number
        if count < len(fits):
            number, used, axons = number + 1, np.zeros_like(most), 0
        else:
            used = total[-1]
        at += count
    return core


def additive(h: Hypergraph, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
    """Needs that add up, of every vertex, and their limits: resources, and edges as if all who hear were apart."""
    most = limits.all[[*range(len(limits.resources)), -1]]
    edges = np.zeros(h.vertices, np.int64)
    sent = h.sources >= 0
    np.add.at(edges, h.sources[sent], (h.units * np.diff(h.offsets))[sent])
    need = np.column_stack([h.resources, edges])
    return need[:, most >= 0], most[most >= 0]


def fewest(h: Hypergraph, limits: Limits) -> int:
    """How many cores to try first: what vertices need in sum or, where they are large, what taking the largest first to
    the first core with room needs."""
    most = np.array(limits.resources)
    need, most = h.resources[:, most >= 0], most[most >= 0]
    part = need / np.maximum(most, 1)
    least = max(1, int(np.ceil((need.sum(axis=0) / np.maximum(most, 1)).max(initial=0) - 1e-9)))
    size = part.max(axis=1, initial=0.0)
    if size.max() <= SMALL:
        return least
    room = np.tile(most, (len(need), 1))
    cores = 0
    for v in np.argsort(-size, kind="stable").tolist():
        fits = (room[: cores + 1] >= need[v]).all(axis=1)
        first = int(fits.argmax())
        room[first] -= need[v]
        cores = max(cores, first + 1)
    return max(least, cores)


def listening(h: Hypergraph) -> list[np.ndarray]:
    """The nets that every vertex hears."""
    order = np.argsort(h.pins, kind="stable")
    return np.split(h.nets[order], np.cumsum(np.bincount(h.pins, minlength=h.vertices))[:-1])
