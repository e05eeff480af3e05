"""Chunks that are gone through again by the calls of an earlier one, and states that are made when somebody asks."""

from __future__ import annotations

import copy
import gc
import itertools
import pickle
import random
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.engine import State, run, stream
from talon.hw.native import library
from talon.hw.native.sweep import Sweep
from talon.hw.native.tape import COPIED_BYTES, Tape
from talon.testing.graphs import feeds, random_graph
from tests.hw.test_native import same, same_result, some, weights

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

RNG = np.random.default_rng(12)


def convolutional(*, pool: ir.Node | None = None) -> ir.Graph:
    """Layers with neurons, a pool, a map that is turned, a mean of steps, a sum of two branches and a second output."""
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([2, 8, 8]),
        "conv": ir.Conv2d(weights(16, 2, 3, 3), weights(16), padding=1),
        "lif": ir.LIF(tau=2.0, r=2.0, v_leak=0.1, v_threshold=0.4, reset_delay=1),
        "pool": pool or ir.MaxPool2d(2),
        "flat": ir.Flatten(),
        "left": ir.Affine(weights(7, 256), weights(7)),
        "right": ir.Affine(weights(7, 256)),
        "both": ir.IF(np.float32(0.5), reset="subtract"),
        "mean": ir.StepMean(),
        "spikes": ir.Output([7]),
        "average": ir.Output([7]),
    }
    chain = ["input", "conv", "lif", "pool", "flat"]
    edges = [*itertools.pairwise(chain), ("flat", "left"), ("flat", "right"), ("left", "both")]
    edges += [("right", "both"), ("both", "spikes"), ("both", "mean"), ("mean", "average")]
    return ir.Graph(nodes, edges)


GRAPH = convolutional()


def inputs(steps: int = 6, batch: int = 3, rate: float = 0.5) -> np.ndarray:
    return (RNG.random((steps, batch, 2, 8, 8)) < rate).astype("f4")


@pytest.mark.parametrize("chunk", [None, 1, 2, 4])
@pytest.mark.parametrize("kernels", ["auto", "event", "dense"])
def test_runs_of_a_program(chunk: int | None, kernels: str, played: list[Tape]) -> None:
    program = hw.compile(GRAPH, chunk=chunk, kernels=kernels)
    for rate in (0.5, 0.0, 0.9, 0.1):
        x = inputs(rate=rate)
        same_result(program.run(x), run(GRAPH, x, engine="reference"))
    # All chunks but the first of each form: those at the beginning have no neurons to reset, the last may be shorter.
    chunks, forms = {None: (1, 1), 1: (6, 2), 2: (3, 2), 4: (2, 2)}[chunk]
    assert len(played) == 4 * chunks - forms


def test_the_means_are_those_of_the_run(played: list[Tape]) -> None:
    """Crossing from events to dense kernels and back, in chunks that are played, by a program and by a session."""
    program = hw.compile(GRAPH)
    session = program.session(3)
    session.run(inputs())
    for rate in (0.01, 1.0, 1.0, 0.01):
        x = inputs(rate=rate)
        expected = run(GRAPH, x, engine="native").engine.nodes
        assert ("events" in expected["conv"]) == (rate < 0.5)
        assert program.run(x).engine.nodes == expected
        assert session.run(x).engine.nodes["conv"] == expected["conv"]
    # All but the first of the program, and of the session all but two: the first of all had no neurons to reset.
    assert len(played) == 6


def test_the_means_are_those_of_all_threads() -> None:
    x = np.ones((4, 2, 2, 8, 8), np.float32)
    x[:, 0] = 0
    for part, words in ((x[:, :1], "by events"), (x[:, 1:], "dense"), (x, "by events and dense")):
        assert run(GRAPH, part, engine="native", threads=2).engine.nodes["conv"] == f"native convolution, {words}"


