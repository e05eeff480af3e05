"""What the partitioner works on: nets as sets of members, and what stands for them on smaller scales."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from talon.hw.mapping.hypergraph import Hypergraph, Limits

FINEST = 1 << 40
"""Weights that are fractions are rounded to so many parts of their sum."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Vertices with needs (V, kinds), and nets with members: those that hear it and the one that sends it.

    The last two needs are axons heard and edges sent, as far as nets do not say them. `source` (N,) is -1 from outside,
    `hears` (N,) whether the source is among those that hear. Where `axons` is False nobody counts them.
    """

    needs: np.ndarray
    ends: np.ndarray
    members: np.ndarray
    weight: np.ndarray
    source: np.ndarray
    hears: np.ndarray
    units: np.ndarray
    axons: bool

    @property
    def vertices(self) -> int:
        """How many vertices there are."""
        return len(self.needs)

    @property
    def nets(self) -> int:
        """How many nets there are."""
        return len(self.weight)

    @cached_property
    def net(self) -> np.ndarray:
        """The net of every member."""
        return np.repeat(np.arange(self.nets), np.diff(self.ends))

    @cached_property
    def own(self) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the nets of every vertex, and those nets."""
        keys = np.sort(self.members * max(self.nets, 1) + self.net)
        counts = np.bincount(self.members, minlength=self.vertices)
        return ends_of(counts), keys % max(self.nets, 1)

    @cached_property
    def graph(self) -> tuple:
        """As the kernels take it."""
        own_ends, own = self.own
        sizes = (self.vertices, self.nets, len(self.members))
        return (*sizes, self.ends, self.members, own_ends, own, self.weight)


def ends_of(counts: np.ndarray) -> np.ndarray:
    """Ends of lists of so many items."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def whole(weights: np.ndarray) -> np.ndarray:
    """Weights as whole numbers, so that sums are the same in any order."""
    if weights.dtype.kind != "f":
        return weights.astype(np.int64)
    total = float(weights.sum())
    return np.rint(weights * (FINEST / total if total > 0 else 0.0)).astype(np.int64)


def prepared(h: Hypergraph, limits: Limits) -> Problem:
    """The problem of a hypergraph."""
    axons = limits.in_axons is not None or limits.out_edges is not None
    sent = h.sources >= 0
    hears = np.zeros(len(h.sources), np.int64)
    hears[h.nets[h.pins == h.sources[h.nets]]] = 1
    silent = np.flatnonzero(sent & (hears == 0))
    keys = np.concatenate([h.nets * h.vertices + h.pins, silent * h.vertices + h.sources[silent]])
    needs = np.column_stack([h.resources, np.zeros((h.vertices, 2), np.int64)])
    return merged(reduced(needs, np.sort(keys), whole(h.weights), h.sources, hears, h.units, axons))


def reduced(
    needs: np.ndarray,
    keys: np.ndarray,
    weight: np.ndarray,
    source: np.ndarray,
    hears: np.ndarray,
    units: np.ndarray,
    axons: bool,
) -> Problem:
    """A problem without nets that no partition can cut: what they need is a need of their only member.

    `keys`: net x vertices + member, sorted, each once.
    """
    vertices, nets = len(needs), len(weight)
    net, member = keys // max(vertices, 1), keys % max(vertices, 1)
    size = np.bincount(net, minlength=nets)
    keep = (size > 1) & ((weight > 0) | axons)
    if axons:
        needs = needs.copy()
        single = size[net] == 1
        only, its = member[single], net[single]
        alone = (source[its] < 0) | (hears[its] > 0)
        np.add.at(needs[:, -2], only[alone], units[its[alone]])
        inner = alone & (source[its] >= 0)
        np.add.at(needs[:, -1], only[inner], units[its[inner]])
    else:
        source, hears, units = np.full(nets, -1), np.ones(nets, np.int64), np.zeros(nets, np.int64)
    chosen = keep[net]
    return Problem(
        np.ascontiguousarray(needs),
        ends_of(size[keep]),
        np.ascontiguousarray(member[chosen]),
        np.ascontiguousarray(weight[keep]),
        np.ascontiguousarray(source[keep]),
        np.ascontiguousarray(hears[keep]),
        np.ascontiguousarray(units[keep]),
        axons,
    )


def distinct(keys: np.ndarray) -> np.ndarray:
    """Each number once, sorted."""
    keys = np.sort(keys)
    new = np.concatenate([np.ones(min(len(keys), 1), bool), keys[1:] != keys[:-1]])
    once: np.ndarray = keys[new]
    return once


def contracted(p: Problem, cluster: np.ndarray) -> tuple[Problem, np.ndarray]:
    """The problem with one vertex for every cluster, and the new vertex of every old one. Nets with the same members
    become one."""
    names, place = np.unique(cluster, return_inverse=True)
    count = len(names)
    needs = np.zeros((count, p.needs.shape[1]), np.int64)
    np.add.at(needs, place, p.needs)
    member = place[p.members]
    source, hears = p.source, p.hears
    if p.axons:
        source = np.where(p.source >= 0, place[p.source], -1)
        sender = p.source[p.net]
        listens = (p.members != sender) | (p.hears[p.net] > 0)
        hears = np.zeros(p.nets, np.int64)
        hears[p.net[listens & (member == source[p.net])]] = 1
    keys = distinct(p.net * count + member)
    return merged(reduced(needs, keys, p.weight, source, hears, p.units, p.axons)), place


def merged(p: Problem) -> Problem:
    """Nets with the same members, source and hearers as one."""
    if not p.nets:
        return p
    mark = np.random.default_rng(0).integers(1, 1 << 62, p.vertices + 3, dtype=np.uint64)
    sums = np.add.reduceat(mark[p.members], p.ends[:-1])
    if p.axons:
        sums += mark[p.vertices + p.hears] * (mark[p.source] | np.uint64(1))
    order = np.argsort(sums, kind="stable")
    new = np.concatenate([[True], sums[order][1:] != sums[order][:-1]])
    group = np.empty(p.nets, np.int64)
    group[order] = np.cumsum(new) - 1
    first = np.sort(order[new])  # in the order in which they stood
    rank = np.empty(len(first), np.int64)
    rank[group[first]] = np.arange(len(first))
    group = rank[group]
    weight, units = np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
    np.add.at(weight, group, p.weight)
    np.add.at(units, group, p.units)
    kept = np.zeros(p.nets, bool)
    kept[first] = True
    return Problem(
        p.needs,
        ends_of(np.diff(p.ends)[first]),
        p.members[kept[p.net]],
        weight,
        p.source[first],
        p.hears[first],
        units,
        p.axons,
    )


def restricted(p: Problem, inside: np.ndarray) -> Problem:
    """The problem of some vertices alone, axons and edges aside, which parts of a whole do not add up to."""
    place = np.cumsum(inside) - 1
    chosen = inside[p.members]
    keys = p.net[chosen] * int(inside.sum()) + place[p.members[chosen]]
    return merged(reduced(p.needs[inside], keys, p.weight, p.source, p.hears, p.units, False))
