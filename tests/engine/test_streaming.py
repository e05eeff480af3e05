"""Streams: chunk by chunk the same as one run to the bit, in memory that stays flat."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talon import ir
from talon.engine import Result, needs, run, stream, wiring
from talon.engine.choice import EngineSpec, specs
from talon.engine.reference import ReferenceEngine
from talon.engine.task import Task
from talon.testing.graphs import feeds, graphs
from talon.testing.results import joined, same_result

ENGINES = [name for name, spec in specs().items() if spec.load().refuses(ir.Graph({}, []), "float32") is None]
STEPS = 6
RNG = np.random.default_rng(11)
LIF = ir.LIF(tau=2.0, r=2.0, v_leak=0.0, v_threshold=1.0)
NET = ir.Graph.chain(
    input=ir.Input([3]), fc=ir.Affine(RNG.standard_normal((4, 3)).astype("f4")), lif=LIF, out=ir.Output([4])
)
LOOP = ir.Graph(
    {"a": ir.Input([4]), "b": ir.Input([4]), "lif": LIF, "out": ir.Output([4])},
    [("a", "lif"), ("b", "lif"), ir.Edge("lif", "lif", delay=3), ("lif", "out")],
)


def same_as_one(pieces: list[Result], whole: Result) -> None:
    same_result(joined(pieces), whole)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    graphs(),
    st.integers(0, 2**16),
    st.lists(st.integers(1, STEPS - 1), max_size=STEPS - 1, unique=True),
    st.sampled_from(ENGINES),
    st.integers(1, 2),
)
def test_any_chunks_are_one_run(graph: ir.Graph, seed: int, cuts: list[int], engine: str, threads: int) -> None:
    inputs = feeds(graph, seed, steps=STEPS, batch=2)
    whole = run(graph, inputs, record="*.out", engine="reference")
    bounds = [0, *sorted(cuts), STEPS]
    chunks = [{name: a[start:stop] for name, a in inputs.items()} for start, stop in itertools.pairwise(bounds)]
    pieces = list(stream(graph, chunks, record="*.out", engine=engine, threads=threads))
    assert [len(next(iter(piece.outputs.values()))) for piece in pieces] == np.diff(bounds).tolist()
    same_as_one(pieces, whole)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("chunk", [1, 4, 7, 20, 99, None])
def test_an_array_is_cut(engine: str, chunk: int | None) -> None:
    x = {name: RNG.standard_normal((20, 2, 4)) for name in ("a", "b")}
    pieces = list(stream(LOOP, x, chunk=chunk, record=["lif.v", "*.spikes"], engine=engine))
    assert len(pieces) == -(-20 // (chunk or 20))
    same_as_one(pieces, run(LOOP, x, record=["lif.v", "*.spikes"]))
    assert {piece.engine.name for piece in pieces} == {engine}
    assert pieces[0].engine.why == "asked for by name"


@pytest.mark.parametrize("engine", ENGINES)
def test_an_input_is_held(engine: str) -> None:
    x = RNG.random((2, 3))
    pieces = list(stream(NET, x, repeat=25, chunk=10, engine=engine, dtype="float32"))
    assert [piece.state.step for piece in pieces] == [10, 20, 25]
    same_as_one(pieces, run(NET, x, repeat=25))
    same_as_one(list(stream(NET, x.tolist(), repeat=25)), run(NET, x, repeat=25))


def test_a_stream_goes_on_from_a_state() -> None:
    x = RNG.random((12, 1, 3))
    first = run(NET, x[:5])
    rest = list(stream(NET, x[5:], chunk=3, state=first.state))
    same_as_one([first, *rest], run(NET, x))


def test_what_was_given_stays_when_the_stream_goes_on() -> None:
    x = RNG.random((12, 1, 3))
    results = stream(NET, x, chunk=4, record="lif.v")
    first = next(results)
    before = [first.outputs["out"].copy(), first.records["lif.v"].copy(), first.state.nodes["lif"]["v"].copy()]
    list(results)
    after = [first.outputs["out"], first.records["lif.v"], first.state.nodes["lif"]["v"]]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, after, strict=True))


class Far:
    """Data that is not in memory: only slices of steps can be had."""

    dtype, shape = np.dtype(np.float32), (10**9, 1, 3)

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise AssertionError("all of it is asked for")

    def __getitem__(self, steps: slice) -> np.ndarray:
        self.asked.append((steps.start, steps.stop))
        return np.ones((steps.stop - steps.start, 1, 3), self.dtype)


def test_data_is_fetched_as_it_is_needed() -> None:
    far = Far()
    results = stream(NET, far, chunk=100)
    assert far.asked == []
    assert next(results).outputs["out"].shape == (100, 1, 4)
    next(results)
    assert far.asked == [(0, 100), (100, 200)]
    without = stream(NET, far)
    steps = next(without).state.step
    assert 10_000 < steps < 10**7  # 64 MiB, whatever that is in steps


def test_chunks_may_have_no_end() -> None:
    results = stream(NET, (np.ones((4, 1, 3)) for _ in itertools.count()))
    assert [result.state.step for result in itertools.islice(results, 5)] == [4, 8, 12, 16, 20]


X = np.ones((4, 1, 3))
WRONG: list[tuple[str, dict[str, Any], str, list[str]]] = [
    ("chunk 0", {"inputs": X, "chunk": 0}, "T401", [">= 1", "0"]),
    ("chunk of chunks", {"inputs": [X, X], "chunk": 2}, "T401", ["an array", "list"]),
    ("no inputs", {"inputs": 5}, "T401", ["iterable of chunks", "5"]),
    ("shape", {"inputs": X[:, 0], "chunk": 2}, "T401", ["(steps, batch, 3)"]),
    ("strings", {"inputs": X.astype(str), "chunk": 2}, "T402", ["<U"]),
    ("lengths", {"inputs": {"a": np.ones((4, 1, 4)), "b": np.ones((3, 1, 4))}, "graph": LOOP}, "T401", ["a: 4, b: 3"]),
    ("names", {"inputs": {"in": X}}, "T401", ["'input'"]),
    ("engine", {"inputs": X, "engine": "referense"}, "T405", ["'reference'"]),
    ("option", {"inputs": X, "engine": "reference", "engine_options": {"fast": 1}}, "T405", ["'fast'"]),
    ("dtype", {"inputs": X, "dtype": "float16"}, "T402", ["float32"]),
]


@pytest.mark.parametrize(("given", "code", "words"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_is_wrong_is_said_at_once(given: Any, code: str, words: list[str]) -> None:
    arguments: Any = {"graph": NET} | given
    with pytest.raises(ir.TalonRunError) as caught:
        stream(**arguments)
    assert caught.value.code == code
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_only_graphs_that_are_sound_are_streamed() -> None:
    with pytest.raises(ir.TalonTypeError):
        stream(5, X)  # type: ignore[arg-type]
    with pytest.raises(ir.TalonGraphError, match="T108"):
        stream(ir.Graph.chain(input=ir.Input(None), lif=LIF, out=ir.Output(None)), X)
    bad = ir.Graph.chain(input=ir.Input([3]), fc=ir.Affine(np.zeros((2, 4))), output=ir.Output([2]))
    with pytest.raises(ir.TalonGraphError, match="T104"):
        stream(bad, X)


def test_a_record_that_nothing_gives() -> None:
    with pytest.raises(ir.TalonRunError, match="T404"):
        next(stream(NET, X, record="lif.volts"))


def test_a_bad_chunk_leaves_the_state_of_the_one_before() -> None:
    x = RNG.random((9, 2, 3))
    spoiled = np.where(np.arange(3) == 1, np.nan, x[3:6])
    results = stream(NET, [x[:3], spoiled, x[3:6, :1], x[3:]])
    first = next(results)
    with pytest.raises(ir.TalonRunError, match="T406"):
        next(results)
    with pytest.raises(ir.TalonRunError, match="other samples"):
        next(results)
    assert results.state is not None
    assert results.state.step == 3
    same_as_one([first, next(results)], run(NET, x))
    assert list(results) == []


@pytest.mark.skipif("native" not in ENGINES, reason="no C library here")
def test_a_session_makes_nodes_ready_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ready: list[str] = []
    cast = wiring.cast
    monkeypatch.setattr(wiring, "cast", lambda node, path, dtype: ready.append(path) or cast(node, path, dtype))
    assert len(list(stream(NET, RNG.random((50, 1, 3)), chunk=1, engine="native"))) == 50
    assert sorted(ready) == sorted(NET.nodes)


class Counted(ReferenceEngine):
    """An engine with sessions, which says what it is asked."""

    asked: list[str] = []

    def session(self, options: Mapping[str, Any]) -> Callable[[Task], Result]:
        self.asked.append(f"session {dict(options)}")

        def go_on(task: Task) -> Result:
            self.asked.append(f"{task.steps} steps from {task.state.step if task.state else 0}")
            return self.execute(task)

        return go_on

    def working_bytes(self, task: Task, results: int) -> int:
        self.asked.append(f"{results} bytes")
        return 0


def test_an_engine_is_asked_for_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EngineSpec, "load", lambda self: Counted())
    monkeypatch.setattr(needs, "SMALL", 0)
    x = RNG.random((7, 1, 3))
    pieces = list(stream(NET, x, chunk=4, engine="reference"))
    step, state = 4 * 4 + 2 * needs.COUNTED, 4 * 4  # an output and the counts of two nodes; the membranes
    assert Counted.asked == [
        "session {}",
        f"{4 * step + state} bytes",
        "4 steps from 0",
        f"{3 * step + state} bytes",
        "3 steps from 4",
    ]
    monkeypatch.undo()
    same_as_one(pieces, run(NET, x))


def endless(steps: int, chunk: int) -> Iterator[np.ndarray]:
    source = np.random.default_rng(0)
    for _ in range(steps // chunk):
        yield source.random((chunk, 1, 3), np.float32)


@pytest.mark.parametrize(("engine", "steps", "chunk"), [("native", 1_000_000, 10_000), ("reference", 4_000, 100)])
def test_memory_stays_flat(engine: str, steps: int, chunk: int) -> None:
    if engine not in ENGINES:
        pytest.skip("no C library here")
    peaks: list[int] = []
    tracemalloc.start()
    try:
        results = stream(NET, endless(steps, chunk), record="*.spikes", engine=engine)
        for number, _ in enumerate(results):
            if number % 10 == 9:
                gc.collect()
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.reset_peak()
    finally:
        tracemalloc.stop()
    assert results.state is not None
    assert results.state.step == steps
    assert len(peaks) == steps // chunk // 10
    # Not a byte for each step; what the first chunks lay out is used again.
    assert max(peaks[1:]) - peaks[1] < 20_000, peaks