def test_all_kinds_of_inputs(played: list[Tape]) -> None:
    """Spikes, floats, arrays with holes, and one that is held."""
    program = hw.compile(GRAPH)
    holes = np.repeat(inputs(batch=6), 2, axis=4)[:, ::2, :, :, ::2]
    assert not holes.flags.c_contiguous
    plain = [inputs(), some(6, 3, 2, 8, 8), inputs(), some(6, 3, 2, 8, 8), some(6, 3, 2, 8, 8), holes, -holes]
    for x in plain:
        before = x.copy()
        same_result(program.run(x), run(GRAPH, x, engine="reference"))
        assert np.array_equal(x, before)
    held = inputs()[0]
    same_result(program.run(held, repeat=6), run(GRAPH, held, repeat=6, engine="reference"))
    assert played


def test_large_arrays_of_the_caller_are_not_copied(played: list[Tape]) -> None:
    graph = ir.Graph.chain(ir.Input([1000]), fc=ir.Affine(weights(5, 1000)), lif=ir.IF(1.0), out=ir.Output([5]))
    program, steps = hw.compile(graph), COPIED_BYTES // 4000 + 1
    for x in (some(steps, 1, 1000), some(steps, 1, 1000)):
        same_result(program.run(x), run(graph, x, engine="reference"))
    assert not played
    small = some(steps - 1, 1, 1000)
    for x in (small, -small):
        same_result(program.run(x), run(graph, x, engine="reference"))
    assert len(played) == 1


def test_what_is_held_may_change(played: list[Tape]) -> None:
    """A layer by itself goes through it once, layers with neurons at every step."""
    lone = ir.Graph.chain(ir.Input([5]), fc=ir.Affine(weights(4, 5)), out=ir.Output([4]))
    for graph, shape, plays in ((lone, (2, 5), 3), (GRAPH, (2, 2, 8, 8), 6)):
        program = hw.compile(graph)
        for x in (some(*shape), some(*shape), -some(*shape), some(*shape)):
            same_result(program.run(x, repeat=6), run(graph, x, repeat=6, engine="reference"))
        assert len(played) == plays


def test_numpy_steps_are_played_too(played: list[Tape]) -> None:
    """Those that know no time; a split gives maps that do not lie together. A step that knows time is not."""
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([2, 8, 8]),
        "conv": ir.Conv2d(weights(6, 2, 3, 3), padding=1),
        "act": ir.PReLU(6, np.full(1, 0.3, np.float32)),
        "split": ir.ChannelSplit([2, 4]),
        "lif": ir.IF(np.float32(0.5)),
        "join": ir.Concat(),
        "output": ir.Output(None),
    }
    edges = [("input", "conv"), ("conv", "act"), ("act", "split"), ("split:0", "lif"), ("split:1", "join")]
    graph = ir.Graph(nodes, [*edges, ("lif", "join"), ("join", "output")])
    program = hw.compile(graph)
    for x in (inputs(), -some(6, 3, 2, 8, 8), inputs(), some(6, 3, 2, 8, 8)):
        record: Any = ("act.out", "lif.spikes")
        same_result(program.run(x, record=record), run(graph, x, record=record, engine="reference"))
    assert not played  # spikes, floats, and back
    x = inputs()
    same_result(program.run(x), run(graph, x, engine="reference"))
    same_result(program.run(-x), run(graph, -x, engine="reference"))
    same_result(program.run(-2 * x), run(graph, -2 * x, engine="reference"))
    assert len(played) == 1


def test_what_is_recorded_may_change(played: list[Tape]) -> None:
    program = hw.compile(GRAPH)
    wanted = [(), "pool.out", "pool.out", (), "*.spikes", ("conv.out", "pool.out"), "lif.v", "lif.v", (), "*.spikes"]
    for record in wanted:
        for x in (inputs(), inputs()):
            same_result(program.run(x, record=record), run(GRAPH, x, record=record, engine="reference"))
    assert played


def test_numbers_of_steps_and_samples_may_change(played: list[Tape]) -> None:
    program = hw.compile(GRAPH)
    for steps, batch in ((6, 3), (4, 3), (6, 3), (6, 2), (6, 3), (6, 3)):
        x = inputs(steps, batch)
        same_result(program.run(x), run(GRAPH, x, engine="reference"))
    assert played


def test_results_stay_what_they_were() -> None:
    """States, counts and outputs of earlier runs, looked at when later ones are done, in any order."""
    program = hw.compile(GRAPH)
    given = [inputs(rate=0.2 * k) for k in range(5)]
    found = [program.run(x) for x in given]
    for k in (3, 0, 4, 1, 2):
        same_result(found[k], run(GRAPH, given[k], engine="reference"))


