"""Layers of which one unit hears more than a core does: partial sums on other cores, added up where the layer is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.hw.catalogue import described

from .conftest import MESH

RNG = np.random.default_rng(21)


def wide(payload: int = 24, accumulate: str = "exact", **limits: int) -> hw.Target:
    """generic-mesh with small cores and links that carry numbers of `payload` bits."""
    text = MESH.replace("[numeric.payload]\nbits = { value = 8", f"[numeric.payload]\nbits = {{ value = {payload}")
    text = text.replace('accumulate = "exact"', f'accumulate = "{accumulate}"')
    for key, value in limits.items():
        text = re.sub(rf"(?m)^{key} = {{ value = \d+", f"{key} = {{ value = {value}", text)
    return described(text.encode(), "wide.toml")


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def spikes(*shape: int) -> np.ndarray:
    return (RNG.random(shape) < 0.3).astype(np.float32)


def recurrent() -> ir.Graph:
    nodes: dict[str, Any] = {
        "in": ir.Input([40]),
        "fc": ir.Affine(normal(12, 40), normal(12)),
        "n": ir.LIF(3.0, 2.0, 0.0, 0.5),
        "back": ir.Affine(normal(12, 12)),
        "out": ir.Output(None),
    }
    edges = [("in", "fc"), ir.Edge("fc", "n", delay=2), ("n", "back"), ir.Edge("back", "n", delay=1), ("n", "out")]
    return ir.Graph(nodes, edges, allow_cycles=True)


CASES = {
    "dense": (
        ir.Graph.chain(ir.Input([100]), ir.Affine(normal(30, 100), normal(30)), ir.LIF(3.0, 2.0, 0.0, 0.5),
                       ir.Affine(normal(10, 30)), ir.IF(0.7), ir.Output(None)),
        (20, 3, 100), {"in_axons": 16, "fan_in": 16, "neurons": 32}, 9,
    ),
    "convolution": (
        ir.Graph.chain(ir.Input([12, 6, 6]), ir.Conv2d(normal(4, 12, 3, 3), normal(4), padding=1),
                       ir.LIF(3.0, 2.0, 0.0, 0.5), ir.Output(None)),
        (20, 3, 12, 6, 6), {"in_axons": 60, "fan_in": 60, "neurons": 32}, 2,
    ),
    "late and recurrent": (recurrent(), (20, 3, 40), {"in_axons": 20, "fan_in": 20, "neurons": 16}, 2),
    "sparse": (
        ir.Graph.chain(ir.Input([100]), ir.Affine(ir.CSR.from_dense(normal(30, 100).clip(0.4) - 0.4), normal(30)),
                       ir.LIF(3.0, 2.0, 0.0, 0.5), ir.Output(None)),
        (20, 3, 100), {"in_axons": 16, "fan_in": 16, "neurons": 32}, 7,
    ),
    "weights by step": (
        ir.Graph.chain(ir.Input([6, 5, 5]), ir.Conv2d(normal(3, 4, 6, 2, 2), normal(3, 4)), ir.IF(0.7),
                       ir.Output(None)),
        (12, 2, 6, 5, 5), {"in_axons": 12, "fan_in": 12, "neurons": 16}, 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_partial_sums_give_the_same_bits(name: str) -> None:
    graph, shape, limits, parts = CASES[name]
    target, x = wide(**limits), spikes(*shape)
    assert hw.check(graph, target).ok
    quantised = hw.quantize(graph, target, calibration=x)
    build = hw.deploy(quantised, target, calibration=x)
    assert sum(", inputs " in layer.members[0] for layer in build.chip.layers) == parts
    assert max(build.chip.axons) <= limits["in_axons"]
    found, expected = build.run(x, record="*"), run(quantised, x, engine="integer", record="*")
    assert found.records
    for key, array in found.records.items():
        assert np.array_equal(array, expected.records[key]), key
    assert next(iter(found.outputs.values())).any()
    for node, quantities in expected.counts.items():
        for quantity, array in quantities.items():
            assert np.array_equal(array, found.counts[node][quantity]), (node, quantity)


def test_narrow_links_and_saturating_sums_forbid_it() -> None:
    graph = ir.Graph.chain(ir.Input([100]), fc=ir.Affine(normal(30, 100)), n=ir.IF(1.0), out=ir.Output(None))
    limits = {"in_axons": 16, "fan_in": 16}
    for target, reason in (
        (wide(payload=8, **limits), r"if links carried 12 bits \(they carry 8\)"),
        (wide(accumulate="sequential_saturate", **limits), "saturate with every addition"),
    ):
        report = hw.check(graph, target)
        (finding,) = (d for d in report.errors if isinstance(d, hw.Finding) and d.resource == "fan-in")
        assert (finding.need, finding.have) == (100, 16)
        assert re.search(reason, finding.help or "")


def test_sums_do_not_travel_where_spikes_are_all_that_does() -> None:
    """A neuron of TrueNorth hears 256 inputs, and no partial sums of others."""
    graph = ir.Graph.chain(ir.Input([300]), fc=ir.Affine(normal(30, 300)), n=ir.IF(1.0), out=ir.Output(None))
    report = hw.check(graph, "truenorth")
    (finding,) = (d for d in report.errors if isinstance(d, hw.Finding) and d.resource == "fan-in")
    assert (finding.need, finding.have) == (300, 256)
    assert "(they carry 0)" in (finding.help or "")
    assert not any(", inputs " in layer.name for layer in report.layers)


def test_where_nobody_says_how_sums_saturate_it_is_told() -> None:
    graph = ir.Graph.chain(ir.Input([100]), fc=ir.Affine(normal(30, 100)), n=ir.IF(1.0), out=ir.Output(None))
    limits = {"in_axons": 16, "fan_in": 16}
    for accumulate, told in (("unknown", 1), ("exact", 0)):
        report = hw.check(graph, wide(accumulate=accumulate, **limits))
        found = [d for d in report.warnings if isinstance(d, hw.Finding) and d.resource == "accumulate"]
        assert len(found) == told
        assert all(d.code == "T505" and "'fc + n'" in d.message for d in found)
    roomy = hw.check(graph, wide(accumulate="unknown"))
    assert not any("saturate" in d.message for d in roomy.warnings)


def test_one_unit_with_more_weights_than_a_core_stores() -> None:
    graph = ir.Graph.chain(ir.Input([100]), fc=ir.Affine(normal(4, 100)), n=ir.IF(1.0), out=ir.Output(None))
    text = MESH.replace("words = { value = 65536", "words = { value = 60")
    text = text.replace("[numeric.payload]\nbits = { value = 8", "[numeric.payload]\nbits = { value = 24")
    report = hw.check(graph, described(text.encode(), "small.toml"))
    assert report.ok
    assert [layer.name for layer in report.layers] == ["fc, inputs 0 to 49", "fc, inputs 50 to 99", "fc + n"]
