"""Recurrence, delays, skips, joins, several ends, values that are added twice: the same bits as the integer engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import ir
from tests.hw.deploying.agreeing import split

RNG = np.random.default_rng(23)


def normal(*shape: int, size: float = 1.0) -> np.ndarray:
    return (RNG.standard_normal(shape) * size).astype(np.float32)


def spikes(*shape: int, rate: float = 0.4) -> np.ndarray:
    return (RNG.random(shape) < rate).astype(np.float32)


def lif(threshold: float = 0.6) -> ir.LIF:
    return ir.LIF(3.0, 2.0, 0.0, threshold)


SUMS = {"payload__bits": 24}
"""Links that carry sums, for networks where these are read by several."""


def wired(nodes: dict[str, Any], *edges: Any) -> ir.Graph:
    return ir.Graph(nodes, list(edges), allow_cycles=True)


@pytest.mark.parametrize("delay", [1, 2, 5])
def test_a_layer_that_feeds_itself(delay: int) -> None:
    graph = wired(
        {"in": ir.Input([5]), "fc": ir.Affine(normal(7, 5), normal(7, size=0.1)), "a": lif(),
         "back": ir.Affine(normal(7, 7) * 2), "out": ir.Output([7])},
        ("in", "fc"), ("fc", "a"), ("a", "back"), ir.Edge("back", "a", delay=delay), ("a", "out"),
    )  # fmt: skip
    split(graph, spikes(16, 2, 5))


@pytest.mark.parametrize("place", ["before", "behind"])
def test_delays_on_either_side_of_the_weights(place: str) -> None:
    """Late spikes wait in axons, late sums at the neuron: both begin with nothing, whatever the bias is."""
    late = {"before": [ir.Edge("a", "back", delay=2), ("back", "a")],
            "behind": [("a", "back"), ir.Edge("back", "a", delay=2)]}[place]  # fmt: skip
    graph = wired(
        {"in": ir.Input([5]), "fc": ir.Affine(normal(6, 5)), "a": lif(), "back": ir.Affine(normal(6, 6), normal(6)),
         "out": ir.Output([6])},
        ir.Edge("in", "fc", delay=1), ir.Edge("fc", "a", delay=3), ("a", "out"), *late,
    )  # fmt: skip
    split(graph, spikes(12, 2, 5))


def test_two_layers_that_feed_each_other() -> None:
    graph = wired(
        {"in": ir.Input([4]), "f1": ir.Affine(normal(6, 4)), "a": lif(), "f2": ir.Affine(normal(5, 6)), "b": lif(),
         "back": ir.Affine(normal(6, 5)), "out": ir.Output([5]), "mid": ir.Output([6])},
        ("in", "f1"), ("f1", "a"), ("a", "f2"), ("f2", "b"), ("b", "back"), ir.Edge("back", "a", delay=1),
        ("b", "out"), ir.Edge("a", "mid", delay=2),
    )  # fmt: skip
    split(graph, spikes(12, 2, 4))


def test_recurrent_maps() -> None:
    graph = wired(
        {"in": ir.Input([2, 5, 5]), "c": ir.Conv2d(normal(4, 2, 3, 3), padding=1), "a": ir.IF(0.8),
         "back": ir.Conv2d(normal(4, 1, 3, 3), padding=1, groups=4), "out": ir.Output([4, 5, 5])},
        ("in", "c"), ("c", "a"), ("a", "back"), ir.Edge("back", "a", delay=1), ("a", "out"),
    )  # fmt: skip
    split(graph, spikes(10, 2, 2, 5, 5))


@pytest.mark.parametrize("delays", [(0, 0), (0, 2), (1, 1), (3, 1)])
def test_the_same_sums_added_twice(delays: tuple[int, int]) -> None:
    graph = wired(
        {"in": ir.Input([5]), "fc": ir.Affine(normal(6, 5), normal(6)), "pass": ir.Skip("passthrough"), "a": ir.IF(1.5),
         "out": ir.Output([6])},
        ("in", "fc"), ir.Edge("fc", "a", delay=delays[0]), ("fc", "pass"), ir.Edge("pass", "a", delay=delays[1]),
        ("a", "out"),
    )  # fmt: skip
    split(graph, spikes(10, 2, 5), changes=SUMS)


@pytest.mark.parametrize("delays", [(0, 0, 0), (0, 2, 2), (1, 0, 3)])
def test_the_same_spikes_added_twice_and_thrice(delays: tuple[int, ...]) -> None:
    """What is taken several times at the same step is one wire."""
    graph = wired(
        {"in": ir.Input([5]), "f1": ir.Affine(normal(6, 5)), "a": lif(0.4), "p": ir.Skip("passthrough"),
         "q": ir.Skip("passthrough"), "f2": ir.Affine(normal(4, 6)), "b": lif(1.5), "out": ir.Output([4]),
         "sum": ir.Output([6])},
        ("in", "f1"), ("f1", "a"), ("a", "p"), ("a", "q"), ir.Edge("a", "f2", delay=delays[0]),
        ir.Edge("p", "f2", delay=delays[1]), ir.Edge("q", "f2", delay=delays[2]), ("f2", "b"), ("b", "out"),
        ("a", "sum"), ir.Edge("p", "sum", delay=delays[1]),
    )  # fmt: skip
    split(graph, spikes(10, 2, 5))


def test_sums_of_different_layers_meet() -> None:
    """Two layers and a delayed third in one neuron, on one core with it."""
    graph = wired(
        {"x": ir.Input([5]), "y": ir.Input([3]), "f1": ir.Affine(normal(6, 5), normal(6)),
         "f2": ir.Affine(normal(6, 3)),
         "f3": ir.Affine(normal(6, 5)), "a": lif(), "out": ir.Output([6])},
        ("x", "f1"), ("y", "f2"), ("x", "f3"), ("f1", "a"), ("f2", "a"), ir.Edge("f3", "a", delay=2), ("a", "out"),
    )  # fmt: skip
    split(graph, {"x": spikes(10, 3, 5), "y": spikes(10, 3, 3)})


def test_a_skip_over_a_layer() -> None:
    graph = wired(
        {"in": ir.Input([2, 6, 6]), "c1": ir.Conv2d(normal(4, 2, 3, 3), padding=1), "n1": ir.IF(1.0),
         "c2": ir.Conv2d(normal(4, 4, 3, 3), padding=1), "add": ir.Skip("residual"), "n2": lif(1.0),
         "out": ir.Output([4, 6, 6])},
        ("in", "c1"), ("c1", "n1"), ("n1", "c2"), ("c2", "add"), ("n1", "add"), ("add", "n2"), ("n2", "out"),
    )  # fmt: skip
    split(graph, spikes(8, 2, 2, 6, 6))


def test_sums_that_several_read() -> None:
    """A layer's sums go to two neurons, and to an Output: they cross as values."""
    graph = wired(
        {"in": ir.Input([5]), "fc": ir.Affine(normal(6, 5), normal(6, size=0.2)), "a": lif(), "b": ir.IF(0.9),
         "join": ir.Concat(2), "f2": ir.Affine(normal(3, 12)), "c": lif(), "out": ir.Output([3]),
         "sums": ir.Output([6])},
        ("in", "fc"), ("fc", "a"), ir.Edge("fc", "b", delay=1), ("a", "join"), ("b", "join"), ("join", "f2"),
        ("f2", "c"), ("c", "out"), ("fc", "sums"),
    )  # fmt: skip
    split(graph, spikes(10, 2, 5), changes=SUMS)


