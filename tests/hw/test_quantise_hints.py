"""Hints of number formats: heeded where integers have a place for them, else refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from tests.hw.chips import chip
from tests.hw.records import record_of

RNG = np.random.default_rng(12)
SPIKES = (RNG.random((12, 3, 20)) < 0.4).astype(np.float32)


def net(layer: ir.Primitive | None = None, cell: ir.Primitive | None = None, **between: ir.Primitive) -> ir.Graph:
    return ir.Graph.chain(
        input=ir.Input([20]),
        fc=affine() if layer is None else layer,
        **between,
        cell=ir.LIF(3.0, 3.0, 0.0, 0.5) if cell is None else cell,
        out=ir.Output([6]),
    )


def affine(**hints: Any) -> ir.Affine:
    return ir.Affine(RNG.normal(size=(6, 20)), RNG.normal(size=6), **hints)


def refusal(graph: ir.Graph, target: Any = "generic-mesh") -> ir.TalonError:
    with pytest.raises(ir.TalonTargetError) as caught:
        hw.quantize(graph, target, calibration=SPIKES)
    assert caught.value.code == "T506"
    return caught.value


def lines(graph: ir.Graph, node: str, field: str) -> list[Any]:
    return [line for line in hw.quantization_ledger(graph) if (line["node"], line["field"]) == (node, field)]


def test_biases_have_the_width_that_is_asked_for() -> None:
    large = ir.Affine(RNG.normal(size=(6, 20)), np.full(6, 40.0), bias_t="int6")
    quantised = hw.quantize(net(large), calibration=SPIKES)
    bias = quantised.nodes["fc"].quant["bias"]
    assert bias.bits == 6
    assert np.allclose(quantised.nodes["fc"].bias, large.bias, rtol=0.05)  # type: ignore[attr-defined]
    assert lines(quantised, "fc", "bias")[-1]["after"] == "6 bits"
    assert hw.quantize(net(), calibration=SPIKES).nodes["fc"].quant["bias"].bits == 24
    for wrong in ("int25", "int1", "float16"):
        error = refusal(net(affine(bias_t=wrong)))
        assert error.diagnostic.node == "fc"
        assert "bias_t" in error.diagnostic.message


@pytest.mark.parametrize("hint", ["accum_t", "result_t"])
@pytest.mark.parametrize("between", [{}, {"flat": ir.Flatten()}])
def test_accumulators_have_the_width_that_is_asked_for(hint: str, between: dict[str, ir.Primitive]) -> None:
    quantised = hw.quantize(net(affine(**{hint: "int9"}), **between), calibration=SPIKES)
    assert record_of(quantised)["accumulator_bits"] == {"cell": 9}
    # Units are such that what the calibration sums up fits.
    assert not lines(quantised, "cell", "accumulator_bits")
    sums = run(quantised, SPIKES, engine="integer", record="fc.out").records["fc.out"]
    units = record_of(quantised)["units"]["fc"]
    assert np.abs(sums / units).max() <= 2**8 + 20
    assert "accum_t" in hints_of(refusal(net(affine(accum_t="int25"))))


def hints_of(error: ir.TalonError) -> str:
    return f"{error.diagnostic.message} {error.diagnostic.found} {error.help}"


def test_a_neuron_may_say_it_too_and_the_narrowest_holds() -> None:
    cell = ir.LIF(3.0, 3.0, 0.0, 0.5, accum_t="int14")
    assert record_of(hw.quantize(net(cell=cell), calibration=SPIKES))["accumulator_bits"] == {"cell": 14}
    both = hw.quantize(net(affine(accum_t="int11"), cell), calibration=SPIKES)
    assert record_of(both)["accumulator_bits"] == {"cell": 11}
    (line,) = lines(both, "cell", "accumulator_bits")
    assert line["before"] == "fc.accum_t: 11, cell.accum_t: 14"
    assert line["after"] == "11 bits"


@pytest.mark.parametrize("order", [(10, 12), (12, 10)])
def test_of_two_layers_that_ask_for_different_accumulators_the_narrower_holds(order: tuple[int, int]) -> None:
    layers = {
        name: ir.SpikingAffine(RNG.normal(size=(6, 20)), accumulator_bits=bits, weight_bits=6)
        for name, bits in zip("ab", order, strict=True)
    }
    graph = ir.Graph(
        {"in": ir.Input([20]), **layers, "flat": ir.Flatten(), "cell": ir.IF(1.0), "out": ir.Output([6])},
        [("in", "a"), ("in", "b"), ("a", "flat"), ("b", "flat"), ("flat", "cell"), ("cell", "out")],
    )
    quantised = hw.quantize(graph, calibration=SPIKES)
    assert record_of(quantised)["accumulator_bits"] == {"cell": 10}
    (line,) = lines(quantised, "cell", "accumulator_bits")
    assert line["before"] == f"a.accumulator_bits: {order[0]}, b.accumulator_bits: {order[1]}"


def test_widths_that_cannot_be_kept_are_told() -> None:
    wide = hw.quantize(net(ir.SpikingAffine(RNG.normal(size=(6, 20)), accumulator_bits=40)), calibration=SPIKES)
    (line,) = lines(wide, "fc", "accumulator_bits")
    assert (line["before"], line["after"]) == ("40", "24 bits")
    readout = ir.Graph.chain(
        input=ir.Input([20]), fc=ir.SpikingAffine(RNG.normal(size=(6, 20)), accumulator_bits=9), out=ir.Output([6])
    )
    (line,) = lines(hw.quantize(readout, calibration=SPIKES), "fc", "accumulator_bits")
    assert line["after"] == "24 bits for 'out'"
    hinted = readout.replace("fc", affine(accum_t="int9"))
    error = refusal(hinted)
    assert error.diagnostic.node == "fc"
    assert "'out' reads its sums" in error.diagnostic.message
    overruled = hw.quantize(net(ir.SpikingAffine(RNG.normal(size=(6, 20)), weight_t="int4")), calibration=SPIKES)
    (line,) = lines(overruled, "fc", "weight_t")
    assert (line["before"], line["after"]) == ("int4", "8 bits")


@pytest.mark.parametrize(
    ("node", "hint"),
    [("cell", "result_t"), ("cell", "precision"), ("cell", "weight_t"), ("input", "result_t"), ("out", "precision")],
)
def test_hints_without_a_place_are_refused(node: str, hint: str) -> None:
    graph = net()
    error = refusal(graph.replace(node, graph.nodes[node].changed(**{hint: "int8"})))
    assert error.diagnostic.node == node
    assert f"{hint}='int8'" in str(error.diagnostic.found)
    assert f"node.changed({hint}=None)" in str(error.help)


def test_hints_of_what_is_opened_or_folded_are_refused_too() -> None:
    norm = ir.BatchNorm1d(6, None, None, np.zeros(6), np.ones(6), weight_t="int4")
    assert refusal(net(norm=norm)).diagnostic.node == "norm"
    inner = ir.Graph.chain(input=ir.Input([6]), relay=ir.IF(1.0, result_t="int4"), out=ir.Output([6]))
    graph = ir.Graph.chain(input=ir.Input([20]), fc=affine(), sub=inner, out=ir.Output([6]))
    assert refusal(graph).diagnostic.node == "sub/relay"


def test_parameters_that_are_wider_than_files_hold_are_not_cut() -> None:
    """Units become larger instead."""
    target = chip(membranes__bits=44, accumulators__bits=44)
    for key, value in (("v_threshold", 3e4), ("v_reset", -3e4)):
        cell = ir.IF(1.0).changed(**{key: value})
        layer = ir.Affine(np.full((6, 20), 1e-9), np.zeros(6))
        quantised = hw.quantize(net(layer, cell), target, calibration=SPIKES)
        (line,) = lines(quantised, "cell", key)
        assert "cut" not in line["why"]
        assert getattr(quantised.nodes["cell"], key) == pytest.approx(value)
