"""Chunks of cycles and of delays, gone through again by the calls of an earlier one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.hw.native import library
from talon.hw.native.tape import TAPED_STEPS, Tape
from tests.hw import sparse_networks
from tests.hw.test_native import same, same_result, some, weights

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

RNG = np.random.default_rng(51)
STEPS, BATCH, SHAPE = 7, 2, (4, 5, 6)


def ring(later: str, delay: int = 1, **more: ir.Node) -> ir.Graph:
    """Maps that excite themselves by way of `more` and of two layers; what `later` hears is some steps old. One of the
    nodes adds what comes from outside, one is heard there."""
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([*SHAPE]),
        "one": ir.Conv2d(weights(8, 4, 3, 3) / 16, weights(8) / 8, padding=1),
        "first": ir.IF(0.4, reset="subtract"),
        **more,
        "two": ir.Conv2d(weights(4, 8, 3, 3) / 16, padding=1),
        "lif": ir.LIF(2.0, 2.0, 0.1, 0.6, reset_delay=1),
        "output": ir.Output(None),
        "seen": ir.Output(None),
    }
    around = ["lif", "one", "first", *more, "two", "lif"]
    pairs = itertools.pairwise(around)
    edges: list[Any] = [ir.Edge(a, b, delay=delay if b == later else None) for a, b in pairs]
    return ir.Graph(nodes, [*edges, ("input", "lif"), ("lif", "output"), ("first", "seen")], allow_cycles=True)


def forward() -> ir.Graph:
    """No cycle, but a layer whose spikes are heard at once, two steps later, and as floats four steps later."""
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([*SHAPE]),
        "conv": ir.Conv2d(weights(8, 4, 3, 3) / 16, padding=1),
        "lif": ir.LIF(2.0, 2.0, 0.0, 0.6),
        "two": ir.Conv2d(weights(8, 8, 3, 3) / 16, padding=1),
        "all": ir.LIF(2.0, 2.0, 0.0, 0.6),
        "output": ir.Output(None),
    }
    edges: list[Any] = [("input", "conv"), ("conv", "lif"), ir.Edge("lif", "two", delay=2), ("two", "all")]
    return ir.Graph(nodes, [*edges, ir.Edge("lif", "all", delay=4), ("lif", "all"), ("all", "output")])


GRAPHS = {
    **{f"{later} later": ring(later) for later in ("one", "first", "two", "lif")},
    "three steps later": ring("one", 3),
    "rectified": ring("two", act=ir.ReLU(8)),
    "in numpy, handed on": ring("one", split=ir.PReLU(8, np.full(8, 0.5, np.float32)), skip=ir.Skip("passthrough")),
    "delays": forward(),
}


def recurrent(weight: ir.CSR) -> ir.Graph:
    """Neurons that hear each other a step later."""
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([weight.shape[1]]),
        "synapses": ir.Affine(weight),
        "lif": ir.LIF(2.0, 2.0, 0.0, 1.0),
        "output": ir.Output(None),
    }
    edges = [("input", "lif"), ("lif", "synapses"), ("synapses", "lif"), ("lif", "output")]
    return ir.Graph(nodes, edges, allow_cycles=True)


def inputs() -> list[tuple[np.ndarray, int | None]]:
    """Of several kinds, one after the other: one step that is held, twice, spikes twice, numbers twice."""
    spikes = [(RNG.random((STEPS, BATCH, *SHAPE)) < rate).astype(np.float32) for rate in (0.3, 0.9)]
    held: list[tuple[np.ndarray, int | None]] = [(some(BATCH, *SHAPE), STEPS) for _ in range(2)]
    return [*held, *[(x, None) for x in [*spikes, some(STEPS, BATCH, *SHAPE), some(STEPS, BATCH, *SHAPE)]]]


@pytest.mark.parametrize("chunk", [None, 1, 3])
@pytest.mark.parametrize("name", GRAPHS)
def test_the_reference_says_the_same(name: str, chunk: int | None, played: list[Tape]) -> None:
    graph = GRAPHS[name]
    program = hw.compile(graph, chunk=chunk)
    for x, repeat in inputs():
        expected = run(graph, x, repeat=repeat, engine="reference")
        same_result(program.run(x, repeat=repeat), expected)
        assert any(array.any() for array in expected.outputs.values())
    assert len(played) >= 3


@pytest.mark.parametrize("name", GRAPHS)
def test_records_between_runs(name: str, played: list[Tape]) -> None:
    graph = GRAPHS[name]
    program = hw.compile(graph)
    x = some(STEPS, BATCH, *SHAPE)
    for record in ((), ("lif.spikes",), ("*",), ("lif.spikes",), ()):
        same_result(program.run(x, record=record), run(graph, x, record=record, engine="reference"))
    assert {tape.form.record for tape in played} == {(), ("lif.spikes",)}


@pytest.mark.parametrize("name", GRAPHS)
def test_steps_of_a_session(name: str, played: list[Tape]) -> None:
    graph = GRAPHS[name]
    x = some(12, BATCH, *SHAPE)
    session, expected = hw.compile(graph).session(batch=BATCH), run(graph, x, engine="reference")
    for step in range(12):
        same(session.step(x[step]), {output: array[step] for output, array in expected.outputs.items()})
    same(session.run(x[:3]).state.nodes["lif"], run(graph, x[:3], state=expected.state).state.nodes["lif"])
    # The first step has no neurons to reset.
    assert len(played) == 10


def test_results_stay_what_they_were() -> None:
    """Neurons of a cycle write their spikes where calls find them again, and never into what was handed out."""
    for name, graph in GRAPHS.items():
        program = hw.compile(graph)
        x = [some(STEPS, BATCH, *SHAPE) for _ in range(4)]
        found = [program.run(each) for each in x]
        for each, result in zip(x, found, strict=True):
            expected = run(graph, each, engine="reference")
            for output, array in expected.outputs.items():
                assert np.array_equal(result.outputs[output], array), name


def test_sums_of_a_cycle_that_are_handed_out(played: list[Tape]) -> None:
    """Which the first run, that has no tape yet, could have written where the caller finds them."""
    graph = recurrent(ir.CSR.from_dense(weights(5, 5) / 4))
    graph = graph.changed(nodes={**graph.nodes, "sums": ir.Output(None)}, edges=[*graph.edges, ("synapses", "sums")])
    program = hw.compile(graph)
    x = [some(STEPS, BATCH, 5) for _ in range(4)]
    found = [program.run(each) for each in x]
    for each, result in zip(x, found, strict=True):
        same_result(result, run(graph, each, engine="reference"))
    assert len(played) == 3


def test_an_interrupted_step_is_taken_back() -> None:
    graph = ring("one", 2)
    x = some(6, BATCH, *SHAPE)
    program, expected = hw.compile(graph), run(graph, x, engine="reference")
    for broken in range(50):
        session = program.session(batch=BATCH)
        for step in range(4):
            session.step(x[step])
        assert session._sweep is not None
        (tape,) = (tape for form, tape in session._sweep.tapes.items() if form.begun)
        if broken >= len(tape.calls):
            break

        def interrupted(*arguments: Any) -> Any:
            raise KeyboardInterrupt

        tape.calls[broken] = tape.calls[broken]._replace(function=interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.step(x[4])
        for step in (4, 5):
            same(session.step(x[step]), {output: array[step] for output, array in expected.outputs.items()})
    assert broken > 4


def test_long_runs_take_tapes_that_are_not_long(played: list[Tape]) -> None:
    """Chunks are as long as a tape may be, in so far as nobody asks for others."""
    graph = recurrent(ir.CSR.from_dense(weights(3, 3) / 4))
    steps = 3 * TAPED_STEPS
    x = some(steps, 1, 3)
    expected = run(graph, x, engine="reference")
    for chunk, plays in ((None, 5), (steps // 3, 0), (steps // 6, 5)):
        program = hw.compile(graph, chunk=chunk)
        same_result(program.run(x), expected)
        before = len(played)
        same_result(program.run(x), expected)
        assert len(played) - before == (plays + 1 if plays else 0)
        assert all(len(tape.calls) <= 2 * TAPED_STEPS for tape in played)


@pytest.mark.parametrize("held", [False, True])
def test_integers(held: bool, played: list[Tape]) -> None:
    """Sparse weights and, before the neurons, a relay of what comes from outside, which is computed once if it is
    held."""
    graph = recurrent(ir.CSR.from_dense(sparse_networks.thinned(RNG, 40, 40)))
    given = 2 * RNG.random((3, 40) if held else (9, 3, 40), np.float32)
    repeat = 9 if held else None
    quantised = hw.quantize(graph, calibration=given, repeat=repeat)
    program = hw.compile(quantised, engine="integer")
    for scale in (1.0, 0.5, 0.9):
        x = given * np.float32(scale)
        expected = run(quantised, x, repeat=repeat, engine="integer", engine_options={"kernels": "oracle"})
        found = program.run(x, repeat=repeat)
        same_result(found, expected)
        assert found.counts["lif"]["spikes"].any()
    assert len(played) == 2


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("name", [name for name, graph in GRAPHS.items() if not {"act", "split"} & graph.nodes.keys()])
def test_integers_of_maps(name: str, chunk: int | None, played: list[Tape]) -> None:
    """Of graphs in which layers hear spikes only."""
    x = (RNG.random((STEPS, BATCH, *SHAPE)) < 0.4).astype(np.float32)
    quantised = hw.quantize(GRAPHS[name], calibration=x)
    program = hw.compile(quantised, engine="integer", chunk=chunk)
    for _ in range(3):
        expected = run(quantised, x, engine="integer", engine_options={"kernels": "oracle"})
        same_result(program.run(x), expected)
        x = x[::-1].copy()
    assert played
