"""What is proved of a quantised graph before it runs: bounds that are reached and never exceeded, and units."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.engine.task import make_task
from talon.hw.integers.engine import Run
from talon.hw.integers.plan import Plan
from talon.hw.integers.record import QuantRecord
from tests.hw.chips import chip
from tests.hw.records import record_of, with_record

RNG = np.random.default_rng(12)
WIDE = chip(membranes__bits=24)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def plan(graph: ir.Graph, x: np.ndarray) -> Plan:
    found = Run(make_task(graph, dict.fromkeys(graph.inputs, x))).plan
    assert found is not None
    return found


def quantised(*layers: ir.Node, shape: list[int], x: np.ndarray, target: Any = WIDE) -> ir.Graph:
    """Layers, then a neuron that never fires, so that its membrane after a step is the sum that entered."""
    cell = ir.IF(1.0, reset="none")
    graph = ir.Graph.chain(
        input=ir.Input(shape), **{f"l{k}": layer for k, layer in enumerate(layers)}, cell=cell, out=ir.Output(None)
    )
    return hw.quantize(graph, target, calibration=x)


def sums_of(graph: ir.Graph, x: np.ndarray) -> np.ndarray:
    """What enters the neuron in one step, as integers."""
    state = run(graph, x[:1], engine="integer", engine_options={"kernels": "oracle"}).state
    shift = record_of(graph)["shifts"].get("cell", 0)
    assert shift == 0
    return np.asarray(state.nodes["cell"]["v"])


def bound_of(found: Plan, graph: ir.Graph) -> int:
    """The bound of what enters the neuron: two to the bits it needs, about."""
    number = list(graph.nodes).index("cell")
    return int(found.pieces[number].input_bound)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ((ir.Affine(normal(5, 12), normal(5)),), [12]),
        ((ir.Conv1d(normal(4, 3, 3), normal(4)),), [3, 3]),
        ((ir.Conv2d(normal(4, 2, 3, 3), normal(4), groups=2),), [4, 3, 3]),
        ((ir.Affine(normal(3, 5, 12), normal(2, 5)),), [12]),
    ],
    ids=["affine", "conv1d", "groups", "by step"],
)
def test_an_adversarial_input_reaches_the_bound_and_none_exceeds_it(layers: Any, shape: list[int]) -> None:
    graph = quantised(*layers, shape=shape, x=np.ones((6, 1, *shape), np.float32))
    (node,) = layers
    stored = graph.nodes["l0"]
    weight, bias = stored.quant["weight"].integers.astype(int), stored.quant["bias"].integers.astype(int)
    found = plan(graph, np.zeros((1, 1, *shape), np.float32))
    weight = weight if node.per_step("weight") else weight[None]
    bias = bias if node.per_step("bias") else bias[None]
    outs = node.dims["out"]
    flat = weight.reshape(len(weight), outs, -1)
    # Inputs are 0 and 1: all that pull one way together. Bound and largest sum differ by what pulls the other way.
    most = np.abs(flat).sum(axis=2).max(axis=0) + np.abs(bias).max(axis=0)
    assert bound_of(found, graph) == most.max()
    (proof,) = found.proofs
    assert 2 ** (proof.need - 1) - 1 >= most.max() > 2 ** (proof.need - 2) - 1
    for _ in range(20):
        x = (RNG.random((1, 1, *shape)) < RNG.random()).astype(np.float32)
        assert np.abs(sums_of(graph, x)).max() <= most.max()


def test_signed_inputs_reach_the_bound_exactly() -> None:
    x = RNG.uniform(-1, 1, (6, 1, 12)).astype(np.float32)
    x.flat[0] = 1.0
    graph = quantised(ir.Affine(normal(5, 12), normal(5)), shape=[12], x=x)
    said = record_of(graph)["inputs"]["input"]
    assert said["low"] == -said["high"] == -127
    weight = graph.nodes["l0"].quant["weight"].integers.astype(int)
    bias = graph.nodes["l0"].quant["bias"].integers.astype(int)
    bound = bound_of(plan(graph, x), graph)
    reached = 0
    for o in range(5):
        worst = (np.where(weight[o] * (1 if bias[o] >= 0 else -1) >= 0, 1, -1) * 127 * said["scale"]).astype(np.float32)
        reached = max(reached, int(np.abs(sums_of(graph, worst[None, None])).max()))
    assert reached == bound
    assert bound == int((np.abs(weight).sum(axis=1) * 127 + np.abs(bias)).max())


def test_units_follow_the_values() -> None:
    x = (RNG.random((8, 1, 2, 8, 8)) < 0.4).astype(np.float32)
    graph = ir.Graph(
        {
            "in": ir.Input([2, 8, 8]),
            "a": ir.Conv2d(normal(3, 2, 3, 3), padding=1),
            "na": ir.IF(1.0),
            "mean": ir.AvgPool2d(2),
            "max": ir.MaxPool2d(2),
            "join": ir.Concat(2),
            "flat": ir.Flatten(),
            "fc": ir.Affine(normal(4, 96)),
            "n": ir.IF(1.0),
            "out": ir.Output([4]),
        },
        [("in", "a"), ("a", "na"), ("na", "mean"), ("na", "max"), ("mean", "join"), ("max", "join"), ("join", "flat"),
         ("flat", "fc"), ("fc", "n"), ("n", "out")],
    )  # fmt: skip
    small = hw.quantize(graph, calibration=x)
    found, names = plan(small, x), list(small.nodes)
    value = {name: found.values[names.index(name), 0] for name in names}
    assert (value["mean"].unit == 0.25).all()
    assert value["mean"].bound == 4
    assert (value["max"].unit == 1).all()
    assert (value["join"].unit == np.repeat([0.25, 1.0], 3)[:, None, None]).all()
    assert (value["flat"].unit == np.repeat([0.25, 1.0], 48)).all()
    assert value["flat"].bound == 4
    # Each weight times what 1 stands for in its input is a multiple of the unit of the sum.
    scale = small.nodes["fc"].quant["weight"].scale * value["flat"].unit
    assert np.allclose(scale, record_of(small)["units"]["fc"][:, None])


def test_width_of_accumulators() -> None:
    """SpikingAffine says its own; sums that need more may overflow, and do as the target's do."""
    layer = ir.SpikingAffine(np.ones((2, 100), np.float32), weight_bits=4, accumulator_bits=6)
    graph = quantised(layer, shape=[100], x=np.eye(1, 100, dtype=np.float32)[None])
    assert graph.nodes["l0"].quant["weight"].bits == 4
    assert record_of(graph)["accumulator_bits"] == {"cell": 6}
    x = np.ones((1, 1, 100), np.float32)
    (proof,) = plan(graph, x).proofs
    assert (proof.have, proof.safe) == (6, False)
    assert proof.need > 6
    assert "may saturate" in str(proof)
    assert (sums_of(graph, x) == 2**5 - 1).all()


