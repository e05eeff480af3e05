"""Filling cores one after the other, which always keeps the limits and says what cannot fit."""

from __future__ import annotations

import numpy as np

from talon.hw.mapping.hypergraph import Hypergraph, Limits, excess, use


class NothingFits(ValueError):
    """No way was found to keep the limits of the cores with the cores there are."""


def in_order(h: Hypergraph, limits: Limits, order: np.ndarray) -> np.ndarray:
    """The core of every vertex when cores are filled in an order, the next one opened where one more does not fit.

    Edges are counted as if all who hear were on cores of their own: on fewer cores there are never more.
    """
    over = excess(use(h, np.arange(h.vertices)).all, limits.all).any(axis=1)
    if over.any():
        raise NothingFits(f"vertex {int(over.argmax())} needs more than an empty core has")
    bounded = limits.all >= 0
    needs = [np.where(bounded[:-2], h.resources, 0)]
    sent = h.sources >= 0
    edges = np.zeros(h.vertices, np.int64)
    if bounded[-1]:
        np.add.at(edges, h.sources[sent], (h.units * np.diff(h.offsets))[sent])
    need = np.column_stack([*needs, edges])[order]
    most = np.where(bounded, limits.all, 0)[[*range(len(bounded) - 2), -1]]
    hears = listening(h) if bounded[-2] else None
    core = np.empty(h.vertices, np.int64)
    number, used, axons, heard = 0, np.zeros_like(most), 0, np.full(len(h.sources), -1)
    at = 0
    while at < len(order):
        # As many as additive needs allow, then as many of those as axons allow.
        total = np.cumsum(need[at : at + CHUNK], axis=0) + used
        fits = (total <= most).all(axis=1)
        count = int(fits.argmin()) if not fits.all() else len(fits)
        taken = 0
        while hears is not None and taken < count:
            nets = hears[order[at + taken]]
            new = nets[heard[nets] != number]
            more = int(h.units[new].sum())
            if axons + more > limits.all[-2]:
                break
            axons += more
            heard[new] = number
            taken += 1
        full = taken < len(fits) if hears is not None else count < len(fits)
        taken = taken if hears is not None else count
        core[order[at : at + taken]] = number
        at += taken
        used = total[taken - 1] if taken else used
        if full:
            number, used, axons = number + 1, np.zeros_like(most), 0
    return core


CHUNK = 256
"""So many vertices are looked at together."""


def listening(h: Hypergraph) -> list[np.ndarray]:
    """The nets that every vertex hears."""
    order = np.argsort(h.pins, kind="stable")
    return np.split(h.nets[order], np.cumsum(np.bincount(h.pins, minlength=h.vertices))[:-1])
