"""Cores: tiles put together on cores, first fit in the order of the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from talon.hw.description import Target
from talon.hw.layers import Layer
from talon.hw.tiles import Tile, split, uses

OPEN = 32
"""How many of the last cores a tile is tried on, so that packing stays linear."""
ROUNDS = 8
"""How often layers are cut anew because too many cores hear their tiles."""


@dataclass(frozen=True)
class Packed:
    """One core: its tiles (by number), what they store and hear, and the out-edges they need at most."""

    tiles: tuple[int, ...]
    neurons: int
    stored: Mapping[str, int]
    inputs: np.ndarray
    edges: int


def cut(layers: Sequence[Layer], target: Target, leaving: np.ndarray) -> list[list[Tile] | None]:
    """The tiles of every layer; None where a single unit is too much for a core.

    `leaving`: for every unit, how many Outputs read it. A layer whose tiles would have more out-edges than a core has
    is cut into smaller ones; that makes more tiles for others to reach, so it is repeated.
    """
    tiled = [split(layer, n, target, layer.size) for n, layer in enumerate(layers)]
    limit = target.core.out_edges.value
    for _ in range(ROUNDS):
        if limit is None:
            break
        tiles = [t for found in tiled for t in found or ()]
        most: dict[int, int] = {}
        for tile, count in zip(tiles, tile_edges(tiles, leaving), strict=True):
            if count > limit:
                cap = max(1, tile.neurons * limit // count)
                most[tile.layer] = min(cap, most.get(tile.layer, cap))
        if not most:
            break
        for n, cap in most.items():
            tiled[n] = split(layers[n], n, target, cap)
    return tiled


def out_edges(heard: Sequence[np.ndarray], sent: Sequence[np.ndarray], leaving: np.ndarray) -> list[int]:
    """Edges that leave each place: pairs of a unit that it sends and a place that hears the unit.

    `heard` and `sent`: unit numbers by place, each once; `leaving`: for every unit, how many Outputs read it.
    """
    reached = leaving.copy()
    for units in heard:
        reached[units] += 1
    return [int(reached[units].sum()) for units in sent]


def tile_edges(tiles: Sequence[Tile], leaving: np.ndarray) -> list[int]:
    """Out-edges of every tile while each has a core to itself."""
    return out_edges([tile.inputs for tile in tiles], [tile.sends for tile in tiles], leaving)


def pack(tiles: Sequence[Tile], target: Target, leaving: np.ndarray) -> list[Packed]:
    """The tiles on as few cores as first fit finds. Tiles that share a core never need more edges than apart."""
    edges = tile_edges(tiles, leaving)
    cores: list[Packed] = []
    for n, tile in enumerate(tiles):
        alone = Packed((n,), tile.neurons, tile.stored, tile.inputs, edges[n])
        for place in range(max(0, len(cores) - OPEN), len(cores)):
            both = together(cores[place], alone, target)
            if both is not None:
                cores[place] = both
                break
        else:
            cores.append(alone)
    return cores


def together(core: Packed, tile: Packed, target: Target) -> Packed | None:
    """The core with the tile, or None where they are too much for one; what they hear is compared last."""
    edges, neurons = core.edges + tile.edges, core.neurons + tile.neurons
    for need, limit in ((neurons, target.core.neurons.value), (edges, target.core.out_edges.value)):
        if limit is not None and need > limit:
            return None
    stored = {kind: count + tile.stored[kind] for kind, count in core.stored.items()}
    if any(use.over for use in uses(target, neurons, stored, 0)):
        return None
    inputs = np.union1d(core.inputs, tile.inputs)
    if any(use.over for use in uses(target, neurons, stored, len(inputs))):
        return None
    return Packed((*core.tiles, *tile.tiles), neurons, stored, inputs, edges)
