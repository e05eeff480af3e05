"""`check`: does a graph fit on a target, and if not, what is missing, by how much, and what can be done."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import numpy as np

from talon.hw import problems
from talon.hw.description import Target
from talon.hw.description import target as find_target
from talon.hw.layers import Layer, layers_of
from talon.hw.packing import cut, out_edges, pack
from talon.hw.report import CoreUse, FitReport, LayerUse, Use
from talon.hw.tiles import Tile, contents, heard, uses
from talon.hw.wiring import Wiring, trace
from talon.ir.graph import Graph


def check(graph: Graph, target: Target | str | os.PathLike[str]) -> FitReport:
    """How `graph` lies on `target` (an object, a name, or the path of a `.toml`), with every problem at once.

    Works from declarations and shapes alone: no weight is read. Layers are cut into tiles that fit a core, and tiles
    share cores by first fit, so `cores` is what this packing takes, not the least possible. What stands outside the
    chip (Inputs, and primitives that no core can hold) takes no core. Raises `TalonGraphError` when shapes do not meet
    or stay open, `TalonTargetError` for a cycle that holds nothing (T504), and what `talon.hw.target` raises.
    """
    target = find_target(target)
    wiring = trace(graph.flatten())
    layers = layers_of(wiring)
    leaving = read_by_outputs(wiring)
    tiled = cut(layers, target, leaving)
    tiles = [tile for found in tiled for tile in found or ()]
    packed = pack(tiles, target, leaving)
    names = [" + ".join(wiring.path(n) for n in layer.members) for layer in layers]
    sharing = Counter(layer for core in packed for layer in {tiles[t].layer for t in core.tiles})
    layer_uses = tuple(
        layer_use(target, wiring, layer, name, found or (), sharing[n])
        for n, (layer, name, found) in enumerate(zip(layers, names, tiled, strict=True))
    )
    sent = [np.concatenate([tiles[t].sends for t in core.tiles]) for core in packed]
    edges = out_edges([core.inputs for core in packed], sent, leaving)
    core_uses = tuple(
        CoreUse(
            tuple(names[n] for n in sorted({tiles[t].layer for t in core.tiles})),
            (*uses(target, core.neurons, core.stored, len(core.inputs)), out_edge_use(target, count)),
        )
        for core, count in zip(packed, edges, strict=True)
    )
    total = totals(target, layers, len(packed))
    found = [
        *problems.illegal(wiring, target),
        *problems.indivisible(target, layers, layer_uses, tiled, leaving),
        *problems.too_large(target, total),
        *problems.unknown(target, wiring, layer_uses, core_uses, [core.stored for core in packed]),
    ]
    return FitReport(
        target.id,
        target.hash,
        target.core.count.value,
        None not in tiled,
        layer_uses,
        core_uses,
        total,
        tuple(sorted(found, key=lambda finding: finding.severity != "error")),
    )


def read_by_outputs(wiring: Wiring) -> np.ndarray:
    """For every unit, how many Outputs read it: its values leave the chip once for each."""
    read = np.zeros(wiring.count, np.int64)
    for number, node in enumerate(wiring.nodes):
        if type(node).__name__ == "Output":
            for wires in wiring.arriving(number):
                read[np.unique(wires[wires >= 0])] += 1
    return read


def layer_use(target: Target, wiring: Wiring, layer: Layer, name: str, tiles: Sequence[Tile], cores: int) -> LayerUse:
    """The row of one layer: sums over its tiles, or the whole layer where it has none."""
    if tiles:
        stored = {kind: sum(tile.stored[kind] for tile in tiles) for kind in tiles[0].stored}
        axons = max(len(tile.inputs) for tile in tiles)
    else:
        stored = contents(layer, layer.shape)
        axons = len(heard(layer, tuple((0, n) for n in layer.shape)))
    return LayerUse(
        name,
        tuple(wiring.path(n) for n in layer.members),
        len(tiles),
        cores,
        layer.spiking,
        layer.fan_in(),
        tuple(uses(target, layer.size, stored, axons, max(cores, 1))),
    )


def out_edge_use(target: Target, count: int) -> Use:
    return Use("out-edges", count, target.core.out_edges.value, "edges")


def totals(target: Target, layers: Sequence[Layer], cores: int) -> tuple[Use, ...]:
    """What the whole graph needs of the whole target, each value stored once; and the cores that packing takes."""
    stored: Counter[str] = Counter()
    for layer in layers:
        stored.update(contents(layer, layer.shape))
    count = target.core.count.value
    whole = uses(target, sum(layer.size for layer in layers), stored, 0, count)
    return (*(use for use in whole if use.resource != "in-axons"), Use("cores", cores, count, "cores"))
