"""Every primitive that integers compute, on one core and cut over many: the same bits as the integer engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.hw.integers.pieces import PIECES
from tests.hw.chips import chip
from tests.hw.deploying.agreeing import ANYWHERE, ROOMY, agree, split

RNG = np.random.default_rng(21)


def normal(*shape: int, size: float = 1.0) -> np.ndarray:
    return (RNG.standard_normal(shape) * size).astype(np.float32)


def spikes(*shape: int, rate: float = 0.4) -> np.ndarray:
    return (RNG.random(shape) < rate).astype(np.float32)


def lif(**fields: Any) -> ir.LIF:
    return ir.LIF(3.0, 2.0, 0.0, 0.7, **fields)


CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((8, 3, 3, 3), (3, 6, 7), {}),
    ((8, 3, 3, 3), (3, 6, 7), {"stride": 2, "padding": 1}),
    ((5, 2, 2, 4), (2, 7, 6), {"padding": "same", "dilation": (1, 2)}),
    ((4, 2, 2, 2), (2, 9, 9), {"stride": 4}),
    ((4, 2, 1, 1), (2, 5, 6), {"stride": (3, 2)}),
    ((3, 2, 3, 2), (2, 9, 8), {"dilation": (3, 2), "padding": (2, 0), "stride": (2, 1)}),
    ((9, 2, 3, 3), (6, 5, 5), {"groups": 3, "padding": 1}),
    ((12, 1, 3, 3), (6, 5, 4), {"groups": 6, "padding": "same"}),
    ((7, 1, 3, 3), (7, 4, 4), {"groups": 7, "padding": 2, "dilation": 2}),
    ((1, 1, 3, 3), (1, 6, 6), {}),
    ((1, 1, 1, 1), (1, 1, 1), {}),
    ((4, 2, 5, 5), (2, 3, 3), {"padding": 4}),
    # Outputs that read nothing but zeros.
    ((4, 2, 2, 2), (2, 3, 3), {"padding": 3}),
    ((2, 3, 4, 2, 2), (4, 5, 5), {"bias_steps": 2}),
]


@pytest.mark.parametrize(("weight", "shape", "fields"), CONVOLUTIONS, ids=str)
def test_convolutions(weight: tuple[int, ...], shape: tuple[int, ...], fields: dict[str, Any]) -> None:
    """A cut goes through channels, through groups of them, and through the map with its halo."""
    fields = dict(fields)
    steps = fields.pop("bias_steps", None)
    outs = weight[-4]
    bias = normal(outs, size=0.2) if steps is None else normal(steps, outs, size=0.2)
    graph = ir.Graph.chain(ir.Input(shape), ir.Conv2d(normal(*weight), bias, **fields), lif(), ir.Output(None))
    split(graph, spikes(6, 2, *shape))


@pytest.mark.parametrize("fields", [{}, {"stride": 3, "padding": 2}, {"groups": 2, "dilation": 2}], ids=str)
def test_convolutions_over_one_axis(fields: dict[str, Any]) -> None:
    weight = normal(6, 4 // int(fields.get("groups", 1)), 3)
    split(ir.Graph.chain(ir.Input([4, 11]), ir.Conv1d(weight, **fields), lif(), ir.Output(None)), spikes(6, 2, 4, 11))


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)], ids=str)
def test_dense_layers(lead: tuple[int, ...]) -> None:
    """With axes in front, which share the weights."""
    graph = ir.Graph.chain(
        ir.Input([*lead, 7]),
        ir.SpikingAffine(normal(5, 7), normal(5), weight_bits=4),
        lif(),
        ir.Affine(normal(4, 5)),
        ir.IF(0.8, reset="subtract"),
        ir.Output(None),
    )
    split(graph, spikes(8, 3, *lead, 7))


def test_spiking_convolutions() -> None:
    graph = ir.Graph.chain(
        ir.Input([2, 6, 6]),
        ir.SConv(normal(4, 2, 3, 3), padding=1),
        ir.IF(0.8),
        ir.SDConv(normal(4, 1, 2, 2), normal(4)),
        ir.IF(0.5, reset="subtract"),
        ir.Output(None),
    )
    split(graph, spikes(8, 2, 2, 6, 6))


def test_weights_by_step() -> None:
    """Runs of more steps than there are weights, and of fewer."""
    for steps in (2, 8):
        chain = ir.Graph.chain(
            ir.Input([6]), ir.Affine(normal(3, 5, 6), normal(2, 5, size=0.2)), ir.IF(0.7), ir.Output([5])
        )
        split(chain, spikes(steps, 2, 6))


POOLS: list[Any] = [
    ir.MaxPool2d(),
    ir.MaxPool2d(3, stride=2, padding=1, dilation=1),
    ir.MaxPool2d(2, stride=1, dilation=2),
    ir.MaxPool2d(3, stride=2, ceil_mode=True),
    ir.MaxPool2d(1, stride=3),
    ir.AvgPool2d(2),
    ir.AvgPool2d(3, stride=2, padding=1),
    ir.AvgPool2d((2, 3), stride=(2, 1)),
    ir.AvgPool2d(2, stride=3),
]


@pytest.mark.parametrize("pool", POOLS, ids=repr)
def test_pools_of_spikes(pool: ir.Node) -> None:
    graph = ir.Graph.chain(
        ir.Input([2, 8, 8]),
        ir.Conv2d(normal(4, 2, 3, 3), padding=1),
        ir.IF(0.8),
        pool,
        ir.Conv2d(normal(4, 4, 2, 2)),
        ir.LIF(2.0, 2.0, 0.0, 0.5),
        ir.Output(None),
    )
    split(graph, spikes(6, 2, 2, 8, 8))


@pytest.mark.parametrize("pool", POOLS, ids=repr)
def test_pools_of_sums(pool: ir.Node) -> None:
    """Sums cross between cores where the layer and its neurons do not share one."""
    graph = ir.Graph.chain(
        ir.Input([2, 8, 8]),
        ir.Conv2d(normal(4, 2, 3, 3), normal(4), padding=1),
        pool,
        ir.LIF(2.0, 2.0, 0.0, 0.3),
        ir.Output(None),
    )
    split(graph, spikes(6, 2, 2, 8, 8), changes={"payload__bits": 24})


def test_a_window_that_the_map_ends_within_reads_what_is_there() -> None:
    """Eight of nine rows: the sums of the layer behind are no larger than that."""
    graph = ir.Graph.chain(
        ir.Input([2, 8, 8]),
        ir.IF(0.8),
        ir.AvgPool2d((9, 2), ceil_mode=True),
        ir.Conv2d(normal(4, 2, 1, 1)),
        ir.LIF(2.0, 2.0, 0.0, 0.5),
        ir.Output(None),
    )
    split(graph, spikes(6, 2, 2, 8, 8), changes={"payload__bits": 24})


def test_sums_of_a_layer_whose_inputs_are_divided_are_read_by_another() -> None:
    """Parts of the layer are bounded together by what the whole can sum up."""
    graph = ir.Graph.chain(
        ir.Input([36]),
        ir.Affine(normal(4, 36), 9 * normal(4)),
        ir.Affine(normal(3, 4)),
        ir.LIF(2.0, 2.0, 0.0, 0.5),
        ir.Output(None),
    )
    x = spikes(6, 2, 36)
    quantised = hw.quantize(graph, chip(ROOMY), calibration=x)
    target = chip({**ROOMY, "in_axons": 20}, payload__bits=40, **ANYWHERE)
    ((build, _),) = agree(quantised, x, [target])
    assert sum("inputs" in name for layer in build.chip.layers for name in layer.members) == 2


def test_pools_of_inputs_and_of_spikes_by_the_links_themselves() -> None:
    graph = ir.Graph.chain(
        ir.Input([2, 8, 8]),
        ir.AvgPool2d(2),
        ir.Conv2d(normal(4, 2, 3, 3)),
        ir.IF(0.5),
        ir.AvgPool2d(2, stride=1),
        ir.Flatten(),
        ir.Affine(normal(5, 4)),
        lif(),
        ir.Output(None),
    )
    for pooling in (False, True):
        split(graph, spikes(8, 2, 2, 8, 8), changes={"noc__pooling": pooling, "payload__bits": 24})


def test_structure() -> None:
    """Concat, ChannelSplit, Flatten, Upsample, Skip, HybridRegion and Dropout are wires."""
    nodes: dict[str, Any] = {
        "in": ir.Input([2, 4, 4]),
        "c1": ir.Conv2d(normal(6, 2, 3, 3), padding=1),
        "n1": ir.LIF(3.0, 2.0, 0.0, normal(6) * 0 + 0.6),
        "parts": ir.ChannelSplit((2, 4)),
        "c2": ir.Conv2d(normal(4, 2, 3, 3), padding=1),
        "n2": ir.IF(0.6),
        "join": ir.Concat(3, -3),
        "region": ir.HybridRegion("snn", 12),
        "down": ir.MaxPool2d(2),
        "up": ir.Upsample(2),
        "wide": ir.Upsample(size=(3, 5)),
        "drop": ir.Dropout(12, 0.5),
        "c3": ir.Conv2d(normal(3, 12, 2, 2)),
        "same": ir.Skip("passthrough"),
        "n3": lif(),
        "flat": ir.Flatten(),
        "fc": ir.Affine(normal(4, 3 * 9 + 180)),
        "cat": ir.Concat(2, -1),
        "flat2": ir.Flatten(),
        "n4": ir.IF(0.9, reset="subtract"),
        "out": ir.Output([4]),
        "mid": ir.Output([3, 3, 3]),
    }
    edges = [
        ("in", "c1"), ("c1", "n1"), ("n1", "parts"), ("parts:0", "c2"), ("c2", "n2"), ("n2", "join"),
        ("parts:0", "join"), ("n1", "join"), ("join", "region"), ("region", "down"), ("down", "up"), ("up", "drop"),
        ("drop", "c3"), ("c3", "same"), ("same", "n3"), ("n3", "flat"), ("n3", "mid"), ("down", "wide"),
        ("wide", "flat2"), ("flat", "cat"), ("flat2", "cat"), ("cat", "fc"), ("fc", "n4"), ("n4", "out"),
    ]  # fmt: skip
    split(ir.Graph(nodes, edges), spikes(8, 2, 2, 4, 4))


def test_everything_that_integers_compute_is_here() -> None:
    text = Path(__file__).read_text()
    assert not [name for name in PIECES if f"ir.{name}(" not in text]


@pytest.mark.parametrize("low", [0.0, -1.0])
@pytest.mark.parametrize("bits", [3, 8])
def test_inputs_that_are_numbers(low: float, bits: int) -> None:
    x = RNG.uniform(low, 1, (8, 2, 2, 6, 6)).astype(np.float32)
    graph = ir.Graph.chain(
        ir.Input([2, 6, 6]), ir.MaxPool2d(), ir.Conv2d(normal(4, 2, 2, 2)), ir.IF(0.7), ir.Output(None)
    )
    split(graph, x, input_bits=bits)
