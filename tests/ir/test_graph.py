"""Graph: construction, structure errors, edges, chain, immutability."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from talon import ir

LIF = ir.LIF(2, 1, 0, 1)


def line() -> ir.Graph:
    return ir.Graph(
        {"a": ir.Input([3]), "b": LIF, "c": ir.Output([3])}, [("a", "b"), ("b", "c")], dt=1e-3, metadata={"x": 1}
    )


def test_nodes_and_edges_are_read_only_and_ordered() -> None:
    graph = line()
    assert list(graph.nodes) == ["a", "b", "c"]
    assert graph.nodes["b"] is LIF
    assert graph.edges == (("a", "b"), ("b", "c"))
    assert isinstance(graph.edges, tuple)
    with pytest.raises(TypeError):
        graph.nodes["d"] = LIF  # type: ignore[index]
    with pytest.raises(ir.TalonFrozenError):
        graph.dt = 1.0
    with pytest.raises(TypeError, match="not iterable"):
        iter(graph)


def test_the_callers_dict_is_not_kept() -> None:
    nodes: dict[str, ir.Node] = {"a": LIF}
    graph = ir.Graph(nodes, [])
    nodes["b"] = LIF
    assert list(graph.nodes) == ["a"]


def test_an_edge_unpacks_compares_and_hashes_like_a_pair() -> None:
    edge = ir.Edge("split:1", "sub:x")
    src, dst = edge
    assert (src, dst, edge[0], edge[1], len(edge)) == ("split:1", "sub:x", "split:1", "sub:x", 2)
    assert (edge.src_node, edge.src_port, edge.dst_node, edge.dst_port) == ("split", "1", "sub", "x")
    assert edge == ("split:1", "sub:x")
    assert len({edge, ("split:1", "sub:x"), ir.Edge("split:1", "sub:x")}) == 1
    late = ir.Edge("a", "b", delay=2)
    assert late != ("a", "b")
    assert late != ir.Edge("a", "b")
    assert late == ir.Edge("a", "b", delay=2)
    assert ir.Edge("a", "b", delay=0) != ir.Edge("a", "b")
    assert pickle.loads(pickle.dumps(late)) == copy.deepcopy(late) == late
    assert repr(late) == "Edge('a', 'b', delay=2)"
    with pytest.raises(ir.TalonFrozenError):
        late.delay = 3


@pytest.mark.parametrize(
    ("args", "kwargs", "code"),
    [
        (("a", 1), {}, "T206"),
        (("a", "b"), {"delay": -1}, "T202"),
        (("a", "b"), {"delay": True}, "T206"),
        (("a", "b"), {"delay": 1.0}, "T206"),
        (("a", "b"), {"delay": 1 << 31}, "T202"),
    ],
)
def test_edges_refuse(args: Any, kwargs: Any, code: str) -> None:
    with pytest.raises(ir.TalonError) as caught:
        ir.Edge(*args, **kwargs)
    assert caught.value.code == code


SPLIT = ir.ChannelSplit([1, 2])
INNER = ir.Graph({"x": ir.Input(None), "y": ir.Input(None), "z": ir.Output(None)}, [("x", "z"), ("y", "z")])

# nodes, edges, code, words that the message must have
WRONG: list[tuple[dict[Any, Any], list[Any], str, str]] = [
    ({"input": LIF}, [("inptu", "input")], "T101", "'inptu' 'input'"),
    ({"a": LIF}, [("a", "b")], "T101", "'b' node"),
    ({"a": LIF, "b": LIF}, [("a", "b"), ("a", "b")], "T107", "twice passthrough"),
    ({"a": LIF, "b": LIF}, [("a", "b"), ("a:out", "b:in")], "T107", "'a:out' Edge('a', 'b')"),
    ({"s": SPLIT, "b": LIF}, [("s:1", "b"), ("s:2", "b")], "T103", "'s:0' 's:1' '2'"),
    ({"s": SPLIT, "b": LIF}, [("s", "b"), ("s:0", "b")], "T107", "twice"),
    ({"s": SPLIT, "b": LIF}, [("s", "b"), ("s", "b"), ("s", "b")], "T103", "3 output"),
    ({"a": LIF, "i": ir.Input([1])}, [("a", "i")], "T103", "input 'i' Input 0"),
    ({"a": LIF, "g": INNER}, [("a", "g")], "T103", "'g:x' 'g:y'"),
    ({"a": LIF, "b": LIF}, [("a", "b:out")], "T103", "'b:in' 'out'"),
    ({"a:b": LIF}, [], "T102", "'a:b' ':' '/'"),
    ({"a/b": LIF}, [], "T102", "'a/b'"),
    ({"": LIF}, [], "T102", "''"),
    ({".": LIF}, [], "T102", "'.'"),
    ({"a\n": LIF}, [], "T102", "printable"),
    ({"x" * 256: LIF}, [], "T102", "255"),
    ({1: LIF}, [], "T102", "string 1"),
    ({"a": ir.LIF}, [], "T206", "'a' class LIF call"),
    ({"a": 3}, [], "T206", "'a' int"),
    ({"a": LIF}, [("a",)], "T206", "pair"),
    ({"a": LIF}, ["ab"], "T206", "pair"),
]


@pytest.mark.parametrize(("nodes", "edges", "code", "words"), WRONG)
def test_structure_errors_raise_at_once(nodes: Any, edges: Any, code: str, words: str) -> None:
    with pytest.raises(ir.TalonError) as caught:
        ir.Graph(nodes, edges)
    assert caught.value.code == code
    for word in words.split():
        assert word in str(caught.value)


def test_a_list_of_nodes_is_refused() -> None:
    with pytest.raises(ir.TalonTypeError, match="mapping"):
        ir.Graph([LIF], [])  # type: ignore[arg-type]


def test_equal_connections_with_other_delays_are_no_duplicates() -> None:
    both = ir.Graph({"a": LIF, "b": LIF}, [("a", "b"), ir.Edge("a", "b", delay=0), ir.Edge("a", "b", delay=1)])
    assert both.delays() == [0, 0, 1]


def test_a_chain_names_nodes_by_class_and_number() -> None:
    graph = ir.Graph.chain(ir.Input([3]), LIF, LIF, LIF, last=ir.Output([3]))
    assert list(graph.nodes) == ["input", "lif", "lif1", "lif2", "last"]
    assert graph.edges == (("input", "lif"), ("lif", "lif1"), ("lif1", "lif2"), ("lif2", "last"))
    with pytest.raises(ir.TalonGraphError, match="'lif' is given twice"):
        ir.Graph.chain(LIF, lif=LIF)
    assert ir.Graph.chain().edges == ()


def test_implied_ports_of_a_split_follow_the_edge_order() -> None:
    graph = ir.Graph({"s": ir.ChannelSplit([1, 2, 3]), "a": LIF, "b": LIF}, [("s", "a"), ("s:2", "a"), ("s", "b")])
    assert [link.src_port for link in graph.links] == [0, 2, 1]


def test_neighbours_and_paths() -> None:
    graph = ir.Graph({"a": LIF, "g": INNER, "b": LIF}, [("a", "g:x"), ("a", "g:y"), ("g", "b"), ("b", "a")])
    assert graph.successors("a") == ["g"]
    assert graph.predecessors("a") == ["b"]
    assert graph.node("g/x") is INNER.nodes["x"]
    assert list(graph.nodes["g"].inputs) == ["x", "y"]  # type: ignore[attr-defined]
    for path in ("c", "g/q", "a/x"):
        with pytest.raises(KeyError) as caught:
            graph.node(path)
        assert caught.value.code == "T101"  # type: ignore[attr-defined]
        assert path in str(caught.value)


def test_fields_are_kept_copied_and_compared() -> None:
    extras: dict[str, Any] = {
        "allow_cycles": True,
        "quantization_config": {"bits": 8},
        "partition_metadata": [1, 2],
        "cyclic_config": {"a": (1, 2)},
        "target_hardware": "x",
        "execution_schedule": ["a", "b"],
    }
    graph = ir.Graph(line().nodes, line().edges, dt=1e-3, metadata={"x": 1}, **extras)
    for name, value in extras.items():
        assert getattr(graph, name) == value
    for twin in (pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph)):
        assert twin.same_as(graph)
        assert twin.fingerprint() == graph.fingerprint()
    assert not graph.same_as(line())
    assert not graph.same_as(graph.changed(dt=None))
    assert graph.changed(dt=0.5).dt == 0.5
    assert graph.changed(dt=0.5).edges == graph.edges
    with pytest.raises(ir.TalonValueError, match="dt"):
        graph.changed(dt=0.0)
    with pytest.raises(ir.TalonTypeError, match="metadata"):
        ir.Graph({}, [], metdata={})  # type: ignore[call-arg]


def test_order_of_nodes_and_edges_counts_for_same_as() -> None:
    graph = line()
    assert not graph.same_as(graph.changed(nodes=dict(reversed(list(graph.nodes.items())))))
    assert not graph.same_as(graph.changed(edges=graph.edges[::-1]))


def test_nesting_has_a_limit() -> None:
    graph = ir.Graph({}, [])
    for _ in range(31):
        graph = ir.Graph({"g": graph}, [])
    assert graph.depth == 32
    with pytest.raises(ir.TalonGraphError) as caught:
        ir.Graph({"g": graph}, [])
    assert caught.value.code == "T116"


def test_networkx_view_is_frozen() -> None:
    import networkx

    graph = ir.Graph({"a": LIF, "b": LIF}, [("a", "b"), ir.Edge("a:out", "b", delay=1)])
    view = graph.to_networkx()
    assert view.number_of_edges("a", "b") == 2
    assert view.nodes["a"]["type"] == "LIF"
    assert sorted(str(d["delay"]) for _, _, d in view.edges(data=True)) == ["1", "None"]
    with pytest.raises(networkx.NetworkXError):
        view.add_node("c")


def test_load_reads_every_lazy_array() -> None:
    count = []

    def load() -> np.ndarray:
        count.append(1)
        return np.ones((2, 2))

    inner = ir.Graph({"w": ir.Affine(ir.ArrayRef(np.float64, (2, 2), load))}, [])
    graph = ir.Graph({"g": inner}, [])
    assert graph.load() is graph
    assert len(count) == 1
