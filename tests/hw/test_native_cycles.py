"""Nodes of cycles of which only the step that is gone through is kept."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine.task import make_task
from talon.hw.native import library
from talon.hw.native.options import Options
from talon.hw.native.sweep import Sweep
from tests.hw.test_native import agree, some, weights

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")


def recurrent(later: str = "one") -> ir.Graph:
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
    edges: list[Any] = [ir.Edge(source, target, delay=int(target == later)) for source, target in ring]
    return ir.Graph(nodes, [*edges, ("input", "lif"), ("lif", "output"), ("act", "seen")], allow_cycles=True)


def passing(graph: ir.Graph, record: tuple[str, ...] = ()) -> set[str]:
    sweep = Sweep(make_task(graph, some(5, 2, 4, 5, 6), record=record), Options())
    sweep.run()
    return {sweep.wiring.names[number] for number in sweep.passing}


def test_which_they_are() -> None:
    """`act` is heard outside, `lif` outside and later; what is recorded is kept."""
    graph = recurrent()
    assert passing(graph) == {"one", "two"}
    assert passing(recurrent("act")) == {"two"}
    assert passing(recurrent("lif")) == {"one"}
    assert passing(graph, ("two.out", "lif.v")) == {"one"}
    assert passing(graph, ("*.out",)) == set()
    straight = ir.Graph.chain(ir.Input([4, 5, 6]), conv=ir.Conv2d(weights(8, 4, 3, 3)), out=ir.Output(None))
    assert passing(straight) == set()


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
