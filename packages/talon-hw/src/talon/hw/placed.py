"""A graph on a target: its layers, their tiles, and the cores that hold the tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from talon.hw.description import Target
from talon.hw.dividing import divided
from talon.hw.layers import Layer, layers_of
from talon.hw.packing import Packed, could, cut, out_edges, pack, too_many
from talon.hw.quantities import Quantity
from talon.hw.tiles import Tile
from talon.hw.units import Units, units_of
from talon.hw.wiring import Wiring, trace
from talon.hw.wishes import with_cores
from talon.ir.graph import Graph


@dataclass(frozen=True)
class Placed:
    """`tiled`: the tiles of every layer, None where it has none. `packed`: the cores in use."""

    target: Target
    wiring: Wiring
    units: Units
    layers: Sequence[Layer]
    tiled: Sequence[list[Tile] | None]
    packed: Sequence[Packed]
    undivided: Mapping[int, str]
    """Layers whose inputs would have to be divided over cores and may not be, by their number: why not."""

    @cached_property
    def tiles(self) -> list[Tile]:
        return [tile for found in self.tiled for tile in found or ()]

    @cached_property
    def names(self) -> list[str]:
        """What the layers are called: their nodes, by path."""
        labels = [f", {layer.label}" if layer.label else "" for layer in self.layers]
        return [" + ".join(self.paths(number)) + label for number, label in enumerate(labels)]

    def paths(self, number: int) -> tuple[str, ...]:
        """The nodes of a layer."""
        return tuple(self.wiring.path(member) for member in self.layers[number].members)

    @cached_property
    def fan_ins(self) -> list[int]:
        """The most connections into one unit, by layer."""
        return [layer.fan_in() for layer in self.layers]

    @cached_property
    def fan_outs(self) -> list[int]:
        """The most connections out of one unit, by layer."""
        return [int(self.units.fan_out[layer.sends].max()) for layer in self.layers]

    @cached_property
    def out_edges(self) -> list[int]:
        """Out-edges of every core."""
        heard, sent = [core.inputs for core in self.packed], [core.sends for core in self.packed]
        return out_edges(heard, sent, self.units.leaving)

    def most(self, limit: str) -> Quantity:
        """The most generous number that the kinds of cores have for a limit; one without a value where one has none."""
        each: list[Quantity] = [getattr(core, limit) for core in self.target.cores]
        none = next((quantity for quantity in each if quantity.value is None), None)
        return none or max(each, key=lambda quantity: quantity.value)

    def sends_values(self, number: int) -> bool:
        """Whether other layers hear values, which are no spikes, from a layer. What picks among spikes sends spikes."""
        layer = self.layers[number]
        picks = self.wiring.roles[layer.members[0]] == "pick"
        return not layer.spiking and not picks and self.fan_outs[number] > 0


FINER = (2, 4, 8, 16)
"""Tiles of so many parts of a core, where larger ones take too many cores: small ones fill what those leave."""


def place(graph: Graph, target: Target, host: frozenset[str] = frozenset()) -> Placed:
    """Cut the layers of a graph into tiles, and put the tiles on cores. `host`: nodes that stay outside the chip, by
    the names of the flat graph."""
    wiring = trace(graph.flatten(), target.noc["pooling"] is True, host)
    layers, undivided = divided(with_cores(layers_of(wiring), wiring, target), wiring, target)
    units = units_of(wiring, layers)
    tiled = cut(layers, target, units)
    packed = pack([tile for found in tiled for tile in found or ()], target, units)
    if None not in tiled and too_many(packed, target):
        for parts in FINER:
            finer = cut(layers, target, units, parts=parts)
            tiles = [tile for found in finer for tile in found or ()]
            if None in finer or not could(tiles, target):
                break
            other = pack(tiles, target, units)
            if len(other) < len(packed):
                tiled, packed = finer, other
            if not too_many(packed, target):
                break
    return Placed(target, wiring, units, layers, tiled, packed, undivided)


def layers_by_core(placed: Placed) -> np.ndarray:
    """For every layer, how many cores have a tile of it."""
    found = np.zeros(len(placed.layers), np.int64)
    for core in placed.packed:
        found[list(core.layers)] += 1
    return found
