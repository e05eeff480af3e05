"""Running: values by hand, sums, delays, cycles, streaming, recording."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import ir
from talon.engine import run


def lif(**fields: object) -> ir.LIF:
    return ir.LIF(**{"tau": 2.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 0.5} | fields)


def test_lif_by_hand() -> None:
    graph = ir.Graph.chain(input=ir.Input([1]), lif=lif(), output=ir.Output([1]))
    x = np.array([0.5, 0.5, 1.0, 0.0, 2.0], np.float32).reshape(5, 1, 1)
    result = run(graph, x, record=["lif.v", "lif.spikes"])
    # v = v/2 + x/2: 0.25, 0.375, 0.6875 (spike, reset to 0), 0, 1 (spike).
    assert result.outputs["output"].ravel().tolist() == [0, 0, 1, 0, 1]
    assert result.records["lif.v"].ravel().tolist() == [0.25, 0.375, 0, 0, 0]
    assert result.spikes["lif"].ravel().tolist() == [0, 0, 1, 0, 1]
    assert result.counts.total() == {"macs": 0, "synops": 0, "updates": 5, "spikes": 2}


def test_edges_into_one_port_are_summed_in_edge_order() -> None:
    big, small = np.float32(2**24), np.float32(1)
    nodes = {"a": ir.Input([1]), "b": ir.Input([1]), "c": ir.Input([1]), "sum": ir.Skip(), "out": ir.Output([1])}
    x = {"a": big, "b": small, "c": -big}
    inputs = {name: np.full((1, 1, 1), value) for name, value in x.items()}
    for order, expected in (("abc", 0.0), ("acb", 1.0)):
        graph = ir.Graph(nodes, [*((name, "sum") for name in order), ("sum", "out")])
        assert run(graph, inputs).outputs["out"].item() == expected


def test_a_delay_delivers_what_was_given_steps_ago() -> None:
    graph = ir.Graph({"in": ir.Input([1]), "out": ir.Output([1])}, [ir.Edge("in", "out", delay=2)])
    x = np.arange(1, 6, dtype=np.float32).reshape(5, 1, 1)
    result = run(graph, x)
    assert result.outputs["out"].ravel().tolist() == [0, 0, 1, 2, 3]
    again = run(graph, x, state=result.state)
    assert again.outputs["out"].ravel().tolist() == [4, 5, 1, 2, 3]


def test_one_source_read_at_several_delays() -> None:
    edges = [("in", "out"), ir.Edge("in", "out", delay=1), ir.Edge("in", "out", delay=3)]
    graph = ir.Graph({"in": ir.Input([1]), "out": ir.Output([1])}, edges)
    x = np.array([1, 10, 100, 1000, 10000], np.float32).reshape(5, 1, 1)
    assert run(graph, x).outputs["out"].ravel().tolist() == [1, 11, 110, 1101, 11010]


def test_a_cycle_without_stated_delay_feeds_back_one_step_late() -> None:
    nodes = {"in": ir.Input([1]), "acc": ir.Skip(), "out": ir.Output([1])}
    graph = ir.Graph(nodes, [("in", "acc"), ("acc", "acc"), ("acc", "out")])
    x = np.ones((4, 1, 1), np.float32)
    assert run(graph, x).outputs["out"].ravel().tolist() == [1, 2, 3, 4]


def test_several_outputs_and_dead_branches() -> None:
    nodes = {
        "in": ir.Input([2]),
        "split": ir.ChannelSplit((1, 1)),
        "first": ir.Output([1]),
        "second": ir.Output([1]),
        "dead": ir.ReLU(1),
    }
    graph = ir.Graph(nodes, [("in", "split"), ("split", "first"), ("split", "second"), ("split:0", "dead")])
    result = run(graph, np.array([[[1, 2]]], np.float32))
    assert {name: array.item() for name, array in result.outputs.items()} == {"first": 1, "second": 2}


def test_the_step_axis_and_the_step_index_go_on_with_the_state() -> None:
    graph = ir.Graph.chain(
        input=ir.Input([1]), fc=ir.Affine(np.array([1, 10, 100], np.float32).reshape(3, 1, 1)), output=ir.Output([1])
    )
    x = np.ones((5, 1, 1), np.float32)
    whole = run(graph, x)
    assert whole.outputs["output"].ravel().tolist() == [1, 10, 100, 1, 10]
    first = run(graph, x[:2])
    assert run(graph, x[2:], state=first.state).outputs["output"].ravel().tolist() == [100, 1, 10]


def test_repeat_holds_an_input() -> None:
    graph = ir.Graph.chain(input=ir.Input([2]), lif=lif(), output=ir.Output([2]))
    x = np.array([[0.4, 2.0]], np.float32)
    held = run(graph, x, repeat=6).outputs["output"]
    assert np.array_equal(held, run(graph, np.stack([x] * 6)).outputs["output"])


def test_nested_graphs_run_like_their_flat_form() -> None:
    rng = np.random.default_rng(1)
    inner = ir.Graph.chain(x=ir.Input(None), fc=ir.Affine(rng.standard_normal((3, 3))), n=lif(), y=ir.Output(None))
    nodes = {"in": ir.Input([3]), "sub": inner, "out": ir.Output([3])}
    graph = ir.Graph(nodes, [("in", "sub"), ("sub", "sub"), ("sub", "out")])
    x = rng.standard_normal((9, 2, 3)).astype(np.float32)
    nested, flat = run(graph, x), run(graph.flatten(), x)
    assert np.array_equal(nested.outputs["out"], flat.outputs["out"])
    assert nested.state.nodes.keys() == flat.state.nodes.keys() == {"sub/n"}
    assert nested.counts["sub"]["synops"].sum() == flat.counts["sub/fc"]["synops"].sum() > 0


def test_float64_is_computed_in_float64() -> None:
    graph = ir.Graph.chain(input=ir.Input([1]), fc=ir.Affine(np.array([[0.1]])), output=ir.Output([1]))
    x = np.full((1, 1, 1), 3.0)
    assert run(graph, x, dtype="float64").outputs["output"].item() == 0.1 * 3.0
    assert run(graph, x).outputs["output"].item() == np.float32(0.1) * np.float32(3.0)


def test_progress_is_told_every_step() -> None:
    graph = ir.Graph.chain(input=ir.Input([1]), output=ir.Output([1]))
    seen: list[tuple[int, int]] = []
    run(graph, np.zeros((3, 1, 1)), engine="reference", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@st.composite
def recurrent_graphs(draw: st.DrawFn) -> ir.Graph:
    """Random graphs over one width: neurons, layers and sums, with cycles and stated delays."""
    width, count = 3, draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    makers = [
        lambda: lif(tau=rng.uniform(1, 5, width), v_threshold=rng.uniform(0.1, 1, width)),
        lambda: lif(reset="subtract", reset_delay=1),
        lambda: ir.IF(1.0, reset="none"),
        lambda: ir.Affine(rng.standard_normal((2, width, width)), rng.standard_normal(width)),
        lambda: ir.StepMean(),
        lambda: ir.Skip(),
    ]
    nodes = {"in": ir.Input([width])} | {f"n{i}": draw(st.sampled_from(makers))() for i in range(count)}
    nodes["out"] = ir.Output([width])
    edges = {("in", "n0"): None, (f"n{count - 1}", "out"): None}
    edges |= {(f"n{i}", f"n{i + 1}"): None for i in range(count - 1)}
    ends = st.integers(0, count - 1)
    for a, b, delay in draw(st.lists(st.tuples(ends, ends, st.sampled_from([None, 1, 2])), max_size=5)):
        edges.setdefault((f"n{a}", f"n{b}"), delay)
    return ir.Graph(nodes, [ir.Edge(a, b, delay=delay) for (a, b), delay in edges.items()])


@settings(max_examples=40, deadline=None)
@given(recurrent_graphs(), st.integers(1, 5), st.integers(0, 2**16))
def test_two_runs_from_the_state_between_equal_one(graph: ir.Graph, cut: int, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((6, 2, 3)).astype(np.float32)
    whole = run(graph, x, record="*.out")
    first = run(graph, x[:cut], record="*.out")
    second = run(graph, x[cut:], state=first.state, record="*.out")
    for key, array in whole.records.items():
        assert np.array_equal(array, np.concatenate([first.records[key], second.records[key]])), key
    for path, values in whole.state.nodes.items():
        for name, array in values.items():
            assert np.array_equal(array, second.state.nodes[path][name])
    assert whole.state.step == second.state.step == 6
    assert whole.state.delays.keys() == second.state.delays.keys()
    for port, array in whole.state.delays.items():
        assert np.array_equal(array, second.state.delays[port])


@settings(max_examples=25, deadline=None)
@given(recurrent_graphs(), st.integers(0, 2**16))
def test_samples_of_a_batch_do_not_meet(graph: ir.Graph, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((4, 11, 3)).astype(np.float32)
    together = run(graph, x).outputs["out"]
    for b in (0, 10):
        assert np.array_equal(together[:, b : b + 1], run(graph, x[:, b : b + 1]).outputs["out"])


def test_a_step_that_breaks_its_promise_is_named() -> None:
    class Wrong(ir.Primitive):
        """Says one shape and gives another."""

        def infer(self, *inputs: object) -> object:
            return inputs[0]

        def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
            return inputs[0][:, :1]

    class Broken(Wrong):
        """Raises."""

        def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
            raise ZeroDivisionError("boom")

    for node, words in (
        (Wrong(), ["wrong.step", "(1, 2)", "(1, 1)"]),
        (Broken(), ["ZeroDivisionError", "boom", "step 0"]),
    ):
        graph = ir.Graph.chain(input=ir.Input([2]), bad=node, output=ir.Output([2]))
        with pytest.raises(ir.TalonRunError) as caught:
            run(graph, np.zeros((1, 1, 2)))
        assert caught.value.code == "T407"
        assert caught.value.diagnostic.node == "bad"
        assert all(word in str(caught.value).lower() or word in str(caught.value) for word in words)


class Passing(ir.Primitive):
    """Gives what it gets."""

    def infer(self, *inputs: Any) -> Any:
        return inputs[0]

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return inputs[0]


class StateFails(Passing):
    def init_state(self, *given: Any) -> Any:
        raise ZeroDivisionError("boom")


class StateIsNone(Passing):
    def init_state(self, *given: Any) -> Any:
        return None


class CountFails(Passing):
    def count(self, *given: Any) -> Any:
        raise ZeroDivisionError("boom")


class ScalarStep(Passing):
    def step(self, *given: Any) -> Any:
        return np.float32(1)


class InPlace(Passing):
    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        x = inputs[0]
        x += 1
        return x


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (StateFails, ["init_state", "ZeroDivisionError: boom"]),
        (StateIsNone, ["StateIsNone.init_state", "dict of arrays", "None"]),
        (CountFails, ["count", "ZeroDivisionError: boom"]),
        (ScalarStep, ["ScalarStep.step", "(1, 2)"]),
        (InPlace, ["step 0", "read-only"]),
    ],
)
def test_whatever_a_primitive_does_wrong_names_it(cls: type[ir.Primitive], words: list[str]) -> None:
    """What enters a step is read by others too: a step that changes it in place fails, and corrupts nobody."""
    inner = ir.Graph.chain(x=ir.Input([2]), bad=cls(), y=ir.Output([2]))
    nodes = {"in": ir.Input([2]), "pass": ir.Skip(), "sub": inner, "out": ir.Output([2]), "other": ir.Output([2])}
    graph = ir.Graph(nodes, [("in", "pass"), ("pass", "sub"), ("sub", "out"), ("pass", "other")])
    with pytest.raises(ir.TalonRunError) as caught:
        run(graph, np.zeros((1, 1, 2)))
    assert caught.value.code == "T407"
    assert caught.value.diagnostic.node == "sub/bad"
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_output_of_a_nested_graph_and_of_a_composite_is_recorded_under_its_port() -> None:
    inner = ir.Graph.chain(x=ir.Input([2]), lif=ir.LIF(2.0, 2.0, 0.0, 1.0), y=ir.Output([2]))
    middle = ir.Graph.chain(a=ir.Input([2]), deep=inner, b=ir.Output([2]))
    graph = ir.Graph.chain(i=ir.Input([2]), sub=middle, o=ir.Output([2]))
    result = run(graph, np.ones((3, 1, 2)), record=["sub.b", "sub/deep.y"])
    assert set(result.records) == {"sub.b", "sub/deep.y"}
    for values in result.records.values():
        np.testing.assert_array_equal(values, result.outputs["o"])
    block = ir.SGhostConv(np.ones((4, 3, 3, 3)), None, np.ones((4, 1, 3, 3)), None, neuron="if")
    graph = ir.Graph.chain(i=ir.Input([3, 8, 8]), block=block, o=ir.Output(None))
    result = run(graph, np.ones((3, 1, 3, 8, 8)), record="block.out")
    np.testing.assert_array_equal(result.records["block.out"], result.outputs["o"])
    with pytest.raises(ir.TalonRunError, match=r"did you mean 'block\.out'"):
        run(graph, np.ones((3, 1, 3, 8, 8)), record="block.output")