def test_a_result_keeps_nothing_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its state and counts are still to be made, but the arrays for whole chunks are gone, without a search for
    cycles."""
    made: list[weakref.ref[Any]] = []
    ready = Sweep.run

    def noted(self: Sweep) -> Any:
        made.extend(map(weakref.ref, (self, *self.each)))
        return ready(self)

    monkeypatch.setattr(Sweep, "run", noted)
    x = inputs()
    gc.disable()
    try:
        result = run(GRAPH, x, engine="native")
        assert len(made) > len(GRAPH.nodes)
        assert not any(found() for found in made)
    finally:
        gc.enable()
    same_result(result, run(GRAPH, x, engine="reference"))


def test_states_are_made_once_by_many_threads() -> None:
    program = hw.compile(GRAPH)
    given = [inputs() for _ in range(16)]
    expected = [run(GRAPH, x, engine="reference") for x in given]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            found = list(pool.map(program.run, given))
            read = [pool.submit(lambda r: r.state.nodes["lif"], r) for r in found for _ in range(3)]
            again = list(pool.map(program.run, given))
            assert all(a.result() is b.result() for a, b in zip(read[::3], read[1::3], strict=True))
            for result, other, known in zip(found, again, expected, strict=True):
                same_result(result, known)
                same_result(other, known)


def test_states_can_be_copied_kept_and_changed(tmp_path: Any) -> None:
    program = hw.compile(GRAPH)
    x, more = inputs(), inputs()
    expected = run(GRAPH, more, state=run(GRAPH, x, engine="reference").state, engine="reference")
    keeping: list[Callable[[State], State]] = [copy.deepcopy, copy.copy, lambda s: pickle.loads(pickle.dumps(s))]
    for keep in keeping:
        same_result(program.run(more, state=keep(program.run(x).state)), expected)
    first = program.run(x)
    first.state.save(tmp_path / "state.npz")
    same_result(program.run(more, state=type(first.state).load(tmp_path / "state.npz")), expected)
    # What its owner changes is what the next run begins with.
    first.state.nodes["both"]["v"][...] = 0.25
    program.run(x)
    assert (first.state.nodes["both"]["v"] == 0.25).all()
    assert not (program.run(x).state.nodes["both"]["v"] == 0.25).all()


def test_steps_of_a_session(played: list[Tape]) -> None:
    program = hw.compile(GRAPH)
    x = inputs(12, 2)
    session, states = program.session(batch=2), []
    whole = run(GRAPH, x, engine="reference", record="both.v")
    for step in range(12):
        result = session.run(x[step : step + 1])
        states.append(result.state)
        same(result.outputs, {name: array[step : step + 1] for name, array in whole.outputs.items()})
    for step, state in enumerate(states):
        same(state.nodes["both"], {"v": whole.records["both.v"][step]})
    # The first step has no neurons to reset, and the second is the first that may have.
    assert len(played) == 10


def test_states_that_are_given(played: list[Tape]) -> None:
    """They go where states were, so that the same calls find them: those of neurons, whose start is not 0, and of a
    mean."""
    nodes = {**GRAPH.nodes, "both": ir.IF(np.float32(0.5), reset="subtract", v_init=np.float32(0.25))}
    graph = GRAPH.changed(nodes=nodes)
    program = hw.compile(graph)
    x = [inputs() for _ in range(5)]
    states = [None, program.run(x[0]).state]
    states += [program.run(x[1], state=states[1]).state]
    before = len(played)
    for part, state in itertools.product(x[2:], [*states, None]):
        same_result(program.run(part, state=state), run(graph, part, state=state, engine="reference"))
    # Of two forms, which there were.
    assert len(played) - before == 12


@pytest.mark.parametrize("engine", ["native", "integer"])
@pytest.mark.parametrize(("chunk", "records", "plays"), [(None, 0, 0), (6, 0, 0), (5, 0, 0), (4, 1, 1), (2, 1, 4)])
def test_what_is_run_once_is_taped_where_other_chunks_follow(
    engine: str, chunk: int | None, records: int, plays: int, played: list[Tape], recorded: list[Tape]
) -> None:
    """The first chunk, before which no neuron had a reset to do, is of a form of its own."""
    graph = GRAPH if engine == "native" else hw.quantize(GRAPH, "generic-mesh", calibration=inputs(6, 8))
    x, slow = inputs(12), "reference" if engine == "native" else "integer"
    options = None if engine == "native" else {"kernels": "oracle"}
    result = run(graph, x, engine=engine, engine_options={"chunk": chunk})
    same_result(result, run(graph, x, engine=slow, engine_options=options))
    assert (len(recorded), len(played)) == (records, plays)


@pytest.mark.parametrize("engine", ["native", "integer"])
def test_streams_are_played(engine: str, played: list[Tape]) -> None:
    kept = {name: node for name, node in GRAPH.nodes.items() if name not in ("mean", "average")}
    graph = GRAPH.changed(nodes=kept, edges=[edge for edge in GRAPH.edges if {edge.src_node, edge.dst_node} <= {*kept}])
    if engine == "integer":
        graph = hw.quantize(graph, "generic-mesh", calibration=inputs(6, 8))
    x = inputs(12)
    expected = run(graph, x, engine=engine)
    parts = list(stream(graph, x, chunk=2, engine=engine))
    for name, array in expected.outputs.items():
        assert np.array_equal(np.concatenate([part.outputs[name] for part in parts]), array)
    same(parts[-1].state.nodes["lif"], expected.state.nodes["lif"])
    # All but the first, before which no neuron had a reset to do, and the second.
    assert len(played) == 4


def test_an_interrupted_step_is_taken_back() -> None:
    program = hw.compile(GRAPH)
    x = inputs(8, 2)
    session, expected = program.session(batch=2), run(GRAPH, x, engine="reference")
    found = [session.step(x[step]) for step in range(4)]

    def interrupted(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    sweep = session._sweep
    assert sweep is not None
    (last,) = (tape for form, tape in sweep.tapes.items() if form.begun)
    # After some of the calls, of which neurons and the mean have changed their state.
    for broken in range(1, len(last.calls)):
        (tape,) = (tape for form, tape in sweep.tapes.items() if form.begun)
        tape.calls[broken] = tape.calls[broken]._replace(function=interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.step(x[4])
        assert not sweep.tapes
        saved = session.run(x[4:5])
        assert sweep.tapes
        same(saved.outputs, {name: array[4:5] for name, array in expected.outputs.items()})
        session = program.session(batch=2)
        found = [session.step(x[step]) for step in range(4)]
        sweep = session._sweep
        assert sweep is not None
    found += [session.step(x[step]) for step in range(4, 8)]
    for step, outputs in enumerate(found):
        same(outputs, {name: array[step] for name, array in expected.outputs.items()})


def test_another_thread_stops_it() -> None:
    program = hw.compile(GRAPH)
    x = inputs()
    program.run(x)
    (sweep,) = program._execute.__self__.idle[3]  # type: ignore[attr-defined]
    assert sweep.tapes
    sweep.halt()
    with pytest.raises(KeyboardInterrupt):
        program.run(x)
    same_result(program.run(x), run(GRAPH, x, engine="reference"))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**16), chunk=st.sampled_from([None, 1, 2, 3]))
def test_random_graphs(seed: int, chunk: int | None) -> None:
    graph = random_graph(random.Random(seed))
    try:
        program = hw.compile(graph, chunk=chunk)
    except ir.TalonError:
        return
    for k in range(4):
        x = feeds(graph, seed + k)
        record: Any = ("*",) if k == 2 else ()
        same_result(program.run(x, record=record), run(graph, x, record=record, engine="reference"))


@pytest.mark.parametrize("pool", [ir.MaxPool2d(2), ir.AvgPool2d(2)], ids=repr)
def test_integers(pool: ir.Node, played: list[Tape]) -> None:
    graph = hw.quantize(convolutional(pool=pool), "generic-mesh", calibration=inputs(6, 8))
    program = hw.compile(graph, engine="integer")
    for x in (inputs(), inputs(rate=0.9), inputs(rate=0.1)):
        same_result(program.run(x), run(graph, x, engine="integer", engine_options={"kernels": "oracle"}))
    assert len(played) == 2
