"""Properties of the cut: tiles cover a layer exactly, respect every limit, and hear what the primitive really reads."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.hw.cutting import sizes
from talon.hw.families import FAMILIES, Window
from talon.hw.layers import Layer, layers_of
from talon.hw.packing import cut, out_edges, pack
from talon.hw.tiles import Tile, heard
from talon.hw.units import units_of
from talon.hw.wiring import trace

CHAIN = st.lists(st.sampled_from(["conv", "stride", "depthwise", "pool", "up", "skip"]), min_size=1, max_size=4)


def convolutional(kinds: list[str], side: int, channels: int, outputs: int) -> ir.Graph:
    """A network of these layers on `channels` x side x side, spiking after each, and a dense layer at the end."""
    nodes: dict[str, ir.Node] = {"in": ir.Input([channels, side, side])}
    edges: list[tuple[str, str]] = []
    last, size = "in", side

    def add(name: str, node: ir.Node, *sources: str) -> str:
        nodes[name] = node
        edges.extend((source, name) for source in sources)
        return name

    def kernel(groups: int = 1, stride: int = 1) -> ir.Conv2d:
        weight = np.zeros((channels, channels // groups, 3, 3), np.float32)
        return ir.Conv2d(weight, None, stride=stride, padding=1, groups=groups)

    for n, kind in enumerate(kinds):
        before = last
        if kind == "pool" and size > 1:
            last, size = add(f"pool{n}", ir.MaxPool2d(2), last), size // 2
        elif kind == "up":
            last, size = add(f"up{n}", ir.Upsample(2), last), size * 2
            last = add(f"conv{n}", kernel(), last)
        elif kind == "stride":
            last, size = add(f"conv{n}", kernel(stride=2), last), (size + 1) // 2
        else:
            last = add(f"conv{n}", kernel(channels if kind == "depthwise" else 1), last)
        last = add(f"n{n}", ir.IF(1.0), *((last, before) if kind == "skip" else (last,)))
    last = add("flat", ir.Flatten(), last)
    last = add("fc", ir.Affine(np.zeros((outputs, channels * size * size), np.float32)), last)
    add("out", ir.Output([outputs]), add("m", ir.LIF(2.0, 1.0, 0.0, 1.0), last))
    return ir.Graph(nodes, edges)


@settings(max_examples=60, deadline=None)
@given(
    kinds=CHAIN,
    side=st.integers(1, 6),
    channels=st.integers(1, 3),
    outputs=st.integers(1, 9),
    limits=st.fixed_dictionaries(
        {
            "neurons": st.integers(1, 40),
            "in_axons": st.integers(1, 120),
            "out_edges": st.integers(20, 400),
            "weight_words": st.integers(1, 400),
            "state_words": st.integers(1, 40),
        }
    ),
)
def test_tiles_cover_every_layer_once_and_respect_every_limit(
    mesh: Callable[..., hw.Target], kinds: list[str], side: int, channels: int, outputs: int, limits: dict[str, int]
) -> None:
    graph, target = convolutional(kinds, side, channels, outputs), mesh(**limits)
    wiring = trace(graph.flatten())
    layers = layers_of(wiring)
    units = units_of(wiring, layers)
    leaving = units.leaving
    tiled = cut(layers, target, units)
    assert Counter(m for layer in layers for m in layer.members).most_common(1)[0][1] == 1
    placed = np.zeros(wiring.count, np.int64)
    for layer, tiles in zip(layers, tiled, strict=True):
        if tiles is None:
            assert one_unit_is_too_much(layer, limits)
            continue
        covered = np.zeros(layer.shape, np.int64)
        for tile in tiles:
            covered[tuple(slice(*ends) for ends in tile.box)] += 1
            placed[tile.sends] += 1
            assert within(tile, limits)
        assert (covered == 1).all()
    assert placed.max(initial=0) <= 1
    tiles = [tile for found in tiled for tile in found or ()]
    packed = pack(tiles, target, units)
    assert sorted(n for core in packed for n in core.tiles) == list(range(len(tiles)))
    sent = [np.concatenate([tiles[n].sends for n in core.tiles]) for core in packed]
    edges = out_edges([core.inputs for core in packed], sent, leaving)
    for core, count in zip(packed, edges, strict=True):
        assert count <= core.edges
        assert len(core.inputs) == len(set().union(*(tiles[n].inputs.tolist() for n in core.tiles)))
        assert core.neurons == sum(tiles[n].neurons for n in core.tiles)
        assert within(core, limits)
        assert len(core.tiles) == 1 or core.edges <= limits["out_edges"]
    # Every edge that arrives at a core leaves one, or comes from outside.
    inside = sum(int((placed[core.inputs] > 0).sum()) for core in packed)
    assert sum(edges) == inside + int(leaving[placed > 0].sum())


def within(part: object, limits: dict[str, int]) -> bool:
    """Whether a tile or core keeps the limits; a bias takes three words, everything else one."""
    stored = part.stored  # type: ignore[attr-defined]
    return bool(
        part.neurons <= limits["neurons"]  # type: ignore[attr-defined]
        and len(part.inputs) <= limits["in_axons"]  # type: ignore[attr-defined]
        and stored["weights"] + 3 * stored["biases"] <= limits["weight_words"]
        and stored["membranes"] + stored["parameters"] <= limits["state_words"]
    )


def one_unit_is_too_much(layer: Layer, limits: dict[str, int]) -> bool:
    units = np.ndindex(*layer.shape)
    axons = max(len(heard(layer, tuple((i, i + 1) for i in unit))) for unit in units)
    return layer.weights + 3 * layer.biases > limits["weight_words"] or axons > limits["in_axons"]


LINEAR = {
    "dense": (ir.Affine(np.ones((4, 6))), (6,)),
    "dense on rows": (ir.Affine(np.ones((4, 6))), (3, 6)),
    "conv1d": (ir.Conv1d(np.ones((4, 1, 3)), stride=2, padding=1, dilation=2, groups=2), (2, 9)),
    "conv": (ir.Conv2d(np.ones((4, 2, 3, 2)), stride=(1, 2), padding=(2, 0)), (2, 5, 6)),
    "same": (ir.Conv2d(np.ones((2, 1, 4, 4)), padding="same", groups=2), (2, 5, 5)),
    "grouped, dilated": (ir.Conv2d(np.ones((6, 2, 2, 2)), dilation=(2, 3), padding=1, groups=3), (6, 5, 6)),
    "depthwise": (ir.SDConv(np.ones((3, 1, 5, 5)), padding=2), (3, 4, 4)),
    "mean, ceil": (ir.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), (2, 6, 7)),
    "maximum": (ir.MaxPool2d(2, stride=1, dilation=2), (2, 5, 6)),
}


@pytest.mark.parametrize("case", LINEAR)
def test_windows_are_what_the_primitive_reads(case: str) -> None:
    """One input at a time is set: the outputs that change are the ones that read it."""
    node, shape = LINEAR[case]
    after = node.infer(shape)
    need_of = FAMILIES[type(node).__name__].need
    assert need_of is not None
    need = need_of(node, shape, after)
    size = math.prod(shape)
    state = node.init_state(size, (shape,), np.dtype(np.float64))
    given_one = np.eye(size).reshape(size, *shape)
    read = np.asarray(node.step(0, state, given_one)).reshape(size, -1) != 0
    for place, unit in enumerate(np.ndindex(*after)):
        index = need.reads(tuple((i, i + 1) for i in unit))
        found = np.zeros(shape, bool)
        found[np.ix_(*index)] = True
        assert (found.ravel() == read[:, place]).all(), unit
    assert need.fan_in(np.ones(shape, np.int64)) == read.sum(axis=0).max()
    whole = need.reads(tuple((0, n) for n in after))
    assert math.prod(map(len, whole)) == read.any(axis=1).sum()


def test_fan_in_adds_up_the_sources_of_every_input() -> None:
    need = Window(outputs=3, inputs=5, taps=3)
    counts = np.array([1, 0, 2, 1, 4])
    assert need.gather(counts, 0).tolist() == [3, 3, 7]


@given(st.integers(1, 300))
def test_block_sizes_give_different_numbers_of_blocks(length: int) -> None:
    counts = [-(-length // size) for size in sizes(length)]
    assert counts == sorted(set(counts))
    assert counts[0] == 1
    assert counts[-1] == length


def test_the_fewest_tiles_are_found_by_trying_all_blocks(mesh: Callable[..., hw.Target]) -> None:
    graph = convolutional(["conv"], 6, 3, 2)
    target = mesh(neurons=30, in_axons=72, weight_words=60)
    wiring = trace(graph.flatten())
    layer = layers_of(wiring)[0]
    (tiles, *_) = cut([layer], target, units_of(wiring, [layer]))
    assert tiles is not None
    limits = {"neurons": 30, "in_axons": 72, "weight_words": 60, "state_words": 8192}
    best = math.inf
    for channels in range(1, 4):
        for rows in range(1, 7):
            boxes = [
                ((c, min(c + channels, 3)), (r, min(r + rows, 6)), (0, 6))
                for c in range(0, 3, channels)
                for r in range(0, 6, rows)
            ]
            parts = [whole(layer, box) for box in boxes]
            if all(within(part, limits) for part in parts):
                best = min(best, len(parts))
    # Two channels and two rows: four rows of three channels are 72 axons.
    assert len(tiles) == best == 6


def whole(layer: Layer, box: tuple[tuple[int, int], ...]) -> Tile:
    form = [end - start for start, end in box]
    stored = {"weights": 27 * form[0], "biases": 0, "membranes": math.prod(form), "parameters": 0}
    return Tile(0, 0, box, math.prod(form), stored, (), heard(layer, box), np.empty(0, np.int64))
