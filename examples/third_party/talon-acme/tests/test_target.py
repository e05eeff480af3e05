"""The grid is a target like any other: the conformance suite, and what only it promises."""

from __future__ import annotations

import numpy as np
import pytest
from talon import ir

hw = pytest.importorskip("talon.hw", reason="the target needs talon-hw: pip install talon-acme[hw]")
targets = pytest.importorskip("talon.testing.targets")


def test_it_keeps_what_every_target_promises() -> None:
    report = targets.check_target("acme-grid")
    assert not report.assumed  # its arithmetic is stated to the last rule
    assert not report.omitted  # and whatever the suite asks for, it runs
    assert report.ran["a layer over cores by its inputs"] > 1


def test_it_claims_no_measurement() -> None:
    target = hw.target("acme-grid")
    known = [text for _, text in target.facts() if text.endswith("design)")]
    assert len(known) > 20
    assert all("(assumed, " in text for text in known)
    assert list(target.citations) == ["design"]


def test_a_network_that_fits_no_core_is_spread_over_the_grid() -> None:
    rng = np.random.default_rng(1)
    graph = ir.Graph.chain(
        input=ir.Input([400]),
        fc=ir.Affine(rng.standard_normal((120, 400)).astype(np.float32)),
        lif=ir.LIF(4.0, 4.0, 0.0, 20.0, reset="subtract", comparator="gt"),
        output=ir.Output([120]),
    )
    x = (rng.random((10, 2, 400)) < 0.3).astype(np.float32)
    build = hw.deploy(hw.quantize(graph, "acme-grid", calibration=x), "acme-grid", calibration=x)
    assert build.cores > 3  # each hears 160 of the inputs, and stores 96 neurons
    assert build.verify()
    assert build.run(x).outputs["output"].any()