def test_spike_mode_is_honoured_or_refused() -> None:
    x = RNG.random((4, 1, 4)).astype(np.float32)
    for mode in ("graded", "rate"):
        layer = ir.SpikingAffine(normal(3, 4), spike_mode=mode)
        with pytest.raises(ir.TalonTargetError, match=mode) as caught:
            quantised(layer, shape=[4], x=x)
        assert caught.value.code == "T506"
        assert caught.value.diagnostic.node == "l0"
        with pytest.raises(ir.TalonTargetError, match="payload"):
            quantised(layer, shape=[4], x=np.ones((2, 1, 4), np.float32), target=graded(payload="unknown"))
        assert quantised(layer, shape=[4], x=x, target=graded()).nodes["l0"].quant["weight"].bits == 8


def graded(**changes: Any) -> hw.Target:
    return chip(ops__SpikingAffine="{ spike_mode = ['binary', 'graded', 'rate'] }", **changes)


def stream(data: bytes) -> np.ndarray:
    return np.frombuffer(zlib.compress(data), np.uint8)


def test_a_damaged_record_is_refused() -> None:
    graph = quantised(ir.Affine(normal(3, 4)), shape=[4], x=np.ones((2, 1, 4), np.float32))
    said = record_of(graph)
    for key, value in (
        ("arithmetic", {}),
        ("arithmetic", said["arithmetic"] | {"comparator": "eq"}),
        ("arithmetic", said["arithmetic"] | {"accumulators": {"bits": 90, "overflow": "wrap"}}),
        ("units", {"l0": np.array([-1.0])}),
        ("units", {"l0": np.array([np.nan])}),
        ("shifts", {"cell": 99}),
        ("inputs", {"input": {"scale": 0.0, "low": 0, "high": 1}}),
        ("inputs", None),
    ):
        with pytest.raises(ir.TalonFormatError) as caught:
            QuantRecord.of(with_record(graph, **{key: value}))
        assert caught.value.code == "T303", key
    config = graph.quantization_config
    data = zlib.decompress(config["record"].tobytes())
    line, _, units = data.partition(b"\n")
    many = line.replace(b'"units":{"l0":3}', b'"units":{"l0":-1,"l1":4}')
    assert many != line
    for key, found in {
        "format": 3,
        "record": "words",
        "cut": config["record"][:-3],
        "no stream": config["record"][1:],
        "numbers": stream(data[:-4]),
        "half a number": stream(data + b"0"),
        "below 0": stream(many + b"\n" + units),
        "no JSON": stream(data[1:]),
        "no object": stream(b"[]\n"),
        "empty": stream(b""),
    }.items():
        place = "format" if key == "format" else "record"
        with pytest.raises(ir.TalonFormatError) as caught:
            QuantRecord.of(graph.changed(quantization_config=config | {place: found}))
        assert caught.value.code == "T303", key
    without = with_record(graph, units={})
    with pytest.raises(ir.TalonRunError, match="what its sums stand for") as missing:
        run(without, np.ones((1, 1, 4), np.float32), engine="integer")
    assert missing.value.diagnostic.node == "l0"


