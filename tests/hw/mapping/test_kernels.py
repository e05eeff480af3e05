"""The kernels of the partitioner in C and in Python do the same, and what they keep count of is what there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from talon.hw.mapping import Hypergraph, Limits, clusters, deliveries, kernels, moves, partition, use
from talon.hw.mapping.multilevel import cost
from talon.hw.mapping.problem import contracted, prepared
from talon.hw.native.library import load
from tests.hw.mapping.drawn import hypergraphs, limits, random_hypergraph


@settings(deadline=None, max_examples=80)
@given(hypergraphs(), limits(), st.integers(1, 6), st.integers(0, 1 << 20))
def test_c_and_python_do_the_same(h: Hypergraph, most: Limits, cores: int, seed: int) -> None:
    if load()[0] is None:
        pytest.skip("talon-hw was built without its library")
    rng = np.random.default_rng(seed)
    fine = prepared(h, most)
    of_cluster = np.where(most.all < 0, -1, most.all // 3)
    order = rng.permutation(h.vertices)
    found = clusters.cluster(fine, of_cluster, 6, order)
    assert kernels.cluster(fine, of_cluster, 6, order).tolist() == found.tolist()
    for problem in (fine, contracted(fine, found)[0]):
        every = np.repeat(most.all[None], cores, axis=0)
        soft = np.where(every < 0, -1, every + rng.integers(0, 4))
        core, rank = rng.integers(0, cores, problem.vertices), rng.permutation(problem.vertices)
        args = (problem, every, soft, rank, 20, 4, core)
        assert kernels.refine(*args).tolist() == moves.refine(*args).tolist()


@settings(deadline=None, max_examples=40)
@given(hypergraphs(), limits(), st.integers(1, 6), st.integers(0, 1 << 20))
def test_counts_follow_the_moves(h: Hypergraph, most: Limits, cores: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fine = prepared(h, most)
    coarse, place = contracted(fine, clusters.cluster(fine, most.all // 3, 6, rng.permutation(h.vertices)))
    every = np.repeat(most.all[None], cores, axis=0)
    for problem, where in ((fine, np.arange(h.vertices)), (coarse, place)):
        core, rank = rng.integers(0, cores, problem.vertices), rng.permutation(problem.vertices)
        state = moves.Moves(problem, every, every, rank, core.copy())
        state.rounds(20, 4)
        fresh = moves.Moves(problem, every, every, rank, state.core.copy())
        for name in ("load", "near", "alone", "count", "reach", "excess"):
            assert getattr(state, name).tolist() == getattr(fresh, name).tolist(), name
        assert state.cost == cost(problem, state.core, cores) - cost(problem, core, cores)
        used = use(h, state.core[where], cores)
        assert fresh.load[:, :-2].tolist() == used.resources.tolist()
        if problem.axons:
            assert fresh.load[:, -2:].tolist() == used.all[:, -2:].tolist()


@settings(deadline=None)
@given(hypergraphs(), st.integers(1, 6), st.integers(0, 1 << 20))
def test_clusters_lose_no_packets(h: Hypergraph, cores: int, seed: int) -> None:
    """Whatever is cut between clusters is cut between their vertices."""
    assume(h.weights.dtype.kind == "i")
    rng = np.random.default_rng(seed)
    fine = prepared(h, Limits((-1, -1)))
    coarse, place = contracted(fine, rng.integers(0, 9, h.vertices))
    core = rng.integers(0, cores, coarse.vertices)
    assert cost(coarse, core, cores) == cost(fine, core[place], cores)
    outside = int(h.weights[(h.sources < 0) & (np.diff(h.offsets) > 0)].sum())  # the first core costs as well
    assert cost(fine, core[place], cores) == deliveries(h, core[place]) - outside


def test_without_the_library_the_partition_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    h = random_hypergraph(5, 40, 60)
    most = Limits((45, -1), in_axons=110)
    expected = partition(h, most, seed=1)
    monkeypatch.setattr(kernels, "load", lambda: (None, "not built"))
    assert partition(h, most, seed=1).tolist() == expected.tolist()


def test_the_library_refuses_numbers_out_of_range() -> None:
    library, why = load()
    if library is None:
        pytest.skip(why)
    problem = prepared(random_hypergraph(1, 10, 12), Limits((9, 9)))
    most, order, into = np.full(4, -1), np.arange(10), np.zeros(10, np.int64)
    with pytest.raises(ValueError, match="numbers that there are"):
        library.cluster(problem.graph, 4, 9, problem.needs, most, order + 1, into)
    with pytest.raises(ValueError, match="needs: expected"):
        library.cluster(problem.graph, 5, 9, problem.needs, most, order, into)
    every = np.full((2, 4), -1)
    ones = np.ones(problem.nets, np.int64)
    with pytest.raises(ValueError, match="numbers that there are"):
        library.refine(
            problem.graph, 2, 4, 0, problem.needs, every, every, problem.source, ones, ones, order, 9, 1, into + 2
        )
