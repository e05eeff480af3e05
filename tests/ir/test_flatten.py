"""flatten(): one level of leaves, every sum, edge order and delay as before, and where each node came from."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.ir.primitive import Composite

LIF = ir.LIF(2, 1, 0, 1)
ADD = ir.Skip("residual")


def sub(**nodes: ir.Node) -> ir.Graph:
    return ir.Graph.chain(x=ir.Input(None), **nodes, y=ir.Output(None))


def test_names_paths_and_boundaries() -> None:
    graph = ir.Graph.chain(input=ir.Input([3]), g=sub(h=sub(lif=LIF)), out=ir.Output([3]))
    flat = graph.flatten()
    assert flat.provenance == {
        "input": "input",
        "g.x": "g/x",
        "g.h.x": "g/h/x",
        "g.h.lif": "g/h/lif",
        "g.h.y": "g/h/y",
        "g.y": "g/y",
        "out": "out",
    }
    assert set(flat.edges) == {
        ("input", "g.x"),
        ("g.x", "g.h.x"),
        ("g.h.x", "g.h.lif"),
        ("g.h.lif", "g.h.y"),
        ("g.h.y", "g.y"),
        ("g.y", "out"),
    }
    assert all(flat.nodes[n].identity for n in ("g.x", "g.y", "g.h.x", "g.h.y"))
    assert list(flat.inputs) == ["input"]
    assert list(flat.outputs) == ["out"]
    assert flat.shapes["g.h.lif:out"] == (3,)
    assert flat.flatten().provenance == flat.provenance
    assert flat.flatten().same_as(flat)


def test_provenance_survives_copies() -> None:
    flat = ir.Graph.chain(input=ir.Input([3]), g=sub(lif=LIF), out=ir.Output([3])).flatten()
    for twin in (pickle.loads(pickle.dumps(flat)), copy.deepcopy(flat)):
        assert twin.provenance["g.lif"] == "g/lif"


def test_names_that_collide_are_made_unique_and_the_outer_one_stays() -> None:
    graph = ir.Graph(
        {"g": sub(lif=LIF), "g.lif": ir.ReLU(3), "a.b": sub(c=LIF), "a": sub(**{"b.c": LIF})},
        [("g", "g.lif"), ("g.lif", "a.b"), ("a.b", "a")],
    )
    flat = graph.flatten()
    assert isinstance(flat.nodes["g.lif"], ir.ReLU)
    paths = flat.provenance
    assert sorted(paths[n] for n in flat.nodes) == sorted(
        ["g/x", "g/lif", "g/y", "g.lif", "a.b/x", "a.b/c", "a.b/y", "a/x", "a/b.c", "a/y"]
    )
    assert len(flat.edges) == 9


def test_sums_and_edge_order_are_kept() -> None:
    inner = ir.Graph(
        {"p": ir.Input(None), "q": ir.Input(None), "s": ADD, "r": ir.Output(None)},
        [("q", "s"), ("p", "s"), ("s", "r"), ("p", "r")],
    )
    graph = ir.Graph(
        {"a": LIF, "b": LIF, "g": inner, "o": ADD}, [("b", "g:q"), ("a", "g:p"), ("a", "g:q"), ("g", "o"), ("a", "o")]
    )
    flat = graph.flatten()

    def into(name: str) -> list[str]:
        return [e.src for e in flat.edges if e.dst_node == name]

    assert into("g.q") == ["b", "a"]
    assert into("g.p") == ["a"]
    assert into("g.s") == ["g.q", "g.p"]
    assert into("g.r") == ["g.s", "g.p"]
    assert into("o") == ["g.r", "a"]


def test_one_value_entering_twice_is_kept_twice() -> None:
    inner = ir.Graph(
        {"p": ir.Input(None), "q": ir.Input(None), "s": ADD, "r": ir.Output(None)},
        [("p", "s"), ("q", "s"), ("s", "r")],
    )
    flat = ir.Graph({"a": LIF, "g": inner}, [("a", "g:p"), ("a", "g:q")]).flatten()
    assert [e.src for e in flat.edges if e.dst_node == "g.s"] == ["g.p", "g.q"]


def test_delays_are_resolved_at_every_level_by_itself() -> None:
    inner = ir.Graph(
        {"x": ir.Input(None), "m": ADD, "n": ADD, "y": ir.Output(None)},
        [("x", "m"), ("m", "n"), ("n", "m"), ("n", "y")],
    )
    graph = ir.Graph({"a": ADD, "g": inner}, [("a", "g"), ("g", "a"), ir.Edge("a", "a", delay=3)])
    flat = graph.flatten()
    assert {(*e, e.delay) for e in flat.edges if e.delay} == {
        ("g.n", "g.m", 1),
        ("g.y", "a", 1),
        ("a", "a", 3),
    }
    assert all(e.delay in (None, 1, 3) for e in flat.edges)


def test_a_chosen_delay_beside_the_same_stated_one_stays_a_second_contribution() -> None:
    graph = ir.Graph({"a": ADD, "b": ADD}, [("a", "b"), ("b", "a"), ir.Edge("b", "a", delay=1)])
    flat = graph.flatten()
    assert len([e for e in flat.edges if e.dst_node == "a"]) == 2
    assert sum(e.delay or 0 for e in flat.edges) == 2
    assert len(flat.nodes) == 3
    assert flat.flatten().same_as(flat)


def test_ports_of_splits_stay_with_their_edges() -> None:
    inner = ir.Graph(
        {"x": ir.Input(None), "s": ir.ChannelSplit([1, 2]), "u": ir.Output(None), "v": ir.Output(None)},
        [("x", "s"), ("s", "u"), ("s", "v")],
    )
    graph = ir.Graph(
        {"i": ir.Input([3]), "g": inner, "a": ir.Output(None), "b": ir.Output(None)},
        [("i", "g"), ("g:v", "a"), ("g:u", "b")],
    )
    flat = graph.flatten()
    assert ("g.s:1", "g.v") in flat.edges
    assert flat.shapes["a:out"] == (2,)
    assert flat.shapes["b:out"] == (1,)


def test_composites_are_inlined() -> None:
    node = ir.SepConv2d(np.ones((3, 1, 3, 3)), np.ones((5, 3, 1, 1)))
    flat = ir.Graph.chain(ir.Input([3, 5, 5]), sep=node, output=ir.Output(None)).flatten()
    assert isinstance(flat.nodes["sep.depthwise"], ir.SDConv)
    assert flat.shapes["output:out"] == (5, 3, 3)
    assert flat.provenance["sep.pointwise"] == "sep/pointwise"


class Endless(Composite):
    """Stands for a graph that holds itself."""

    def decompose(self) -> ir.Graph:
        return sub(again=Endless())

    def infer(self, *inputs: Any) -> Any:
        return inputs[0]


def test_endless_composites_are_refused() -> None:
    with pytest.raises(ir.TalonGraphError) as caught:
        ir.Graph.chain(ir.Input([3]), Endless()).flatten()
    assert caught.value.code == "T116"


def test_the_core_of_a_composite_or_a_graph_is_that_of_all_inside() -> None:
    inner = ir.Graph.chain(i=ir.Input([3]), a=ir.ReLU(3), b=ir.ReLU(3, core_id=5), d=ir.Dropout(3), o=ir.Output([3]))
    graph = ir.Graph.chain(x=ir.Input([3]), g=inner.changed(core_id=7), c=ir.ReLU(3), y=ir.Output([3]))
    cores = {name: node.core_id for name, node in graph.flatten().nodes.items()}
    assert cores == {"x": None, "g.i": None, "g.a": 7, "g.b": 5, "g.d": None, "g.o": None, "c": None, "y": None}
    around = ir.Graph.chain(x=ir.Input([3]), h=graph, y=ir.Output([3])).changed(core_id=1).flatten()
    assert {name: node.core_id for name, node in around.nodes.items() if node.core_id is not None} == {
        "h.g.a": 7,
        "h.g.b": 5,
        "h.c": 1,
    }
