"""Shape inference over graphs: cycles, nesting, declared types, and that it always ends."""

from __future__ import annotations

import numpy as np
import pytest

from talon import ir

LIF = ir.LIF(2, 1, 0, 1)
ADD = ir.Skip("residual")


def weight(out: int, into: int) -> ir.Affine:
    return ir.Affine(np.ones((out, into)))


def test_shapes_by_port() -> None:
    graph = ir.Graph(
        {"in": ir.Input([5, 4, 4]), "s": ir.ChannelSplit([2, 3]), "a": LIF, "b": ir.Flatten(), "o": ir.Output(None)},
        [("in", "s"), ("s", "a"), ("s:1", "b"), ("b", "o")],
    )
    assert graph.shapes == {
        "in:out": (5, 4, 4),
        "s:0": (2, 4, 4),
        "s:1": (3, 4, 4),
        "a:out": (2, 4, 4),
        "b:out": (48,),
        "o:out": (48,),
    }
    assert graph.check().ok


def test_a_cycle_settles_from_its_way_in() -> None:
    graph = ir.Graph(
        {"back": weight(4, 3), "lif": LIF, "in": ir.Input([4]), "down": weight(3, 4), "out": ir.Output([3])},
        [("back", "lif"), ("in", "lif"), ("lif", "down"), ("down", "back"), ("down", "out")],
    )
    assert graph.shapes["back:out"] == (4,)
    assert graph.check().ok


def test_an_open_cycle_is_one_diagnostic_and_a_declared_type_closes_it() -> None:
    nodes: dict[str, ir.Node] = {"i": ir.Input([2]), "o": ir.Output([2]), "a": ADD, "b": ADD}
    edges = [("i", "o"), ("a", "b"), ("b", "a")]
    graph = ir.Graph(nodes, edges)
    assert graph.shapes["a:out"] is None
    assert [d.code for d in graph.check().errors] == ["T108"]
    closed = ir.Graph({**nodes, "a": ir.Skip("residual", output_type=[7])}, edges)
    assert closed.shapes["b:out"] == closed.shapes["a:out"] == (7,)
    assert closed.check().ok
    given = ir.Graph({**nodes, "a": ir.Skip("residual", input_type=[7])}, edges)
    assert given.shapes["b:out"] == (7,)


@pytest.mark.parametrize(
    "growing",
    [
        ir.Graph({"i": ir.Input([1, 2, 2]), "x": ir.Upsample(2)}, [("x", "x"), ("i", "x")]),
        ir.Graph({"i": ir.Input([2]), "x": ir.Concat(2, output_type=[4])}, [("i", "x"), ("x", "x")]),
        ir.Graph({"x": ir.Upsample(2, output_type=[1, 4, 4])}, [("x", "x")]),
        ir.Graph({"i": ir.Input([1, 99, 99]), "x": ir.Conv2d(np.ones((1, 1, 3, 3)))}, [("x", "x"), ("i", "x")]),
    ],
)
def test_inference_ends_where_a_cycle_would_grow(growing: ir.Graph) -> None:
    errors = growing.check().errors
    assert next(e.code for e in errors if e.node == "x") in ("T104", "T105")


def test_shapes_that_meet_wrongly_name_the_edge_and_both_numbers() -> None:
    graph = ir.Graph.chain(input=ir.Input([5]), fc=weight(3, 4), output=ir.Output([3]))
    (error,) = graph.check().errors
    assert (error.code, error.node) == ("T104", "fc")
    for word in ("'input' -> 'fc'", "4", "(5,)", "weight"):
        assert word in str(error)


def test_summed_edges_must_agree() -> None:
    graph = ir.Graph(
        {"a": ir.Input([3]), "b": ir.Input([4]), "s": ADD, "o": ir.Output(None)}, [("a", "s"), ("b", "s"), ("s", "o")]
    )
    (error,) = graph.check().errors
    assert (error.code, error.node) == ("T104", "s")
    assert "(3,) as a gives" in str(error)
    assert "b gives (4,)" in str(error)


def test_declared_types_that_disagree() -> None:
    graph = ir.Graph.chain(ir.Input([4]), ir.ReLU(4, input_type=[5], output_type=[6]), ir.Output([4]))
    assert {(e.code, e.expected, e.found) for e in graph.check().errors} == {
        ("T105", "(5,) (input_type)", "(4,)"),
        ("T105", "(6,) (output_type)", "(4,)"),
    }


