"""Hypergraphs to map: neurons of a convolutional network or that reach their surroundings, tiles of a deep network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from talon.hw.mapping import Hypergraph, Limits


@dataclass(frozen=True)
class Case:
    """What is mapped, on cores of which limits."""

    name: str
    hypergraph: Hypergraph
    limits: Limits

    @property
    def synapses(self) -> int:
        """Pairs of a sender and one that hears it."""
        return len(self.hypergraph.pins)


def neurons(name: str, source: np.ndarray, target: np.ndarray, rates: np.ndarray, capacity: int) -> Case:
    """Every neuron a vertex and a net, however often it reaches the same neuron."""
    count = len(rates)
    pairs = np.unique(source.astype(np.int64) * count + target)
    offsets = np.searchsorted(pairs // count, np.arange(count + 1))
    ones = np.ones(count, np.int64)
    h = Hypergraph(ones[:, None], np.arange(count), offsets, pairs % count, rates, ones)
    return Case(name, h, Limits((capacity,)))


def convolutional(seed: int = 0) -> Case:
    """28 x 28 inputs, 16 and 32 maps behind kernels of 4 x 4 that go two steps at a time, 128 and 10 behind these."""
    maps, side = [1, 16, 32], [28, 14, 7]
    first = np.cumsum([0, *(m * s * s for m, s in zip(maps, side, strict=True)), 128, 10])
    source, target = [], []
    for layer in (0, 1):
        y, x, ky, kx = np.indices((side[layer + 1], side[layer + 1], 4, 4)).reshape(4, -1)
        row, column = 2 * y + ky - 1, 2 * x + kx - 1
        inside = (row >= 0) & (row < side[layer]) & (column >= 0) & (column < side[layer])
        start = (row * side[layer] + column)[inside]
        end = (y * side[layer + 1] + x)[inside]
        a, b = np.indices((maps[layer], maps[layer + 1])).reshape(2, -1, 1)
        source.append((first[layer] + a * side[layer] ** 2 + start).ravel())
        target.append((first[layer + 1] + b * side[layer + 1] ** 2 + end).ravel())
    for layer in (2, 3):
        a, b = np.meshgrid(np.arange(first[layer], first[layer + 1]), np.arange(first[layer + 1], first[layer + 2]))
        source.append(a.ravel())
        target.append(b.ravel())
    rates = np.random.default_rng(seed).integers(1, 20, first[-1])
    return neurons("conv28", np.concatenate(source), np.concatenate(target), rates, 256)


def surroundings(side: int, fan: int, capacity: int, spread: float = 3.0, seed: int = 0) -> Case:
    """`side` x `side` neurons on a torus, each reaching `fan` others drawn around it; their numbers are shuffled."""
    rng = np.random.default_rng(seed)
    count = side * side
    source = np.repeat(np.arange(count), fan)
    down = np.rint(rng.normal(0, spread, len(source))).astype(int)
    right = np.rint(rng.normal(0, spread, len(source))).astype(int)
    names = rng.permutation(count)
    target = (source // side + down) % side * side + (source % side + right) % side
    rates = rng.integers(1, 20, count)
    return neurons(f"local {side} x {side}", names[source], names[target], rates, capacity)


def tiles(layers: int = 10, side: int = 16, blocks: int = 4, seed: int = 0) -> Case:
    """Tiles of a deep convolutional network: each of 16 neurons, one of `blocks` blocks of channels on one of
    `side` x `side` places, heard by all blocks of the next layer on its place and around it. A core takes 256 neurons,
    the weights of a few tiles, which differ from layer to layer, and 1,024 axons."""
    rng = np.random.default_rng(seed)
    layer, y, x = np.indices((layers, side, side, blocks)).reshape(4, -1)[:3]
    count = len(layer)
    dy, dx, b = np.indices((3, 3, blocks)).reshape(3, -1, 1) - np.array([1, 1, 0])[:, None, None]
    row, column = y + dy, x + dx
    inside = (row >= 0) & (row < side) & (column >= 0) & (column < side) & (layer + 1 < layers)
    source = np.broadcast_to(np.arange(count), inside.shape)[inside]
    target = ((((layer + 1) * side + row) * side + column) * blocks + b)[inside]
    pairs = np.sort(source * count + target)
    sixteen = np.full(count, 16)
    resources = np.column_stack([sixteen, rng.integers(200, 1200, layers)[layer]])
    offsets = np.searchsorted(pairs // count, np.arange(count + 1))
    h = Hypergraph(resources, np.arange(count), offsets, pairs % count, rng.integers(1, 500, count), sixteen)
    return Case(f"{count:,} tiles", h, Limits((256, 16384), in_axons=1024, out_edges=None))


CASES: dict[str, Callable[[], Case]] = {
    "conv28": convolutional,
    "local 128 x 128": lambda: surroundings(128, 50, 256),
    "local 316 x 316": lambda: surroundings(316, 28, 1024),
    "1,000 tiles": lambda: tiles(side=5),
    "10,240 tiles": tiles,
}
