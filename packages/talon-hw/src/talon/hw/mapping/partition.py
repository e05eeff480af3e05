"""Partition: which core every vertex goes to, so that few packets leave cores and no core is over its limits."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from talon.hw.mapping.filling import NothingFits, fewest, in_order
from talon.hw.mapping.hypergraph import Hypergraph, Limits, deliveries, use
from talon.hw.mapping.multilevel import multilevel
from talon.hw.mapping.outside import NotInstalled, outside
from talon.hw.mapping.problem import Problem, prepared

__all__ = ["ENGINES", "NotInstalled", "NothingFits", "partition"]

Engine = Callable[[Problem, np.ndarray, int, np.random.Generator], np.ndarray]
MTKAHYPAR = "mtkahypar"
ENGINES: dict[str, Engine] = {"auto": multilevel, MTKAHYPAR: outside}
"""Who partitions. "auto" is our own, not what happens to be installed, so that a network is mapped the same way
everywhere."""

WORK = 6_000_000
"""So many members of nets, and vertices times cores, are gone through where there is more than one try."""
TRIES = 6
"""Tries at most, of which the best is kept."""
GIVEN_UP = 2
"""Tries after which more cores are taken where none fitted."""
GROWTH = 1.1
"""Cores for the next attempt where nothing fitted."""


def partition(
    h: Hypergraph, limits: Limits, parts: int | None = None, seed: int = 0, engine: str = "auto", share: int = 1
) -> np.ndarray:
    """The core of every vertex (V,), numbered from 0 without gaps; the same for the same seed.

    `parts`: the most cores there are. As few are used as a way is found to fill, which keeps packets at home. Never
    more packets than by filling cores in the order of the vertices, if that fits. Raises NothingFits where no way was
    found.
    `engine`: one of ENGINES; "mtkahypar" needs the extra `mapping`. `share`: of how many partitions this is one that
    are all to be made in the time of one.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine: expected one of {', '.join(ENGINES)}, found {engine!r}")
    if h.resources.shape[1] != len(limits.resources):
        raise ValueError(f"limits: expected {h.resources.shape[1]} resources, found {len(limits.resources)}")
    if not h.vertices:
        return np.zeros(0, np.int64)
    ordered = in_order(h, limits, np.arange(h.vertices))  # raises where a vertex fits no core
    most = int(ordered.max()) + 1 if parts is None else parts
    found = [ordered] if ordered.max() < most else []
    # That is found by one way to fill; there may be others.
    count = min(fewest(h, limits), max(most, 1))
    if count == h.vertices:  # no two go together
        found, count = [np.arange(h.vertices)] if count <= most else [], most + 1
    while count <= most:
        tried = attempts(h, limits, count, seed, ENGINES[engine], WORK // share)
        fit = [core for core in tried if use(h, core, count).fits(limits)]
        found += fit
        if fit:
            break
        # Filled in the order of what was found together, which keeps the limits on a few cores more.
        filled = in_order(h, limits, np.argsort(tried[0], kind="stable"))
        if filled.max() < most:
            found.append(filled)
        count = more(h, limits, tried[0], count)
    if not found:
        raise NothingFits(f"no way was found to put {h.vertices} vertices on {most} core{'s' * (most != 1)}")
    best = min(found, key=lambda core: deliveries(h, core))
    return np.unique(best, return_inverse=True)[1].astype(np.int64)


def attempts(h: Hypergraph, limits: Limits, count: int, seed: int, engine: Engine, work: int) -> list[np.ndarray]:
    """Partitions for a number of cores, as many as there is time for; few where the first do not keep the limits."""
    problem = prepared(h, limits)
    tries = max(1, min(TRIES, work // (len(problem.members) + problem.vertices * count + 1)))
    if engine is not multilevel:
        tries = 1  # which takes as long as several of ours
    found: list[np.ndarray] = []
    for number in range(tries):
        found.append(engine(problem, limits.all, count, np.random.default_rng([seed, count, number])))
        if number + 1 == GIVEN_UP and not any(use(h, core, count).fits(limits) for core in found):
            break
    return found


def more(h: Hypergraph, limits: Limits, core: np.ndarray, count: int) -> int:
    """Cores to try next: a few more, or as many as what the cores took would fill to the brim."""
    used, most = use(h, core, count).all.sum(axis=0), limits.all
    bounded = most > 0
    filled = math.ceil((used[bounded] / most[bounded]).max(initial=0.0))
    return max(count + 1, math.ceil(count * GROWTH), int(filled))
