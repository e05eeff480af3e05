"""A large layer is computed by several calls: the results are those of one, and between them a run may stop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.engine.task import make_task
from talon.hw.native import layers, library
from talon.hw.native.affine import AffineOp
from talon.hw.native.layers import Layer
from talon.hw.native.options import Options
from talon.hw.native.sweep import Sweep

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

RNG = np.random.default_rng(8)
STEPS, BATCH, INS, OUTS = 7, 5, 12, 9
MACS = INS * OUTS


def weights(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def lif() -> ir.LIF:
    return ir.LIF(tau=2.0, r=2.0, v_leak=0.0, v_threshold=0.5)


FEW = np.where(RNG.random((8, INS)) < 0.4, weights(8, INS), 0)
DENSE = ir.Graph.chain(
    input=ir.Input([INS]), fc=ir.Affine(weights(OUTS, INS), weights(OUTS)), lif=lif(), output=ir.Output([OUTS])
)
GRAPHS = {
    "dense": DENSE,
    "by steps": ir.Graph.chain(
        input=ir.Input([INS]), fc=ir.Affine(weights(3, OUTS, INS)), lif=lif(), output=ir.Output([OUTS])
    ),
    "alone": ir.Graph.chain(input=ir.Input([INS]), fc=ir.Affine(weights(OUTS, INS)), output=ir.Output([OUTS])),
    "sparse": ir.Graph.chain(
        input=ir.Input([INS]), fc=ir.Affine(ir.CSR.from_dense(FEW)), lif=lif(), output=ir.Output([8])
    ),
    "maps": ir.Graph.chain(
        input=ir.Input([3, 2, 2]), conv=ir.Conv2d(weights(4, 3, 3, 3), padding=1), lif=lif(), output=ir.Output(None)
    ),
}


def inputs(graph: ir.Graph) -> np.ndarray:
    shape = graph.nodes["input"].shape  # type: ignore[union-attr]
    return (RNG.random((STEPS, BATCH, *shape)) < 0.5).astype(np.float32)  # type: ignore[misc]


@pytest.mark.parametrize("longest", [1, 2 * MACS, BATCH * MACS, 3 * BATCH * MACS])
@pytest.mark.parametrize("name", GRAPHS)
def test_parts_make_the_whole(name: str, longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = GRAPHS[name]
    x = inputs(graph)
    expected = run(graph, x, engine="reference")
    monkeypatch.setattr(layers, "LONGEST", longest)
    found = run(graph, x, engine="native")
    for path, quantities in expected.counts.items():
        for quantity, values in quantities.items():
            assert np.array_equal(found.counts[path][quantity], values), (path, quantity)
    assert found.outputs["output"].tobytes() == expected.outputs["output"].tobytes()
    for node, state in expected.state.nodes.items():
        assert found.state.nodes[node]["v"].tobytes() == state["v"].tobytes()


@pytest.mark.parametrize(
    ("longest", "calls"), [(2 * MACS, 3 * STEPS), (BATCH * MACS, STEPS), (3 * BATCH * MACS, 3), (1 << 31, 1)]
)
def test_only_what_is_large_is_cut(longest: int, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "LONGEST", longest)
    made = counted(monkeypatch)
    run(DENSE, inputs(DENSE), engine="native")
    assert len(made) == calls


def test_another_thread_stops_a_layer_between_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "LONGEST", MACS)
    sweep = Sweep(make_task(DENSE, inputs(DENSE)), Options())
    made = counted(monkeypatch, lambda number: sweep.halt() if number == 3 else None)
    with pytest.raises(KeyboardInterrupt):
        sweep.run()
    assert len(made) == 3


def test_a_program_goes_on_after_a_layer_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "LONGEST", MACS)
    x = inputs(DENSE)
    expected = run(DENSE, x, engine="reference").outputs["output"]
    program = hw.compile(DENSE)

    def interrupt(number: int) -> None:
        if number == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        counted(patched, interrupt)
        with pytest.raises(KeyboardInterrupt):
            program.run(x, threads=2)
    assert program.run(x, threads=2).outputs["output"].tobytes() == expected.tobytes()


def counted(monkeypatch: pytest.MonkeyPatch, then: Any = lambda number: None) -> list[int]:
    """The calls of fully connected layers from now on, each followed by `then`."""
    made: list[int] = []
    call = AffineOp.call

    def noted(self: Layer, *given: Any) -> int:
        used = call(self, *given)  # type: ignore[arg-type]
        made.append(used)
        then(len(made))
        return used

    monkeypatch.setattr(AffineOp, "call", noted)
    return made