def test_sums_joined_into_one_population() -> None:
    """Neurons that sit on the sums of several layers have their seats in several populations."""
    graph = wired(
        {"in": ir.Input([5]), "f1": ir.Affine(normal(4, 5)), "f2": ir.Affine(normal(3, 5), normal(3)),
         "f3": ir.Affine(normal(7, 7)), "join": ir.Concat(2), "a": ir.IF(np.linspace(0.3, 1, 7)),
         "b": lif(), "out": ir.Output([7]), "next": ir.Output([7])},
        ("in", "f1"), ("in", "f2"), ("f2", "join"), ("f1", "join"), ("join", "a"), ("a", "f3"),
        ir.Edge("f3", "b", delay=1), ("b", "next"), ("a", "out"),
    )  # fmt: skip
    found = split(graph, spikes(10, 2, 5))
    assert sum(layer.neuron == "a" for layer in found[0][0].chip.layers) == 2


def test_maps_joined_and_parted() -> None:
    """Channels of two layers in one population, parted again across its border."""
    graph = wired(
        {"in": ir.Input([2, 4, 4]), "c1": ir.Conv2d(normal(3, 2, 3, 3), padding=1),
         "c2": ir.Conv2d(normal(2, 2, 1, 1), normal(2)), "join": ir.Concat(2, -3), "a": ir.IF(0.7),
         "parts": ir.ChannelSplit((2, 3)), "c3": ir.Conv2d(normal(2, 3, 2, 2), stride=2), "b": lif(),
         "out": ir.Output([2, 2, 2]), "rest": ir.Output([2, 4, 4])},
        ("in", "c1"), ("in", "c2"), ("c1", "join"), ir.Edge("c2", "join", delay=1), ("join", "a"), ("a", "parts"),
        ("parts:1", "c3"), ("c3", "b"), ("b", "out"), ("parts:0", "rest"),
    )  # fmt: skip
    found = split(graph, spikes(8, 2, 2, 4, 4))
    assert sum(layer.neuron == "a" for layer in found[0][0].chip.layers) == 2


