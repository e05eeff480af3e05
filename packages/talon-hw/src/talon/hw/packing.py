"""Cores: tiles put together on cores, first fit in the order of the layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from talon.hw.cutting import split
from talon.hw.description import Core, Target, summed
from talon.hw.kinds import chosen
from talon.hw.layers import Layer
from talon.hw.places import kind_of
from talon.hw.tiles import Tile, boundary, open_to, uses
from talon.hw.units import Units

OPEN, TIGHT = 32, 512
"""How many of the last cores a tile is tried on, so that packing stays linear; and where that takes too many cores."""
ROUNDS = 8
"""How often layers are cut anew because too many cores hear their tiles."""


@dataclass(frozen=True)
class Packed:
    """One core of a kind: its tiles (by number) and the layers they belong to, what they store and hear, the units that
    they send, and the out-edges they need at most. `core`: the number of the core that tiles ask for."""

    kind: int
    tiles: tuple[int, ...]
    layers: frozenset[int]
    neurons: int
    stored: Mapping[str, int]
    words: tuple[int | None, ...]
    inputs: np.ndarray
    sends: np.ndarray
    edges: int
    core: int | None = None


def cut(
    layers: Sequence[Layer], target: Target, units: Units, hearing: bool = False, parts: int = 1
) -> list[list[Tile] | None]:
    """The tiles of every layer, on the kind of core that was chosen for it; None where one unit is too much for any.

    With `hearing` tiles hear little rather than store little; `parts`: so many of them go into a core's neurons.

    A layer whose tiles would have more out-edges than a core has is cut into smaller ones; that makes more tiles for
    others to reach, so it is repeated.
    """
    ways = [ways_of(layer, n, target, units, hearing, parts) for n, layer in enumerate(layers)]
    kinds = chosen(target, ways)
    tiled = [None if kind is None else way[kind] for kind, way in zip(kinds, ways, strict=True)]
    for _ in range(ROUNDS):
        tiles = [t for found in tiled for t in found or ()]
        most: dict[int, int] = {}
        for tile, count in zip(tiles, tile_edges(tiles, units), strict=True):
            limit = target.cores[tile.kind].out_edges.value
            if limit is not None and count > limit:
                cap = max(1, tile.neurons * limit // count)
                most[tile.layer] = min(cap, most.get(tile.layer, cap))
        if not most:
            break
        for n, cap in most.items():
            kind = kinds[n]
            assert kind is not None
            tiled[n] = split(layers[n], n, target, kind, units, cap, hearing)
    return tiled


def ways_of(
    layer: Layer, number: int, target: Target, units: Units, hearing: bool, parts: int
) -> dict[int, list[Tile]]:
    """The tiles of a layer on every kind of core that can hold it."""
    found = {}
    kinds = open_to(layer, target, units)
    if layer.core is not None:  # all of it goes there, so that pieces would only take more room
        kinds, hearing, parts = [kind_of(target, layer.core)], False, 1
    for kind in kinds:
        neurons = target.cores[kind].neurons.value
        most = layer.size if neurons is None else max(1, min(layer.size, neurons // parts))
        found[kind] = split(layer, number, target, kind, units, most, hearing)
    return {kind: tiles for kind, tiles in found.items() if tiles is not None}


def out_edges(heard: Sequence[np.ndarray], sent: Sequence[np.ndarray], leaving: np.ndarray) -> list[int]:
    """Edges that leave each place: pairs of a unit that it sends and a place that hears the unit.

    `heard` and `sent`: unit numbers by place, each once; `leaving`: for every unit, how many Outputs read it.
    """
    reached = reach(heard, leaving)
    return [int(reached[units].sum()) for units in sent]


def reach(heard: Sequence[np.ndarray], leaving: np.ndarray) -> np.ndarray:
    """For every unit, how many places hear it, Outputs among them."""
    reached = leaving.copy()
    for units in heard:
        reached[units] += 1
    return reached


def destinations(packed: Sequence[Packed], count: int) -> list[int]:
    """For every core, how many cores it sends to; `count` is the number of units."""
    place = np.full(count, -1, np.int64)
    for number, core in enumerate(packed):
        place[core.sends] = number
    found = np.zeros(len(packed) + 1, np.int64)  # the last is for what comes from outside
    for core in packed:
        found[place[core.inputs]] += 1  # each once, however many units it hears from there
    return [int(n) for n in found[:-1]]


def tile_edges(tiles: Sequence[Tile], units: Units) -> list[int]:
    """Out-edges of every tile while each has a core to itself."""
    return out_edges([tile.inputs for tile in tiles], [tile.sends for tile in tiles], units.leaving)


def pack(tiles: Sequence[Tile], target: Target, units: Units) -> list[Packed]:
    """The tiles on cores by first fit: in their order, which keeps layers together, or, where that takes more cores
    than there are, the largest first, which takes fewer. Tiles that share a core never need more edges than apart.

    Those that ask for a core come first, all that ask for it on it, even where that is too much."""
    edges = tile_edges(tiles, units)
    asked: dict[int, list[int]] = {}
    for n, tile in enumerate(tiles):
        if tile.core is not None:
            asked.setdefault(tile.core, []).append(n)
    begun = [gathered(tiles, numbers, edges) for numbers in asked.values()]
    free = [n for n, tile in enumerate(tiles) if tile.core is None]
    found = first_fit(free, tiles, edges, target, units, OPEN, begun)
    if too_many(found, target) and could(tiles, target):
        largest = sorted(free, key=lambda n: -size(tiles[n], target))
        tighter = first_fit(largest, tiles, edges, target, units, TIGHT, begun)
        if len(tighter) < len(found):
            return sorted(tighter, key=lambda core: min(core.tiles))
    return found


def size(tile: Tile, target: Target) -> float:
    """The largest part of a core that a tile takes of anything that adds up."""
    core = target.cores[tile.kind]
    needs = [(tile.neurons, core.neurons.value), *zip(tile.words, (m.words.value for m in core.memory), strict=True)]
    return max((need / most for need, most in needs if need and most), default=0.0)


def too_many(cores: Sequence[Packed], target: Target) -> bool:
    """Whether a kind of core is taken more often than there are."""
    counts = [(kind.count.value, sum(core.kind == n for core in cores)) for n, kind in enumerate(target.cores)]
    return any(there is not None and taken > there for there, taken in counts)


def could(tiles: Sequence[Tile], target: Target) -> bool:
    """Whether another packing may do: the tiles do not take more in sum than there is."""
    room = np.array([float("inf") if kind.count.value is None else kind.count.value for kind in target.cores])
    taken = np.zeros(len(room))
    for tile in tiles:
        taken[tile.kind] += size(tile, target)
    return bool((taken <= room + 1e-9).all())


def first_fit(
    order: Iterable[int],
    tiles: Sequence[Tile],
    edges: Sequence[int],
    target: Target,
    units: Units,
    window: int,
    begun: Sequence[Packed],
) -> list[Packed]:
    """Every tile on the first core of its kind with room among the last `window`, else on a new one. `begun`: cores
    that have tiles already."""
    cores = list(begun)
    last: dict[int, list[int]] = {}
    for place, core in enumerate(cores):
        last.setdefault(core.kind, []).append(place)
    for n in order:
        alone = gathered(tiles, (int(n),), edges)
        of_kind = last.setdefault(alone.kind, [])
        for place in of_kind[-window:]:
            both = together(cores[place], alone, target.cores[alone.kind], units)
            if both is not None:
                cores[place] = both
                break
        else:
            of_kind.append(len(cores))
            cores.append(alone)
    return cores


def gathered(tiles: Sequence[Tile], numbers: Sequence[int], edges: Sequence[int]) -> Packed:
    """Some of the tiles on one core, whatever it has."""
    own = [tiles[n] for n in numbers]
    return Packed(
        own[0].kind,
        tuple(numbers),
        frozenset(tile.layer for tile in own),
        sum(tile.neurons for tile in own),
        {kind: sum(tile.stored[kind] for tile in own) for kind in own[0].stored},
        tuple(summed(column) for column in zip(*(tile.words for tile in own), strict=True)),
        np.unique(np.concatenate([tile.inputs for tile in own])),
        np.concatenate([tile.sends for tile in own]),
        sum(edges[n] for n in numbers),
        next((tile.core for tile in own if tile.core is not None), None),
    )


def together(one: Packed, other: Packed, core: Core, units: Units) -> Packed | None:
    """Both on one core, or None where they are too much for it; what they hear is compared last."""
    edges, neurons, layers = one.edges + other.edges, one.neurons + other.neurons, one.layers | other.layers
    limits = ((neurons, core.neurons), (edges, core.out_edges), (len(layers), core.layers))
    if any(limit.value is not None and need > limit.value for need, limit in limits):
        return None
    words = tuple(summed(pair) for pair in zip(one.words, other.words, strict=True))
    if any(use.over for use in uses(core, neurons, words, 0)):
        return None
    inputs, sends = np.union1d(one.inputs, other.inputs), np.concatenate([one.sends, other.sends])
    crossing = boundary(core, units, inputs, sends)
    if any(use.over for use in (*uses(core, neurons, words, len(inputs)), *crossing)):
        return None
    stored = {kind: count + other.stored[kind] for kind, count in one.stored.items()}
    tiles = (*one.tiles, *other.tiles)
    return Packed(one.kind, tiles, layers, neurons, stored, words, inputs, sends, edges, one.core)
