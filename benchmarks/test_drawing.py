"""How long a drawing takes: `make bench`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.ir.drawing import Drawing, draw

SMALL_SECONDS, SECONDS, LARGE_SECONDS = 1.0, 5.0, 30.0
LARGEST_BYTES = 1_000_000


def chain(count: int) -> ir.Graph:
    nodes: dict[str, ir.Node] = {"input": ir.Input([4])}
    nodes |= {f"n{i}": ir.LIF(2.0, 1.0, 0.0, 1.0) if i % 2 else ir.Affine(np.eye(4)) for i in range(count - 2)}
    nodes["output"] = ir.Output([4])
    return ir.Graph(nodes, list(itertools.pairwise(nodes)))


def residual(count: int) -> ir.Graph:
    """Blocks of three nodes with a skip connection, every fifth with feedback."""
    nodes: dict[str, ir.Node] = {"input": ir.Input([4])}
    edges: list[Any] = []
    last = "input"
    for i in range((count - 2) // 3):
        fc, lif, add = f"fc{i}", f"lif{i}", f"add{i}"
        nodes |= {fc: ir.Affine(np.eye(4)), lif: ir.LIF(2.0, 1.0, 0.0, 1.0), add: ir.Skip()}
        edges += [(last, fc), (fc, lif), (lif, add), (last, add)]
        edges += [ir.Edge(lif, fc, delay=1)] if i % 5 == 0 else []
        last = add
    return ir.Graph({**nodes, "output": ir.Output([4])}, [*edges, (last, "output")])


@pytest.mark.parametrize(
    ("make", "count", "wanted"),
    [
        (chain, 300, SMALL_SECONDS),
        (residual, 300, SMALL_SECONDS),
        (chain, 3_000, SECONDS),
        (residual, 3_000, SECONDS),
        (chain, 100_000, LARGE_SECONDS),
        (residual, 100_000, LARGE_SECONDS),
    ],
)
def test_a_graph_is_drawn(benchmark: Any, make: Callable[[int], ir.Graph], count: int, wanted: float) -> None:
    graph = make(count)
    start = time.perf_counter()
    drawing: Drawing = benchmark.pedantic(draw, (graph,), rounds=1)
    seconds = time.perf_counter() - start
    size = len(drawing.svg.encode())
    print(
        f"\n{make.__name__} of {count} nodes: {seconds:.2f} s of the wanted {wanted} s, "
        f"{drawing.boxes} boxes, {size / 1000:.0f} kB"
    )
    assert drawing.folded == (count > 300)
    assert size < LARGEST_BYTES
