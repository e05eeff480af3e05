"""Multilevel partitions: clusters of clusters until little is left, halves of halves of that, and better cores on the
way back to the vertices."""

from __future__ import annotations

import numpy as np

from talon.hw.mapping.kernels import cluster, refine
from talon.hw.mapping.problem import Problem, contracted, restricted

FEW = 40
"""Vertices for every core at which clustering ends."""
SMALL = 120
"""Vertices at which halving begins."""
TRIES = 8
"""First halves of the smallest problem, of which the best is kept."""
ROUNDS = 4
"""Rounds of moves at most."""
WIDEST = 1000
"""Nets with more members say little about who belongs together."""
LARGE = 1 << 27
"""Vertices and nets, times cores, that moves among all cores can hold; beyond that only halves are improved."""
LOOSE = 0.05
"""How far cores may be over their limits while vertices are still clusters."""


def scaled(limits: np.ndarray, factor: float | np.ndarray) -> np.ndarray:
    """Limits times a factor; none stays none."""
    return np.where(limits < 0, -1, np.floor(limits * factor + 1e-9)).astype(np.int64)


def cost(p: Problem, core: np.ndarray, cores: int) -> int:
    """Weight of nets times the cores that they join beyond the first."""
    keys = np.sort(p.net * cores + core[p.members])
    net = keys[np.concatenate([np.ones(min(len(keys), 1), bool), keys[1:] != keys[:-1]])] // cores
    return int(p.weight[net].sum() - p.weight.sum())


def coarsened(p: Problem, most: np.ndarray, until: int, rng: np.random.Generator) -> list[tuple[Problem, np.ndarray]]:
    """Ever smaller problems, each with the place of every vertex of the one before."""
    levels = []
    while p.vertices > until:
        found = cluster(p, most, WIDEST, rng.permutation(p.vertices))
        smaller, place = contracted(p, found)
        if smaller.vertices > 0.95 * p.vertices:
            break
        levels.append((smaller, place))
        p = smaller
    return levels


def improved(
    p: Problem,
    limits: np.ndarray,
    core: np.ndarray,
    rng: np.random.Generator,
    slacks: tuple[float, ...],
) -> np.ndarray:
    """Better cores, with ever less room beyond the limits on the way."""
    patience = max(100, p.vertices // 20)
    for slack in slacks:
        core = refine(p, limits, scaled(limits, 1 + slack), rng.permutation(p.vertices), patience, ROUNDS, core)
    return core


def halved(p: Problem, limits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two sides within limits (2, kinds)."""
    most = scaled(limits.min(axis=0), 1 / 8)
    levels = coarsened(p, most, SMALL, rng)
    problems = [p, *(level for level, _ in levels)]
    last = problems[-1]
    best: tuple[tuple[int, int], np.ndarray] | None = None
    for _ in range(min(TRIES, last.vertices)):
        side = np.ones(last.vertices, np.int64)
        side[rng.integers(last.vertices)] = 0
        side = improved(last, limits, side, rng, (0.05, 0.0))
        load = np.zeros_like(limits)
        np.add.at(load, side, last.needs)
        over = int(np.where(limits < 0, 0, np.maximum(load - limits, 0)).sum())
        rated = (over, cost(last, side, 2))
        if best is None or rated < best[0]:
            best = (rated, side)
    assert best is not None
    side = best[1]
    for (_, place), finer in zip(levels[::-1], problems[-2::-1], strict=True):
        side = improved(finer, limits, side[place], rng, (0.0,))
    return side


def divided(p: Problem, limits: np.ndarray, parts: int, loose: float, rng: np.random.Generator) -> np.ndarray:
    """Cores by halving again and again, each within limits that are loosened a little at every halving. Axons are left
    to later moves: those of a whole are not the sum of its parts'."""
    if parts == 1 or p.vertices == 0:
        return np.zeros(p.vertices, np.int64)
    first = parts // 2
    share = np.array([[first], [parts - first]])
    depth = int(np.ceil(np.log2(parts)))
    step = (1 + loose) ** (1 / depth)
    bounds = np.repeat(limits[None], 2, axis=0)
    bounds[:, -2:] = -1
    bounds = scaled(bounds, share * step)
    side = halved(p, bounds, rng)
    core = np.empty(p.vertices, np.int64)
    left = (1 + loose) / step - 1
    for number, (start, count) in enumerate(((0, first), (first, parts - first))):
        inside = side == number
        core[inside] = start + divided(restricted(p, inside), scaled(limits, step), count, left, rng)
    return core


def final(p: Problem, limits: np.ndarray, parts: int, core: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Better cores, within limits wherever a way is found."""
    return improved(p, np.repeat(limits[None], parts, axis=0), core, rng, (0.02, 0.01, 0.0))


def multilevel(p: Problem, limits: np.ndarray, parts: int, rng: np.random.Generator) -> np.ndarray:
    """Cores for all vertices; where it does not succeed some are over their limits."""
    if (p.vertices + p.nets) * parts > LARGE:
        return divided(p, limits, parts, 0.0, rng)
    loose = scaled(np.repeat(limits[None], parts, axis=0), 1 + LOOSE)
    levels = coarsened(p, scaled(limits, 1 / 12), max(FEW * parts, 200), rng)
    core = divided(levels[-1][0] if levels else p, limits, parts, LOOSE, rng)
    for level, place in levels[::-1]:
        core = improved(level, loose, core, rng, (0.02,))[place]
    return final(p, limits, parts, core, rng)
