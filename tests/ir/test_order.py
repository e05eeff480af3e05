"""Order and the default rule for delays, against examples worked by hand and an independent statement of the rule."""

from __future__ import annotations

from itertools import permutations

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import ir

ADD = ir.Skip("residual")
Edges = list[tuple[str, str, int | None]]


def graph_of(edges: Edges, names: str | None = None) -> ir.Graph:
    used = names or "".join(dict.fromkeys("".join(s + d for s, d, _ in edges)))
    return ir.Graph(dict.fromkeys(used, ADD), [ir.Edge(s, d, delay=delay) for s, d, delay in edges])


def arrows(text: str) -> Edges:
    """`"ab bc ca:0"` -> edges; a number after the colon is a stated delay."""
    parts = [part.partition(":") for part in text.split()]
    return [(pair[0], pair[1], int(delay) if delay else None) for pair, _, delay in parts]


# Edges, and those the rule delays by one.
WORKED = {
    "a line": ("ab bc", ""),
    "a self loop": ("ab bb bc", "bb"),
    "a loop, entered at b": ("ab bc cd db de", "db"),
    "a loop nobody enters: from the source of its first edge": ("bc ca ab", "ab"),
    "the same loop, another first edge": ("ca ab bc", "bc"),
    "a skip over the loop": ("ab bc cd bd db", "db"),
    "the skip first": ("ab bd bc cd db", "db"),
    "a skip that is entered in its middle": ("ac bc cd db", "bc"),
    "a shortcut back": ("ab bc cd db cb", "db cb"),
    "two entries, first at b": ("ab xc bc cb", "cb"),
    "two entries, first at c": ("xc ab bc cb", "bc"),
    "two loops through one node": ("ab bc cb bd db", "cb db"),
    "two loops in a row": ("ab bc cb cd de ed", "cb ed"),
    "one loop in another": ("ab bc cd dc db", "dc db"),
    "a stated delay breaks the loop": ("ab bc cd:3 db", ""),
    "a delayed edge is no entry": ("xc:1 ab bc cb", "cb"),
    "nor does an entry behind it count": ("xc:1 bc cb", "cb"),
    "a stated 0 is never the one that closes": ("ab bc cb:0", "bc"),
    "two stated 0 at the end": ("ab bc cd:0 db:0", "bc"),
    "a stated 0 in the middle": ("ab bc:0 cd db", "db"),
    "a stated 0 and an unstated twin": ("ab bc cb:0 cb", "bc"),
}


@pytest.mark.parametrize("case", WORKED)
def test_worked_examples(case: str) -> None:
    text, late = WORKED[case]
    edges = arrows(text)
    chosen = [
        s + d for (s, d, stated), delay in zip(edges, graph_of(edges).delays(), strict=True) if delay and not stated
    ]
    assert chosen == late.split()


@pytest.mark.parametrize("text", ["bb:0", "ab bc:0 cb:0", "ab bc:0 cd:0 db:0 cb"])
def test_a_cycle_of_stated_zeros_is_named(text: str) -> None:
    graph = graph_of(arrows(text))
    with pytest.raises(ir.TalonGraphError) as caught:
        graph.delays()
    assert caught.value.code == "T114"
    assert "'b'" in str(caught.value)
    assert "'a'" not in str(caught.value)
    assert "T114" in {d.code for d in graph.check().errors}


def by_the_book(edges: Edges) -> list[int]:
    """The rule of the design, said once more without sharing code: recursion, sets and networkx.

    Takes for "closes a cycle": the edge's end is on the path, or only edges stated 0 lead from it to the path.
    """
    live = [e for e in edges if not e[2]]
    zero = networkx.DiGraph()
    whole = networkx.DiGraph()
    zero.add_nodes_from(n for e in edges for n in e[:2])
    whole.add_nodes_from(zero)
    zero.add_edges_from(e[:2] for e in live if e[2] == 0)
    whole.add_edges_from(e[:2] for e in live)
    if not networkx.is_directed_acyclic_graph(zero):
        raise ZeroDivisionError
    late: set[int] = set()
    done: set[str] = set()

    def search(node: str, path: tuple[str, ...], inside: list[int]) -> None:
        done.add(node)
        path = (*path, node)
        for i in inside:
            src, dst, stated = edges[i]
            if src != node:
                continue
            if stated is None and ({dst} | networkx.descendants(zero, dst)) & set(path):
                late.add(i)
            elif dst not in done:
                search(dst, path, inside)

    for component in networkx.strongly_connected_components(whole):
        inside = [i for i, e in enumerate(edges) if not e[2] and e[0] in component and e[1] in component]
        entries = [e[1] for e in live if e[1] in component and e[0] not in component]
        for root in [*entries, *(edges[i][0] for i in inside)]:
            if root not in done:
                search(root, (), inside)
    return [1 if i in late else e[2] or 0 for i, e in enumerate(edges)]


