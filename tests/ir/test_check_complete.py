"""Every diagnostic of check(): code, severity, path, both sides and help, at the top and inside a nested graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from talon import ir
from talon.plugins import temporary

LIF = ir.LIF(2.0, 1.0, 0.0, 1.0)
EYE = np.eye(3)
Edges = list[Any]


def net(nodes: dict[str, ir.Node], edges: Edges) -> ir.Graph:
    """`i -> fc -> o` of three values, with nodes and edges added or put in the place of these."""
    base: dict[str, ir.Node] = {"i": ir.Input([3]), "fc": ir.Affine(EYE), "o": ir.Output([3])}
    return ir.Graph(base | nodes, [("i", "fc"), ("fc", "o"), *edges])


def nan() -> np.ndarray:
    weight = EYE.copy()
    weight[1, 2] = np.nan
    return weight


class Shapeless(ir.Primitive):
    """Does not say which shape it gives."""


class Endless(ir.Composite):
    """Stands for itself."""

    def decompose(self) -> ir.Graph:
        return ir.Graph.chain(x=ir.Input(None), again=Endless(), y=ir.Output(None))


class Broken(ir.Composite):
    """Cannot be decomposed."""

    def decompose(self) -> ir.Graph:
        raise ZeroDivisionError("no parts")


class Terse(ir.Primitive):
    """Refuses its values without a word on what it wants."""

    def constrain(self) -> None:
        if self.precision == "wrong":
            raise ir.TalonValueError("T202", "wrong")

    def infer(self, *inputs: Any) -> Any:
        return inputs[0]


class Case(NamedTuple):
    """A graph and its one finding, all parts of it: `expected`, `found` and `help` are pieces of the texts."""

    code: str
    severity: str
    node: str | None
    expected: str
    found: str
    help: str
    graph: ir.Graph
    message: str = ""


BAD_TAU = ir.LIF.restore({"tau": np.float64(0.5), "r": 1, "v_leak": 0, "v_threshold": 1})
TWO = ir.Graph({"a": ir.Input([3]), "b": ir.Input([3]), "o": ir.Output([3])}, [("a", "o"), ("b", "o")])

CASES: dict[str, Case] = {
    "last axis": Case(
        "T104", "error", "fc", "4 values on the last axis", "i gives (3,)", "change weight's second axis",
        net({"fc": ir.Affine(np.ones((3, 4)))}, []), "shapes do not meet on edge 'i' -> 'fc'",
    ),
    "channels": Case(
        "T104", "error", "conv", "2", "i gives (3,)", "conv",
        net({"conv": ir.Conv2d(np.ones((3, 2, 1, 1)))}, [("i", "conv"), ("conv", "o")]),
    ),
    "neurons": Case(
        "T104", "error", "lif", "5 neurons (v_threshold)", "fc gives (3,)", "3 values (one per channel)",
        net({"lif": ir.LIF(2.0, 1.0, 0.0, np.ones(5))}, [("fc", "lif"), ("lif", "o")]),
    ),
    "summed": Case(
        "T104", "error", "o", "(3,) as fc gives", "wide gives (4,)", "ir.Concat",
        net({"wide": ir.Affine(np.ones((4, 3)))}, [("i", "wide"), ("wide", "o")]),
    ),
    "declared Output": Case(
        "T104", "error", "o", "(4,) as declared", "fc gives (3,)", "change 'o'", net({"o": ir.Output([4])}, []),
    ),
    "output_type": Case(
        "T105", "error", "fc", "(4,) (output_type)", "(3,)", "output_type",
        net({"fc": ir.Affine(EYE, output_type=[4])}, []),
    ),
    "input_type": Case(
        "T105", "error", "lif", "(4,) (input_type)", "(3,)", "input_type",
        net({"lif": LIF.changed(input_type=[4])}, [("fc", "lif"), ("lif", "o")]),
    ),
    "number of edges": Case(
        "T106", "error", "cat", "2 edges (num_inputs)", "1 edges", "num_inputs=1",
        net({"cat": ir.Concat(2), "p": ir.Output([3])}, [("fc", "cat"), ("cat", "p")]),
    ),
    "open cycle": Case(
        "T108", "error", "a", "declared or follows", "around 'a', 'b'", "on 'a' or another node of the cycle",
        net({"a": ir.Affine(EYE), "b": LIF}, [ir.Edge("a", "b", delay=1), ("b", "a"), ("b", "o")]),
    ),
    "unreachable": Case(
        "T110", "warning", "a", "a way from an Input", "none to 'a', 'b'", "graph.remove('a')",
        net({"a": LIF.changed(output_type=[3]), "b": LIF}, [ir.Edge("a", "a", delay=1), ("a", "b"), ("b", "o")]),
        "no Input reaches LIF 'a' and 1 more node",
    ),
    "dead branch": Case(
        "T111", "warning", "c", "a way to an Output", "none from 'a', 'b', 'c'", "graph.remove('c')",
        net({"a": LIF, "b": LIF, "c": LIF}, [("fc", "a"), ("a", "b"), ("b", "c")]),
        "LIF 'c' and 2 more nodes reach no Output",
    ),
    "no edge": Case(
        "T112", "error", "lif", "at least one edge", "none", '("...", "lif")', net({"lif": LIF}, [("lif", "o")]),
    ),
    "no edge into a port": Case(
        "T112", "error", "two", "at least one edge", "none", '("...", "two:b")',
        net({"two": TWO}, [("fc", "two:a"), ("two", "o")]), "nothing leads into Graph 'two:b'",
    ),
    "unread chunks": Case(
        "T113", "warning", "s", "an edge from every output", "none from 2", '"s:0"',
        net({"s": ir.ChannelSplit([1, 1, 1]), "p": ir.Output([1])}, [("fc", "s"), ("s:1", "p")]),
        "2 of 3 outputs of ChannelSplit 's' are read by nobody: 0, 2",
    ),
    "immediate cycle": Case(
        "T114", "error", "lif", "a delay of 1 or more", "delay=0 on all", "state delay=1",
        net({"lif": LIF}, [("fc", "lif"), ir.Edge("lif", "lif", delay=0), ("lif", "o")]), "'lif' -> 'lif'",
    ),
    "delay chosen": Case(
        "T115", "note", "lif", "a stated delay", "delay 1 was chosen", "ir.Edge('lif', 'lif', delay=1)",
        net({"lif": LIF}, [("fc", "lif"), ("lif", "lif"), ("lif", "o")]),
    ),
    "endless composite": Case(
        "T116", "error", "e", "at most 32 levels", "level 33", "decompose()",
        net({"e": Endless()}, [("fc", "e"), ("e", "o")]),
    ),
    "out of range": Case(
        "T202", "error", "lif", ">= 1", "0.5", "'talon primitives show LIF'",
        net({"lif": BAD_TAU}, [("fc", "lif"), ("lif", "o")]), "LIF: tau is out of range",
    ),
    "attribute out of range": Case(
        "T202", "error", "pool", "each >= 1", "(0, 0)", "'talon primitives show MaxPool2d'",
        net({"pool": ir.MaxPool2d.restore({"stride": 0}), "x": ir.Input([1, 4, 4]), "y": ir.Output(None)},
            [("x", "pool"), ("pool", "y")]),
    ),
    "contradiction": Case(
        "T202", "error", "terse", "'talon primitives show Terse'", "Terse", "'talon primitives show Terse'",
        net({"terse": Terse.restore({"precision": "wrong"})}, [("fc", "terse"), ("terse", "o")]),
    ),
    "not finite": Case(
        "T205", "error", "fc", "finite numbers", "[1, 2], 1 of 9", "'talon primitives show Affine'",
        net({"fc": ir.Affine(nan())}, []),
    ),
    "incomplete primitive": Case(
        "T900", "error", "x", "all it must", "Shapeless", "change 'x'",
        net({"x": Shapeless()}, [("fc", "x"), ("x", "o")]),
    ),
    "broken composite": Case(
        "T900", "error", "x", "all it must", "ZeroDivisionError: no parts", "report it",
        net({"x": Broken()}, [("fc", "x"), ("x", "o")]),
    ),
}  # fmt: skip


def nested(graph: ir.Graph) -> ir.Graph:
    """The graph as the node `mid` of `sub` of another one, fed and read in all its ports."""
    for name in ("mid", "sub"):
        nodes: dict[str, ir.Node] = {name: graph}
        edges: Edges = []
        for port, node in graph.inputs.items():
            nodes[f"to {port}"] = ir.Input(node.shape)
            edges.append((f"to {port}", f"{name}:{port}"))
        for port in graph.outputs:
            nodes[f"from {port}"] = ir.Output(None)
            edges.append((f"{name}:{port}", f"from {port}"))
        graph = ir.Graph(nodes, edges)
    return graph


def findings(graph: ir.Graph) -> list[ir.Diagnostic]:
    report = graph.check()
    for d in report.diagnostics:
        assert all((d.message, d.expected, d.found, d.help)), d
    return list(report.diagnostics)


def only(graph: ir.Graph) -> ir.Diagnostic:
    (found,) = findings(graph)
    return found


def as_said(d: ir.Diagnostic, case: Case, prefix: str) -> None:
    assert (d.code, d.severity, d.node) == (case.code, case.severity, prefix + (case.node or ""))
    for piece, text in ((case.expected, d.expected), (case.found, d.found), (case.help, d.help)):
        assert piece in (text or ""), d
    assert case.message in d.message


# Nothing leads to the second open end of these, so that they have another finding beside their own.
TWICE = {"open cycle": "T110"}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("place", "prefix"), [(lambda g: g, ""), (nested, "sub/mid/")], ids=["top", "nested"])
def test_each_finding_is_complete(name: str, place: Callable[[ir.Graph], ir.Graph], prefix: str) -> None:
    case = CASES[name]
    found = [d for d in findings(place(case.graph)) if d.code != TWICE.get(name)]
    assert len(found) == 1, found
    as_said(found[0], case, prefix)


def test_a_graph_without_input_or_output() -> None:
    inner = ir.Graph({"lif": LIF.changed(input_type=[3])}, [ir.Edge("lif", "lif", delay=1)])
    for graph, node in ((inner, None), (net({"g": inner}, []), "g")):
        found = [d for d in findings(graph) if d.code == "T109"]
        assert [(d.node, d.expected, d.found) for d in found] == [
            (node, "at least one ir.Input", "none"),
            (node, "at least one ir.Output", "none"),
        ]
        assert "ir.Output([...])" in (found[1].help or "")


def test_an_input_of_unknown_shape_is_told_where_it_stands() -> None:
    graph = ir.Graph.chain(x=ir.Input(None), a=LIF, g=ir.Graph.chain(i=ir.Input(None), o=ir.Output(None)), b=LIF)
    found = only(ir.Graph({**graph.nodes, "y": ir.Output(None)}, [*graph.edges, ("b", "y")]))
    assert (found.code, found.node, found.port) == ("T108", "x", "out")
    assert "'x' = ir.Input([...])" in (found.help or "")


def test_fields_of_the_graph_itself_are_checked() -> None:
    wrong = ir.Graph.restore({"nodes": net({}, []).nodes, "edges": [("i", "fc"), ("fc", "o")], "dt": -1.0})
    found = only(wrong)
    assert (found.code, found.node, found.found) == ("T202", None, "-1.0")
    inside = ir.Graph.chain(i=ir.Input([3]), sub=wrong, o=ir.Output([3]))
    assert only(inside).node == "sub"


def test_a_node_of_an_unknown_type_explains_the_shapes_it_keeps_open(tmp_path: Path) -> None:
    graph = net({"own": Terse(), "lif": LIF}, [("fc", "own"), ("own", "lif"), ("lif", "o")])
    with temporary(primitives={"Terse": Terse}):
        ir.write(tmp_path / "net.t1c", nested(graph))
    found = only(ir.read(tmp_path / "net.t1c", unknown="keep"))
    assert (found.code, found.severity, found.node) == ("T117", "warning", "sub/mid/own")
    assert "'Terse'" in found.message


def test_every_code_of_check_is_here() -> None:
    """T109 and T117 have tests of their own."""
    import ast
    import inspect

    from talon.ir import check, flow, infer

    strings = {
        node.value
        for module in (check, flow, infer)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    codes = {text for text in strings if len(text) == 4 and text[0] == "T" and text[1:].isdigit()}
    assert codes - {"T109", "T117", "T201"} == {case.code for case in CASES.values()} - {"T106"}


# One cause, one finding


def test_what_follows_from_a_wrong_shape_is_not_told() -> None:
    layers: dict[str, ir.Node] = {f"lif{n}": LIF for n in range(50)}
    graph = ir.Graph.chain(i=ir.Input([3]), wrong=ir.Affine(np.ones((3, 4))), **layers, o=ir.Output(None))
    found = only(graph)
    assert (found.code, found.node) == ("T104", "wrong")


def test_many_edges_of_another_shape_are_one_finding() -> None:
    others: dict[str, ir.Node] = {f"in{n}": ir.Input([4]) for n in range(20)}
    found = only(net(others, [(name, "o") for name in others]))
    assert (found.code, found.node) == ("T104", "o")
    assert "and 19 more at this node" in found.message


def test_a_node_that_refuses_the_sum_of_unequal_edges_is_told_once() -> None:
    found = only(net({"relu": ir.ReLU(9), "w": ir.Input([4])}, [("fc", "relu"), ("w", "relu"), ("relu", "o")]))
    assert (found.code, found.node) == ("T104", "relu")


def test_nodes_after_a_missing_edge_are_not_told() -> None:
    layers: dict[str, ir.Node] = {f"lif{n}": LIF for n in range(50)}
    graph = net(layers, [*((f"lif{n}", f"lif{n + 1}") for n in range(49)), ("lif49", "o")])
    found = only(graph)
    assert (found.code, found.node) == ("T112", "lif0")


def test_branches_that_have_nothing_in_common_are_told_apart() -> None:
    graph = net({"a": LIF, "b": LIF, "c": LIF}, [("fc", "a"), ("a", "b"), ("i", "c")])
    assert [(d.code, d.node) for d in findings(graph)] == [("T111", "b"), ("T111", "c")]


def test_every_immediate_cycle_is_told() -> None:
    def loop(a: str, b: str) -> Edges:
        return [("fc", a), ir.Edge(a, b, delay=0), ir.Edge(b, a, delay=0), (b, "o")]

    graph = net(dict.fromkeys("abcd", LIF), [*loop("a", "b"), *loop("c", "d")])
    assert [(d.code, d.node) for d in findings(graph)] == [("T114", "a"), ("T114", "c")]


def test_values_that_are_not_finite_hide_no_wrong_shape() -> None:
    graph = ir.Graph.chain(i=ir.Input([3]), fc=ir.Affine(nan()), relu=ir.ReLU(4), o=ir.Output(None))
    assert [(d.code, d.node) for d in findings(graph)] == [("T205", "fc"), ("T104", "relu")]


def test_a_wrong_attribute_inside_causes_no_other_finding() -> None:
    conv = ir.Conv2d.restore({"weight": np.ones((4, 1, 3, 3)), "stride": 0})
    inner = ir.Graph.chain(i=ir.Input(None), conv=conv, o=ir.Output(None))
    graph = ir.Graph.chain(x=ir.Input([1, 8, 8]), sub=inner, relu=ir.ReLU(4), y=ir.Output(None))
    found = only(graph)
    assert (found.code, found.node) == ("T202", "sub/conv")


def test_a_cause_inside_explains_what_is_open_outside() -> None:
    inner = ir.Graph({"i": ir.Input(None), "fc": ir.Affine(np.ones((3, 4))), "o": ir.Output(None)},
                     [("i", "fc"), ("fc", "o")])  # fmt: skip
    graph = ir.Graph.chain(x=ir.Input([3]), sub=inner, lif=LIF, y=ir.Output(None))
    found = only(graph)
    assert (found.code, found.node) == ("T104", "sub/fc")


def test_an_open_cycle_inside_explains_what_is_open_outside() -> None:
    inner = ir.Graph(
        {"i": ir.Input(None), "o": ir.Output(None), "a": LIF, "b": LIF, "p": ir.Output(None)},
        [("i", "o"), ir.Edge("a", "b", delay=1), ("b", "a"), ("b", "p")],
    )
    graph = net({"sub": inner, "lif": LIF, "x": ir.Output(None), "y": ir.Output(None)}, [
        ("fc", "sub"), ("sub:o", "x"), ("sub:p", "lif"), ("lif", "y"),
    ])  # fmt: skip
    assert [(d.code, d.node) for d in findings(graph)] == [("T108", "sub/a"), ("T110", "sub/a")]


def test_a_split_that_nobody_reads_is_dead_and_no_more() -> None:
    found = only(net({"s": ir.ChannelSplit([1, 2])}, [("fc", "s")]))
    assert (found.code, found.node) == ("T111", "s")


def test_separate_causes_are_all_told() -> None:
    nodes: dict[str, ir.Node] = {"x": ir.Input(None), "y": ir.Output(None), "lif": LIF, "p": ir.Output([3])}
    graph = net(nodes | {"fc": ir.Affine(nan())}, [("x", "y"), ("lif", "p")])
    assert [(d.code, d.node) for d in findings(graph)] == [("T112", "lif"), ("T205", "fc"), ("T108", "x")]


def test_a_report_that_is_ok_is_of_a_graph_whose_shapes_are_all_known() -> None:
    graphs = [place(case.graph) for case in CASES.values() for place in (lambda g: g, nested)]
    sound = [graph for graph in graphs if graph.check().ok]
    assert len(sound) >= 8
    for graph in sound:
        assert None not in graph.shapes.values()


def test_validate_keeps_the_parts_of_the_first_finding() -> None:
    graph = CASES["neurons"].graph
    first = only(graph)
    with pytest.raises(ir.TalonGraphError) as caught:
        graph.validate()
    assert dataclasses.asdict(caught.value.diagnostic) == dataclasses.asdict(first)


class Raising(ir.Primitive):
    """Trips over its input."""

    def infer(self, *inputs: Any) -> Any:
        return inputs[0][7]


def test_a_primitive_whose_infer_raises_is_a_finding() -> None:
    graph = ir.Graph.chain(i=ir.Input([3]), x=Raising(), o=ir.Output(None))
    (found,) = graph.check().diagnostics
    assert (found.code, found.node) == ("T900", "x")
    assert "IndexError" in (found.found or "")
    assert found.expected


def test_a_wrong_attribute_inside_hides_no_other_finding_there() -> None:
    conv = ir.Conv2d.restore({"weight": np.ones((4, 1, 3, 3)), "stride": 0})
    nodes = {"i": ir.Input(None), "conv": conv, "relu": ir.ReLU(9), "o": ir.Output(None), "p": ir.Output(None)}
    inner = ir.Graph(nodes, [("i", "conv"), ("conv", "o"), ("i", "relu"), ("relu", "p")])
    graph = ir.Graph(
        {"x": ir.Input([1, 8, 8]), "s": inner, "y": ir.Output(None), "z": ir.Output(None)},
        [("x", "s"), ("s:o", "y"), ("s:p", "z")],
    )
    assert [(d.code, d.node) for d in graph.check().diagnostics] == [("T202", "s/conv"), ("T104", "s/relu")]


def test_cycles_in_nested_cycles_are_checked_in_linear_time() -> None:
    """Without memory of what was inferred this takes 2 ** 30 visits."""
    graph = ir.Graph.chain(i=ir.Input(None), a=LIF, o=ir.Output(None))
    for _ in range(29):
        graph = ir.Graph({"i": ir.Input(None), "g": graph, "o": ir.Output(None)}, [("i", "g"), ("g", "o"), ("g", "g")])
    graph = ir.Graph({"i": ir.Input([3]), "g": graph, "o": ir.Output(None)}, [("i", "g"), ("g", "o")])
    report = graph.check()
    assert report.ok
    assert len(report.diagnostics) == 29
