"""Spikes that go from node to node as bytes: all kernels that read them, and what makes floats of them, to the bit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.engine.task import make_task
from talon.hw.native import library
from talon.hw.native.lowering import KERNELS
from talon.hw.native.ops import Reshaped
from talon.hw.native.options import Options
from talon.hw.native.sweep import Sweep
from tests.hw.test_native import AFFINES, CONVOLUTIONS, OTHERS, POOLS, SETS, WAYS, agree, same, some, weights
from tests.hw.test_native_sparse import sparse

RNG = np.random.default_rng(9)

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")


def spiking(shape: tuple[int, ...], *behind: ir.Node, last: bool = False) -> ir.Graph:
    """Neurons of a shape, and what comes behind them. `last`: they follow a convolution, so that channels lie last."""
    nodes: dict[str, ir.Node] = {"input": ir.Input(list(shape))}
    if last:
        nodes["before"] = ir.Conv2d(weights(shape[0], shape[0], 1, 1))
    nodes["spikes"] = ir.IF(np.float32(0.3), reset="subtract")
    nodes |= {f"node{number}": node for number, node in enumerate(behind)}
    nodes["output"] = ir.Output(None)
    return ir.Graph(nodes, list(itertools.pairwise(nodes)))


@pytest.mark.parametrize("shape", AFFINES, ids=str)
@pytest.mark.parametrize("rate", [0.02, 1.0])
def test_affine(shape: tuple[int, ...], rate: float) -> None:
    *lead, ins, outs = shape
    graph = spiking((*lead, ins), ir.Affine(weights(outs, ins), weights(outs)))
    agree(graph, some(5, 5, *lead, ins, rate=rate), record="*.spikes")


@pytest.mark.parametrize("shape", [(300, 33), (3, 4, 5)], ids=str)
def test_sparse(shape: tuple[int, ...]) -> None:
    *lead, ins, outs = shape
    agree(spiking((*lead, ins), ir.Affine(sparse(outs, ins, 0.3), weights(outs))), some(5, 5, *lead, ins))


@pytest.mark.parametrize("given", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("rate", [0.02, 1.0])
def test_convolution(given: dict[str, Any], rate: float) -> None:
    options = dict(given)
    shape, size = options.pop("weight"), options.pop("size")
    channels = shape[1] * options.get("groups", 1)
    graph = spiking((channels, *size), ir.Conv2d(weights(*shape), weights(shape[0]), **options))
    agree(graph, some(3, 4, channels, *size, rate=rate))


MAPS = [
    *POOLS,
    *OTHERS,
    ir.Flatten(),
    # Windows that lie outside the map altogether, whose maximum is minus infinity.
    ir.MaxPool2d(2, stride=1, padding=1, dilation=(8, 9)),
    ir.MaxPool2d(2, stride=1, padding=1, dilation=(6, 9)),
]


@pytest.mark.parametrize("node", MAPS, ids=repr)
@pytest.mark.parametrize("last", [False, True])
def test_maps(node: ir.Node, last: bool) -> None:
    graph = spiking((17, 7, 8), node, last=last)
    agree(graph, some(4, 4, 17, 7, 8, rate=0.7), record=("*.out", "*.spikes"))


@pytest.mark.parametrize("channels", [2, 3, 8, 16, 32, 40])
@pytest.mark.parametrize("size", [(8, 8), (5, 7), (1, 9), (16, 3)])
def test_maps_of_common_widths(channels: int, size: tuple[int, int]) -> None:
    """Turned before they are joined up, and pooled by four where there is room."""
    pool = [ir.MaxPool2d(2)] if min(size) > 1 else []
    agree(spiking((channels, *size), *pool, ir.Flatten(), last=True), some(3, 4, channels, *size, rate=0.7))


@pytest.mark.parametrize("sizes", [(3, 16), (8, 8), (32, 16), (64, 5)], ids=str)
@pytest.mark.parametrize("mixed", [False, True])
def test_joined_maps(sizes: tuple[int, int], mixed: bool) -> None:
    """Spikes with spikes, and with floats."""
    first, second = sizes
    nodes: dict[str, ir.Node] = {
        "a": ir.Input([first, 4, 5]),
        "b": ir.Input([second, 4, 5]),
        "one": ir.IF(np.float32(0.3)),
        "two": ir.ReLU(second) if mixed else ir.IF(np.float32(0.3)),
        "join": ir.Concat(dim=0),
        "conv": ir.Conv2d(weights(6, first + second, 1, 1)),
        "output": ir.Output(None),
    }
    edges = [("a", "one"), ("b", "two"), ("one", "join"), ("two", "join"), ("join", "conv"), ("conv", "output")]
    graph = ir.Graph(nodes, edges)
    agree(graph, {"a": some(3, 4, first, 4, 5), "b": some(3, 4, second, 4, 5)}, record=("*.out", "*.spikes"))


def test_sums_and_delays_of_spikes() -> None:
    """Two that spike at once are two; and what was held is as it was, also after going on."""
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([9, 4, 4]),
        "conv": ir.Conv2d(weights(9, 9, 3, 3), padding=1),
        "one": ir.IF(np.float32(0.3)),
        "two": ir.LIF(2.0, 1.0, 0.0, 0.3),
        "both": ir.Conv2d(weights(3, 9, 1, 1)),
        "pool": ir.MaxPool2d(2),
        "held": ir.Conv2d(weights(3, 9, 1, 1)),
        "sum": ir.Output(None),
        "most": ir.Output(None),
        "late": ir.Output(None),
    }
    edges = [
        ("input", "conv"),
        ("conv", "one"),
        ("input", "two"),
        ("one", "both"),
        ("two", "both"),
        ir.Edge("one", "held", delay=2),
        ("one", "pool"),
        ("two", "pool"),
        ("pool", "most"),
        ("both", "sum"),
        ("held", "late"),
    ]
    graph, x = ir.Graph(nodes, edges), some(9, 4, 9, 4, 4)
    whole = agree(graph, x, record=("*",))
    for way in WAYS:
        parts, state = [], None
        for start, end in ((0, 1), (1, 5), (5, 9)):
            result = run(graph, x[start:end], engine="native", state=state, **way)
            parts.append(result.outputs)
            state = result.state
        assert state is not None
        same({name: np.concatenate([part[name] for part in parts]) for name in whole.outputs}, whole.outputs)
        same(state.delays, whole.state.delays)


def test_spikes_of_a_cycle_that_are_an_output() -> None:
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([20]),
        "lif": ir.LIF(3.0, 1.0, 0.0, 0.5),
        "back": ir.Affine(weights(20, 20)),
        "output": ir.Output([20]),
    }
    edges = [("input", "lif"), ("lif", "back"), ir.Edge("back", "lif", delay=1), ("lif", "output")]
    agree(ir.Graph(nodes, edges, allow_cycles=True), some(11, 4, 20), record=("*",))


def test_outputs_are_floats_of_their_own() -> None:
    """Whoever keeps a result keeps what it was."""
    graph, x = spiking((30,)), some(6, 2, 30, rate=0.6)
    program = hw.compile(graph)
    first = program.run(x)
    kept = first.outputs["output"].copy()
    assert kept.dtype == np.float32
    assert set(np.unique(kept)) == {0.0, 1.0}
    program.run(-x)
    same(first.outputs, {"output": kept})


def test_a_shape_is_changed_without_copying() -> None:
    library.library().isa(SETS[-1])
    result = run(
        spiking((4, 6, 6), ir.Flatten(), ir.Affine(weights(3, 144)), last=True), some(2, 2, 4, 6, 6), engine="native"
    )
    assert result.engine.nodes["node0"] == Reshaped.how
    assert "Flatten" in KERNELS


@pytest.mark.parametrize("between", [ir.Dropout(30), ir.Flatten()], ids=repr)
def test_what_is_handed_on_is_counted_by_who_hears_it(between: ir.Node) -> None:
    """Neurons hear floats, also those that a node between has handed on: a chunk has room for no more of them."""

    def swept(*nodes: ir.Node) -> Sweep:
        chain = {f"node{number}": node for number, node in enumerate(nodes)}
        sweep = Sweep(make_task(ir.Graph.chain(**chain, output=ir.Output(None)), some(3, 2, 30)), Options())
        sweep.run()
        return sweep

    spikes, neuron = ir.IF(np.float32(0.3)), ir.LIF(2.0, 1.0, 0.0, 0.3)
    handed = swept(ir.Input([30]), between, spikes, between, neuron)
    assert handed.length == swept(ir.Input([30]), spikes, neuron).length
    assert handed.entered(0, np.ones((1, 2, 30), np.float32)).dtype == np.float32
    layer = ir.Affine(weights(3, 30))
    heard = swept(ir.Input([30]), between, spikes, between, layer)
    assert heard.length == swept(ir.Input([30]), spikes, layer).length
    assert heard.length > handed.length


@pytest.mark.parametrize("odd", [None, -0.0, 0.5, np.float32(1e-45), -1.0])
@pytest.mark.parametrize("behind", [ir.Conv2d(weights(5, 3, 3, 3)), ir.MaxPool2d(2), ir.Flatten()], ids=repr)
def test_inputs_that_are_spikes_but_for_one(odd: float | None, behind: ir.Node) -> None:
    """Only 0 and 1 to the bit go as bytes."""
    x = RNG.choice([0.0, 1.0], (4, 5, 3, 20, 20)).astype(np.float32)
    if odd is not None:
        x[-1, -1, -1, -1, -1] = odd
    agree(ir.Graph.chain(input=ir.Input([3, 20, 20]), behind=behind, output=ir.Output(None)), x, record=("*",))


@pytest.mark.parametrize("odd", [1.0, 1.5, 3e8, -np.inf, np.nan])
def test_narrowing_sees_all_bits(odd: float) -> None:
    c = library.library()
    for isa, count, place in itertools.product(SETS, (1, 17, 4096, 9000), (0, -1)):
        c.isa(isa)
        x = RNG.choice([0.0, 1.0], count).astype(np.float32)
        x[place] = odd
        y, back = np.full(count, 7, np.uint8), np.empty(count, np.float32)
        assert bool(c.narrow(count, x, y)) == (odd == 1.0)
        if odd == 1.0:
            c.widen(count, y, back)
            same({"": back}, {"": x})
    c.isa(SETS[-1])


def test_many_bytes_as_floats_from_any_place_on() -> None:
    """So many are written past the caches, by whole lines of them; what lies before and behind is left."""
    c, most = library.library(), 1 << 20
    x = RNG.integers(0, 256, most + 40).astype(np.uint8)
    for isa, begin, count in itertools.product(SETS, (0, 1, 15), (most - 1, most, most + 17)):
        c.isa(isa)
        y = np.full(count + 40, -1, np.float32)
        first = begin + -y.ctypes.data // 4 % 16
        c.widen(count, x[:count], y[first : first + count])
        assert np.array_equal(y[first : first + count], x[:count])
        assert (np.delete(y, np.arange(first, first + count)) == -1).all()
    c.isa(SETS[-1])
