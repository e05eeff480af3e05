"""The native engine and the reference: equal to the bit on any data, whatever kernels, threads and instructions."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import ir
from talon.engine import Result, run
from talon.hw.native import library
from talon.testing.graphs import feeds, graphs, random_graph

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

RNG = np.random.default_rng(5)


def sets() -> list[str]:
    """The instruction sets that this processor has."""
    found = []
    for name in ("base", "v3", "v4"):
        try:
            found.append(library.library().isa(name))
        except ValueError:
            continue
    library.library().isa(found[-1])
    return found


SETS = sets() if library.load()[0] is not None else []
WAYS: list[dict[str, Any]] = [
    {"engine_options": {"kernels": kernels, "chunk": chunk}, "threads": threads}
    for kernels, chunk, threads in (("auto", None, 1), ("event", 1, 2), ("dense", 3, 4), ("event", None, 4))
]


@pytest.fixture(autouse=True)
def widest() -> Iterator[None]:
    yield
    library.library().isa(SETS[-1])


def bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint8)


def same(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert np.array_equal(bits(found[name]), bits(array)), name


def same_result(found: Result, expected: Result) -> None:
    same(found.outputs, expected.outputs)
    same(found.records, expected.records)
    same(found.state.delays, expected.state.delays)
    assert found.state.step == expected.state.step
    for path, values in expected.state.nodes.items():
        same(found.state.nodes[path], values)
    assert found.counts.keys() == expected.counts.keys()
    for path, quantities in expected.counts.items():
        same(found.counts[path], quantities)


def agree(graph: ir.Graph, inputs: Any, **options: Any) -> Result:
    """Every way of the native engine against the reference; returns the last."""
    expected = run(graph, inputs, engine="reference", **options)
    for isa, way in itertools.product(SETS, WAYS):
        library.library().isa(isa)
        result = run(graph, inputs, engine="native", **way, **options)
        same_result(result, expected)
    return result


def some(*shape: int, rate: float = 0.3) -> np.ndarray:
    """Arbitrary numbers, of which a share is not zero: of many sizes, some subnormal, some -0.0."""
    values = RNG.standard_normal(shape) * 10.0 ** RNG.integers(-3, 3, shape)
    values = np.where(
        RNG.random(shape) < rate, values, RNG.choice([0.0, -0.0, 1.0, 1e-41], shape, p=[0.6, 0.2, 0.1, 0.1])
    )
    return values.astype(np.float32)


def weights(*shape: int) -> np.ndarray:
    return (RNG.standard_normal(shape) * 3).astype(np.float32)


AFFINES = [(1, 1), (7, 3), (784, 33), (65, 1030), (3, 4, 5), (300, 32)]


@pytest.mark.parametrize("shape", AFFINES, ids=str)
@pytest.mark.parametrize("rate", [0.0, 0.05, 1.0])
def test_affine(shape: tuple[int, ...], rate: float) -> None:
    *lead, ins, outs = shape
    for bias in (None, weights(outs)):
        node = ir.Affine(weights(outs, ins), bias)
        graph = ir.Graph.chain(input=ir.Input([*lead, ins]), node=node, output=ir.Output([*lead, outs]))
        agree(graph, some(5, 5, *lead, ins, rate=rate))


def test_affine_with_a_step_axis() -> None:
    node = ir.Affine(weights(3, 4, 6), weights(2, 4))
    graph = ir.Graph.chain(input=ir.Input([6]), node=node, output=ir.Output([4]))
    agree(graph, some(7, 4, 6))


CONVOLUTIONS = [
    {"weight": (9, 3, 3, 3), "size": (7, 8), "padding": 1},
    {"weight": (16, 4, 3, 3), "size": (9, 9), "stride": (2, 2), "padding": (1, 1)},
    {"weight": (4, 2, 5, 1), "size": (11, 6), "stride": (3, 1), "padding": (2, 1)},
    {"weight": (20, 2, 2, 3), "size": (8, 10), "dilation": (3, 2), "groups": 2},
    {"weight": (6, 1, 3, 3), "size": (6, 5), "padding": "same", "groups": 6},
    {"weight": (12, 2, 4, 4), "size": (9, 9), "padding": "same", "dilation": (1, 2), "groups": 3},
    {"weight": (33, 5, 1, 1), "size": (4, 6)},
    {"weight": (8, 3, 3, 3), "size": (12, 12), "stride": (2, 3), "padding": (3, 2), "dilation": (2, 1)},
    {"weight": (1, 1, 7, 7), "size": (7, 7)},
    # Patches of common sizes, which have loops of their own, and of others by registers and by halves of them.
    *({"weight": (outs, 3, 1, 1), "size": (3, 5)} for outs in (16, 32, 64, 80, 128)),
    *({"weight": (outs, 2, 3, 3), "size": (4, 6), "padding": 1} for outs in (8, 16, 24, 32, 48, 64)),
    # Lines of every number of places that are worked on together.
    *({"weight": (17, 3, 3, 3), "size": (4, wide), "padding": 1} for wide in (6, 10, 15, 23)),
    # Depthwise, 3 by 3, with channels left over.
    {"weight": (16, 1, 3, 3), "size": (5, 14), "padding": 1, "groups": 16},
    {"weight": (40, 1, 3, 3), "size": (9, 23), "stride": (2, 2), "padding": (1, 1), "groups": 40},
    {"weight": (32, 1, 3, 3), "size": (7, 9), "dilation": (2, 3), "padding": (1, 2), "groups": 32},
    {"weight": (16, 1, 3, 3), "size": (2, 2), "padding": 1, "groups": 16},
]


@pytest.mark.parametrize("given", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("rate", [0.02, 1.0])
def test_convolution(given: dict[str, Any], rate: float) -> None:
    options = dict(given)
    shape, size = options.pop("weight"), options.pop("size")
    for bias in (None, weights(shape[0])):
        node = ir.Conv2d(weights(*shape), bias, **options)
        channels = shape[1] * options.get("groups", 1)
        graph = ir.Graph.chain(input=ir.Input([channels, *size]), node=node, output=ir.Output(None))
        agree(graph, some(3, 4, channels, *size, rate=rate))


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 3}, {"dilation": 2, "padding": "same", "groups": 2}], ids=str
)
def test_convolution_over_one_axis(options: dict[str, Any]) -> None:
    node = ir.Conv1d(weights(6, 4 // options.get("groups", 1), 3), weights(6), **options)
    graph = ir.Graph.chain(input=ir.Input([4, 17]), node=node, output=ir.Output(None))
    agree(graph, some(4, 4, 4, 17))


def test_convolution_with_a_step_axis() -> None:
    node = ir.Conv2d(weights(3, 9, 2, 3, 3), weights(2, 9), padding=1)
    graph = ir.Graph.chain(input=ir.Input([2, 6, 6]), node=node, output=ir.Output(None))
    agree(graph, some(7, 4, 2, 6, 6))


RESETS = list(itertools.product(("value", "subtract", "none"), (0, 1), ("ge", "gt")))


@pytest.mark.parametrize(("reset", "delay", "comparator"), RESETS)
@pytest.mark.parametrize("kind", ["LIF", "IF"])
@pytest.mark.parametrize("form", ["scalar", "channel", "neuron"])
def test_neurons(kind: str, form: str, reset: str, delay: int, comparator: str) -> None:
    shape = {"scalar": (), "channel": (3,), "neuron": (3, 4, 5)}[form]

    def values(low: float, high: float) -> Any:
        return RNG.uniform(low, high, shape).astype(np.float32)

    rule: dict[str, Any] = {"reset": reset, "reset_delay": delay, "comparator": comparator}
    rule |= {"v_reset": values(-1, 0.5), "v_init": values(-1, 2)}
    if kind == "LIF":
        node: ir.Node = ir.LIF(values(1, 5), values(0.5, 2), values(-0.5, 0.5), np.float32(0.5), **rule)
    else:
        node = ir.IF(np.float32(0.5), r=values(0.5, 2), **rule)
    graph = ir.Graph.chain(input=ir.Input([3, 4, 5]), node=node, output=ir.Output([3, 4, 5]))
    # Sums that meet the threshold exactly are frequent on a grid.
    x = np.round(some(20, 4, 3, 4, 5) * 4) / 4
    agree(graph, x, record=("node.v", "node.spikes"))


POOLS = [
    ir.MaxPool2d(),
    ir.MaxPool2d((3, 2), stride=2, padding=1, dilation=(1, 2)),
    ir.MaxPool2d(3, stride=2, ceil_mode=True),
    ir.AvgPool2d(2),
    ir.AvgPool2d(3, stride=(1, 2), padding=1, ceil_mode=True),
    ir.AvgPool2d((2, 3), padding=1, count_include_pad=False),
]
OTHERS = [
    ir.Upsample(1.3),
    ir.Upsample(size=(3, 11)),
    ir.Upsample(2, mode="bilinear"),
    ir.ReLU(17),
    ir.ReLU(17, negative_slope=0.3),
    ir.ReLU(17, negative_slope=1e-60),
    ir.PReLU(17, weights(17)),
    ir.StepMean(),
    ir.Dropout(17),
]


@pytest.mark.parametrize("node", [*POOLS, *OTHERS], ids=repr)
@pytest.mark.parametrize("before", ["first", "last"])
def test_maps(node: ir.Node, before: str) -> None:
    """As they come from outside, and as a convolution gives them."""
    nodes = {"input": ir.Input([17, 7, 8]), "node": node, "output": ir.Output(None)}
    if before == "last":
        nodes = {"input": nodes["input"], "conv": ir.Conv2d(weights(17, 17, 1, 1)), **nodes}
    names = list(nodes)
    graph = ir.Graph(nodes, list(itertools.pairwise(names)))
    record = "node.sum" if isinstance(node, ir.StepMean) else "node.out"
    agree(graph, some(4, 4, 17, 7, 8, rate=0.7), record=record)


def test_zeros_of_either_sign_are_pooled_alike() -> None:
    x = RNG.choice([0.0, -0.0], (1, 4, 40, 8, 8)).astype(np.float32)
    agree(ir.Graph.chain(input=ir.Input([40, 8, 8]), pool=ir.MaxPool2d(3, stride=1), output=ir.Output(None)), x)


@pytest.mark.parametrize("channels", [2, 3, 4, 8, 16, 32, 40])
def test_maps_of_common_widths(channels: int) -> None:
    """Turned on their way in and out, and pooled by four between."""
    graph = ir.Graph.chain(input=ir.Input([channels, 7, 9]), pool=ir.MaxPool2d(2), output=ir.Output(None))
    agree(graph, some(3, 4, channels, 7, 9, rate=0.7))


@pytest.mark.parametrize(("dim", "sizes"), [(0, (3, 16)), (-1, (5, 5)), (0, (32, 16)), (0, (20, 64))])
def test_joined_maps(dim: int, sizes: tuple[int, int]) -> None:
    first, second = sizes
    nodes = {
        "a": ir.Input([first, 4, 5]),
        "b": ir.Input([second, 4, 5]),
        "c": ir.Conv2d(weights(first, first, 1, 1)),
        "join": ir.Concat(dim=dim),
        "lif": ir.LIF(2.0, 1.0, 0.0, 0.5),
        "output": ir.Output(None),
    }
    graph = ir.Graph(nodes, [("a", "c"), ("c", "join"), ("b", "join"), ("join", "lif"), ("lif", "output")])
    agree(graph, {"a": some(3, 4, first, 4, 5), "b": some(3, 4, second, 4, 5)}, record=("lif.v", "*.out"))


@pytest.mark.parametrize("record", [(), ("lif.v",), ("conv.out",), ("lif.spikes",), ("*",)])
def test_neurons_inside_their_layer(record: tuple[str, ...]) -> None:
    """With parameters for every channel and neuron, which lie as the maps do; and once more from the state."""
    values = RNG.uniform(0.1, 1, (9, 6, 6)).astype(np.float32)
    nodes = {
        "input": ir.Input([2, 6, 6]),
        "conv": ir.Conv2d(weights(9, 2, 3, 3), weights(9), padding=1),
        "lif": ir.LIF(3.0, 1.0, 0.0, values, v_init=values, v_reset=values[:, :1, :1]),
        "depth": ir.SDConv(weights(9, 1, 3, 3), padding=1, stride=2),
        "if": ir.IF(values[:, 0, 0], reset="subtract", reset_delay=1),
        "flat": ir.Flatten(),
        "fc": ir.Affine(weights(5, 81)),
        "last": ir.LIF(3.0, 1.0, 0.0, 0.7),
        "output": ir.Output(None),
    }
    graph = ir.Graph(nodes, list(itertools.pairwise(nodes)))
    x = some(6, 4, 2, 6, 6)
    whole = agree(graph, x, record=record)
    for way in WAYS:
        first = run(graph, x[:2], engine="native", **way)
        last = run(graph, x[2:], engine="native", state=first.state, **way)
        for name in ("lif", "if", "last"):
            same(last.state.nodes[name], whole.state.nodes[name])


def test_a_cycle_with_delays_goes_on_where_it_stopped() -> None:
    graph = ir.Graph(
        {
            "in": ir.Input([6]),
            "fc": ir.Affine(weights(6, 6), weights(6)),
            "lif": ir.LIF(3.0, 1.0, 0.0, 0.7),
            "back": ir.Affine(weights(6, 6)),
            "out": ir.Output([6]),
        },
        [
            ("in", "fc"),
            ("fc", "lif"),
            ("lif", "back"),
            ir.Edge("back", "lif", delay=3),
            ("lif", "out"),
            ir.Edge("in", "out", delay=2),
        ],
        allow_cycles=True,
    )
    x = some(11, 4, 6)
    whole = agree(graph, x, record=("*",))
    for way in WAYS:
        first = run(graph, x[:4], engine="native", **way)
        middle = run(graph, x[4:5], engine="reference", state=first.state)
        last = run(graph, x[5:], engine="native", state=middle.state, **way)
        joined = np.concatenate([first.outputs["out"], middle.outputs["out"], last.outputs["out"]])
        same({"out": joined}, whole.outputs)
        same(last.state.nodes["lif"], whole.state.nodes["lif"])
        same(last.state.delays, whole.state.delays)


@settings(max_examples=25, deadline=None)
@given(graphs(), st.integers(0, 2**16))
def test_random_graphs(graph: ir.Graph, seed: int) -> None:
    inputs = feeds(graph, seed, steps=5, batch=3)
    expected = run(graph, inputs, engine="reference", record=("*",))
    for way in WAYS:
        same_result(run(graph, inputs, engine="native", record=("*",), **way), expected)


def test_random_graphs_reach_every_kernel() -> None:
    used: set[str] = set()
    for seed in range(60):
        graph = random_graph(random.Random(seed))
        used |= set(run(graph, feeds(graph, seed), engine="native").engine.nodes.values())
    words = " ".join(used)
    kinds = ("affine", "convolution", "neuron", "pool", "join", "rectifier")
    for word in (*(f"native {kind}" for kind in kinds), "numpy step", "all steps at once", "handed on"):
        assert word in words


def test_it_says_what_ran_how() -> None:
    graph = ir.Graph.chain(
        input=ir.Input([4]),
        fc=ir.Affine(weights(4, 4)),
        act=ir.GELU(4),
        lif=ir.LIF(2.0, 1.0, 0.0, 1.0),
        output=ir.Output([4]),
    )
    result = run(graph, some(3, 1, 4))
    assert result.engine.name == "native"
    assert result.engine.nodes["act"] == "numpy step"
    assert result.engine.nodes["lif"] == "native neuron"
    assert run(graph, np.zeros((3, 1, 4)), engine_options={"kernels": "event"}).engine.nodes["fc"].endswith("by events")
    assert run(graph, np.ones((3, 1, 4))).engine.nodes["fc"].endswith("dense")
    assert run(graph, some(3, 1, 4), dtype="float64").engine.name == "reference"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"kernels": "fast"}, "'fast'"),
        ({"kernels": ["auto"]}, "['auto']"),
        ({"chunk": 0}, "0"),
        ({"chunk": True}, "True"),
        ({"chunks": 1}, "chunk"),
        ({"plugins": 3}, "3"),
        ({"plugins": [3]}, "3"),
    ],
)
def test_wrong_options(options: dict[str, Any], found: str) -> None:
    graph = ir.Graph.chain(input=ir.Input([1]), output=ir.Output([1]))
    with pytest.raises(ir.TalonRunError) as caught:
        run(graph, np.zeros((1, 1, 1)), engine="native", engine_options=options)
    assert caught.value.code == "T405"
    assert found in str(caught.value)


def test_buffers_that_do_not_fit_are_refused() -> None:
    module = library.library()
    x, w, y = np.zeros((2, 3), np.float32), np.zeros((3, module.WIDE), np.float32), np.zeros((2, 4), np.float32)
    counts, binary = np.zeros(2, np.int64), np.zeros(2, np.uint8)
    scratch = np.zeros(3 + module.WIDE, np.int32), np.zeros(3, np.uint64), np.zeros(3 * module.ROWS, np.float32)
    one, spikes = np.ones(1, np.float32), np.zeros((2, 4), np.uint8)
    neurons = (module.NEURON, 1, 2, 4, 0, 0, 0, spikes, y.copy(), None, counts, *[one] * 6)
    right = (module.F32, 2, 3, 4, 0.5, x, w, None, y, counts, binary, *scratch, None)
    assert module.affine(*right) == module.EVENT
    assert module.affine(*right[:-1], neurons) == module.EVENT
    for place, value in (
        (3, 5),
        (1, -2),
        (5, x[:, :2].copy()),
        (7, np.zeros(3, np.float32)),
        (9, counts.astype(np.int32)),
        (11, np.zeros(3, np.int32)),
        (13, np.zeros(3, np.float32)),
        (14, (module.NEURON, 1, 3, *neurons[3:])),
        (14, (*neurons[:7], y, *neurons[8:])),
    ):
        wrong = [*right]
        wrong[place] = value
        with pytest.raises(ValueError, match="expected"):
            module.affine(*wrong)
    with pytest.raises(ValueError, match="no rule 3"):
        module.neuron(x, (module.NEURON, 1, 2, 3, 3, 0, 0, x.copy(), x.copy(), None, counts, *[one] * 6))
    with pytest.raises(ValueError, match="expected 0 to 2"):
        module.gather(2, 3, 1, 1, np.array([3], np.int32), x, np.zeros(2, np.float32))
    window = (2, 2), (1, 1), (1, 1), (0, 0), (1, 1), (2, 2)
    with pytest.raises(ValueError, match="a mean is of floats"):
        module.pool(1, 2, module.MEAN, *window, spikes, np.ones(4, np.float32), spikes.copy())
    y.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        module.affine(*right)
    with pytest.raises(ValueError, match="instruction set"):
        module.isa("v9")
