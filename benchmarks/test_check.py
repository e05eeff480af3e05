"""How long check() takes on 100,000 nodes with what real graphs have wrong in them: `make bench`.

Every hundred nodes hold a layer of another shape, NaN in a weight, a branch that leads nowhere, unread chunks, a cycle
without a stated delay, a node without edges, a wrong time constant, and a nested graph with NaN inside.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from talon import ir

COUNT = 100_000
PERIOD = 100
CHECK_SECONDS = 4.0
LIF = ir.LIF(2.0, 1.0, 0.0, 1.0)
EYE = np.eye(4, dtype=np.float32)


def nan() -> np.ndarray:
    weight = EYE.copy()
    weight[1, 2] = np.nan
    return weight


def stretch(at: str, start: str) -> Iterator[tuple[str, ir.Node, list[str]]]:
    """A hundred nodes after `start`, each with its name and what feeds it; the last carries values of 4 on."""
    yield f"{at}fc", ir.Affine(EYE), [start]
    yield f"{at}nan", ir.Affine(nan()), [f"{at}fc"]
    yield f"{at}split", ir.ChannelSplit([1, 2, 1]), [f"{at}nan"]
    yield f"{at}part", ir.Affine(np.ones((4, 2), np.float32)), [f"{at}split:1"]
    yield f"{at}loop", LIF, [f"{at}part", f"{at}loop"]
    yield f"{at}alone", LIF, []
    yield f"{at}probe", LIF, [f"{at}loop"]
    yield f"{at}end", LIF, [f"{at}probe"]
    inner = ir.Graph.chain(x=ir.Input(None), fc=ir.Affine(nan()), y=ir.Output(None))
    yield f"{at}sub", inner, [f"{at}loop"]
    # A wrong layer beside the way on, so that everything after it still has a shape to be checked against.
    yield f"{at}wrong", LIF.changed(v_threshold=np.ones(3)), [f"{at}sub"]
    yield f"{at}seen", ir.Output([4]), [f"{at}wrong"]
    yield f"{at}tau", ir.LIF.restore({"tau": np.float64(0.5), "r": 1, "v_leak": 0, "v_threshold": 1}), [f"{at}sub"]
    yield f"{at}shown", ir.Output([4]), [f"{at}tau"]
    last = f"{at}sub"
    for number in range(PERIOD - 15):
        yield f"{at}lif{number}", LIF, [last]
        last = f"{at}lif{number}"
    yield f"{at}", ir.Affine(EYE), [last]


def flawed(count: int) -> ir.Graph:
    nodes: dict[str, ir.Node] = {"input": ir.Input([4])}
    edges: list[tuple[str, str]] = []
    last = "input"
    for number in range(count // PERIOD):
        for name, node, feeding in stretch(f"n{number}.", last):
            nodes[name] = node
            edges += [(source, name) for source in feeding]
        last = f"n{number}."
    return ir.Graph({**nodes, "output": ir.Output([4])}, [*edges, (last, "output")])


EACH = {"T104": 1, "T111": 2, "T112": 1, "T113": 1, "T115": 1, "T202": 1, "T205": 2}
"""Findings in every stretch: one for each thing that is wrong. The node without edges also leads nowhere."""


def timed(check: Callable[[], Any]) -> float:
    start = time.perf_counter()
    check()
    return time.perf_counter() - start


def test_every_cause_is_told_once() -> None:
    assert Counter(d.code for d in flawed(1000).check().diagnostics) == {code: 10 * n for code, n in EACH.items()}


@pytest.mark.benchmark(group="check")
def test_a_graph_with_errors_is_checked(benchmark: Any) -> None:
    graph = flawed(COUNT)
    report = benchmark.pedantic(graph.check, rounds=3)
    best = benchmark.stats.stats.min
    print(f"\ncheck() of {COUNT} nodes, {len(report.diagnostics)} findings: {best:.2f} s of {CHECK_SECONDS} s wanted")
    assert len(report.diagnostics) == COUNT // PERIOD * sum(EACH.values())


def hub(count: int) -> ir.Graph:
    """One node that sums many inputs of another shape."""
    nodes: dict[str, ir.Node] = {"in": ir.Input([4]), "hub": LIF, "out": ir.Output([4])}
    others = [f"in{n}" for n in range(count)]
    edges = [("in", "hub"), ("hub", "out"), *((name, "hub") for name in others)]
    return ir.Graph(nodes | dict.fromkeys(others, ir.Input([3])), edges)


def ring(count: int) -> ir.Graph:
    """One cycle through all nodes, which stand against its direction."""
    names = [f"n{n}" for n in range(count)]
    nodes: dict[str, ir.Node] = {"in": ir.Input([4]), **dict.fromkeys(reversed(names), LIF), "out": ir.Output([4])}
    return ir.Graph(nodes, [("in", "n0"), *itertools.pairwise(names), (names[-1], "n0"), (names[-1], "out")])


def islands(count: int) -> ir.Graph:
    """Cycles that nothing leads to."""
    pairs = [(f"a{n}", f"b{n}") for n in range(count // 2)]
    nodes: dict[str, ir.Node] = {name: LIF for pair in pairs for name in pair}
    edges = [("in", "out"), *(edge for a, b in pairs for edge in ((a, b), (b, a)))]
    return ir.Graph({"in": ir.Input([4]), **nodes, "out": ir.Output([4])}, edges)


@pytest.mark.parametrize("make", [flawed, hub, ring, islands])
def test_check_is_linear(make: Callable[[int], ir.Graph]) -> None:
    """Ten times the nodes take about ten times as long: far from the hundred of a quadratic check."""
    few, many = make(3_000), make(30_000)
    assert timed(many.check) < 40 * min(timed(few.check) for _ in range(3))