def test_neurons_behind_neurons_and_inputs() -> None:
    """Without weights of their own, they get those that quantising puts before them."""
    graph = ir.Graph.chain(ir.Input([6]), ir.IF(1.0), ir.LIF(3.0, 2.0, 0.0, 0.8), ir.Output([6]))
    split(graph, spikes(12, 2, 6))


def test_an_input_that_is_an_output() -> None:
    """And several ends: of spikes, of sums, and of what came in."""
    graph = wired(
        {"x": ir.Input([4]), "y": ir.Input([2, 3, 3]), "fc": ir.Affine(normal(5, 4)), "a": lif(),
         "flat": ir.Flatten(), "f2": ir.Affine(normal(5, 18)), "read": ir.Affine(normal(3, 5), normal(3)),
         "same": ir.Output([4]), "map": ir.Output([2, 3, 3]), "late": ir.Output([5]), "sums": ir.Output([3])},
        ("x", "fc"), ("y", "flat"), ("flat", "f2"), ("fc", "a"), ("f2", "a"), ("a", "read"), ("x", "same"),
        ir.Edge("y", "map", delay=1), ir.Edge("a", "late", delay=2), ("read", "sums"),
    )  # fmt: skip
    split(graph, {"x": spikes(9, 3, 4), "y": spikes(9, 3, 2, 3, 3)})


def test_nested_graphs() -> None:
    inner = ir.Graph.chain(x=ir.Input([6]), fc=ir.Affine(normal(5, 6)), cell=lif(), y=ir.Output([5]))
    outer = wired(
        {"x": ir.Input([6]), "inner": inner, "cell": ir.Affine(normal(6, 5)), "y": ir.Output([6])},
        ("x", "inner"), ("inner", "cell"), ("cell", "y"),
    )  # fmt: skip
    graph = wired(
        {"in": ir.Input([6]), "sub": outer, "a": lif(), "sub2": inner, "out": ir.Output([5])},
        ("in", "sub"), ("sub", "a"), ("a", "sub2"), ("sub2", "out"),
    )  # fmt: skip
    split(graph, spikes(10, 2, 6))


