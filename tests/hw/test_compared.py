"""Comparisons in which engines of talon-hw take part: native against reference, programs, integers against floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import compare
from talon.hw.native import library
from talon.testing.circuits import CIRCUITS
from talon.testing.graphs import feeds

native = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")


def net(gain: float = 1.0) -> ir.Graph:
    rng = np.random.default_rng(27)
    w1, w2 = (rng.standard_normal(shape).astype("f4") for shape in ((6, 4), (5, 6)))
    neuron = ir.LIF(2.0, 2.0, 0.0, 1.0)
    return ir.Graph.chain(
        input=ir.Input([4]),
        fc1=ir.Affine(w1),
        lif1=neuron,
        fc2=ir.Affine(gain * w2),
        lif2=neuron,
        output=ir.Output([5]),
    )


X = (np.random.default_rng(0).random((40, 3, 4)) < 0.8).astype("f4")


@native
@pytest.mark.parametrize("make", CIRCUITS)
def test_native_equals_reference_chunk_by_chunk(make: Any) -> None:
    graph = make(np.random.default_rng(1))
    options = ({}, {"kernels": "event"})
    for chunk in (None, 2):
        found = compare(
            graph, graph, feeds(graph, 1), engine=("reference", "native"), engine_options=options, chunk=chunk
        )
        assert found.equal, str(found)


@native
def test_errors_are_local_by_the_engine_that_ran() -> None:
    found = compare(net(), net(1.25), X, engine=("reference", "native"), chunk=7)
    assert found.local == ("fc2",)
    assert found.unknown == ()


@native
def test_a_program_is_compared_with_a_graph() -> None:
    assert compare(net(), hw.compile(net()), X).equal
    assert compare(net(), hw.compile(net(1.25)), X).local == ("fc2",)
    assert compare(hw.compile(net()), net(1.25), X, chunk=9).local == ("fc2",)


def test_integers_are_compared_with_floats() -> None:
    quantised = hw.quantize(net(), calibration=X)
    found = compare(net(), quantised, X, engine=("reference", "integer"), what="spikes")
    spike = found.first_spike
    assert set(found.nodes) == {"lif1", "lif2"}
    assert spike is not None
    assert spike.margin_a is not None
    assert spike.margin_b is not None
    # A spike that one side alone sends was a near thing there.
    assert (spike.margin_a >= 0) is (spike.a == 1)
    assert (spike.margin_b >= 0) is (spike.b == 1)
    assert abs(spike.margin_a - spike.margin_b) < 0.1
    assert found.nodes["lif2"].rate_a == pytest.approx(found.nodes["lif2"].rate_b, abs=0.05)
    assert compare(quantised, quantised, X, engine="integer", chunk=3).equal
