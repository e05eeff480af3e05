"""Nodes of cycles of which only the last steps are kept."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from talon.engine import run
from talon.engine.task import make_task
from talon.hw.native import library
from talon.hw.native.lowering import LATE
from talon.hw.native.options import Options
from talon.hw.native.sweep import Sweep
from tests.hw.test_native import agree, same_result, some, weights

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")


def recurrent(later: str = "one", delay: int = 1) -> ir.Graph:
    """Maps that excite themselves by way of three nodes, of which one hears a step later; one of them somebody else
    hears, too."""
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([4, 5, 6]),
        "one": ir.Conv2d(weights(8, 4, 3, 3), padding=1),
        "act": ir.ReLU(8),
        "two": ir.Conv2d(weights(4, 8, 3, 3), padding=1),
        "lif": ir.LIF(2.0, 2.0, 0.0, 0.6),
        "output": ir.Output(None),
        "seen": ir.Output(None),
    }
    ring = itertools.pairwise(["lif", "one", "act", "two", "lif"])
    edges: list[Any] = [ir.Edge(source, target, delay=delay * (target == later)) for source, target in ring]
    return ir.Graph(nodes, [*edges, ("input", "lif"), ("lif", "output"), ("act", "seen")], allow_cycles=True)


def passing(graph: ir.Graph, record: tuple[str, ...] = ()) -> dict[str, int]:
    sweep = Sweep(make_task(graph, some(5, 2, 4, 5, 6), record=record), Options())
    sweep.run()
    return {sweep.wiring.names[number]: rows for number, rows in sweep.passing.items()}


def test_which_they_are() -> None:
    """`act` and `lif` are heard outside; what is recorded is kept, and what is asked for much later."""
    graph = recurrent()
    assert passing(graph) == {"one": 1, "two": 1}
    assert passing(recurrent("act")) == {"one": 2, "two": 1}
    assert passing(recurrent("lif", 3)) == {"one": 1, "two": 4}
    assert passing(recurrent("lif", LATE)) == {"one": 1, "two": LATE + 1}
    assert passing(recurrent("lif", LATE + 1)) == {"one": 1}
    assert passing(graph, ("two.out", "lif.v")) == {"one": 1}
    assert passing(graph, ("*.out",)) == {}
    straight = ir.Graph.chain(ir.Input([4, 5, 6]), conv=ir.Conv2d(weights(8, 4, 3, 3)), out=ir.Output(None))
    assert passing(straight) == {}


@pytest.mark.parametrize("chunk", [None, 1, 2, 3])
@pytest.mark.parametrize("delay", [1, 2, 3, 5])
@pytest.mark.parametrize("later", ["act", "lif"])
def test_steps_take_the_places_of_older_ones(later: str, delay: int, chunk: int | None) -> None:
    """Also where a chunk is shorter than a delay, and where the next one begins."""
    graph, x = recurrent(later, delay), some(11, 2, 4, 5, 6)
    expected = run(graph, x, engine="reference")
    program = hw.compile(graph, chunk=chunk)
    for _ in range(3):
        same_result(program.run(x), expected)
    session = program.session(batch=2)
    parts = [session.run(x[at : at + size]) for at, size in ((0, 3), (3, 1), (4, 1), (5, 6))]
    for name, array in expected.outputs.items():
        assert np.array_equal(np.concatenate([part.outputs[name] for part in parts]), array)
    assert {*parts[-1].state.delays} == {*expected.state.delays}
    for name, array in expected.state.delays.items():
        assert np.array_equal(parts[-1].state.delays[name], array)


@pytest.mark.parametrize("record", [(), ("two.out",), ("lif.v", "one.out"), ("*",)])
@pytest.mark.parametrize("later", ["one", "act", "two", "lif"])
def test_the_reference_says_the_same(record: tuple[str, ...], later: str) -> None:
    agree(recurrent(later), some(7, 3, 4, 5, 6), record=record)


def test_several_runs_of_one_sweep() -> None:
    graph = recurrent()
    sweep = Sweep(make_task(graph, some(6, 2, 4, 5, 6)), Options(chunk=2))
    sweep.run()
    for record in ((), ("two.out",), ()):
        task = make_task(graph, some(6, 2, 4, 5, 6), record=record)
        sweep.restart(task)
        found, fresh = sweep.run(), Sweep(task, Options()).run()
        for name, array in fresh.outputs.items():
            assert np.array_equal(found.outputs[name], array)
        for name, array in fresh.records.items():
            assert np.array_equal(found.records[name], array)