def test_silence() -> None:
    """A network that hears nothing, and neurons that nothing can move, send nothing and still decay."""
    quiet = np.zeros((6, 2, 5), np.float32)
    weight = normal(6, 5)
    weight[2] = 0
    graph = ir.Graph.chain(
        ir.Input([5]), ir.Affine(weight), ir.LIF(3.0, 2.0, 0.0, 0.5, v_init=normal(6, size=0.2)), ir.Output([6])
    )
    for build, found in split(graph, quiet, calibration=spikes(6, 2, 5)):
        assert found.packets == 0
        assert not found.work.entered.any()
        assert build.cores == len(found.work.packets)
    loud = spikes(6, 2, 5, rate=0.9)
    for _, found in split(graph, loud):
        assert found.work.entered.any()


def test_one_of_everything() -> None:
    """One input, one weight, one neuron, one step, one sample."""
    graph = ir.Graph.chain(ir.Input([1]), ir.Affine(np.ones((1, 1), np.float32)), ir.IF(1.0), ir.Output([1]))
    ((_, found), *_) = split(graph, np.ones((1, 1, 1), np.float32))
    assert next(iter(found.outputs.values())).item() == 1.0


def test_networks_without_neurons_and_without_layers() -> None:
    sums = ir.Graph.chain(ir.Input([4]), ir.Affine(normal(3, 4), normal(3)), ir.Output([3]))
    split(sums, spikes(5, 2, 4))
    nothing = ir.Graph.chain(ir.Input([2, 3]), ir.Flatten(), ir.Output([6]))
    ((build, _), *_) = split(nothing, spikes(5, 2, 2, 3), parts=(1,))
    assert build.cores == 0


def test_weights_of_zeros_and_neurons_that_feed_themselves_without_weights() -> None:
    split(ir.Graph.chain(ir.Input([3]), ir.Affine(np.zeros((4, 3))), lif(), ir.Output(None)), spikes(6, 2, 3))
    graph = wired(
        {"in": ir.Input([3]), "fc": ir.Affine(normal(4, 3)), "a": ir.IF(1.0), "out": ir.Output([4])},
        ("in", "fc"), ("fc", "a"), ir.Edge("a", "a", delay=1), ("a", "out"),
    )  # fmt: skip
    split(graph, spikes(9, 2, 3))


def test_ends_that_are_sums() -> None:
    """Of inputs, and of sums of several layers, which are kept to their register once."""
    graph = wired({"x": ir.Input([3]), "y": ir.Input([3]), "out": ir.Output([3])}, ("x", "out"), ("y", "out"))
    split(graph, {"x": spikes(5, 2, 3), "y": spikes(5, 2, 3)})
    graph = wired(
        {"x": ir.Input([40]), "f1": ir.Affine(normal(3, 40)), "f2": ir.Affine(normal(3, 40), normal(3)),
         "out": ir.Output([3])},
        ("x", "f1"), ("x", "f2"), ("f1", "out"), ir.Edge("f2", "out", delay=1),
    )  # fmt: skip
    for overflow in ("saturate", "wrap"):
        split(graph, spikes(5, 2, 40, rate=0.8),
              changes={"accumulators__bits": 9, "accumulators__overflow": overflow})  # fmt: skip


def test_a_delay_of_a_thousand_steps() -> None:
    graph = wired(
        {"in": ir.Input([3]), "fc": ir.Affine(normal(4, 3)), "a": ir.IF(1.0), "f2": ir.Affine(np.abs(normal(2, 4))),
         "b": ir.IF(0.5), "out": ir.Output([2])},
        ("in", "fc"), ("fc", "a"), ir.Edge("a", "f2", delay=1000), ("f2", "b"), ("b", "out"),
    )  # fmt: skip
    ((_, found), *_) = split(graph, spikes(1050, 1, 3), parts=(1, 2))
    assert not found.outputs["out"][:1000].any()
    assert found.outputs["out"].any()
