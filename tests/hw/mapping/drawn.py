"""Hypergraphs drawn at random, and what is said of them in the plainest way."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from talon.hw.mapping import Hypergraph, Limits


def random_hypergraph(seed: int, vertices: int, nets: int, fractions: bool = False) -> Hypergraph:
    """Two needs, nets of up to eight, from inside and outside, whose sources may hear themselves."""
    rng = np.random.default_rng(seed)
    pins = [rng.choice(vertices, rng.integers(0, min(vertices, 8) + 1), replace=False) for _ in range(nets)]
    weights = rng.random(nets) if fractions else rng.integers(0, 9, nets)
    return Hypergraph(
        rng.integers(0, 5, (vertices, 2)),
        rng.integers(-1, vertices, nets),
        np.cumsum([0, *(len(p) for p in pins)]),
        np.concatenate([np.zeros(0, np.int64), *pins]),
        weights,
        rng.integers(0, 4, nets),
    )


@st.composite
def hypergraphs(draw: st.DrawFn) -> Hypergraph:
    seed, vertices = draw(st.integers(0, 1 << 20)), draw(st.integers(1, 50))
    return random_hypergraph(seed, vertices, draw(st.integers(0, 70)), draw(st.booleans()))


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    least = st.integers(8, 40)
    return Limits(
        (draw(least), draw(st.one_of(st.just(-1), least))),
        draw(st.one_of(st.none(), st.integers(25, 80))),
        draw(st.one_of(st.none(), st.integers(60, 300))),
    )


def plain_deliveries(h: Hypergraph, core: np.ndarray) -> float:
    total = 0.0
    for net, source in enumerate(h.sources):
        hearing = {int(core[v]) for v in h.pins[h.offsets[net] : h.offsets[net + 1]]}
        if source >= 0:
            hearing -= {int(core[source])}
        total += float(h.weights[net]) * len(hearing)
    return total


def plain_use(h: Hypergraph, core: np.ndarray) -> list[list[int]]:
    """Resources, axons and edges of every core."""
    used = [[0] * (h.resources.shape[1] + 2) for _ in range(int(core.max()) + 1)]
    for v, k in enumerate(core):
        for r, need in enumerate(h.resources[v]):
            used[k][r] += int(need)
    for net, source in enumerate(h.sources):
        hearing = {int(core[v]) for v in h.pins[h.offsets[net] : h.offsets[net + 1]]}
        for k in hearing:
            used[k][-2] += int(h.units[net])
        if source >= 0:
            used[int(core[source])][-1] += int(h.units[net]) * len(hearing)
    return used
