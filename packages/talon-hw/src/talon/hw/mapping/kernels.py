"""The two kernels of the partitioner: in C where talon-hw has its library, else in Python, with the same result."""

from __future__ import annotations

import numpy as np

from talon.hw.mapping import clusters, moves
from talon.hw.mapping.problem import Problem
from talon.hw.native.library import load


def cluster(p: Problem, most: np.ndarray, widest: int, order: np.ndarray) -> np.ndarray:
    """For every vertex one vertex of its cluster: in `order` each joins the cluster that shares most nets with it for
    its size, within `most` needs (-1: any); nets with more than `widest` members are passed over."""
    library, _ = load()
    if library is None:
        return clusters.cluster(p, most, widest, order)
    into = np.empty(p.vertices, np.int64)
    library.cluster(p.graph, p.needs.shape[1], widest, p.needs, most, order, into)
    return into


def refine(
    p: Problem, limits: np.ndarray, soft: np.ndarray, rank: np.ndarray, patience: int, rounds: int, core: np.ndarray
) -> np.ndarray:
    """Better cores: rounds of moves by gain within `soft` limits, `rank` deciding between equals, each round given up
    after `patience` moves without a gain; cores over `limits` (cores, kinds) then give away what costs least."""
    library, _ = load()
    if library is None:
        return moves.refine(p, limits, soft, rank, patience, rounds, core)
    core = np.array(core, np.int64)
    arrays = (p.needs, np.ascontiguousarray(limits), np.ascontiguousarray(soft), p.source, p.hears, p.units, rank)
    library.refine(p.graph, len(limits), p.needs.shape[1], int(p.axons), *arrays, patience, rounds, core)
    return core
