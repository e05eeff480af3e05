"""Routes: shortest ways, one tree for a net, loads that add up."""

from __future__ import annotations

from collections import defaultdict, deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon.hw.mapping import Mesh, Routes, route
from talon.hw.mapping.routing import links

meshes = st.builds(Mesh, st.integers(1, 6), st.integers(1, 6), st.booleans())


def by_search(mesh: Mesh) -> np.ndarray:
    """Hops from everywhere to everywhere, by walking along the links."""
    ends, _ = links(mesh)
    count = mesh.height * mesh.width
    found = np.full((count, count), -1)
    after = defaultdict(list)
    for a, b in ends.tolist():
        after[a].append(b)
    for start in range(count):
        found[start, start] = 0
        waiting = deque([start])
        while waiting:
            here = waiting.popleft()
            for there in after[here]:
                if found[start, there] < 0:
                    found[start, there] = found[start, here] + 1
                    waiting.append(there)
    return found


def depths(tree: np.ndarray, source: int) -> dict[int, int]:
    """How deep every position of a tree is; fails where it is none."""
    into = {int(b): int(a) for a, b in tree}
    assert len(into) == len(tree), "a position is reached twice"
    assert source not in into
    found = {source: 0}
    while len(found) < len(into) + 1:
        new = {b: found[a] + 1 for b, a in into.items() if a in found and b not in found}
        assert new, "links that the source does not reach"
        found |= new
    return found


def drawn(seed: int, mesh: Mesh, nets: int, order: str) -> tuple[np.ndarray, list[list[int]], np.ndarray, Routes]:
    rng = np.random.default_rng(seed)
    count = mesh.height * mesh.width
    sources = rng.integers(0, count, nets)
    hearers = [rng.choice(count, rng.integers(0, count + 1), replace=False).tolist() for _ in range(nets)]
    packets = rng.integers(0, 20, nets)
    offsets = np.cumsum([0, *(len(h) for h in hearers)])
    flat = np.array([p for h in hearers for p in h], np.int64)
    return sources, hearers, packets, route(mesh, sources, offsets, flat, packets, order)


@given(meshes)
def test_links_join_neighbours_and_distances_follow_them(mesh: Mesh) -> None:
    ends, _ = links(mesh)
    assert len({tuple(e) for e in ends.tolist()}) == len(ends)
    assert by_search(mesh).tolist() == mesh.distances().tolist()


@settings(deadline=None)
@given(meshes, st.integers(0, 1 << 20), st.integers(0, 6), st.sampled_from(["xy", "yx"]))
def test_trees_reach_all_by_shortest_ways(mesh: Mesh, seed: int, nets: int, order: str) -> None:
    sources, hearers, packets, found = drawn(seed, mesh, nets, order)
    apart = mesh.distances()
    loads = np.zeros(len(found.ends), np.int64)
    hops = []
    for net, (source, hearing) in enumerate(zip(sources.tolist(), hearers, strict=True)):
        deep = depths(found.tree(net), source)
        for position in hearing:
            assert deep[position] == apart[source, position]
            hops.append(apart[source, position])
        leaves = set(deep) - {int(a) for a, _ in found.tree(net)}
        assert leaves <= {*hearing, source}
        loads[found.links[found.offsets[net] : found.offsets[net + 1]]] += packets[net]
    assert found.hops.tolist() == hops
    assert found.loads.tolist() == loads.tolist()
    if len(loads):
        assert found.loads[found.critical] == loads.max()


@settings(deadline=None)
@given(meshes, st.integers(0, 1 << 20))
def test_a_packet_for_one_loads_every_link_of_its_way(mesh: Mesh, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, end = rng.integers(0, mesh.height * mesh.width, (2, 8))
    found = route(mesh, start, np.arange(9), end, np.full(8, 3))
    assert found.loads.sum() == 3 * mesh.distances()[start, end].sum() == 3 * found.hops.sum()


def test_xy_goes_along_the_row_first() -> None:
    mesh = Mesh(3, 3)
    one = (np.array([0]), np.array([0, 1]), np.array([8]), np.array([1]))
    assert {tuple(link) for link in route(mesh, *one).tree(0).tolist()} == {(0, 1), (1, 2), (2, 5), (5, 8)}
    assert {tuple(link) for link in route(mesh, *one, order="yx").tree(0).tolist()} == {(0, 3), (3, 6), (6, 7), (7, 8)}
    with pytest.raises(ValueError, match="expected 'xy' or 'yx', found 'zigzag'"):
        route(mesh, *one, order="zigzag")


def test_copies_are_made_where_ways_part() -> None:
    """Two hearers at the end of a row: what they share of the way is taken once."""
    found = route(Mesh(2, 4), np.array([0]), np.array([0, 2]), np.array([3, 7]), np.array([5]))
    assert len(found.tree(0)) == 4
    assert found.loads.sum() == 20
    assert found.hops.tolist() == [3, 4]


def test_a_torus_goes_the_shorter_way_round() -> None:
    found = route(Mesh(1, 5, torus=True), np.array([0]), np.array([0, 1]), np.array([4]), np.array([1]))
    assert found.tree(0).tolist() == [[0, 4]]
