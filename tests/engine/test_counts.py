"""Counts against a slow, independent count of every connection."""

from __future__ import annotations

import numpy as np
import pytest

from talon import ir
from talon.engine import run


def test_affine_counts() -> None:
    graph = ir.Graph.chain(input=ir.Input([4]), fc=ir.Affine(np.ones((3, 4), np.float32)), output=ir.Output([3]))
    x = np.array([[[1, 0, 1, 0]], [[0, 0, 0, 2]]], np.float32)
    found = run(graph, x).counts["fc"]
    assert found["macs"].tolist() == [[12], [12]]
    assert found["synops"].tolist() == [[6], [3]]
    assert found["binary_input"].tolist() == [[True], [False]]
    assert found["macs"].dtype == np.int64


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [
        ((1, 1), (0, 0), (1, 1), 1),
        ((2, 1), (1, 2), (1, 2), 2),
        ((3, 2), "valid", (1, 1), 1),
        ((1, 1), "same", (2, 1), 2),
    ],
)
def test_convolution_counts_are_those_of_a_brute_force(stride, padding, dilation, groups) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((4, 4 // groups, 3, 2)).astype(np.float32)
    conv = ir.Conv2d(weight, None, stride, padding, dilation, groups)
    graph = ir.Graph.chain(input=ir.Input([4, 7, 6]), conv=conv, output=ir.Output(None))
    x = (rng.random((2, 3, 4, 7, 6)) < 0.3).astype(np.float32)
    counts = run(graph, x).counts["conv"]
    _, height, width = graph.shapes["conv:out"]
    macs, synops = 0, np.zeros((2, 3), int)
    (top, _), (left, _) = conv.pads
    for o in range(4):
        for y in range(height):
            for z in range(width):
                for i in range(4 // groups):
                    for a in range(3):
                        for b in range(2):
                            row, column = y * stride[0] + a * dilation[0] - top, z * stride[1] + b * dilation[1] - left
                            if 0 <= row < 7 and 0 <= column < 6:
                                macs += 1
                                channel = o // (4 // groups) * (4 // groups) + i
                                synops += x[:, :, channel, row, column] != 0
    assert counts["macs"].tolist() == [[macs] * 3] * 2
    assert np.array_equal(counts["synops"], synops)
    assert counts["binary_input"].all()


def test_totals_add_up_and_composites_sum_their_leaves() -> None:
    rng = np.random.default_rng(0)
    inner = ir.Graph.chain(x=ir.Input(None), fc=ir.Affine(rng.standard_normal((2, 2))), y=ir.Output(None))
    nodes = {"in": ir.Input([2]), "one": inner, "two": inner, "out": ir.Output([2])}
    graph = ir.Graph(nodes, [("in", "one"), ("one", "two"), ("two", "out")])
    counts = run(graph, np.ones((3, 1, 2))).counts
    assert counts.total()["macs"] == counts.total("one")["macs"] + counts.total("two")["macs"] == 24
    assert set(counts) == {"one/fc", "two/fc"}
    with pytest.raises(KeyError):
        counts["three"]


def test_recording_costs_nothing_unless_asked() -> None:
    graph = ir.Graph.chain(input=ir.Input([2]), lif=ir.LIF(2.0, 1.0, 0.0, 1.0), output=ir.Output([2]))
    assert run(graph, np.ones((3, 1, 2))).records == {}
    found = run(graph, np.ones((3, 1, 2)), record=["*.spikes", "lif.v", "input.out"]).records
    assert set(found) == {"lif.spikes", "lif.v", "input.out"}
    assert all(array.shape == (3, 1, 2) for array in found.values())
