"""Ordinary networks and arguments that quantising takes, or refuses by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run

from .chips import chip
from .conftest import MESH

RNG = np.random.default_rng(8)
SPIKES = (RNG.random((8, 2, 2, 6, 6)) < 0.4).astype(np.float32)
FORMS: dict[str, tuple[int, ...]] = {"one": (), "channels": (4,), "channels with axes": (4, 1, 1), "ones": (1, 1, 1)}


def conv(outputs: int = 4, inputs: int = 2) -> ir.Conv2d:
    return ir.Conv2d(RNG.normal(size=(outputs, inputs, 3, 3)), padding=1)


def agrees(graph: ir.Graph, x: np.ndarray = SPIKES) -> ir.Graph:
    """Quantised, and run by the oracle and in C to the same bits."""
    quantised = hw.quantize(graph, calibration=x)
    by_oracle = run(quantised, x, engine="integer", engine_options={"kernels": "oracle"})
    in_c = run(quantised, x, engine="integer")
    for name, array in by_oracle.outputs.items():
        assert np.array_equal(array, in_c.outputs[name])
        assert array.any()
    return quantised


@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_channels_on_a_map_of_one_place(reset: Any) -> None:
    cell = ir.LIF(4.0, 4.0, 0.0, np.array([0.5, 0.6, 0.7, 0.8]), reset=reset)
    convolution = ir.Conv2d(RNG.normal(size=(4, 2, 6, 6)))
    agrees(ir.Graph.chain(input=ir.Input([2, 6, 6]), conv=convolution, lif=cell, out=ir.Output(None)))


@pytest.mark.parametrize("tau", FORMS)
@pytest.mark.parametrize("r", FORMS)
def test_parameters_in_forms_of_their_own(tau: str, r: str) -> None:
    cell = ir.LIF(RNG.uniform(2, 8, FORMS[tau]), RNG.uniform(1, 4, FORMS[r]), 0.05, 0.4)
    graph = ir.Graph.chain(input=ir.Input([2, 6, 6]), conv=conv(), lif=cell, out=ir.Output(None))
    quantised = agrees(graph)
    a, b = run(graph, SPIKES).outputs["out"], run(quantised, SPIKES, engine="integer").outputs["out"]
    assert np.mean(a != b) < 0.05


@pytest.mark.parametrize("value", [0.5, 2.0, -1.0])
def test_what_is_no_spike_is_refused_where_spikes_are_expected(value: float) -> None:
    """It would be rounded to a spike, or cut to one."""
    graph = ir.Graph.chain(input=ir.Input([2, 6, 6]), conv=conv(), lif=ir.IF(1.0), out=ir.Output(None))
    quantised = hw.quantize(graph, calibration=SPIKES)
    x = SPIKES.copy()
    x[5, 1, 0, 2, 3] = value
    told = []
    for kernels in ("oracle", "event", "dense"):
        with pytest.raises(ir.TalonRunError) as caught:
            run(quantised, x, engine="integer", engine_options={"kernels": kernels})
        told.append(caught.value)
    with pytest.raises(ir.TalonRunError) as caught:
        hw.deploy(quantised).run(x)
    for error in (*told, caught.value):
        assert error.code == "T401"
        assert (error.diagnostic.node, error.diagnostic.found) == ("input", f"{value:g}")
    x[5, 1, 0, 2, 3] = -0.0
    run(quantised, x, engine="integer")


@pytest.mark.parametrize("kernels", ["oracle", "auto"])
def test_numbers_beyond_the_calibration_are_cut(kernels: str) -> None:
    graph = ir.Graph.chain(input=ir.Input([2, 6, 6]), conv=conv(), lif=ir.IF(1.0), out=ir.Output(None))
    numbers = SPIKES * RNG.random(SPIKES.shape).astype(np.float32)
    quantised = hw.quantize(graph, chip(payload__bits=4), calibration=numbers)
    options: dict[str, Any] = {"engine": "integer", "engine_options": {"kernels": kernels}, "record": "conv.out"}
    found = [run(quantised, SPIKES * size, **options).records["conv.out"] for size in (1.875, 50.0)]
    assert np.array_equal(*found)


LEAKY = ir.LIF(4.0, 1.0, 0.0, 0.2)


def test_a_gain_passes_what_only_moves_values() -> None:
    begin, end = {"input": ir.Input([2, 6, 6]), "conv": conv()}, {"lif": LEAKY, "out": ir.Output(None)}
    agrees(ir.Graph.chain(**begin, flat=ir.Flatten(), **end))
    agrees(ir.Graph.chain(**begin, up=ir.Upsample(2.0), **end))
    ghost = ir.SGhostConv(RNG.normal(size=(4, 2, 3, 3)), None, RNG.normal(size=(4, 1, 3, 3)), None)
    agrees(ir.Graph.chain(input=ir.Input([2, 6, 6]), ghost=ghost, **end))
    nodes = {"in": ir.Input([2, 6, 6]), "a": conv(), "b": conv(), "join": ir.Concat(), **end}
    pairs = ["in a", "in b", "a join", "b join", "join lif", "lif out"]
    agrees(ir.Graph(nodes, [(pair.split()[0], pair.split()[1]) for pair in pairs]))


@pytest.mark.parametrize(
    "node", [ir.MaxPool2d(2), ir.Flatten(), ir.ChannelSplit([3, 1]), conv(3, 4)], ids=lambda node: node.type_name
)
def test_spikes_meet_sums_before_a_node_that_gives_another_shape(node: ir.Node) -> None:
    """The layer of weights 1 is for what the node takes."""
    nodes = {"in": ir.Input([2, 6, 6]), "a": conv(), "spikes": ir.IF(0.3), "b": conv(4, 4), "node": node}
    nodes |= {"lif": ir.IF(0.5), "out": ir.Output(None)}
    ports = node.ports().outputs
    behind = f"node:{ports[0]}" if len(ports) > 1 else "node"
    pairs = [("in", "a"), ("a", "spikes"), ("spikes", "b"), ("b", "node"), ("spikes", "node"), (behind, "lif")]
    graph = ir.Graph(nodes, [*pairs, ("lif", "out")])
    quantised = agrees(graph)
    assert "node_gain" in quantised.nodes
    a, b = run(graph, SPIKES).outputs["out"], run(quantised, SPIKES, engine="integer").outputs["out"]
    assert np.mean(a != b) < 0.05


def test_a_batch_norm_goes_into_sparse_weights() -> None:
    sparse = ir.Affine(ir.CSR.from_dense(RNG.normal(size=(5, 6)).astype(np.float32)), np.ones(5))
    norm = ir.BatchNorm1d(5, RNG.uniform(1, 2, 5), RNG.normal(size=5), np.zeros(5), np.ones(5))
    chain = {"input": ir.Input([6]), "fc": sparse, "norm": norm, "n": ir.IF(1.0), "out": ir.Output(None)}
    graph = ir.Graph.chain(**chain)
    x = (RNG.random((6, 2, 6)) < 0.5).astype(np.float32)
    legal = hw.legalise(graph, "generic-mesh").graph
    assert "norm" not in legal.nodes
    assert isinstance(legal.nodes["fc"].weight, ir.CSR)  # type: ignore[union-attr]
    assert np.array_equal(run(graph, x).outputs["out"], run(legal, x).outputs["out"])
    agrees(graph, x)


def test_what_the_engine_would_refuse_is_refused_before_it_is_written() -> None:
    """A branch that only an Output reads."""
    uneven = ir.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
    nodes = {"in": ir.Input([2, 6, 6]), "a": conv(), "n": ir.IF(1.0), "pool": uneven, "out": ir.Output(None)}
    graph = ir.Graph.chain(**nodes)
    with pytest.raises(ir.TalonTargetError) as caught:
        hw.quantize(graph, calibration=SPIKES)
    assert (caught.value.code, caught.value.diagnostic.node) == ("T506", "pool")


@pytest.mark.parametrize(
    "asked",
    [{"bits": 0}, {"bits": 7.5}, {"bits": True}, {"input_bits": 0}, {"input_bits": 2.5}, {"percentile": 150},
     {"percentile": float("nan")}, {"percentile": -1}],
    ids=str,
)  # fmt: skip
def test_what_is_no_width(asked: dict[str, Any]) -> None:
    graph = ir.Graph.chain(ir.Input([2, 6, 6]), conv(), ir.IF(1.0), ir.Output(None))
    with pytest.raises(ir.TalonTargetError) as caught:
        hw.quantize(graph, calibration=SPIKES, **asked)
    assert caught.value.code == "T506"
    assert caught.value.found == repr(next(iter(asked.values())))


@pytest.mark.parametrize(
    "asked", [{"percentile": 99.0}, {"method": "max", "percentile": 50}, {"input_bits": 4}], ids=str
)
def test_what_would_do_nothing_is_refused(asked: dict[str, Any]) -> None:
    """A percentile with another method, and a width of numbers where all Inputs are spikes."""
    graph = ir.Graph.chain(ir.Input([2, 6, 6]), conv(), ir.IF(1.0), ir.Output(None))
    with pytest.raises(ir.TalonTargetError) as caught:
        hw.quantize(graph, calibration=SPIKES, **asked)
    assert caught.value.code == "T506"
    assert "leave" in str(caught.value.help)
    assert hw.quantize(graph, calibration=SPIKES, method="percentile", percentile=99.0).quantization_config


def test_the_oracle_has_no_chunk() -> None:
    graph = ir.Graph.chain(input=ir.Input([2, 6, 6]), conv=conv(), lif=ir.IF(1.0), out=ir.Output(None))
    quantised = hw.quantize(graph, calibration=SPIKES)
    with pytest.raises(ir.TalonRunError, match="has no chunk") as caught:
        run(quantised, SPIKES, engine_options={"kernels": "oracle", "chunk": 2})
    assert caught.value.code == "T405"


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("numeric.weights.signed", {"weights__signed": False}),
        ("numeric.membranes.signed", {"membranes__signed": False}),
        ("numeric.weights.rounding", {"weights__rounding": "floor"}),
        ("numeric.membranes.bits", {"membranes__bits": 49}),
        ("numeric.accumulators.bits", {"accumulators__bits": 1}),
        ("numeric.decay.bits", {"decay__bits": 16}),
        ("numeric.order", {"order": '["decay"]'}),
    ],
)
def test_an_arithmetic_that_nothing_computes(key: str, changes: dict[str, Any]) -> None:
    graph = ir.Graph.chain(ir.Input([2, 6, 6]), conv(), ir.IF(1.0), ir.Output(None))
    with pytest.raises(ir.TalonTargetError) as caught:
        hw.quantize(graph, chip(**changes), calibration=SPIKES)
    assert caught.value.code == "T506"
    assert (caught.value.found or "").startswith(key)


def test_thresholds_have_their_own_width() -> None:
    """Of 6 bits in a register of 16: what is larger is cut, and the ledger says so."""
    assert "[numeric.thresholds]\nbits = { value = 16" in MESH
    graph = ir.Graph.chain(input=ir.Input([2, 6, 6]), conv=conv(), n=ir.IF(1.0), out=ir.Output(None))
    quantised = hw.quantize(graph, chip(thresholds__bits=6), calibration=SPIKES)
    limit = quantised.nodes["n"].quant["v_threshold"]  # type: ignore[union-attr]
    assert limit.bits == 6
    assert int(limit.integers.max()) <= 31


@pytest.mark.parametrize(
    ("size", "values", "word"), [(3e38, 1.0, "leaves"), (1.0, 3e38, "leaves"), (1e-42, 1.0, "beyond")]
)
def test_numbers_that_float32_cannot_scale(size: float, values: float, word: str) -> None:
    """Sums that are infinite, and weights so small that what 1 stands for would be 0."""
    layer = ir.Affine(np.full((3, 8), size, np.float32))
    graph = ir.Graph.chain(
        input=ir.Input([8]), fc=layer, cell=ir.LIF(3.0, 3.0, 0.0, np.float32(size)), out=ir.Output([3])
    )
    x = np.full((4, 1, 8), values, np.float32)
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(ir.TalonTargetError, match=f"{word} float32") as caught,
    ):
        hw.quantize(graph, "generic-mesh", calibration=x)
    assert caught.value.code == "T506"
    assert caught.value.diagnostic.node in ("fc", "cell")
