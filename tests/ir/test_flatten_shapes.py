"""Shapes that only a nested boundary, or the node around it, declares are known after flattening too."""

from __future__ import annotations

import numpy as np
import pytest

from talon import ir
from talon.engine import run


def ring(node: ir.Node) -> ir.Graph:
    """`node` feeds itself; nothing but what it declares says its shape."""
    nodes = {"i": ir.Input([1]), "ring": node, "sum": ir.Skip(), "o": ir.Output([1])}
    return ir.Graph(nodes, [("ring", "ring"), ("ring", "sum"), ("i", "sum"), ("sum", "o")])


def oscillator(shape: list[int] | None, **declared: object) -> ir.Graph:
    nodes = {"x": ir.Input(shape), "n": ir.IF(1.0, v_init=1.0), "y": ir.Output(shape)}
    return ir.Graph(nodes, [("x", "n"), ("n", "y")], **declared)


@pytest.mark.parametrize("node", [oscillator([1]), oscillator(None, input_type=[1]), oscillator(None, output_type=[1])])
def test_a_ring_that_checks_also_runs(node: ir.Graph) -> None:
    graph = ring(node)
    assert graph.check().ok
    assert graph.flatten().check().ok
    assert run(graph, np.zeros((2, 1, 1))).outputs["o"].shape == (2, 1, 1)


def test_a_composite_in_a_ring_is_known_by_what_it_declares() -> None:
    conv = ir.SepConv2d(np.ones((2, 1, 3, 3)), np.ones((2, 2, 1, 1)), padding=1, input_type=[2, 5, 5])
    nodes = {"i": ir.Input([2, 5, 5]), "n": ir.IF(1.0), "sep": conv, "sum": ir.Skip(), "o": ir.Output([2, 5, 5])}
    graph = ir.Graph(nodes, [("n", "sep"), ("sep", "n"), ("n", "sum"), ("i", "sum"), ("sum", "o")])
    assert graph.check().ok
    assert run(graph, np.zeros((1, 1, 2, 5, 5))).outputs["o"].shape == (1, 1, 2, 5, 5)
