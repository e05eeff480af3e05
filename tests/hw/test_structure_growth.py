"""Twice as many nodes are twice as much work: calls are counted, not seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from talon import hw, ir

RNG = np.random.default_rng(7)
SPIKES = (RNG.random((2, 1, 4)) < 0.5).astype(np.float32)
Build = Callable[[int], ir.Graph]


class Grown:
    """A graph under construction; `last` is what the next part reads."""

    def __init__(self) -> None:
        self.nodes: dict[str, ir.Node] = {"in": ir.Input([4])}
        self.edges: list[ir.Edge] = []
        self.last = "in"

    def put(self, node: ir.Node, *sources: str, delay: int | None = None) -> str:
        """A node behind these, or behind the last one; the last of several is `delay` steps late."""
        name = f"{node.type_name.lower()}{len(self.nodes)}"
        self.nodes[name] = node
        *first, late = sources or (self.last,)
        self.edges += [*(ir.Edge(source, name) for source in first), ir.Edge(late, name, delay=delay)]
        self.last = name
        return name

    def layer(self) -> str:
        return self.put(ir.Affine(RNG.normal(size=(4, 4))))

    def done(self) -> ir.Graph:
        self.put(ir.IF(1.0))
        self.put(ir.Output([4]))
        return ir.Graph(self.nodes, self.edges)


def chain(parts: int) -> ir.Graph:
    grown = Grown()
    for _ in range(parts):
        grown.layer()
        grown.put(ir.LIF(3.0, 2.0, 0.1, 1.0))
    grown.layer()
    return grown.done()


def sums_in_a_row(parts: int) -> ir.Graph:
    """Layers that read the sums of others, without neurons."""
    grown = Grown()
    for _ in range(parts):
        grown.put(ir.Affine(np.eye(4)))
    return grown.done()


def ladder(parts: int) -> ir.Graph:
    """Sums that go by neurons and are added to what those send on."""
    grown = Grown()
    rung = grown.layer()
    for _ in range(parts):
        grown.put(ir.IF(1.0), rung)
        rung = grown.put(ir.Skip("residual"), rung, grown.layer())
    return grown.done()


def diamonds(parts: int) -> ir.Graph:
    """Two ways from every sum to the next, one of them a step late."""
    grown = Grown()
    sums = grown.layer()
    for _ in range(parts):
        ways = grown.put(ir.Skip("residual"), sums), grown.put(ir.Skip("residual"), sums)
        sums = grown.put(ir.Skip("residual"), *ways, delay=1)
    return grown.done()


def spikes_that_go_by(parts: int) -> ir.Graph:
    grown = Grown()
    for _ in range(parts):
        before = grown.last
        grown.layer()
        grown.put(ir.Skip("residual"), before, grown.put(ir.IF(1.0)))
    grown.layer()
    return grown.done()


SHAPES: list[Build] = [chain, sums_in_a_row, ladder, diamonds, spikes_that_go_by]


def calls(function: Callable[[], Any]) -> int:
    """How many functions are called, of Python and of C."""
    count = 0

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def growth(work: Callable[[ir.Graph], Any], build: Build) -> float:
    """How much more four times as many parts are than one, without what every graph costs; 4 where that is linear."""
    graphs = [build(parts) for parts in (8, 32, 64, 128)]
    work(graphs[0])
    few, some, more = (calls(lambda graph=graph: work(graph)) for graph in graphs[1:])  # type: ignore[misc]
    return (more - some) / (some - few) * 2


@pytest.mark.filterwarnings("ignore::talon.hw.QuantisingWarning")
@pytest.mark.parametrize("build", [build for build in SHAPES if build is not sums_in_a_row])
def test_quantising_takes_as_many_calls_as_there_are_nodes(build: Build) -> None:
    assert growth(lambda graph: hw.quantize(graph, calibration=SPIKES), build) < 5


@pytest.mark.parametrize("build", SHAPES)
def test_foreseeing_takes_as_many_calls_as_there_are_nodes(build: Build) -> None:
    from talon.hw.quantising.beforehand import refusals

    target = hw.target("generic-mesh")
    assert growth(lambda graph: list(refusals(graph, target)), build) < 5


@pytest.mark.filterwarnings("ignore::talon.hw.QuantisingWarning")
@pytest.mark.parametrize("build", [diamonds, spikes_that_go_by])
def test_no_depth_is_too_much(build: Build) -> None:
    """More nodes in a row than Python allows calls in each other."""
    graph = build(1 + sys.getrecursionlimit() // 2)
    assert hw.quantize(graph, calibration=SPIKES).quantization_config


def test_units_beyond_float32_are_refused() -> None:
    """Every layer that reads sums makes them larger, and what 1 stands for smaller."""
    graph = sums_in_a_row(sys.getrecursionlimit() + 10)
    with pytest.raises(ir.TalonTargetError, match="beyond float32") as caught:
        hw.quantize(graph, calibration=SPIKES)
    assert caught.value.code == "T506"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_network_that_leaves_float32_is_refused() -> None:
    grown = Grown()
    grown.put(ir.Affine(np.full((4, 4), 3e38)))
    with pytest.raises(ir.TalonTargetError, match="leaves float32") as caught:
        hw.quantize(grown.done(), calibration=np.ones((2, 1, 4), np.float32))
    assert caught.value.code == "T506"
