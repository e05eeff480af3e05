"""Inputs that are held for many steps: what they enter first is computed once, and gives the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.hw.native import library
from talon.hw.native.affine import AffineOp
from talon.hw.native.convolution import ConvolutionOp
from talon.hw.native.layers import Layer
from tests.hw.test_native import WAYS, agree, same_result, weights

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

RNG = np.random.default_rng(31)
STEPS = 9


def twice(layer: ir.Node, shape: list[int], reader: Any = None) -> ir.Graph:
    """Neurons that read a layer and, beside it, another one: sums that do not go straight into them."""
    nodes = {"in": ir.Input(shape), "a": layer, "b": layer, "n": ir.LIF(3.0, 1.0, 0.0, 0.3), "out": ir.Output(None)}
    edges = [("in", "a"), ("in", "b"), ("a", "n"), ir.Edge("b", "n", delay=2), ("n", "out")]
    return ir.Graph(nodes | {"sums": ir.Output(None)}, [*edges, ("a", "sums")])


GRAPHS = {
    "dense": (twice(ir.Affine(weights(20, 12), weights(20)), [12]), [12]),
    "rows": (twice(ir.Affine(weights(5, 12)), [3, 12]), [3, 12]),
    "sparse": (twice(ir.Affine(ir.CSR.from_dense(weights(20, 12).clip(0))), [12]), [12]),
    "a map": (twice(ir.Conv2d(weights(6, 2, 3, 3), weights(6), padding=1), [2, 7, 5]), [2, 7, 5]),
    "by step": (twice(ir.Affine(weights(4, 20, 12), weights(4, 20)), [12]), [12]),
    "bias by step": (twice(ir.Affine(weights(20, 12), weights(4, 20)), [12]), [12]),
    "handed on": (
        ir.Graph.chain(ir.Input([12]), ir.Skip("passthrough"), ir.Affine(weights(7, 12)), ir.Output(None)),
        [12],
    ),
    "neurons alone": (ir.Graph.chain(ir.Input([12]), ir.LIF(3.0, 1.0, 0.0, 0.3), ir.Output(None)), [12]),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("spikes", [False, True])
def test_the_same_bits_as_step_by_step(name: str, spikes: bool) -> None:
    graph, shape = GRAPHS[name]
    x = RNG.random((3, *shape)).astype(np.float32)
    x = (x < 0.4).astype(np.float32) if spikes else x
    every = np.ascontiguousarray(np.broadcast_to(x, (STEPS, *x.shape)))
    expected = run(graph, every, engine="reference", record="*")
    for way in WAYS:
        same_result(run(graph, x, repeat=STEPS, engine="native", record="*", **way), expected)
    quantised = hw.quantize(graph, calibration=x, repeat=STEPS)
    expected = run(quantised, every, engine="integer", engine_options={"kernels": "oracle"}, record="*")
    for way in WAYS:
        same_result(run(quantised, x, repeat=STEPS, engine="integer", record="*", **way), expected)
    program, session = hw.compile(graph), hw.compile(graph).session(3)
    whole = program.run(x, repeat=STEPS)
    parts = [session.run(x, repeat=k) for k in (1, STEPS - 1)]
    for output, array in whole.outputs.items():
        assert np.array_equal(np.concatenate([part.outputs[output] for part in parts]), array)
    agree(graph, every)


@pytest.mark.parametrize(("op", "name"), [(AffineOp, "dense"), (ConvolutionOp, "a map")])
def test_it_is_computed_once(op: type[Layer], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, shape = GRAPHS[name]
    seen: list[int] = []
    call = op.call

    def counted(self: Any, t: int, x: np.ndarray, *rest: Any) -> int:
        seen.append(len(x))
        return call(self, t, x, *rest)

    monkeypatch.setattr(op, "call", counted)
    run(graph, np.ones((2, *shape), np.float32), repeat=STEPS, engine="native")
    assert seen == [1, 1]
