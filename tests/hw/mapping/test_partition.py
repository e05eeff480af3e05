"""Partitions: every vertex on a core, limits kept, the same for a seed, never worse than the order of the vertices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon.hw.mapping import Hypergraph, Limits, NothingFits, deliveries, partition, traffic, use
from talon.hw.mapping.filling import in_order
from tests.hw.mapping.drawn import hypergraphs, limits, plain_deliveries, plain_use, random_hypergraph


@given(hypergraphs(), st.integers(0, 1 << 20))
def test_figures_are_those_of_plain_loops(h: Hypergraph, seed: int) -> None:
    core = np.random.default_rng(seed).integers(0, 5, h.vertices)
    assert deliveries(h, core) == pytest.approx(plain_deliveries(h, core))
    assert use(h, core).all.tolist() == plain_use(h, core)
    inside = Hypergraph(h.resources, np.maximum(h.sources, 0), h.offsets, h.pins, h.weights, h.units)
    assert traffic(inside, core).sum() == pytest.approx(plain_deliveries(inside, core))
    assert not np.diag(traffic(h, core)).any()


@settings(deadline=None, max_examples=40)
@given(hypergraphs(), limits(), st.integers(0, 100))
def test_partitions_keep_what_is_promised(h: Hypergraph, most: Limits, seed: int) -> None:
    try:
        ordered = in_order(h, most, np.arange(h.vertices))
    except NothingFits:
        with pytest.raises(NothingFits):
            partition(h, most, seed=seed)
        return
    assert use(h, ordered).fits(most)
    core = partition(h, most, seed=seed)
    assert sorted(set(core.tolist())) == list(range(core.max() + 1))
    assert use(h, core).fits(most)
    assert deliveries(h, core) <= deliveries(h, ordered)
    assert partition(h, most, seed=seed).tolist() == core.tolist()
    enough = int(ordered.max()) + 1
    assert partition(h, most, parts=enough, seed=seed).max() < enough


@settings(deadline=None, max_examples=40)
@given(hypergraphs(), limits(), st.integers(1, 4))
def test_no_more_cores_are_used_than_there_are(h: Hypergraph, most: Limits, parts: int) -> None:
    try:
        core = partition(h, most, parts)
    except NothingFits:
        return
    assert core.max() < parts
    assert use(h, core).fits(most)


@pytest.mark.parametrize("seed", range(4))
def test_small_ones_are_near_the_best_there_is(seed: int) -> None:
    h = random_hypergraph(seed, 8, 14)
    most = Limits((int(h.resources[:, 0].sum()) // 3 + 3, -1))
    core = partition(h, most)
    cores = int(core.max()) + 1
    best = min(
        plain_deliveries(h, np.array(tried))
        for tried in itertools.product(range(cores), repeat=8)
        if all(row[0] <= most.resources[0] for row in plain_use(h, np.array(tried)))
    )
    assert deliveries(h, core) <= 1.05 * best


def test_groups_that_talk_among_themselves_stay_together() -> None:
    rng = np.random.default_rng(0)
    names = rng.permutation(64)
    group = np.empty(64, np.int64)
    group[names] = np.arange(64) // 8
    pins = [np.flatnonzero(group == group[v]) for v in range(64)]
    ones = np.ones(64, np.int64)
    h = Hypergraph(ones[:, None], np.arange(64), np.arange(0, 513, 8), np.concatenate(pins), ones, ones)
    assert deliveries(h, partition(h, Limits((8,)))) == 0


def test_axons_decide_where_nothing_else_does() -> None:
    """Two vertices hear seven nets of their own each: a core with eight axons takes one of them."""
    h = Hypergraph(
        np.ones((2, 1), np.int64), np.full(14, -1), np.arange(15), np.repeat([0, 1], 7), np.ones(14), np.ones(14)
    )
    assert partition(h, Limits((2,))).tolist() == [0, 0]
    assert sorted(partition(h, Limits((2,), in_axons=8)).tolist()) == [0, 1]
    with pytest.raises(NothingFits, match=r"2 vertices on 1 core$"):
        partition(h, Limits((2,), in_axons=8), parts=1)
    with pytest.raises(NothingFits, match="vertex 0 needs more than an empty core has"):
        partition(h, Limits((2,), in_axons=6))


def test_a_full_chip_is_filled_to_the_last_vertex() -> None:
    """Cores without any room to spare, on which vertices can only change places."""
    rng = np.random.default_rng(3)
    count, side = 400, 20
    y, x = np.divmod(np.arange(count), side)
    names = rng.permutation(count)
    pins, offsets = [], [0]
    for v in range(count):
        near = np.flatnonzero((abs(y - y[v]) + abs(x - x[v])) == 1)
        pins.append(names[near])
        offsets.append(offsets[-1] + len(near))
    sources, ones = names[np.arange(count)], np.ones(count, np.int64)
    h = Hypergraph(ones[:, None], sources, np.array(offsets), np.concatenate(pins), ones, ones)
    core = partition(h, Limits((25,)))
    assert np.bincount(core).tolist() == [25] * 16
    # Squares of five by five have 2 x 3 x 20 neighbours across either way, and few partitions are better.
    assert deliveries(h, core) <= 1.25 * 480


def test_what_cannot_be_meant_is_refused() -> None:
    ones = np.ones(1, np.int64)
    with pytest.raises(ValueError, match="each vertex once"):
        Hypergraph(np.ones((2, 1)), ones, np.array([0, 2]), np.array([1, 1]), ones, ones)
    with pytest.raises(ValueError, match="sources"):
        Hypergraph(np.ones((2, 1)), 2 * ones, np.array([0, 1]), np.array([1]), ones, ones)
    h = Hypergraph(np.ones((2, 1)), ones, np.array([0, 1]), np.array([1]), ones, ones)
    with pytest.raises(ValueError, match="expected 1 resources, found 2"):
        partition(h, Limits((1, 1)))
    with pytest.raises(ValueError, match="expected one of auto, mtkahypar, found 'metis'"):
        partition(h, Limits((1,)), engine="metis")