EDITS: dict[str, Any] = {
    "a neuron renamed": lambda q: q.rename({"lif": "other"}),
    "weights in another scale": lambda q: rescaled(q, "fc", "weight"),
    "a bias in another scale": lambda q: rescaled(q, "fc", "bias"),
    "a threshold in another scale": lambda q: rescaled(q, "lif", "v_threshold"),
    "a reset in another scale": lambda q: rescaled(q, "lif", "v_reset"),
    "a gain": lambda q: q.replace("lif", q.nodes["lif"].changed(r=9.0)),
    "a gain of a neuron without decay": lambda q: q.replace("if", q.nodes["if"].changed(r=2.0)),
    "a leak": lambda q: q.replace("lif", q.nodes["lif"].changed(v_leak=0.5)),
    "another decay": lambda q: q.replace("lif", q.nodes["lif"].changed(tau=9.0)),
}


def rescaled(graph: ir.Graph, name: str, field: str) -> ir.Graph:
    node: Any = graph.nodes[name]
    q = node.quant[field]
    return graph.replace(name, node.changed(**{field: ir.Quantized(q.integers, q.scale * 2, q.bits, q.rule)}))


@pytest.mark.parametrize("edit", EDITS)
def test_what_is_changed_after_quantising_is_refused(edit: str) -> None:
    """Integers would compute as if nothing had been changed, or in other units."""
    rng = np.random.default_rng(5)
    graph = ir.Graph.chain(
        input=ir.Input([6]),
        fc=ir.Affine(rng.normal(size=(5, 6)), rng.normal(size=5)),
        lif=ir.LIF(4.0, 4.0, 0.1, 0.7, v_reset=-0.2),
        fc2=ir.Affine(rng.normal(size=(4, 5))),
        **{"if": ir.IF(1.0)},
        out=ir.Output([4]),
    )
    x = (rng.random((9, 2, 6)) < 0.5).astype(np.float32)
    quantised = hw.quantize(graph, calibration=x)
    run(quantised, x, engine="integer")
    with pytest.raises(ir.TalonRunError) as caught:
        run(EDITS[edit](quantised), x, engine="integer")
    assert caught.value.code == "T508"
    assert caught.value.diagnostic.node in ("lif", "other", "fc", "if")
    # Metadata, hints and what passes values on may change.
    other = quantised.replace("lif", quantised.nodes["lif"].changed(core_id=3)).insert_after("lif", "d", ir.Dropout(5))
    assert np.array_equal(
        run(other, x, engine="integer").outputs["out"], run(quantised, x, engine="integer").outputs["out"]
    )