def test_nested_shapes_by_path_and_ports_in_order() -> None:
    inner = ir.Graph(
        {"p": ir.Input(None), "q": ir.Input([2]), "sum": weight(2, 3), "r": ir.Output(None), "t": ir.Output(None)},
        [("p", "sum"), ("sum", "r"), ("q", "t")],
    )
    graph = ir.Graph(
        {"a": ir.Input([3]), "b": ir.Input([2]), "g": inner, "o": ir.Output([2]), "u": ir.Output([2])},
        [("b", "g:q"), ("a", "g:p"), ("g:t", "u"), ("g:r", "o")],
    )
    assert graph.shapes["g:r"] == (2,)
    assert graph.shapes["g/p:out"] == (3,)
    assert graph.check().ok
    assert inner.infer((3,), (2,)) == ((2,), (2,))
    with pytest.raises(ir.TalonShapeError, match="sum"):
        inner.infer((4,), (2,))
    bad = graph.replace("a", ir.Input([9]))
    assert [e.node for e in bad.check().errors] == ["g/sum"]


def test_a_composite_infers_through_its_decomposition() -> None:
    node = ir.SepConv2d(np.ones((3, 1, 3, 3)), np.ones((5, 3, 1, 1)), stride=2)
    assert node.infer((3, 9, 9)) == (5, 4, 4)
    with pytest.raises(ir.TalonShapeError, match="depthwise"):
        node.infer((4, 9, 9))


def test_an_input_may_be_a_single_value() -> None:
    graph = ir.Graph.chain(ir.Input([]), ir.IF(1.0), ir.Output([]))
    assert graph.shapes["if:out"] == ()
    assert graph.check().ok


# Primitive, what it refuses, and the words of the refusal: both sides and both numbers.
REFUSED = [
    (weight(2, 3), (4,), "weight 3 (4,)"),
    (ir.Conv2d(np.ones((2, 3, 3, 3))), (4, 5, 5), "weight 3 (4, 5, 5)"),
    (ir.Conv2d(np.ones((2, 3, 3, 3))), (3, 2, 5), "kernel (3, 3) (3, 2, 5)"),
    (ir.Conv2d(np.ones((2, 3, 3, 3)), groups=2), (3, 5, 5), "6 groups (3, 5, 5)"),
    (ir.Conv1d(np.ones((2, 3, 3))), (3,), "length 3 (3,)"),
    (ir.LIF(np.ones(3), 1, 0, 1), (4, 3), "tau 3 (4, 3)"),
    (ir.IF(1.0, v_init=np.zeros((2, 2))), (2, 3), "v_init (2, 2) (2, 3)"),
    (ir.ReLU(7), (3, 4), "7 (3, 4)"),
    (ir.PReLU(12, np.ones(12)), (3, 4), "12 weight (3, 4)"),
    (ir.Softmax(3, dim=2), (3, 4), "-2..1 2 (3, 4)"),
    (ir.BatchNorm1d(3, None, None, np.ones(3), np.ones(3)), (3, 4, 4), "num_features 3 (3, 4, 4)"),
    (ir.BatchNorm2d(3, None, None, np.ones(3), np.ones(3)), (4, 4, 4), "num_features 3 (4, 4, 4)"),
    (ir.LayerNorm((2, 3)), (3, 2), "normalized_shape (2, 3) (3, 2)"),
    (ir.MaxPool2d(3), (1, 2, 2), "(3, 3) (1, 2, 2)"),
    (ir.AvgPool2d(2), (4, 4), "channels (4, 4)"),
    (ir.Upsample(0.1), (1, 4, 4), "empty (0, 0)"),
    (ir.Upsample(2), (4, 4), "channels (4, 4)"),
    (ir.Flatten(1, 0), (3, 4), "1..0 (3, 4)"),
    (ir.Flatten(0, 2), (3, 4), "0..2 -2..1"),
    (ir.ChannelSplit([2, 2]), (5, 4), "2 + 2 (5, 4)"),
    (ir.ChannelSplit([2, 2], dim=2), (4, 4), "-2..1 2"),
]


@pytest.mark.parametrize(("node", "shape", "words"), REFUSED)
def test_refused_inputs(node: ir.Node, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ir.TalonShapeError) as caught:
        node.infer(shape)
    for word in words.split():
        assert word in str(caught.value), str(caught.value)


def test_joins_refuse_what_does_not_fit() -> None:
    for node, shapes, words in (
        (ir.Concat(3), [(1, 2), (1, 2)], "3 2 num_inputs"),
        (ir.Concat(2), [(1, 2), (1, 3)], "(1, 2) (1, 3)"),
        (ir.Concat(2, dim=1), [(1, 2), (2, 2)], "axis 1"),
        (ir.Concat(2), [(1, 2), (1,)], "(1, 2) (1,)"),
        (ir.Skip("concat"), [(1, 2), (1, 3)], "(1, 2) (1, 3)"),
    ):
        with pytest.raises(ir.TalonShapeError) as caught:
            node.infer(*shapes)
        for word in words.split():
            assert word in str(caught.value)
    assert ir.Concat(2, dim=-1).infer((1, 2), (1, 3)) == (1, 5)
    assert ir.Skip("concat").infer((1, 2), (4, 2), (1, 2)) == (6, 2)
