"""What a user can get wrong when running, and what the errors say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import State, run

ONE = ir.Graph.chain(input=ir.Input([3, 4]), output=ir.Output([3, 4]))
TWO = ir.Graph(
    {"left": ir.Input([2]), "right": ir.Input([2]), "sum": ir.Skip(), "out": ir.Output([2])},
    [("left", "sum"), ("right", "sum"), ("sum", "out")],
)
GOOD = np.zeros((5, 2, 3, 4))
PAIR = {"left": np.zeros((5, 1, 2)), "right": np.zeros((5, 1, 2))}

WRONG: list[tuple[str, ir.Graph, dict[str, Any], str, list[str]]] = [
    ("no batch axis", ONE, {"inputs": GOOD[:, 0]}, "T401", ["(steps, batch, 3, 4)", "(5, 3, 4)", "repeat=T"]),
    ("other sample", ONE, {"inputs": np.zeros((5, 2, 4, 3))}, "T401", ["(steps, batch, 3, 4)", "(5, 2, 4, 3)"]),
    ("time and repeat", ONE, {"inputs": GOOD, "repeat": 3}, "T401", ["time axis", "(batch, 3, 4)"]),
    ("repeat 0", ONE, {"inputs": GOOD[0], "repeat": 0}, "T401", [">= 1"]),
    ("no steps", ONE, {"inputs": GOOD[:0]}, "T401", ["no steps"]),
    ("no batch", ONE, {"inputs": GOOD[:, :0]}, "T401", ["no samples"]),
    ("array for two", TWO, {"inputs": GOOD}, "T401", ["'left'", "'right'", "2 Inputs"]),
    ("misspelt", TWO, {"inputs": {"left": GOOD, "rihgt": GOOD}}, "T401", ["did you mean 'right'"]),
    ("missing", TWO, {"inputs": {"left": GOOD}}, "T401", ["'right'"]),
    ("steps differ", TWO, {"inputs": PAIR | {"right": np.zeros((4, 1, 2))}}, "T401", ["left: 5", "right: 4"]),
    ("samples differ", TWO, {"inputs": PAIR | {"right": np.zeros((5, 3, 2))}}, "T401", ["left: 1", "right: 3"]),
    ("complex", ONE, {"inputs": GOOD + 1j}, "T402", ["complex128"]),
    ("strings", ONE, {"inputs": GOOD.astype(str)}, "T402", ["<U"]),
    ("objects", ONE, {"inputs": GOOD.astype(object)}, "T402", ["object"]),
    ("float16", ONE, {"inputs": GOOD, "dtype": "float16"}, "T402", ["float32", "float16"]),
    ("NaN", ONE, {"inputs": np.where(np.arange(4) == 2, np.nan, GOOD)}, "T406", ["[0, 0, 0, 2]", "nan"]),
    ("too large", ONE, {"inputs": GOOD + 1e300}, "T406", ["1e+300", "float32"]),
    ("record", ONE, {"inputs": GOOD, "record": "input.spikes"}, "T404", ["input.out", "'input.spikes'"]),
    ("engine", ONE, {"inputs": GOOD, "engine": "referense"}, "T405", ["did you mean 'reference'"]),
    ("option", ONE, {"inputs": GOOD, "engine": "reference", "engine_options": {"fast": 1}}, "T405", ["'fast'"]),
    ("threads", ONE, {"inputs": GOOD, "threads": 0}, "T401", ["threads", ">= 1"]),
    ("state", ONE, {"inputs": GOOD, "state": {}}, "T403", ["Result.state"]),
]


@pytest.mark.parametrize(("graph", "arguments", "code", "words"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_wrong_arguments_say_what_and_how(graph: Any, arguments: dict[str, Any], code: str, words: list[str]) -> None:
    with pytest.raises(ir.TalonRunError) as caught:
        run(graph, **arguments)
    assert caught.value.code == code
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_integers_and_booleans_are_taken() -> None:
    for dtype in (np.uint8, np.int64, bool, np.float16):
        x = np.ones((1, 1, 3, 4), dtype)
        assert run(ONE, x).outputs["output"].dtype == np.float32
    assert run(ONE, np.zeros((1, 1, 3, 4)).tolist()).outputs["output"].shape == (1, 1, 3, 4)


def test_a_graph_that_check_refuses_does_not_run() -> None:
    graph = ir.Graph.chain(input=ir.Input([3]), fc=ir.Affine(np.zeros((2, 4))), output=ir.Output([2]))
    with pytest.raises(ir.TalonGraphError) as caught:
        run(graph, np.zeros((1, 1, 3)))
    assert caught.value.code == "T104"


def test_weights_that_do_not_fit_the_dtype() -> None:
    graph = ir.Graph.chain(input=ir.Input([1]), fc=ir.Affine(np.full((1, 1), 1e200)), output=ir.Output([1]))
    with pytest.raises(ir.TalonRunError, match="too large for float32"):
        run(graph, np.zeros((1, 1, 1)))
    assert run(graph, np.ones((1, 1, 1)), dtype="float64").outputs["output"].item() == 1e200


def test_state_of_another_graph_batch_or_dtype_is_refused() -> None:
    neuron = ir.LIF(2.0, 1.0, 0.0, 1.0)
    graph = ir.Graph.chain(input=ir.Input([2]), lif=neuron, output=ir.Output([2]))
    x = np.zeros((1, 3, 2))
    state = run(graph, x).state
    other = ir.Graph.chain(input=ir.Input([2]), other=neuron, output=ir.Output([2]))
    looped = ir.Graph(graph.nodes, [*graph.edges, ("lif", "lif")])
    cases = [(other, x, "float32"), (graph, x[:, :1], "float32"), (graph, x, "float64"), (looped, x, "float32")]
    for bad_graph, bad_x, dtype in cases:
        with pytest.raises(ir.TalonRunError) as caught:
            run(bad_graph, bad_x, state=state, dtype=dtype)
        assert caught.value.code == "T403"
    assert run(looped, x, state=State(nodes=state.nodes)).state.step == 1


def test_state_is_saved_and_loaded(tmp_path: Any) -> None:
    graph = ir.Graph(
        {"in": ir.Input([2]), "a.b": ir.LIF(2.0, 1.0, 0.0, 1.0), "out": ir.Output([2])},
        [("in", "a.b"), ("a.b", "out"), ir.Edge("a.b", "a.b", delay=3)],
    )
    x = np.random.default_rng(0).standard_normal((8, 1, 2))
    first = run(graph, x[:4])
    first.state.save(tmp_path / "state.npz")
    loaded = State.load(tmp_path / "state.npz")
    assert loaded.step == 4
    again = run(graph, x[4:], state=loaded).outputs["out"]
    assert np.array_equal(again, run(graph, x).outputs["out"][4:])
    (tmp_path / "text").write_text("no state")
    with pytest.raises(ir.TalonFormatError):
        State.load(tmp_path / "text")
    with pytest.raises(ir.TalonFileError):
        State.load(tmp_path / "missing.npz")
