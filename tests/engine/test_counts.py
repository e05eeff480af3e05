"""Counts against a slow, independent count of every connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talon import ir
from talon.engine import run
from talon.engine.wiring import KEPT, Tallies
from talon.testing.graphs import feeds, graphs


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


def connections(node: ir.Node, given: tuple[int, ...], out: tuple[int, ...]) -> list[int]:
    """The place in the flat input that every connection of a layer reads, taps beside the map left out.

    Written from the declared fields alone; every output element is visited.
    """
    places = np.arange(int(np.prod(given))).reshape(given)
    if isinstance(node, ir.Affine):
        rows = places.reshape(-1, given[-1]).tolist()
        if isinstance(node.weight, ir.CSR):
            # What is not stored is no connection.
            return [row[column] for row in rows for column in node.weight.indices.tolist()]
        return [place for row in rows for place in row for _ in range(out[-1])]
    assert isinstance(node, (ir.Conv1d, ir.Conv2d))
    axes = len(given) - 1
    kernel = node.weight.shape[-axes:]
    stride, dilation = (np.broadcast_to(v, axes).tolist() for v in (node.stride, node.dilation))
    if node.padding == "same":
        before = [d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)]
    else:
        before = [0] * axes if node.padding == "valid" else np.broadcast_to(node.padding, axes).tolist()
    per_group = node.weight.shape[-axes - 1]
    per_out = out[0] // (given[0] // per_group)
    reads = []
    for o, *where in np.ndindex(*out):
        first = o // per_out * per_group
        for tap in np.ndindex(*kernel):
            at = [w * s + t * d - p for w, s, t, d, p in zip(where, stride, tap, dilation, before, strict=True)]
            if all(0 <= a < n for a, n in zip(at, given[1:], strict=True)):
                reads += [int(places[(channel, *at)]) for channel in range(first, first + per_group)]
    return reads


def by_hand(trace: Any) -> dict[str, dict[str, list[list[Any]]]]:
    """Counts of every leaf of a walked graph, `[step][sample]`, one connection and one value after the other."""
    found: dict[str, dict[str, list[list[Any]]]] = {}
    for path, steps in trace.seen.items():
        leaf = trace.leaves[path]
        for (x, *_), (y, *_) in steps:
            row: dict[str, list[Any]] = {}
            if isinstance(leaf, (ir.Affine, ir.Conv1d, ir.Conv2d)):
                reads = connections(leaf, x.shape[1:], y.shape[1:])
                samples = [sample.ravel().tolist() for sample in x]
                row["macs"] = [len(reads) for _ in samples]
                row["synops"] = [sum(1 for place in reads if values[place] != 0) for values in samples]
                row["binary_input"] = [all(v in (0, 1) for v in values) for values in samples]
            elif isinstance(leaf, (ir.LIF, ir.IF)):
                samples = [sample.ravel().tolist() for sample in y]
                row["updates"] = [len(values) for values in samples]
                row["spikes"] = [sum(1 for value in values if value == 1) for values in samples]
            for quantity, values in row.items():
                found.setdefault(path, {}).setdefault(quantity, []).append(values)
    return found


def as_lists(counted: Mapping[str, np.ndarray]) -> dict[str, list[list[Any]]]:
    return {quantity: values.tolist() for quantity, values in counted.items()}


def agree(walked: Any, graph: ir.Graph, inputs: Mapping[str, np.ndarray]) -> dict[str, dict[str, list[list[Any]]]]:
    """Fail unless every count of a run is what walking the graph gives: leaves, sums over a path, and totals."""
    counts, expected = run(graph, inputs).counts, by_hand(walked(graph, inputs))
    assert {path: as_lists(counts[path]) for path in counts} == expected
    above = {"/".join(path.split("/")[:depth]) for path in expected for depth in range(1, path.count("/") + 1)}
    for path in above:
        inside = [found for leaf, found in expected.items() if leaf.startswith(f"{path}/")]
        for quantity, values in counts[path].items():
            parts = [np.array(found[quantity]) for found in inside if quantity in found]
            joined = np.all(parts, axis=0) if quantity == "binary_input" else np.sum(parts, axis=0)
            assert np.array_equal(values, joined), (path, quantity)
    for quantity, total in counts.total().items():
        assert total == sum(np.sum(found[quantity]) for found in expected.values() if quantity in found)
    return expected


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


LAYERS: dict[str, tuple[ir.Node, tuple[int, ...], int]] = {
    # layer, sample shape, leaves that multiply
    "affine": (ir.Affine(weights(3, 5)), (5,), 1),
    "affine on the last of three axes": (ir.Affine(weights(3, 5), weights(3)), (2, 3, 5), 1),
    "affine with a step axis": (ir.Affine(weights(2, 3, 5)), (5,), 1),
    "spiking affine": (ir.SpikingAffine(weights(3, 5)), (5,), 1),
    "conv1d": (ir.Conv1d(weights(4, 3, 3), None, 2, 2, 2), (3, 9), 1),
    "conv1d, same, even kernel": (ir.Conv1d(weights(4, 3, 4), None, 1, "same"), (3, 7), 1),
    "conv1d in groups": (ir.Conv1d(weights(6, 2, 3), weights(6), 1, 1, 1, 3), (6, 5), 1),
    "conv1d with a step axis": (ir.Conv1d(weights(3, 4, 3, 3), None, 1, "valid"), (3, 6), 1),
    "conv2d in groups, nothing square": (ir.Conv2d(weights(4, 1, 2, 3), None, (1, 2), (2, 0), (2, 1), 2), (2, 5, 6), 1),
    "conv2d with a step axis": (ir.Conv2d(weights(2, 4, 2, 3, 3), None, 1, 1), (2, 5, 5), 1),
    "depthwise": (ir.SDConv(weights(3, 1, 3, 3), None, 2, 1), (3, 6, 5), 1),
    "separable": (ir.SepConv2d(weights(3, 1, 3, 3), weights(5, 3, 1, 1), stride=2, padding=1), (3, 6, 6), 2),
    "ghost": (ir.SGhostConv(weights(2, 3, 3, 3), None, weights(2, 1, 3, 3), None, 2), (3, 6, 6), 2),
    "ghost with neurons": (
        ir.SGhostConv(weights(2, 3, 3, 3), weights(2), weights(2, 1, 3, 3), None, neuron="if", v_threshold=0.5),
        (3, 5, 5),
        2,
    ),
    "ghost with a step axis": (ir.SGhostConv(weights(2, 2, 3, 3, 3), None, weights(2, 2, 1, 3, 3), None), (3, 5, 5), 2),
    "ghost block": (
        ir.GhostBasicBlock2(
            weights(2, 3, 3, 3), None, weights(2, 1, 3, 3), None, weights(2, 2, 3, 3), None, weights(2, 1, 3, 3), None
        ),
        (3, 5, 5),
        4,
    ),
    "detection head": (
        ir.SDDetect(
            2, 1, 8, weights(2, 3, 3, 3), None, weights(2, 1, 3, 3), None, weights(4, 2, 1, 1), None,
            weights(2, 3, 3, 3), None, weights(2, 2, 3, 3), None, weights(2, 2, 1, 1), None, neuron="if",
        ),
        (3, 5, 5),
        6,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_counts_what_walking_it_gives(walked: Any, name: str) -> None:
    node, shape, multiplying = LAYERS[name]
    graph = ir.Graph.chain(input=ir.Input(shape), layer=node, output=ir.Output(None))
    rng = np.random.default_rng(0)
    x = np.where(rng.random((4, 3, *shape)) < 0.4, rng.standard_normal((4, 3, *shape)), 0).astype(np.float32)
    x[:, 2] = x[:, 2] != 0  # one sample of spikes alone
    expected = agree(walked, graph, {"input": x})
    macs = [found["macs"] for found in expected.values() if "macs" in found]
    assert len(macs) == multiplying
    assert all(len(rows) == 4 and len(rows[0]) == 3 for rows in macs)
    flags = next(found["binary_input"] for found in expected.values() if "macs" in found)
    assert [row[2] for row in flags] == [True] * 4
    assert not all(row[0] for row in flags)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs(size=6), st.integers(0, 2**16), st.integers(1, 3))
def test_random_graphs_count_what_walking_them_gives(walked: Any, graph: ir.Graph, seed: int, batch: int) -> None:
    agree(walked, graph, feeds(graph, seed, steps=3, batch=batch))


def test_tallies_keep_but_some_parts_of_a_long_run() -> None:
    steps = 3 * KEPT + 5
    tallies, spikes = Tallies(steps, 2), np.zeros((1, 2), np.int64)
    for step in range(steps):
        spikes[...] = step
        tallies.keep(slice(step, step + 1), [("lif", {"updates": 7, "spikes": spikes})])
        assert len(tallies.kept) < KEPT
    found = tallies.all()["lif"]
    assert (found["updates"] == 7).all()
    assert (found["spikes"] == np.arange(steps)[:, None]).all()
