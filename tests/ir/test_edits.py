"""Edits give new graphs; ports and delays that were implied keep their meaning."""

from __future__ import annotations

import pytest

from talon import ir

LIF = ir.LIF(2, 1, 0, 1)
RELU = ir.ReLU(3)


def split() -> ir.Graph:
    return ir.Graph(
        {"i": ir.Input([6]), "s": ir.ChannelSplit([1, 2, 3]), "a": LIF, "b": LIF, "c": LIF, "o": ir.Output(None)},
        [("i", "s"), ("s", "a"), ("s", "b"), ("s", "c"), ("a", "o")],
        dt=0.5,
        metadata={"m": 1},
    )


def test_edits_leave_the_old_graph_and_keep_its_fields() -> None:
    graph = split()
    before = graph.fingerprint()
    for edited in (
        graph.replace("a", RELU),
        graph.insert_after("a", "r", RELU),
        graph.remove("a"),
        graph.rename({"a": "z"}),
        graph.subgraph(["s", "a"]),
        graph.with_delays(),
        graph.flatten(),
    ):
        assert edited is not graph
        assert (edited.dt, edited.metadata) == (0.5, {"m": 1})
    assert graph.fingerprint() == before


def test_implied_chunks_survive_the_removal_of_an_earlier_edge() -> None:
    removed = split().remove("a")
    assert removed.edges == (("i", "s"), ("s:1", "b"), ("s:2", "c"))
    assert removed.shapes["c:out"] == (3,)


def test_replace() -> None:
    graph = split().replace("b", RELU)
    assert graph.nodes["b"] is RELU
    assert list(graph.nodes) == list(split().nodes)
    with pytest.raises(KeyError, match="did you mean"):
        graph.replace("bb", RELU)


def test_insert_after_keeps_place_order_and_delays() -> None:
    graph = ir.Graph({"i": LIF, "a": LIF, "b": LIF}, [("i", "a"), ("a", "b"), ir.Edge("a", "a", delay=2), ("b", "a")])
    new = graph.insert_after("a", "x", RELU)
    assert list(new.nodes) == ["i", "a", "x", "b"]
    assert new.edges == (("i", "a"), ("a", "x"), ("x", "b"), ir.Edge("x", "a", delay=2), ("b", "a"))
    assert new.delays() == [0, 0, 0, 2, 1]
    last = graph.remove("i").insert_after("b", "end", RELU).remove("a").insert_after("end", "y", RELU)
    assert last.edges == (("b", "end"), ("end", "y"))
    with pytest.raises(ir.TalonGraphError, match="already a node 'b'"):
        graph.insert_after("a", "b", RELU)
    with pytest.raises(ir.TalonGraphError, match="3 output ports"):
        split().insert_after("s", "x", RELU)


def test_insert_after_does_not_move_the_delay_of_a_loop() -> None:
    loop = ir.Graph({"a": LIF, "b": LIF}, [("b", "a"), ("a", "b")])
    assert loop.delays() == [0, 1]
    assert loop.insert_after("a", "x", RELU).delays() == [0, 0, 1]


def test_remove_and_bridge() -> None:
    graph = ir.Graph({"a": LIF, "b": LIF, "m": LIF, "c": LIF},
                     [("a", "m"), ir.Edge("b", "m", delay=1), ir.Edge("m", "c", delay=2)])  # fmt: skip
    assert graph.remove("m").edges == ()
    assert graph.remove("m", bridge=True).edges == (ir.Edge("a", "c", delay=2), ir.Edge("b", "c", delay=3))
    with pytest.raises(ir.TalonGraphError, match="bridged"):
        split().remove("s", bridge=True)


def test_rename() -> None:
    graph = split().rename({"a": "b", "b": "a"})
    assert list(graph.nodes) == ["i", "s", "b", "a", "c", "o"]
    assert graph.edges == (("i", "s"), ("s:0", "b"), ("s:1", "a"), ("s:2", "c"), ("b", "o"))
    with pytest.raises(ir.TalonGraphError, match="'b' to two nodes"):
        split().rename({"a": "b"})
    with pytest.raises(ir.TalonGraphError, match="':'"):
        split().rename({"a": "a:b"})


def test_subgraph_puts_boundaries_where_it_cuts() -> None:
    graph = ir.Graph(
        {"i": ir.Input([3]), "j": ir.Input([3]), "a": LIF, "b": LIF, "o": ir.Output([3]), "p": ir.Output([3])},
        [("i", "a"), ("a", "b"), ir.Edge("j", "b", delay=1), ("b", "o"), ("b", "p"), ("i", "b")],
    )
    cut = graph.subgraph(["b", "a"])
    assert list(cut.nodes) == ["i_2", "j_2", "a", "b", "b_out"]
    assert cut.edges == (("i_2", "a"), ("a", "b"), ir.Edge("j_2", "b", delay=1), ("b", "b_out"), ("i_2", "b"))
    assert [n.shape for n in (*cut.inputs.values(), *cut.outputs.values())] == [(3,)] * 3
    assert cut.check().ok
    split_cut = split().subgraph(["b", "c"])
    assert list(split_cut.inputs) == ["s.1", "s.2"]
    assert split_cut.inputs["s.2"].shape == (3,)


def test_with_delays_states_every_delay_once() -> None:
    graph = ir.Graph(
        {"a": LIF, "b": LIF}, [("a", "b"), ("b", "a"), ir.Edge("b", "a", delay=1), ir.Edge("a", "b", delay=0)]
    )
    stated = graph.with_delays()
    assert stated.delays() == graph.delays() == [0, 1, 1, 0]
    assert [e.delay for e in stated.edges] == [None, None, 1, 0]
    assert stated.with_delays().same_as(stated)
    assert stated.fingerprint() == graph.fingerprint()


def test_a_source_that_is_spelt_in_two_ways_becomes_one_input() -> None:
    nodes = {"a": ir.Input([2]), "x": ir.ReLU(2), "y": ir.ReLU(2), "o": ir.Output([2])}
    graph = ir.Graph(nodes, [("a", "x"), ("a:out", "y"), ("x", "o"), ("y:out", "o")])
    part = graph.subgraph(["x", "y", "o"])
    assert len(part.inputs) == 1
    assert part.check().ok
    with pytest.raises(ir.TalonTypeError, match="several names"):
        graph.subgraph("x")
