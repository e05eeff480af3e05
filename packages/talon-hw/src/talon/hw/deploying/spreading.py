"""Tiles spread over cores so that few packets cross, and cores over the network so that they do not go far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

import numpy as np

from talon.hw.description import Core, Target
from talon.hw.mapping.hypergraph import Hypergraph, Limits, deliveries, traffic, within
from talon.hw.mapping.partition import NothingFits, partition
from talon.hw.mapping.placing import place
from talon.hw.packing import cut, gathered, pack, tile_edges
from talon.hw.placed import Placed
from talon.hw.places import kind_of, mesh_of
from talon.hw.tiles import Tile

OTHER_LIMITS = ("layers", "inputs", "outputs", "reach", "destinations")
"""What only first fit heeds: where a core limits one of these, its packing stays."""


@dataclass(frozen=True)
class Partitioned:
    """`placed` with its cores in their order, and the core of every tile: the vertices of `h`."""

    placed: Placed
    h: Hypergraph
    core: np.ndarray

    @cached_property
    def crossing(self) -> float:
        """Packets between cores that the rates let expect."""
        return deliveries(self.h, self.core)


CUTS = ((False, 1), (True, 1), (True, 2), (True, 4))
"""Ways to cut layers: whether tiles are to hear little, and how many go into a core's neurons."""


def best_spread(placed: Placed, rates: np.ndarray, seed: int, engine: str) -> tuple[Placed, np.ndarray]:
    """The cut with which fewest packets cross, its tiles on cores, and the places of these on the network (cores,
    axes). `rates`: packets that a run sends by unit; `engine`: of the partition."""
    found = partitioned(placed, rates, seed, engine)
    for hearing, parts in CUTS[1:] if limits_of(placed.target) is not None else ():
        tiled = cut(placed.layers, placed.target, placed.units, hearing, parts)
        if None in tiled:
            continue
        tiles = [tile for own in tiled for tile in own or ()]
        other = replace(placed, tiled=tiled, packed=pack(tiles, placed.target, placed.units))
        if len(other.packed) <= most(placed) and not over(other):
            found = min(found, partitioned(other, rates, seed, engine), key=lambda each: each.crossing)
    # Only these cores get places: to find them takes longer than to part tiles.
    asked = [-1 if packed.core is None else packed.core for packed in found.placed.packed]
    return found.placed, positions(found.placed, found.h, found.core, np.array(asked, np.int64), seed)


def partitioned(placed: Placed, rates: np.ndarray, seed: int, engine: str) -> Partitioned:
    """The same tiles on the cores that the partition finds. `rates`: packets that a run sends by unit."""
    tiles = placed.tiles
    h = hypergraph(tiles, rates)
    first = np.empty(len(tiles), np.int64)
    for number, packed in enumerate(placed.packed):
        first[list(packed.tiles)] = number
    core = first
    limits = limits_of(placed.target)
    free = np.array([tile.core is None for tile in tiles], bool)
    if limits is not None and free.any():
        try:
            found = parted(h, first, free, limits, placed.target.core_count, seed, engine)
        except NothingFits:
            found = first
        if deliveries(h, found) < deliveries(h, first) and len(np.unique(found)) <= most(placed):
            core = found
    better = with_cores(placed, core)
    if over(better):
        core, better = first, placed
    return Partitioned(better, h, core)


def parted(
    h: Hypergraph, first: np.ndarray, free: np.ndarray, limits: Limits, count: int | None, seed: int, engine: str
) -> np.ndarray:
    """The cores of tiles by the partition: `free` ones share none with those that ask for a core, which stay where they
    are at `first`. Raises NothingFits."""
    if free.all():
        return partition(h, limits, count, seed, engine, share=len(CUTS))
    spare = None if count is None else count - len(np.unique(first[~free]))
    core = first.copy()
    core[free] = first.max() + 1 + partition(within(h, free), limits, spare, seed, engine, share=len(CUTS))
    return np.asarray(np.unique(core, return_inverse=True)[1], np.int64)


def most(placed: Placed) -> float:
    there = placed.target.core_count
    return float("inf") if there is None else there


