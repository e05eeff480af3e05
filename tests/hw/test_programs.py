"""Programs and sessions: a graph compiled once and run often, and step by step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.engine.task import make_task
from talon.hw.native import library
from talon.hw.native.engine import Sweeps
from talon.hw.native.options import Options
from tests.hw.test_native import same, same_result, some, weights

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

SPIKING = ir.Graph.chain(
    input=ir.Input([6]), fc=ir.Affine(weights(5, 6)), lif=ir.LIF(3.0, 1.0, 0.0, 0.7), output=ir.Output([5])
)


def test_a_program_runs_as_the_graph_does() -> None:
    program = hw.compile(SPIKING, kernels="event")
    x = some(9, 4, 6)
    expected = run(SPIKING, x, engine="reference", record="*")
    for threads in (1, 3):
        same_result(program.run(x, record="*", threads=threads), expected)
    first = program.run(x[:4])
    same(program.run(x[4:], state=first.state).state.nodes["lif"], expected.state.nodes["lif"])


def test_a_program_is_shared_by_threads() -> None:
    program, x = hw.compile(SPIKING), some(50, 3, 6)
    expected = program.run(x)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: program.run(x), range(12)):
            same_result(found, expected)


def test_a_session_goes_on_step_by_step() -> None:
    x = some(9, 4, 6)
    expected = run(SPIKING, x, engine="reference")
    session = hw.compile(SPIKING).session(batch=4)
    outputs = [session.step(x[t])["output"] for t in range(4)]
    middle = session.run(x[4:6])
    kept = np.array(middle.state.nodes["lif"]["v"])
    outputs += list(middle.outputs["output"])
    last = session.run(x[6:])
    outputs += list(last.outputs["output"])
    same({"output": np.stack(outputs)}, expected.outputs)
    same_counts = {"lif": {"spikes": expected.counts["lif"]["spikes"][6:]}}
    same({"spikes": last.counts["lif"]["spikes"]}, same_counts["lif"])
    same(last.state.nodes["lif"], expected.state.nodes["lif"])
    assert last.state.step == 9
    assert np.array_equal(middle.state.nodes["lif"]["v"], kept)


def test_a_session_that_is_interrupted_goes_back_to_where_the_call_began(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = ir.Graph.chain(
        input=ir.Input([6]),
        fc=ir.Affine(weights(5, 6)),
        lif=ir.LIF(3.0, 1.0, 0.0, 0.7),
        mean=ir.StepMean(),
        act=ir.GELU(5),
        output=ir.Output([5]),
    )
    graph = ir.Graph(graph.nodes, [*graph.edges[:-1], ir.Edge("act", "output", delay=2)])
    x = some(9, 4, 6)
    expected = run(graph, x, engine="reference")
    session = hw.compile(graph, chunk=2).session(batch=4)
    whole, calls = ir.GELU.step, [0]

    def at_once(self: ir.GELU, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> Any:
        if t == 2:
            raise KeyboardInterrupt
        return whole(self, t, state, *inputs)

    # The first call, in its second chunk: nothing was done.
    monkeypatch.setattr(ir.GELU, "step", at_once)
    with pytest.raises(KeyboardInterrupt):
        session.run(x[:3])
    monkeypatch.setattr(ir.GELU, "step", whole)
    first = session.run(x[:3])
    calls.clear()

    def interrupted(self: ir.GELU, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> Any:
        calls.append(t)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return whole(self, t, state, *inputs)

    monkeypatch.setattr(ir.GELU, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        session.run(x[3:])
    last = session.run(x[3:])
    same({"output": np.concatenate([first.outputs["output"], last.outputs["output"]])}, expected.outputs)
    same(last.state.nodes["lif"], expected.state.nodes["lif"])
    same(last.state.nodes["mean"], expected.state.nodes["mean"])
    same(last.state.delays, expected.state.delays)


def test_sweeps_are_used_again_from_a_fresh_state() -> None:
    program, x = hw.compile(SPIKING), some(9, 4, 6)
    expected = run(SPIKING, x, engine="reference", record="*")
    for _ in range(3):
        same_result(program.run(x, record="*"), expected)
        same(program.run(x).outputs, expected.outputs)
    sweeps = Sweeps(Options())
    for batch in range(1, 9):
        sweeps.run(make_task(SPIKING, some(2, batch, 6)))
    assert 0 < len(sweeps.idle) <= 4


def test_programs_and_sessions_say_what_is_wrong() -> None:
    with pytest.raises(ir.TalonGraphError, match="declare the shape of one sample"):
        hw.compile(ir.Graph.chain(input=ir.Input(None), output=ir.Output(None)))
    with pytest.raises(ir.TalonTypeError, match="compile takes a graph"):
        hw.compile("net.t1c")  # type: ignore[arg-type]
    program = hw.compile(SPIKING)
    with pytest.raises(ir.TalonRunError, match="found 2"):
        program.session(batch=4).run(some(1, 2, 6))
    batch: Any
    for batch in (0, "x", True, 2.0, 10**30):
        with pytest.raises(ir.TalonRunError, match="number of samples"):
            program.session(batch)
    assert program.session(np.int64(2)).step(some(2, 6))["output"].shape[0] == 2  # type: ignore[arg-type]
    with pytest.raises(ir.TalonRunError, match="wrong shape"):
        program.run(some(1, 2, 7))