@st.composite
def random_edges(draw: st.DrawFn, stated: bool = True) -> Edges:
    nodes = "abcdefg"[: draw(st.integers(1, 7))]
    pairs = draw(st.lists(st.tuples(st.sampled_from(nodes), st.sampled_from(nodes)), max_size=16, unique=True))
    delays = st.sampled_from([None, None, None, 0, 1, 2]) if stated else st.none()
    return [(s, d, draw(delays)) for s, d in pairs]


@settings(max_examples=400, deadline=None)
@given(random_edges())
def test_random_graphs_by_the_book(edges: Edges) -> None:
    graph = graph_of(edges, "abcdefg")
    try:
        expected = by_the_book(edges)
    except ZeroDivisionError:
        with pytest.raises(ir.TalonGraphError, match="stated 0"):
            graph.delays()
        return
    delays = graph.delays()
    assert delays == expected
    immediate = networkx.DiGraph([e[:2] for e, delay in zip(edges, delays, strict=True) if not delay])
    assert networkx.is_directed_acyclic_graph(immediate)
    position = {name: i for i, name in enumerate(graph.order())}
    assert len(position) == 7
    assert all(position[s] < position[d] for s, d in immediate.edges)
    for (s, d, stated), delay in zip(edges, delays, strict=True):
        assert stated is None or delay == stated
        if stated is None and delay:
            immediate.add_edge(s, d)
            assert not networkx.is_directed_acyclic_graph(immediate), "an edge is delayed that closes no cycle"
            immediate.remove_edge(s, d)
    again = graph.with_delays()
    assert again.delays() == delays
    assert again.fingerprint() == graph.fingerprint()


@settings(max_examples=60, deadline=None)
@given(random_edges(stated=False), st.permutations("abcdefg"))
def test_the_order_of_nodes_never_matters(edges: Edges, names: list[str]) -> None:
    assert graph_of(edges, "".join(names)).delays() == graph_of(edges, "abcdefg").delays()


def test_every_order_of_a_small_graph() -> None:
    edges = arrows("ab bc cd bd db")
    assert {tuple(graph_of(edges, "".join(p)).delays()) for p in permutations("abcd")} == {(0, 0, 0, 0, 1)}


def test_is_dag_counts_delayed_cycles_too() -> None:
    assert graph_of(arrows("ab bc")).is_dag
    assert not graph_of(arrows("ab bc cb:1")).is_dag
    assert not graph_of(arrows("aa")).is_dag


def test_a_nested_graph_is_one_node_of_the_cycle() -> None:
    inner = ir.Graph({"x": ir.Input(None), "m": ADD, "y": ir.Output(None)}, [("x", "m"), ("m", "m"), ("m", "y")])
    outer = ir.Graph({"a": ADD, "g": inner}, [("a", "g"), ("g", "a")])
    assert outer.delays() == [0, 1]
    stated = outer.with_delays()
    assert [e.delay for e in stated.edges] == [0, 1]
    assert [e.delay for e in stated.nodes["g"].edges] == [0, 1, 0]  # type: ignore[attr-defined]


def test_the_way_in_decides_even_when_a_delayed_edge_comes_first() -> None:
    assert graph_of(arrows("xc:2 ab bc cb")).delays() == [2, 0, 0, 1]


def test_a_long_cycle_needs_no_recursion() -> None:
    names = [f"n{i}" for i in range(5000)]
    edges = [(a, b) for a, b in zip(names, names[1:] + names[:1], strict=True)]
    assert ir.Graph(dict.fromkeys(names, ADD), edges).delays() == [0] * 4999 + [1]
