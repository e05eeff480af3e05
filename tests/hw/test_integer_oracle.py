"""The integer engine against a simulation in Python's own integers: spikes and membranes of every neuron and step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from talon import hw, ir
from talon.engine import run
from talon.hw.integers.pieces import Weights
from talon.hw.integers.planned import planned
from tests.hw.chips import chip
from tests.hw.integer_networks import DECAYS, networks
from tests.hw.plain_integers import Trapped, simulated

RNG = np.random.default_rng(9)


def normal(*shape: int, size: float = 1.0) -> np.ndarray:
    return (RNG.standard_normal(shape) * size).astype(np.float32)


def spikes(*shape: int, rate: float = 0.4) -> np.ndarray:
    return (RNG.random(shape) < rate).astype(np.float32)


def agree(graph: ir.Graph, inputs: dict[str, np.ndarray], fires: bool = True) -> None:
    """All ways to run it give what the plain simulation gives, run at once and step by step."""
    cells = [name for name, node in graph.nodes.items() if node.spiking]  # type: ignore[union-attr]
    expected = simulated(graph, inputs)
    for kernels in ("auto", "oracle"):
        options = {"kernels": kernels}
        keys = [f"{name}.spikes" for name in cells]
        whole = run(graph, inputs, engine="integer", engine_options=options, record=keys)
        for name in cells:
            assert np.array_equal(whole.records[f"{name}.spikes"], expected[name]), (kernels, name)
            assert not fires or expected[name].any(), f"{name} never fires"
        state = None
        for t in range(len(next(iter(inputs.values())))):
            step = {name: array[t : t + 1] for name, array in inputs.items()}
            state = run(graph, step, engine="integer", engine_options=options, state=state).state
            for name in cells:
                assert np.array_equal(state.nodes[name]["v"], expected[f"{name}.v"][t]), (kernels, name, t)


def chain(*layers: ir.Node, shape: list[int], target: Any = "generic-mesh", **asked: Any) -> None:
    """A chain quantised and compared."""
    x = asked.pop("x", None)
    x = spikes(10, 2, *shape) if x is None else x
    graph = ir.Graph.chain(ir.Input(shape), *layers, ir.Output(None))
    quantised = hw.quantize(graph, target, calibration=x, **asked)
    (name,) = quantised.inputs
    agree(quantised, {name: x})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"stride": 2, "padding": 1},
        {"padding": "same", "dilation": (1, 2)},
        {"groups": 2, "stride": (1, 2)},
        {"groups": 4, "padding": (2, 0)},
    ],
    ids=str,
)
def test_convolutions(fields: dict[str, Any]) -> None:
    weight = normal(8, 4 // int(fields.get("groups", 1)), 3, 3)
    chain(ir.Conv2d(weight, normal(8, size=0.2), **fields), ir.LIF(3.0, 2.0, 0.0, 0.7), shape=[4, 6, 7])


def test_other_layers() -> None:
    chain(
        ir.Conv1d(normal(4, 3, 3), normal(4), stride=2, padding=2),
        ir.IF(1.0),
        ir.Flatten(),
        ir.SpikingAffine(normal(5, 24), weight_bits=4),
        ir.LIF(2.0, 2.0, 0.0, 0.5),
        shape=[3, 9],
    )
    chain(
        ir.SConv(normal(4, 2, 3, 3), padding=1),
        ir.IF(0.8),
        ir.SDConv(normal(4, 1, 2, 2), normal(4)),
        ir.IF(0.5, reset="subtract"),
        shape=[2, 5, 5],
    )
    chain(ir.Affine(normal(6, 5)), ir.LIF(3.0, 3.0, 0.0, 0.5), shape=[4, 5])


@pytest.mark.parametrize(
    "pool",
    [
        ir.MaxPool2d(),
        ir.MaxPool2d(3, stride=2, padding=1, dilation=1),
        ir.MaxPool2d(2, stride=1, dilation=2),
        ir.MaxPool2d(3, stride=2, ceil_mode=True),
        ir.AvgPool2d(2),
        ir.AvgPool2d(3, stride=2, padding=1),
        ir.AvgPool2d((2, 3), stride=(2, 1)),
    ],
    ids=repr,
)
def test_pools(pool: ir.Node) -> None:
    chain(ir.Conv2d(normal(4, 2, 3, 3), padding=1), ir.IF(0.8), pool, ir.Conv2d(normal(4, 4, 2, 2)),
          ir.LIF(2.0, 2.0, 0.0, 0.5), shape=[2, 8, 8])  # fmt: skip
    # Between a layer and its neuron sums are pooled.
    chain(ir.Conv2d(normal(4, 2, 3, 3), padding=1), pool, ir.LIF(2.0, 2.0, 0.0, 0.3), shape=[2, 8, 8])


@pytest.mark.parametrize("kind", ["LIF", "IF"])
@pytest.mark.parametrize("reset", ["value", "subtract", "none"])
@pytest.mark.parametrize("reset_delay", [0, 1])
def test_every_reset(kind: str, reset: str, reset_delay: int) -> None:
    fields: dict[str, Any] = {
        "reset": reset, "reset_delay": reset_delay, "v_reset": normal(6, size=0.2), "v_init": normal(6),
    }  # fmt: skip
    cell = ir.LIF(3.0, 2.0, 0.1, 0.7, **fields) if kind == "LIF" else ir.IF(0.9, **fields)
    for order in ('["decay", "input", "spike", "reset"]', '["input", "decay", "spike", "reset"]'):
        chain(ir.Affine(normal(6, 8), normal(6, size=0.1)), cell, shape=[8], target=chip(order=order),
              x=spikes(24, 2, 8))  # fmt: skip


@pytest.mark.parametrize("changes", DECAYS, ids=str)
@pytest.mark.parametrize("rounding", ["floor", "rtz", "half_even", "half_up"])
def test_every_decay_and_rounding(changes: dict[str, Any], rounding: str) -> None:
    target = chip(**changes, accumulators__rounding=rounding, membranes__bits=9)
    cell = ir.LIF(np.array([1.0, 2.0, 3.0, 4.0, 9.0, 30.0]), 4.0, 0.0, 0.6)
    chain(ir.Affine(normal(6, 8)), cell, shape=[8], target=target, x=spikes(24, 2, 8))


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("accumulate", ["exact", "sequential_saturate"])
def test_sums_that_leave_their_registers(overflow: str, accumulate: str) -> None:
    """Calibrated on almost nothing, run on much."""
    target = chip(accumulate=accumulate, accumulators__bits=10, accumulators__overflow=overflow,
                  membranes__bits=10, membranes__overflow=overflow)  # fmt: skip
    quiet = np.zeros((2, 1, 40), np.float32)
    quiet[:, :, 0] = 1
    loud = spikes(16, 2, 40, rate=0.8)
    for layer, shape in (
        (ir.Affine(normal(6, 40)), [40]),
        (ir.Conv1d(normal(6, 4, 3), normal(6), padding=1), [4, 10]),
    ):
        graph = ir.Graph.chain(input=ir.Input(shape), layer=layer, cell=ir.LIF(4.0, 4.0, 0.0, 1.0), out=ir.Output(None))
        quantised = hw.quantize(graph, target, calibration=quiet.reshape(2, 1, *shape))
        agree(quantised, {"input": loud.reshape(16, 2, *shape)})


def test_traps() -> None:
    target = chip(accumulators__bits=10, accumulators__overflow="trap")
    graph = ir.Graph.chain(input=ir.Input([40]), layer=ir.Affine(np.ones((3, 40), np.float32)), cell=ir.IF(1.0),
                           out=ir.Output([3]))  # fmt: skip
    quiet = np.zeros((2, 1, 40), np.float32)
    quiet[:, :, 0] = 1
    quantised = hw.quantize(graph, target, calibration=quiet, method="max")
    agree(quantised, {"input": quiet})
    loud = np.ones((4, 1, 40), np.float32)
    with pytest.raises(Trapped):
        simulated(quantised, {"input": loud})
    for kernels in ("auto", "oracle"):
        with pytest.raises(ir.TalonRunError, match="traps") as caught:
            run(quantised, loud, engine="integer", engine_options={"kernels": kernels})
        assert caught.value.code == "T507"


def test_recurrence_delays_and_skips() -> None:
    graph = ir.Graph(
        {
            "in": ir.Input([5]),
            "fc": ir.Affine(normal(4, 5), normal(4, size=0.1)),
            "a": ir.LIF(3.0, 2.0, 0.0, 0.5),
            "back": ir.Affine(normal(4, 4) * 3),
            "fc2": ir.Affine(normal(4, 4)),
            "add": ir.Skip("residual"),
            "b": ir.IF(0.7, reset="subtract", reset_delay=1),
            "join": ir.Concat(3),
            "fc3": ir.Affine(normal(3, 12)),
            "c": ir.LIF(2.0, 1.5, 0.0, 0.4),
            "out": ir.Output([3]),
        },
        [
            ("in", "fc"), ("fc", "a"), ("a", "back"), ir.Edge("back", "a", delay=1), ("a", "fc2"),
            ("fc2", "add"), ir.Edge("fc", "add", delay=2), ("add", "b"), ("a", "join"), ir.Edge("b", "join", delay=3),
            ("b", "join"), ("join", "fc3"), ("fc3", "c"), ("c", "out"),
        ],
        allow_cycles=True,
    )  # fmt: skip
    x = spikes(20, 2, 5)
    agree(hw.quantize(graph, calibration=x), {"in": x})


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize(("bits", "cut"), [(7, True), (24, False)])
def test_layers_behind_each_other(bits: int, cut: bool, overflow: str) -> None:
    """Sums leave their accumulator before another layer reads them, at narrow ones cut; ghost blocks are such."""
    target = chip(accumulators__bits=bits, accumulators__overflow=overflow)
    for shape, *layers in (
        ([6], ir.Affine(normal(5, 6), normal(5)), ir.Affine(normal(4, 5)), ir.IF(0.2)),
        ([2, 7, 7], ir.Conv2d(normal(4, 2, 3, 3)), ir.SDConv(normal(4, 1, 3, 3)), ir.LIF(3.0, 2.0, 0.0, 0.4)),
    ):
        x = spikes(10, 2, *shape)
        graph = ir.Graph.chain(input=ir.Input(shape), a=layers[0], b=layers[1], n=layers[2], out=ir.Output(None))
        quantised = hw.quantize(graph, target, calibration=x)
        agree(quantised, {"input": x}, fires=not cut)
        plan = planned(quantised).plan
        assert plan is not None
        assert [piece.clipped for piece in plan.pieces if isinstance(piece, Weights)] == [False, cut]


def test_layers_that_pass_the_same_join_need_not_share_a_unit() -> None:
    """Halves of a ghost block join, and are added to halves of another: like with like."""
    nodes = {
        "in": ir.Input([2, 6, 6]),
        **{f"{side}{kind}": ir.Conv2d(normal(2, 2, 3, 3) * size, padding=1)
           for side, size in (("a", 1), ("b", 1)) for kind in ("one", "two")},
        "ja": ir.Concat(), "jb": ir.Concat(), "add": ir.Skip("residual"), "n": ir.IF(1.0), "out": ir.Output(None),
    }  # fmt: skip
    pairs = ["in aone", "aone atwo", "aone ja", "atwo ja", "in bone", "bone btwo", "bone jb", "btwo jb", "ja add",
             "jb add", "add n", "n out"]  # fmt: skip
    graph = ir.Graph(nodes, [(pair.split()[0], pair.split()[1]) for pair in pairs])
    x = spikes(10, 2, 2, 6, 6)
    quantised = hw.quantize(graph, chip(weights__bits=8, membranes__bits=24), calibration=x)
    agree(quantised, {"in": x})
    a, b = run(graph, x).outputs["out"], run(quantised, x, engine="integer").outputs["out"]
    assert np.mean(a != b) < 0.03


def test_weights_by_step() -> None:
    chain(ir.Affine(normal(3, 5, 6), normal(2, 5, size=0.2)), ir.IF(0.7), shape=[6])
    chain(ir.Conv2d(normal(2, 4, 2, 3, 3), normal(3, 4)), ir.IF(0.7), shape=[2, 5, 5])


@pytest.mark.parametrize("low", [0.0, -1.0])
@pytest.mark.parametrize("bits", [3, 8])
def test_inputs_that_are_numbers(low: float, bits: int) -> None:
    x = RNG.uniform(low, 1, (12, 2, 6)).astype(np.float32)
    chain(ir.Affine(normal(5, 6)), ir.LIF(3.0, 2.0, 0.0, 0.4), shape=[6], x=x, input_bits=bits)
    chain(ir.MaxPool2d(), ir.Conv2d(normal(4, 2, 2, 2)), ir.IF(0.7), shape=[2, 6, 6],
          x=RNG.uniform(low, 1, (12, 2, 2, 6, 6)).astype(np.float32), input_bits=bits)  # fmt: skip


@given(networks())
@settings(max_examples=60, deadline=None)
def test_small_networks(tmp_path_factory: pytest.TempPathFactory, drawn: Any) -> None:
    graph, x, target, asked = drawn
    quantised = hw.quantize(graph, target, calibration=x, **asked)
    agree(quantised, {"in": x}, fires=False)
    path = tmp_path_factory.mktemp("small") / "net.t1c"
    ir.write(path, quantised)
    read = ir.read(path)
    assert read.same_as(quantised)
    whole = run(read, x, engine="integer")
    first = run(quantised, x[:2], engine="integer")
    last = run(read, x[2:], engine="integer", state=first.state)
    joined = np.concatenate([first.outputs["out"], last.outputs["out"]])
    assert np.array_equal(joined, whole.outputs["out"])


def test_gains_go_through_pools() -> None:
    """The factor of a neuron is that of layers before a pool."""
    cell = ir.LIF(np.array([2.0, 3.0, 4.0, 9.0]), 5.0, 0.1, 0.5)
    for pool in (ir.MaxPool2d(), ir.AvgPool2d(2)):
        x = spikes(10, 2, 2, 8, 8)
        graph = ir.Graph.chain(
            input=ir.Input([2, 8, 8]), conv=ir.Conv2d(normal(4, 2, 3, 3)), pool=pool, cell=cell, out=ir.Output(None)
        )
        quantised = hw.quantize(graph, chip(weights__bits=16, membranes__bits=24), calibration=x)
        agree(quantised, {"input": x})
        assert list(quantised.nodes) == list(graph.nodes)
        a, b = run(graph, x).outputs["out"], run(quantised, x, engine="integer").outputs["out"]
        assert np.mean(a != b) < 0.01


def test_spikes_that_are_added_to_sums_get_a_layer() -> None:
    """Of a residual block: the spikes of the first neuron are added to the sums of the second layer."""
    nodes = {
        "in": ir.Input([2, 6, 6]),
        "c1": ir.Conv2d(normal(4, 2, 3, 3), padding=1),
        "n1": ir.IF(1.0),
        "c2": ir.Conv2d(normal(4, 4, 3, 3), padding=1),
        "add": ir.Skip("residual"),
        "n2": ir.LIF(3.0, 2.0, 0.0, 1.0),
        "out": ir.Output([4, 6, 6]),
    }
    pairs = ["in c1", "c1 n1", "n1 c2", "c2 add", "n1 add", "add n2", "n2 out"]
    graph = ir.Graph(nodes, [(pair.split()[0], pair.split()[1]) for pair in pairs])
    x = spikes(10, 2, 2, 6, 6)
    quantised = hw.quantize(graph, chip(weights__bits=16, membranes__bits=24), calibration=x)
    agree(quantised, {"in": x})
    a, b = run(graph, x).outputs["out"], run(quantised, x, engine="integer").outputs["out"]
    assert np.mean(a != b) < 0.01
    assert any("add_gain" in line["after"] for line in hw.quantization_ledger(quantised))


def test_a_layer_that_others_are_added_to_may_have_another_size() -> None:
    """Spikes are added to the sums that a layer reads, or to what a split takes apart: the layer of ones that they get
    has the size of what is read, not of what is given."""
    nodes: dict[str, ir.Node] = {
        "in": ir.Input([6]),
        "a": ir.Affine(normal(4, 6)),
        "b": ir.Affine(normal(6, 4)),
        "n": ir.IF(1.0),
        "wide": ir.Affine(normal(9, 6)),
        "split": ir.ChannelSplit([2, 4]),
        "m": ir.IF(1.0),
        "out": ir.Output([9]),
        "few": ir.Output([2]),
        "rest": ir.Output([4]),
    }
    edges = ["in a", "a n", "n b", "in wide", "b wide", "wide m", "m out", "b split", "in split"]
    pairs: list[Any] = [(pair.split()[0], pair.split()[1]) for pair in edges]
    graph = ir.Graph(nodes, [*pairs, ("split:0", "few"), ("split:1", "rest")])
    x = spikes(10, 2, 6)
    quantised = hw.quantize(graph, chip(weights__bits=16, membranes__bits=24), calibration=x)
    agree(quantised, {"in": x})
    gains = [name for name in quantised.nodes if name.endswith("_gain")]
    assert gains
    assert {node.shape_of("weight") for name, node in quantised.nodes.items() if name in gains} == {(6, 6)}
    for key, array in run(graph, x).outputs.items():
        assert np.mean(np.abs(array - run(quantised, x, engine="integer").outputs[key]) > 0.01) < 0.05


def test_spikes_that_are_added_to_sums_over_one_axis_get_a_layer() -> None:
    nodes = {
        "in": ir.Input([2, 9]),
        "c1": ir.Conv1d(normal(4, 2, 3), padding=1),
        "n1": ir.IF(1.0),
        "c2": ir.Conv1d(normal(4, 4, 3), padding=1),
        "add": ir.Skip("residual"),
        "n2": ir.LIF(3.0, np.array([2.0, 3.0, 4.0, 2.5]), 0.1, 1.0),
        "n3": ir.LIF(2.0, 3.0, 0.0, 1.0),
        "out": ir.Output([4, 9]),
    }
    pairs = ["in c1", "c1 n1", "n1 c2", "c2 add", "n1 add", "add n2", "n2 n3", "n3 out"]
    graph = ir.Graph(nodes, [(pair.split()[0], pair.split()[1]) for pair in pairs])
    x = spikes(10, 2, 2, 9)
    quantised = hw.quantize(graph, chip(weights__bits=16, membranes__bits=24), calibration=x)
    agree(quantised, {"in": x})
    assert [node.type_name for name, node in quantised.nodes.items() if "_gain" in name] == ["Conv1d", "Conv1d"]
    a, b = run(graph, x).outputs["out"], run(quantised, x, engine="integer").outputs["out"]
    assert a.any()
    assert np.mean(a != b) < 0.03
