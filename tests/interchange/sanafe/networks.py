"""The networks that are compared with SANA-FE, deployed, and described neuron by neuron: `make chips` writes both.

`tests/golden/sanafe/NAME.talonhw` is the build, `NAME.npz` the same mapping for `record.py`, which knows nothing of us.
Connections are told from the weights of the quantised graph by plain loops, not from what the cores were told.

SANA-FE hears every spike one step after it was sent, so every sum takes one step here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from talon import hw, ir
from talon.ir.quantized import Quantized

TARGET = Path(__file__).with_name("chip.toml")
FOLDER = Path(__file__).parents[2] / "golden" / "sanafe"
STEPS, RATE = 30, 0.25


def weights(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def dense(rng: np.random.Generator) -> ir.Graph:
    """Three layers, one after the other."""
    nodes: dict[str, ir.Node] = {
        "in": ir.Input([16]),
        "a": ir.Affine(weights(rng, 40, 16)),
        "one": ir.IF(1.5, comparator="gt"),
        "b": ir.Affine(weights(rng, 30, 40) / 3),
        "two": ir.LIF(8.0, 1.0, 0.0, 0.1, comparator="gt"),
        "c": ir.Affine(weights(rng, 20, 30)),
        "three": ir.LIF(3.0, 3.0, 0.0, 2.0, comparator="gt"),
        "out": ir.Output([20]),
    }
    edges = [("in", "a"), ("one", "b"), ("two", "c"), ("three", "out")]
    later = [ir.Edge(*ends, delay=1) for ends in (("a", "one"), ("b", "two"), ("c", "three"))]
    return ir.Graph(nodes, [*edges, *later])


def recurrent(rng: np.random.Generator) -> ir.Graph:
    """A convolution that hears itself, and a layer that reads it."""
    nodes: dict[str, ir.Node] = {
        "in": ir.Input([2, 6, 6]),
        "conv": ir.Conv2d(weights(rng, 3, 2, 3, 3), padding=1),
        "map": ir.LIF(6.0, 6.0, 0.0, 2.5, comparator="gt"),
        "again": ir.Conv2d(weights(rng, 3, 3, 3, 3), padding=1),
        "flat": ir.Flatten(),
        "read": ir.Affine(weights(rng, 10, 108)),
        "last": ir.IF(5.0, comparator="gt"),
        "out": ir.Output([10]),
    }
    edges = [("in", "conv"), ("map", "again"), ("map", "flat"), ("flat", "read"), ("last", "out")]
    later = [ir.Edge(*ends, delay=1) for ends in (("conv", "map"), ("again", "map"), ("read", "last"))]
    return ir.Graph(nodes, [*edges, *later], allow_cycles=True)


NETWORKS: dict[str, Callable[[np.random.Generator], ir.Graph]] = {"dense": dense, "recurrent": recurrent}
FEEDS = {
    "dense": [("in", "a", "one"), ("one", "b", "two"), ("two", "c", "three")],
    "recurrent": [("in", "conv", "map"), ("map", "again", "map"), ("map", "read", "last")],
}
"""Which neurons hear which, by which weights."""


def quantised(name: str, target: hw.Target) -> tuple[ir.Graph, np.ndarray]:
    """The network in integers, and its input."""
    rng = np.random.default_rng(1)
    graph = NETWORKS[name](rng)
    entry = graph.nodes["in"]
    assert isinstance(entry, ir.Input)
    assert entry.shape is not None
    x = (rng.random((STEPS, 1, *entry.shape)) < RATE).astype(np.float32)
    return hw.quantize(graph, target=target, calibration=x), x


def integers(graph: ir.Graph, node: str) -> np.ndarray:
    holder = graph.nodes[node]
    assert isinstance(holder, ir.Primitive)
    held = holder.stored("weight")
    assert isinstance(held, Quantized)
    return np.asarray(held.integers)


def connections(weight: np.ndarray, shape: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """Sender, hearer and weight, of a convolution of 3 x 3 with a border of 1, or of a dense layer."""
    if weight.ndim == 2:
        for post, pre in np.ndindex(*weight.shape):
            yield pre, post, int(weight[post, pre])
        return
    outs, ins, *_ = weight.shape
    height, width = shape[1:]
    for o, y, x, i in itertools.product(range(outs), range(height), range(width), range(ins)):
        for down, right in itertools.product(range(3), range(3)):
            row, column = y + down - 1, x + right - 1
            if 0 <= row < height and 0 <= column < width:
                yield (i * height + row) * width + column, (o * height + y) * width + x, int(weight[o, i, down, right])


def described(name: str, graph: ir.Graph, build: hw.Build, x: np.ndarray) -> dict[str, np.ndarray]:
    """The mapping by neuron, in the order of the nodes: neurons 0 to N - 1, and the values of the Input after them."""
    chip = build.chip
    sizes = {layer.neuron: int(np.prod(layer.neurons)) for layer in chip.layers if layer.neuron is not None}
    first = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
    count = sum(sizes.values())
    core, threshold, factor = np.zeros(count, np.int64), np.zeros(count, np.int64), np.full(count, 4096)
    for tile in chip.tiles:
        layer = chip.layers[tile.layer]
        assert layer.neuron is not None
        assert tile.cells is not None
        assert not layer.shift
        seats = first[layer.neuron] + tile.cells.seats.ravel()
        core[seats] = tile.core
        threshold[seats] = np.broadcast_to(tile.cells.threshold, tile.form).ravel()
        if layer.decays:
            factor[seats] = np.broadcast_to(tile.cells.factor, tile.form).ravel()
    first["in"] = count
    found = [
        (first[sender] + pre, first[hearer] + post, weight)
        for sender, node, hearer in FEEDS[name]
        for pre, post, weight in connections(integers(graph, node), x.shape[2:])
    ]
    prices = {f"price/{row}": np.array(float(build.target.cost[row].value)) for row in ROWS}
    return {
        "mesh": np.array(build.target.noc["dims"].value, np.int16),
        "position": chip.positions.astype(np.int16),
        "core": core.astype(np.int16),
        "threshold": threshold.astype(np.int32),
        "factor": factor.astype(np.int16),
        "connections": np.array(found, np.int16),
        "x": x.reshape(STEPS, -1).astype(np.uint8),
        **prices,
    }


ROWS = (
    "synaptic_op",
    "neuron_update_active",
    "neuron_update_inactive",
    "spike_in_tile",
    "hop_east_west",
    "hop_north_south",
)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    target = hw.target(TARGET)
    for name in NETWORKS:
        graph, x = quantised(name, target)
        build = hw.deploy(graph, target, calibration=x)
        build.save(FOLDER / f"{name}.talonhw", overwrite=True)
        np.savez_compressed(FOLDER / f"{name}.npz", **described(name, graph, build, x))


if __name__ == "__main__":
    main()
