"""Clusters, as csrc/clusters.c finds them: where there is no library."""

from __future__ import annotations

import numpy as np

from talon.hw.mapping.problem import Problem


def cluster(p: Problem, most: np.ndarray, widest: int, order: np.ndarray) -> np.ndarray:
    """For every vertex one vertex of its cluster; see `kernels.cluster`."""
    own_ends, own = p.own
    size = np.diff(p.ends)
    narrow = (size > 1) & (size <= widest) & (p.weight > 0)
    part = p.weight / np.maximum(size - 1, 1)
    bounded = np.flatnonzero(most >= 0)
    load = p.needs[:, bounded].copy()
    top = most[bounded]
    clusters = np.arange(p.vertices)
    together = np.zeros(p.vertices, bool)
    for v in order.tolist():
        if together[v]:
            continue
        nets = own[own_ends[v] : own_ends[v + 1]]
        nets = nets[narrow[nets]]
        to = clusters[members_of(p, nets)]
        if not len(to):
            continue
        names, place = np.unique(to, return_inverse=True)
        # bincount adds in the order of the members, as the sums in C do.
        score = np.bincount(place, np.repeat(part[nets], size[nets]))
        together_need = load[names] + p.needs[v, bounded]
        share = (together_need / (top + 1)).max(axis=1, initial=0.0)
        score = np.divide(score, share, out=score, where=share > 0)
        score[(names == v) | (together_need > top).any(axis=1)] = 0.0
        best = int(score.argmax())  # of equals the first, which is the lowest
        if score[best] > 0:
            joined = int(names[best])
            clusters[v] = joined
            together[[v, joined]] = True
            load[joined] += p.needs[v, bounded]
    return clusters


def members_of(p: Problem, nets: np.ndarray) -> np.ndarray:
    """The members of nets, one net after the other."""
    start, size = p.ends[nets], p.ends[nets + 1] - p.ends[nets]
    first = np.cumsum(size) - size
    found: np.ndarray = p.members[np.arange(int(size.sum())) + np.repeat(start - first, size)]
    return found
