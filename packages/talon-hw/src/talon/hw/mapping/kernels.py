"""The two kernels of the partitioner: in C where talon-hw was built with its library, else in Python, with the same result."""

from __future__ import annotations

import numpy as np

from talon.hw.mapping.problem import Problem
from talon.hw.native.library import load


def cluster(p: Problem, most: np.ndarray, widest: int, order: np.ndarray) -> np.ndarray:
    """For every vertex one vertex of its cluster: in `order` each joins the cluster that shares most nets with it for its
    size, within `most` needs (-1: any); nets with more than `widest` members are passed over."""
    into = np.empty(p.vertices, np.int64)
    load()[0].cluster(p.graph, p.needs.shape[1], widest, p.needs, most, order, into)
    return into


def refine(
    p: Problem, limits: np.ndarray, soft: np.ndarray, rank: np.ndarray, patience: int, rounds: int, core: np.ndarray
) -> np.ndarray:
    """Better cores: rounds of moves by gain within `soft` limits, `rank` deciding between equals, each round given up
    after `patience` moves without a gain; cores over `limits` (cores, kinds) then give away what costs least."""
    core = np.array(core, np.int64)
    kinds = p.needs.shape[1]
    arrays = (p.needs, np.ascontiguousarray(limits), np.ascontiguousarray(soft), p.source, p.hears, p.units, rank)
    load()[0].refine(p.graph, len(limits), kinds, int(p.axons), *arrays, patience, rounds, core)
    return core