def with_cores(placed: Placed, core: np.ndarray) -> Placed:
    """The same tiles on other cores."""
    edges = tile_edges(placed.tiles, placed.units)
    groups: list[list[int]] = [[] for _ in range(int(core.max(initial=-1)) + 1)]
    for number, where in enumerate(core.tolist()):
        groups[where].append(number)
    return replace(placed, packed=[gathered(placed.tiles, group, edges) for group in groups])


def over(placed: Placed) -> bool:
    """Whether a core has more out-edges than it may: those to Outputs the partition does not know."""
    limits = [placed.target.cores[packed.kind].out_edges.value for packed in placed.packed]
    return any(limit is not None and edges > limit for limit, edges in zip(limits, placed.out_edges, strict=True))


def hypergraph(tiles: list[Tile], rates: np.ndarray) -> Hypergraph:
    """Tiles as vertices, and a net for units that the same tiles hear and the same one sends."""
    sender = np.full(len(rates), -1, np.int64)
    for number, tile in enumerate(tiles):
        sender[tile.sends] = number
    unit = np.concatenate([*(tile.inputs for tile in tiles), np.zeros(0, np.int64)])
    hearing = np.repeat(np.arange(len(tiles)), [len(tile.inputs) for tile in tiles])
    order = np.lexsort((hearing, unit))
    unit, hearing = unit[order], hearing[order]
    units, starts = np.unique(unit, return_index=True)
    ends = np.append(starts, len(unit))[1:]
    nets: dict[tuple[int, bytes], list[int]] = {}
    for one, start, end in zip(units.tolist(), starts.tolist(), ends.tolist(), strict=True):
        nets.setdefault((int(sender[one]), hearing[start:end].tobytes()), []).append(one)
    pins = [np.frombuffer(key, np.int64) for _, key in nets]
    needs = [[tile.neurons, *(0 if w is None else w for w in tile.words)] for tile in tiles] or np.zeros((0, 1))
    resources = np.array(needs, np.int64)
    return Hypergraph(
        resources,
        np.array([source for source, _ in nets], np.int64),
        np.cumsum([0, *map(len, pins)]),
        np.concatenate([*pins, np.zeros(0, np.int64)]),
        np.array([rates[own].sum() for own in nets.values()], np.float64),
        np.array([len(own) for own in nets.values()], np.int64),
    )


def limits_of(target: Target) -> Limits | None:
    """The limits of a core as the partition knows them; None where there are others, or several kinds of cores."""
    core: Core = target.cores[0]
    if len(target.cores) > 1 or any(getattr(core, name).value is not None for name in OTHER_LIMITS):
        return None
    each = (core.neurons.value, *(memory.words.value for memory in core.memory))
    return Limits(tuple(-1 if n is None else n for n in each), core.in_axons.value, core.out_edges.value)


def positions(placed: Placed, h: Hypergraph, core: np.ndarray, asked: np.ndarray, seed: int) -> np.ndarray:
    """Row and column of every core on the network; their numbers where nothing says how they are connected. `asked`:
    the numbers that cores have to have, -1 for any."""
    mesh, cores = mesh_of(placed.target), int(core.max(initial=-1)) + 1
    if mesh is None or len(mesh.positions) < cores:
        return numbers([packed.kind for packed in placed.packed], asked, placed.target)[:, None]
    where = place(traffic(h, core, cores), mesh.positions, seed, mesh.distances(), asked)
    return np.asarray(mesh.positions[where])


def numbers(kinds: Sequence[int], asked: np.ndarray, target: Target) -> np.ndarray:
    """The numbers of cores that nothing places: the first of their kind that are left beside those asked for. Where
    nobody asks, kinds share one row of numbers."""
    if (asked < 0).all():
        return np.arange(len(kinds))
    found, taken = asked.copy(), set(asked.tolist())
    for core in np.flatnonzero(asked < 0).tolist():
        found[core] = next(n for n in count() if n not in taken and kind_of(target, n) == kinds[core])
        taken.add(int(found[core]))
    return found
