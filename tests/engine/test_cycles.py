"""Cycles without stated delays, run: which edge waits is worked by hand, and so are the values that follow."""

from __future__ import annotations

import numpy as np
import pytest

from talon import ir
from talon.engine import run

ADD = ir.Skip("residual")


def gain(factor: float) -> ir.Affine:
    return ir.Affine(np.array([[factor]], np.float32))


def graph_of(nodes: dict[str, ir.Node], text: str) -> ir.Graph:
    """Inputs `i` and `j`, the Output `o`; `"ab bc:2"` are edges, a stated delay behind the colon."""
    parts = [part.partition(":") for part in text.split()]
    edges = [ir.Edge(ends[0], ends[1], delay=int(delay) if delay else None) for ends, _, delay in parts]
    ends: dict[str, ir.Node] = {n: ir.Input([1]) for n in "ij" if n in text}
    return ir.Graph({**ends, **nodes, "o": ir.Output([1])}, edges)


TWO = {"a": ADD, "b": gain(2)}
THREE = {"a": ADD, "b": gain(2), "c": gain(3)}
CASES: dict[str, tuple[dict[str, ir.Node], str, list[list[float]], list[float]]] = {
    # a = i + late b, b = 2 a, o = a
    "a loop": (TWO, "ia ab ba ao", [[1, 0, 0, 1]], [1, 2, 4, 9]),
    # entered at b, which so is the one that waits: b = 2 (i + late a), a = b
    "a loop entered at its other node": (TWO, "ib ba ab ao", [[1, 0, 0, 1]], [2, 4, 8, 18]),
    # c = 3 (a + b) with b = 2 a, a = i + late c: the skip a -> c passes over b and does not wait
    "a skip over a node of the loop": (THREE, "ia ab bc ac ca co", [[1, 0, 1]], [9, 81, 738]),
    # two edges back: a = i + late b + late c, b = 2 a, c = 3 b; o = c
    "two edges back to the entry": (THREE, "ia ab bc ba ca co", [[1, 0, 0]], [6, 48, 384]),
    # i enters at b first: b = 2 (i + late a), c = 3 b, a = c + j
    "two entries, the first decides": (THREE, "ib ja bc ca ab ao", [[1, 0, 0], [0, 1, 0]], [6, 37, 222]),
    # j enters at a first: a = j + late c, b = 2 (i + a), c = 3 b; read at c
    "two entries, the other way about": (THREE, "ja ib bc ca ab co", [[1, 0, 0], [0, 1, 0]], [6, 42, 252]),
    # a stated delay breaks the loop and is no entry: a = i + (b two steps ago)
    "a stated delay": (TWO, "ia ab ba:2 ao", [[1, 0, 0, 0, 0]], [1, 0, 2, 0, 4]),
    # b -> a is stated 0, so a -> b is the one that waits: b = 2 late a, a = i + b
    "a stated 0 moves the wait": (TWO, "ia ab ba:0 bo", [[1, 0, 0, 0]], [0, 2, 4, 8]),
    # a loop in a loop: a = i + late b; b = 2 (a + late b)
    "a loop of one node in a loop": (TWO, "ia ab bb ba bo", [[1, 0, 0]], [2, 8, 32]),
}


@pytest.mark.parametrize("name", CASES)
def test_cycles_by_hand(name: str) -> None:
    nodes, text, drive, expected = CASES[name]
    graph = graph_of(nodes, text)
    inputs = {n: np.array(values, np.float32).reshape(-1, 1, 1) for n, values in zip("ij", drive, strict=False)}
    assert run(graph, inputs).outputs["o"].ravel().tolist() == expected
    backwards = graph.changed(nodes=dict(reversed(graph.nodes.items())))
    assert run(backwards, inputs).outputs["o"].ravel().tolist() == expected


def test_a_nested_loop_and_the_loop_around_it_each_choose_for_themselves() -> None:
    """Inside: m = x + late m, y = m. Around: a = i + late s, s = inside(a)."""
    inner = ir.Graph({"x": ir.Input(None), "m": ADD, "y": ir.Output(None)}, [("x", "m"), ("m", "m"), ("m", "y")])
    graph = graph_of({"a": ADD, "s": inner}, "ia as sa so")
    x = np.array([1, 0, 0, 0], np.float32).reshape(4, 1, 1)
    # a is 1, then the s of the step before; m: 1, 1 + 1, 2 + 2, 4 + 4
    first = run(graph, x)
    assert first.outputs["o"].ravel().tolist() == [1, 2, 4, 8]
    assert len(first.state.delays) == 2
    # a: 1 + 8, 17, 34, 68
    assert run(graph, x, state=first.state).outputs["o"].ravel().tolist() == [17, 34, 68, 136]
