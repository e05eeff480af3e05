"""How long a graph of 100,000 existing nodes takes to build and to check: `make bench`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from talon import ir

COUNT = 100_000
BUILD_SECONDS = 0.5
CHECK_SECONDS = 1.0
NIR_MINUTES = 35
"""What the same chain takes with NIR 1.0, whose graph compares every edge with every other."""

Parts = tuple[dict[str, ir.Node], list[tuple[str, str]]]


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Nodes of their own, and the edges that join them in a chain."""
    nodes: dict[str, ir.Node] = {"input": ir.Input([4])}
    nodes |= {f"lif{i}": ir.LIF(2.0, 1.0, 0.0, 1.0) for i in range(COUNT - 2)}
    nodes["output"] = ir.Output([4])
    names = list(nodes)
    return nodes, list(itertools.pairwise(names))


def measured(benchmark: Any, function: Callable[[], Any], what: str, wanted: float) -> Any:
    """Run under pytest-benchmark and print how the best time compares with the wanted one."""
    seconds: list[float] = []

    def timed() -> Any:
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
        return result

    result = benchmark.pedantic(timed, rounds=5)
    best = min(seconds)
    print(
        f"\n{what}: {best:.2f} s, {best / wanted:.1f} of the wanted {wanted} s, 1/{NIR_MINUTES * 60 / best:.0f} of NIR"
    )
    return result


def test_a_long_chain_builds(benchmark: Any, parts: Parts) -> None:
    graph = measured(benchmark, lambda: ir.Graph(*parts), f"Graph() of {COUNT} nodes", BUILD_SECONDS)
    assert len(graph.edges) == COUNT - 1


def test_a_long_chain_is_checked(benchmark: Any, parts: Parts) -> None:
    graph = ir.Graph(*parts)
    report = measured(benchmark, graph.check, f"check() of {COUNT} nodes", CHECK_SECONDS)
    assert report.diagnostics == ()


def test_check_is_linear(parts: Parts) -> None:
    """Ten times the nodes take about ten times as long: far from the hundred of a quadratic check."""
    nodes, _ = parts
    times = []
    for count in (3_000, 30_000):
        few = list(nodes)[: count - 1] + ["output"]
        graph = ir.Graph({n: nodes[n] for n in few}, list(itertools.pairwise(few)))
        start = time.perf_counter()
        graph.check()
        times.append(time.perf_counter() - start)
    assert times[1] < 40 * times[0]
