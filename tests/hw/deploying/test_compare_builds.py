"""A build as a side of a comparison: what it was made of agrees, and a fault in one tile is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import compare
from tests.hw.chips import chip
from tests.hw.deploying.agreeing import ROOMY

RNG = np.random.default_rng(27)
X = (RNG.random((10, 4, 8)) < 0.5).astype(np.float32)
NET = ir.Graph.chain(
    x=ir.Input([8]),
    fc=ir.Affine(RNG.standard_normal((12, 8)) * 0.8),
    cell=ir.LIF(3.0, 2.0, 0.0, 0.9),
    fc2=ir.Affine(RNG.standard_normal((6, 12)) * 0.6),
    cell2=ir.LIF(2.0, 2.0, 0.0, 0.7),
    y=ir.Output([6]),
)
TARGET = chip({**ROOMY, "neurons": 4})
QUANTISED = hw.quantize(NET, TARGET, calibration=X)
BUILD = hw.deploy(QUANTISED, TARGET, calibration=X)


def test_a_build_is_what_it_was_made_of() -> None:
    assert BUILD.cores > 2
    for sides in ((QUANTISED, BUILD), (BUILD, QUANTISED)):
        told = compare(*sides, X, engine="integer")
        assert told.equal
        assert set(told.nodes) >= {"cell", "cell2", "y"}
        assert "Build" in told.a + told.b


def test_a_float_network_beside_its_build_is_as_beside_its_integers() -> None:
    beside, integers = compare(NET, BUILD, X), compare(NET, QUANTISED, X)
    assert not beside.equal
    assert {path: node.parted for path, node in beside.nodes.items()} == {
        path: node.parted for path, node in integers.nodes.items()
    }
    first, expected = beside.first_spike, integers.first_spike
    assert first is not None
    assert expected is not None
    assert (first.node, first.step, first.batch, first.element) == (
        expected.node, expected.step, expected.batch, expected.element
    )  # fmt: skip
    assert (first.a, first.b) == (expected.a, expected.b)


def broken(number: int, neuron: int) -> hw.Build:
    """The build with another weight for the first input of one neuron of a tile."""
    tiles = list(BUILD.chip.tiles)
    tile = tiles[number]
    (part,) = tile.parts
    assert part.weight is not None
    weight = part.weight.copy()
    weight[neuron, 0] = -weight[neuron, 0] + 60
    tiles[number] = replace(tile, parts=(replace(part, weight=weight),))
    return replace(BUILD, chip=replace(BUILD.chip, tiles=tuple(tiles)))


TILES = range(len(BUILD.chip.tiles))


@pytest.mark.parametrize("number", TILES)
def test_a_wrong_weight_of_one_tile_is_found(number: int) -> None:
    tile = BUILD.chip.tiles[number]
    layer = BUILD.chip.layers[tile.layer]
    assert layer.neuron is not None
    assert tile.cells is not None
    neuron = tile.size - 1
    told = compare(QUANTISED, broken(number, neuron), X, engine="integer")
    assert not told.equal
    seat = int(tile.cells.seats.ravel()[neuron])
    firsts = told.nodes[layer.neuron].firsts
    membrane = firsts["v"]
    assert membrane.element == (seat,)
    # The first step in which the input of this weight is heard.
    heard = X[:, :, 0] if layer.neuron == "cell" else spikes_of("cell")[:, :, 0]
    assert membrane.step == int(heard.any(axis=1).argmax())
    if layer.neuron == "cell2":
        assert not told.nodes["cell"].firsts


def spikes_of(path: str) -> np.ndarray:
    return hw.run(QUANTISED, X, engine="integer", record=f"{path}.spikes").records[f"{path}.spikes"]


def test_what_a_build_tells_of_a_wrong_weight_names_all() -> None:
    told: Any = compare(QUANTISED, broken(0, 0), X, engine="integer")
    text = str(told)
    first = told.nodes[BUILD.chip.layers[BUILD.chip.tiles[0].layer].neuron].firsts["v"]
    assert f"step {first.step}" in text
    assert "cell" in text
    assert str(list(first.element)) in text or str(first.element) in text
