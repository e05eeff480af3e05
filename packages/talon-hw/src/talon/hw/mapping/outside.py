"""Mt-KaHyPar as the partitioner, with the extra `mapping`: slower and a little better on large hypergraphs.

It knows one need of a vertex and no axons, so what it finds goes through our moves, which keep every limit.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from talon.hw.mapping.multilevel import final
from talon.hw.mapping.problem import Problem

PARTS = 10_000
"""A vertex needs so many parts of a core at most, where it has several needs."""


class NotInstalled(ImportError):
    """The extra is not there."""


@cache
def library() -> tuple[Any, Any]:
    """The module, and what it makes once for a process: one thread, because only then a seed decides everything."""
    try:
        module: Any = import_module("mtkahypar")
    except ImportError as error:
        raise NotInstalled(f"engine 'mtkahypar': install talon-hw[mapping] ({error})") from error
    return module, module.initialize(1, False)


def needs(p: Problem, limits: np.ndarray) -> tuple[np.ndarray, int]:
    """One need for every vertex and its limit: the only one that has a limit, else the largest share of a core."""
    bounded = np.flatnonzero(limits[:-2] > 0)
    if len(bounded) == 1:
        return p.needs[:, bounded[0]], int(limits[bounded[0]])
    share = (p.needs[:, bounded] / limits[bounded]).max(axis=1, initial=0.0)
    return np.ceil(share * PARTS).astype(np.int64), PARTS


def weights(p: Problem) -> np.ndarray:
    """What nets weigh, so that all together are below 2^31: it counts in 32 bits. Our moves know them to the end."""
    spare = max(int(p.weight.sum()).bit_length() - 31, 0)
    found: np.ndarray = np.maximum(p.weight >> spare, np.minimum(p.weight, 1))
    return found


def outside(p: Problem, limits: np.ndarray, parts: int, rng: np.random.Generator) -> np.ndarray:
    """Cores for all vertices; where it does not succeed some are over their limits."""
    module, made = library()
    if parts < 2 or p.vertices <= parts or not p.nets:
        return final(p, limits, parts, np.arange(p.vertices) % parts, rng)
    need, most = needs(p, limits)
    module.set_seed(int(rng.integers(1 << 30)))
    context = made.context_from_preset(module.PresetType.DETERMINISTIC)
    spare = max(most * parts / max(int(need.sum()), 1) - 1, 0.0)
    context.set_partitioning_parameters(parts, spare, module.Objective.KM1)
    nets = [members.tolist() for members in np.split(p.members, p.ends[1:-1])]
    graph = made.create_hypergraph(context, p.vertices, p.nets, nets, need.tolist(), weights(p).tolist())
    core = np.array(graph.partition(context).get_partition(), np.int64)
    return final(p, limits, parts, core, rng)
