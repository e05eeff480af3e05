"""Events of convolutions scattered as patches: strides, borders and channels of every kind, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.engine import run
from talon.engine.task import make_task
from talon.hw.integers.layers import WholeConvolution
from talon.hw.integers.sweep import IntegerSweep
from talon.hw.native import library
from talon.hw.native.convolution import classes
from talon.hw.native.options import Options
from tests.hw.sparse_networks import ways
from tests.hw.test_native import SETS, same_result, weights

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def cases(draw: st.DrawFn, most: tuple[int, int, int], size: tuple[int, int], outs: list[int]) -> Any:
    """Nodes up to a convolution, by names, and inputs for them. `most`: of the kernel, the stride and the padding."""
    kernel, stride, padding = draw(pairs(1, most[0])), draw(pairs(1, most[1])), draw(pairs(0, most[2]))
    extent = draw(pairs(*size))
    assume(all(s + 2 * p >= k for s, p, k in zip(extent, padding, kernel, strict=True)))
    ins, out = draw(st.sampled_from([1, 2, 3, 5])), draw(st.sampled_from(outs))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    bias = weights(out) if draw(st.booleans()) else None
    conv = ir.Conv2d(weights(out, ins, *kernel), bias, stride=stride, padding=padding)
    x = (rng.random((3, 2, ins, *extent)) < draw(st.sampled_from([0.05, 0.4, 1.0]))).astype("f4")
    if draw(st.booleans()):
        x *= rng.standard_normal(x.shape).astype("f4")
    return {"input": ir.Input([ins, *extent]), "conv": conv}, x


@settings(max_examples=120, deadline=None)
@given(cases((7, 4, 4), (1, 13), [1, 3, 8, 16, 17, 24, 32]), st.booleans())
def test_any_geometry(case: tuple[dict[str, ir.Node], np.ndarray], neurons: bool) -> None:
    nodes, x = case
    behind: dict[str, ir.Node] = {"if": ir.IF(np.float32(0.5))} if neurons else {}
    graph = ir.Graph.chain(**nodes, **behind, output=ir.Output(None))
    expected = run(graph, x, engine="reference")
    try:
        for isa in SETS:
            library.library().isa(isa)
            same_result(run(graph, x, engine="native", engine_options={"kernels": "event"}), expected)
    finally:
        library.library().isa(SETS[-1])


@settings(max_examples=40, deadline=None)
@given(cases((5, 3, 2), (4, 11), [8, 16, 32]))
def test_integers_of_any_geometry(case: tuple[dict[str, ir.Node], np.ndarray]) -> None:
    """Sums of 16 bits where they are proved to fit, else floats."""
    nodes, x = case
    graph = ir.Graph.chain(**nodes, lif=ir.LIF(2.0, 2.0, 0.0, 0.7), output=ir.Output(None))
    ways(hw.quantize(graph, calibration=x), x)


def test_which_sums_are_narrow() -> None:
    """Those that are proved to fit 16 bits, of places that have channels enough."""

    def fits(ins: int, outs: int) -> bool:
        graph = ir.Graph.chain(
            input=ir.Input([ins, 1, 1]),
            conv=ir.Conv2d(np.ones((outs, ins, 1, 1), "f4")),
            lif=ir.IF(np.float32(9)),
            output=ir.Output(None),
        )
        x = np.ones((2, 1, ins, 1, 1), "f4")
        quantised = hw.quantize(graph, calibration=x, method="max")
        (op,) = (op for op in IntegerSweep(make_task(quantised, x), Options()).each if isinstance(op, WholeConvolution))
        ways(quantised, x)
        assert op.fits == (outs % 8 == 0 and op.piece.bound < 2**15)
        return op.fits

    assert fits(100, 16)
    assert fits(100, 8)
    assert not fits(100, 12)
    assert not fits(600, 16)


def test_taps_are_classed_by_the_stride() -> None:
    assert classes(3, 1) == [[2, 1, 0]]
    assert classes(3, 2) == [[2, 0], [1]]
    assert classes(7, 3) == [[6, 3, 0], [4, 1], [5, 2]]
    assert classes(1, 2) == [[0]]
