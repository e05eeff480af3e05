"""What quantising refuses whatever the calibration, `check` tells beforehand, in the same words."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from tests.hw.chips import chip

RNG = np.random.default_rng(17)
MAP = (RNG.random((4, 1, 2, 6, 6)) < 0.5).astype(np.float32)


def net(cell: ir.Primitive | None = None, **hints: Any) -> ir.Graph:
    return ir.Graph.chain(
        input=ir.Input([2, 6, 6]),
        conv=ir.Conv2d(RNG.normal(size=(3, 2, 3, 3)), RNG.normal(size=3), padding=1, **hints),
        cell=ir.LIF(3.0, 2.0, 0.0, 0.5) if cell is None else cell,
        out=ir.Output(None),
    )


def pooled() -> ir.Graph:
    return ir.Graph.chain(
        input=ir.Input([2, 6, 6]),
        pool=ir.AvgPool2d(3, padding=1, count_include_pad=False),
        flat=ir.Flatten(),
        fc=ir.Affine(RNG.normal(size=(4, 8))),
        cell=ir.IF(1.0),
        out=ir.Output(None),
    )


def ring(*around: ir.Node) -> ir.Graph:
    """Nodes that feed one another, and a neuron behind them."""
    names = [f"n{number}" for number in range(len(around))]
    edges: list[Any] = [("input", "n0"), *pairwise(names), ir.Edge(names[-1], "n0", delay=1), (names[-1], "cell")]
    nodes = {"input": ir.Input([2, 6, 6]), **dict(zip(names, around, strict=True)), "cell": ir.IF(1.0)}
    return ir.Graph({**nodes, "out": ir.Output(None)}, [*edges, ("cell", "out")], allow_cycles=True)


CASES: dict[str, tuple[ir.Graph, Any]] = {
    "unsigned weights": (net(), chip(weights__signed=False)),
    "weights rounded down": (net(), chip(weights__rounding="floor")),
    "a hint without a place": (net(result_t="int50").replace("cell", ir.IF(1.0, precision="int8")), "generic-mesh"),
    "no integers": (net(weight_t="fixed<8,4>"), "generic-mesh"),
    "wide weights": (net(precision="int20"), "generic-mesh"),
    "wide bias": (net(bias_t="int25"), "generic-mesh"),
    "wide accumulators": (net(accum_t="int30"), "generic-mesh"),
    "wide accumulators of a neuron": (net(ir.IF(1.0, accum_t="int30")), "generic-mesh"),
    "windows of different sizes": (pooled(), "generic-mesh"),
    "a gain in every place": (net(ir.LIF(np.linspace(2, 9, 108).reshape(3, 6, 6), 1.0, 0.0, 0.5)), "generic-mesh"),
    "a pool that hears itself": (ring(ir.MaxPool2d(1, input_type=[2, 6, 6])), "generic-mesh"),
    "layers that hear one another": (
        ring(ir.SDConv(np.ones((2, 1, 1, 1)), input_type=[2, 6, 6]), ir.AvgPool2d(1)),
        chip(payload__bits=40),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_check_says_what_quantising_will(name: str) -> None:
    graph, target = CASES[name]
    x = np.zeros((2, 1, *(graph.inputs["input"].shape or ())), np.float32)
    with pytest.raises(ir.TalonTargetError) as caught:
        hw.quantize(graph, target, calibration=x)
    said = caught.value.diagnostic
    assert said.code == "T506"
    report = hw.check(graph, target)
    assert not report.ok
    assert said.as_dict() in [d.as_dict() if isinstance(said, hw.Finding) else plain(d) for d in report.errors]


def plain(found: Any) -> dict[str, Any]:
    """A finding without its numbers, as an error that has none."""
    return {name: value for name, value in found.as_dict().items() if name not in ("resource", "have", "need", "mend")}


def test_what_has_numbers_says_them() -> None:
    for name, have, need in (("wide weights", 8, 20), ("wide bias", 24, 25)):
        graph, target = CASES[name]
        found = [d for d in hw.check(graph, target).errors if d.code == "T506" and isinstance(d, hw.Finding)]
        assert [(d.have, d.need, bool(d.resource)) for d in found] == [(have, need, True)]


def test_arithmetic_that_is_left_open_is_a_warning() -> None:
    """The part may run it all the same."""
    graph = net(ir.IF(1.0, comparator="gt"))
    with pytest.raises(ir.TalonTargetError) as caught:
        hw.quantize(graph, "loihi1", calibration=MAP)
    report = hw.check(graph, "loihi1")
    assert not [d for d in report.errors if d.code == "T506"]
    (found,) = [d for d in report.warnings if d.code == "T506"]
    assert (found.message, found.expected) == (caught.value.diagnostic.message, caught.value.diagnostic.expected)


def test_a_target_may_leave_open_what_others_are_refused_for() -> None:
    target = chip(weights__signed=False, membranes="unknown", order="unknown")
    codes = [(d.code, d.severity) for d in hw.check(net(), target).diagnostics if d.code == "T506"]
    assert codes == [("T506", "error"), ("T506", "warning")]


def test_nothing_is_told_twice() -> None:
    for layer in (
        ir.SpikingAffine(RNG.normal(size=(6, 4)), weight_bits=12),
        ir.SpikingAffine(RNG.normal(size=(6, 4)), spike_mode="rate"),
    ):
        graph = ir.Graph.chain(input=ir.Input([4]), fc=layer, cell=ir.IF(1.0), out=ir.Output(None))
        found = [d.code for d in hw.check(graph, "generic-mesh").errors if d.node == "fc"]
        assert found == ["T504"]


def test_what_quantising_takes_is_not_refused() -> None:
    for graph in (net(), net(weight_t="int4", bias_t="int12", accum_t="int20")):
        assert hw.check(graph, "generic-mesh").ok
        assert hw.quantize(graph, calibration=MAP).quantization_config
