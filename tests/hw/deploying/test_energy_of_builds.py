"""What builds are priced for, counted again spike by spike: hops with and without multicast, active updates."""

from __future__ import annotations

import numpy as np
import pytest

from talon import hw, ir
from talon.hw.description import Target
from talon.hw.pricing import HOPS
from tests.hw.chips import chip

Place = tuple[int, int]


def way(start: Place, end: Place, order: str) -> list[tuple[Place, Place]]:
    """The links from a position to another, one step after the other."""
    here, found = list(start), []
    for axis in (1, 0) if order == "xy" else (0, 1):
        while here[axis] != end[axis]:
            before = (here[0], here[1])
            here[axis] += 1 if end[axis] > here[axis] else -1
            found.append((before, (here[0], here[1])))
    return found


def by_hand(build: hw.Build, result: hw.BuildResult, order: str, multicast: bool) -> tuple[int, int]:
    """Links along rows and along columns that the spikes take: with multicast each once for a spike."""
    layout = build.chip
    places = [(int(row), int(column)) for row, column in layout.positions]
    along = [0, 0]
    for tile in layout.tiles:
        layer = layout.layers[tile.layer]
        assert layer.neuron is not None
        assert tile.cells is not None
        fired = result.spikes[layer.neuron].reshape(*result.spikes[layer.neuron].shape[:2], -1)
        for seat, line in zip(
            tile.cells.seats.ravel().tolist(), range(tile.first, tile.first + tile.size), strict=True
        ):
            start, end = layout.routes.offsets[line : line + 2]
            links = [way(places[tile.core], places[core], order) for core in layout.routes.cores[start:end]]
            taken = [link for each in links for link in each]
            for before, after in set(taken) if multicast else taken:
                along[before[0] != after[0]] += int(fired[:, :, seat].sum())
    return along[0], along[1]


def network(rng: np.random.Generator) -> ir.Graph:
    """Two layers, of which the first hears itself and the second."""
    nodes: dict[str, ir.Node] = {"in": ir.Input([8]), "out": ir.Output([20])}
    for name, shape in {"a": (30, 8), "b": (20, 30), "aa": (30, 30), "ba": (30, 20)}.items():
        nodes[name] = ir.Affine(rng.standard_normal(shape).astype(np.float32))
    nodes |= {"one": ir.IF(2.0), "two": ir.LIF(5.0, 2.0, 0.0, 1.0)}
    edges = [("in", "a"), ("a", "one"), ("one", "b"), ("b", "two"), ("two", "out"), ("one", "aa"), ("two", "ba")]
    return ir.Graph(nodes, [*edges, *(ir.Edge(back, "one", delay=1) for back in ("aa", "ba"))], allow_cycles=True)


def mesh(order: str, multicast: bool) -> Target:
    return chip({"neurons": 6}, noc__route=order, noc__multicast=multicast)


INPUTS = (np.random.default_rng(4).random((12, 2, 8)) < 0.4).astype(np.float32)


def ran(order: str, multicast: bool) -> tuple[hw.Build, hw.BuildResult]:
    target = mesh(order, multicast)
    quantised = hw.quantize(network(np.random.default_rng(3)), target=target, calibration=INPUTS)
    build = hw.deploy(quantised, target, calibration=INPUTS)
    return build, build.run(INPUTS, record="*.spikes")


def hops(build: hw.Build, result: hw.BuildResult) -> tuple[int, ...]:
    return tuple(int(result.events[name].sum()) for name in HOPS)


@pytest.mark.parametrize("multicast", [True, False])
@pytest.mark.parametrize("order", ["xy", "yx"])
def test_hops_by_hand(order: str, multicast: bool) -> None:
    build, result = ran(order, multicast)
    assert build.cores >= 9
    found = hops(build, result)
    assert min(found) > 0
    assert found == by_hand(build, result, order, multicast)
    # Sample by sample, too.
    each = [build.run(INPUTS[:, sample : sample + 1]).events for sample in range(INPUTS.shape[1])]
    for name, whole in result.events.items():
        assert np.array_equal(np.concatenate([one[name] for one in each], axis=1), whole), name


def test_multicast_takes_fewer_hops() -> None:
    trees, ways = (hops(*ran("xy", multicast)) for multicast in (True, False))
    assert sum(trees) < sum(ways)


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize(("kind", "first", "second"), [("Affine", 3, 3), ("Conv1d", 1, 2)])
def test_inputs_that_cancel_make_an_update_active(kind: str, first: int, second: int, delay: int) -> None:
    """At step 1 an input comes with a weight and its opposite, at step 3 two inputs with one weight alone; nothing
    stays in the membrane. Every neuron of a dense layer hears every input, be its weight 0."""
    weight, shape = (np.eye(3), [3]) if kind == "Affine" else (np.ones((1, 1, 1)), [1, 3])
    layer = getattr(ir, kind)
    nodes: dict[str, ir.Node] = {
        "p": ir.Input(shape),
        "m": ir.Input(shape),
        "plus": layer(weight),
        "minus": layer(-weight),
        "cell": ir.IF(0.5),
        "out": ir.Output(shape),
    }
    later = [ir.Edge(name, "cell", delay=delay) for name in ("plus", "minus")]
    graph = ir.Graph(nodes, [("p", "plus"), ("m", "minus"), *later, ("cell", "out")])
    x = {name: np.zeros((8, 1, *shape), np.float32) for name in ("p", "m")}
    x["p"][1, 0, ..., 0] = x["m"][1, 0, ..., 0] = 1
    x["p"][3, 0, ..., :2] = 1
    build = hw.deploy(hw.quantize(graph, calibration=x), "generic-mesh")
    expected = np.zeros(8, int)
    expected[1 + delay], expected[3 + delay] = first, second
    assert build.run(x).work.active.sum(axis=0)[:, 0].tolist() == expected.tolist()
