"""Two runs compared: where they part, local and inherited errors, margins, engines, files, chunks, what is refused."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.engine import Comparison, EngineSpec, Result, Task, compare, run
from talon.engine.reference import ReferenceEngine, Stepper
from talon.plugins import temporary
from talon.testing.circuits import CIRCUITS
from talon.testing.graphs import feeds, random_graph

RNG = np.random.default_rng(27)  # so that the weight that is nudged below is felt as far as the output
W1, W2, W3 = (RNG.standard_normal(shape).astype("f4") for shape in ((6, 4), (5, 6), (3, 5)))
X = (RNG.random((20, 2, 4)) < 0.9).astype("f4")


def lif(**fields: Any) -> ir.LIF:
    return ir.LIF(**{"tau": 2.0, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0} | fields)


def chain(w2: np.ndarray = W2, **nodes: ir.Node) -> ir.Graph:
    made: dict[str, ir.Node] = {"fc1": ir.Affine(W1), "lif1": lif(), "fc2": ir.Affine(w2), "lif2": lif()}
    made |= {"fc3": ir.Affine(W3), "lif3": lif()}
    return ir.Graph.chain(input=ir.Input([4]), **(made | nodes), output=ir.Output([3]))


def nudged(amount: float = 0.5) -> np.ndarray:
    """The second weights with one that differs."""
    w = W2.copy()
    w[2, 0] += amount
    return w


def errors(found: Comparison) -> dict[str, str]:
    return {path: node.first.error for path, node in found.nodes.items() if node.first is not None}


def test_equal_runs_say_how_many_values_were_compared() -> None:
    found = compare(chain(), chain(), X)
    assert found.equal
    assert found.first is None
    # Outputs of 7 nodes, membranes of 3.
    assert found.values == 20 * 2 * (6 + 5 + 3 + 6 + 5 + 3 + 3 + 6 + 5 + 3)
    assert str(found).splitlines()[0] == "equal: 1,800 values of 7 nodes, 20 steps of 2 samples"


def test_one_weight_in_a_chain_is_the_only_local_error() -> None:
    a, b = chain(), chain(nudged())
    found = compare(a, b, X)
    first = found.first
    assert not found.equal
    assert first is not None
    # By hand: the first step in which neuron 0 of lif1 spikes, of the sample in which it does.
    sent, sums = (run(a, X, record=key).records[key] for key in ("lif1.spikes", "fc2.out"))
    step, sample = (int(i) for i in np.argwhere(sent[..., 0])[0])
    assert (first.node, first.quantity, first.step, first.batch, first.element) == ("fc2", "out", step, sample, (2,))
    assert first.a == sums[step, sample, 2]
    assert first.b == run(b, X, record="fc2.out").records["fc2.out"][step, sample, 2]
    assert found.local == ("fc2",)
    assert errors(found) == {
        "fc2": "local", "lif2": "inherited", "fc3": "inherited", "lif3": "inherited", "output": "inherited",
    }  # fmt: skip
    node = found.nodes["fc2"]
    differing = sent[..., 0].astype(bool)
    assert (node.steps, node.differing) == (int(differing.any(axis=1).sum()), int(differing.sum()))
    assert node.share == node.differing / (20 * 2 * 5)
    assert node.largest == pytest.approx(0.5, abs=1e-6)
    assert found.nodes["lif1"].differing == 0


def test_the_first_spike_has_the_margins_of_both_membranes() -> None:
    a, b = chain(), chain(nudged())
    found = compare(a, b, X)
    spike = found.first_spike
    assert spike is not None
    assert (spike.node, spike.error, {spike.a, spike.b}) == ("lif2", "inherited", {0.0, 1.0})
    place = (spike.batch, *spike.element)
    for graph, margin, sent in ((a, spike.margin_a, spike.a), (b, spike.margin_b, spike.b)):
        records = run(graph, X, record=["lif2.v", "fc2.out"]).records
        before = records["lif2.v"][spike.step - 1][place]
        v = 0.5 * before + 0.5 * 2 * records["fc2.out"][spike.step][place]
        assert margin == pytest.approx(float(v) - 1, abs=1e-6)
        assert margin is not None
        assert (margin >= 0) == (sent == 1)
    assert found.nodes["lif2"].rate_a == run(a, X, record="lif2.spikes").spikes["lif2"].mean(dtype=float)
    assert found.nodes["fc2"].rate_a is None


@pytest.mark.parametrize("how", [{"reset_delay": 1, "reset": "subtract"}, {"reset_delay": 1}, {"reset": "none"}])
def test_margins_of_every_reset(how: dict[str, Any]) -> None:
    a = ir.Graph.chain(input=ir.Input([4]), lif=lif(**how), output=ir.Output([4]))
    b = a.replace("lif", lif(v_threshold=1.25, **how))
    x = np.random.default_rng(0).random((30, 2, 4)) * 1.5
    spike = compare(a, b, x).first_spike
    assert spike is not None
    assert spike.local
    place = (spike.batch, *spike.element)
    membrane = run(a, x, record="lif.v").records["lif.v"][spike.step][place]
    # Of these resets v is recorded as the spike test found it.
    assert spike.margin_a == pytest.approx(float(membrane) - 1, abs=1e-6)


def test_two_faults_are_both_local() -> None:
    b = chain(nudged()).replace("lif3", lif(v_threshold=0.25))
    assert set(compare(chain(), b, X).local) == {"fc2", "lif3"}


def test_a_membrane_that_differs_before_any_spike_does_is_told() -> None:
    found = compare(chain(), chain(lif1=lif(tau=3.0)), X)
    first = found.first
    assert first is not None
    assert (first.key, first.step, first.error) == ("lif1.v", 0, "local")
    spike = found.first_spike
    assert spike is not None
    assert spike.step >= first.step


def test_how_a_node_begins_is_its_own() -> None:
    first = compare(chain(), chain(lif2=lif(v_init=0.25)), X).first
    assert first is not None
    assert (first.node, first.step, first.error) == ("lif2", 0, "local")


def loop(weight: float, delay: int = 2, width: int = 3) -> ir.Graph:
    rng = np.random.default_rng(1)
    nodes = {
        "in": ir.Input([width]),
        "fc": ir.Affine(rng.standard_normal((width, width))),
        "lif": lif(),
        "back": ir.Affine(weight * np.eye(width)),
        "out": ir.Output([width]),
    }
    edges = [ir.Edge("in", "fc"), ir.Edge("fc", "lif"), ir.Edge("lif", "back"), ir.Edge("lif", "out")]
    return ir.Graph(nodes, [*edges, ir.Edge("back", "lif", delay=delay)])


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, None])
def test_recurrent_graphs_in_chunks(chunk: int | None) -> None:
    x = np.random.default_rng(0).random((25, 2, 3)) * 3
    whole = compare(loop(0.5), loop(0.75), x)
    found = compare(loop(0.5), loop(0.75), x, chunk=chunk)
    assert found.as_dict() == whole.as_dict()
    first = found.first
    assert first is not None
    assert first.node == "back"
    assert errors(found)["lif"] == "inherited"
    assert found.local == ("back",)
    lif_first = found.nodes["lif"].first
    assert lif_first is not None
    assert lif_first.step >= first.step + 2


@pytest.mark.parametrize("chunk", [1, None])
def test_another_delay_is_local_to_the_node_that_it_enters(chunk: int | None) -> None:
    x = np.random.default_rng(0).random((25, 2, 3)) * 3
    found = compare(loop(0.5), loop(0.5, delay=3), x, chunk=chunk)
    assert found.local == ("lif",)


def test_a_missing_edge_is_local() -> None:
    nodes = {"in": ir.Input([3]), "relu": ir.ReLU(3), "sum": ir.Skip(), "out": ir.Output([3])}
    edges = [("in", "relu"), ("relu", "sum"), ("in", "sum"), ("sum", "out")]
    found = compare(
        ir.Graph(nodes, edges), ir.Graph(nodes, [e for e in edges if e != ("in", "sum")]), np.ones((2, 1, 3))
    )
    assert found.local == ("sum",)
    assert errors(found)["out"] == "inherited"


@pytest.mark.parametrize("make", CIRCUITS)
@pytest.mark.parametrize("chunk", [2, None])
def test_a_graph_equals_itself(make: Any, chunk: int | None) -> None:
    graph = make(np.random.default_rng(0))
    found = compare(graph, graph.flatten(), feeds(graph, 0), chunk=chunk, engine="reference")
    assert found.equal, str(found)
    assert found.only_a == found.only_b == ()


@pytest.mark.parametrize("seed", range(25))
def test_the_first_divergence_is_local_where_everything_is_compared(seed: int) -> None:
    """All that enters the first node that differs is equal, so that the error can only be its own."""
    graph = random_graph(random.Random(seed))
    for name, node in graph.nodes.items():
        if isinstance(node, ir.LIF):
            other = graph.replace(name, node.changed(v_leak=node.v_leak + 0.5))
            found = compare(graph, other, feeds(graph, seed), engine="reference", chunk=2)
            assert set(found.local) <= {name}
            assert found.first is None or (found.first.node, found.first.local) == (name, True)
            assert all(d.local is not None for n in found.nodes.values() for d in n.firsts.values())


# What is compared


def test_tolerance_and_what() -> None:
    a, b = chain(), chain(nudged(1e-4))
    assert not compare(a, b, X).equal
    assert compare(a, b, X, tolerance=1e-2, what="outputs").nodes["fc2"].differing == 0
    assert set(compare(a, b, X, what="spikes").nodes) == {"lif1", "lif2", "lif3"}
    outputs = compare(a, b, X, what="outputs")
    assert all(d.quantity == "out" for node in outputs.nodes.values() for d in node.firsts.values())
    text = str(compare(a, chain(nudged()), X, what="spikes"))
    assert "what does not spike was not compared" in text


def test_zeros_of_either_sign_differ_and_every_nan_is_like_every_other() -> None:
    def gain(weight: float) -> ir.Graph:
        return ir.Graph.chain(input=ir.Input([1]), prelu=ir.PReLU(1, np.array([weight])), output=ir.Output([1]))

    first = compare(gain(0.0), gain(-0.0), -np.ones((1, 1, 1))).first
    assert first is not None
    assert "-0 against 0" in str(first)
    assert first.step == 0
    assert compare(gain(0.0), gain(-0.0), -np.ones((1, 1, 1)), tolerance=1e-30).equal


def test_nodes_on_one_side_and_other_shapes_are_listed() -> None:
    a = chain()
    b = a.insert_after("fc3", "extra", ir.Skip("passthrough"))
    found = compare(a, b, X)
    assert found.equal
    assert (found.only_a, found.only_b) == ((), ("extra",))
    wide = ir.Graph.chain(input=ir.Input([4]), fc1=ir.Affine(np.ones((7, 4))), lif1=lif(), output=ir.Output([7]))
    other = compare(a, wide, X)
    assert not other.equal
    assert other.unlike["fc1.out"] == ((6,), (7,))
    assert "not compared" in str(other)


def test_an_output_that_one_side_lacks_is_no_equality() -> None:
    a = chain()
    nodes, edges = {**a.nodes, "more": ir.Output([6])}, [*a.edges, ir.Edge("lif1", "more")]
    found = compare(a, ir.Graph(nodes, edges), X)
    assert found.lost == ("more",)
    assert not found.equal


def test_inputs_may_have_other_names() -> None:
    renamed = chain(nudged()).rename({"input": "x"})
    assert compare(chain(), renamed, X).local == ("fc2",)


def test_another_type_of_neuron() -> None:
    found = compare(chain(), chain(lif2=ir.IF(1.0)), X)
    assert found.local == ("lif2",)
    assert found.nodes["lif2"].kind == "LIF / IF"


def test_dtypes_can_be_compared() -> None:
    found = compare(chain(), chain(), X, dtype=("float32", "float64"), tolerance=1e-5, engine="reference")
    assert found.values == 1800
    assert found.equal


# Engines


class Broken(ReferenceEngine):
    """Neurons of one layer leak a little too much from step 5 on."""

    def execute(self, task: Task) -> Result:
        return Leaky(task).execute()


class Leaky(Stepper):
    def computed(self, number: int, t: int, arguments: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        unit = self.units[number]
        result = super().computed(number, t, arguments)
        if unit.path == "lif2" and t >= 5:
            unit.state["v"] = unit.state["v"] * np.float32(0.75)
        return result


class Forgetful(ReferenceEngine):
    """What it gives back is not what it records."""

    def execute(self, task: Task) -> Result:
        result = super().execute(task)
        return replace(result, outputs={name: array + 1 for name, array in result.outputs.items()})


def test_a_broken_engine_is_found() -> None:
    engines = {"broken": EngineSpec(f"{__name__}:Broken", 0), "forgetful": EngineSpec(f"{__name__}:Forgetful", 0)}
    for spec, cls in zip(engines.values(), (Broken, Forgetful), strict=True):
        object.__setattr__(spec, "load", cls)
    with temporary(engines=engines):
        for engine in (("reference", "broken"), ("broken", "reference")):
            found = compare(chain(), chain(), X, engine=engine, chunk=4)
            assert found.local == ("lif2",)
            first = found.first
            assert first is not None
            assert (first.key, first.step) == ("lif2.v", 5)
            assert errors(found).get("fc3", "inherited") == "inherited"
        assert compare(chain(), chain(), X, engine=("reference", "forgetful")).local == ("output",)
    found = compare(chain(), chain(), X, engine="reference")
    assert found.a == "a, engine reference"


# Files, and what is no graph


def test_files(tmp_path: Path) -> None:
    ir.write(tmp_path / "a.t1c", chain())
    ir.write(tmp_path / "b.t1c", chain(nudged()))
    found = compare(tmp_path / "a.t1c", str(tmp_path / "b.t1c"), X)
    assert found.local == ("fc2",)
    assert found.a.startswith(str(tmp_path / "a.t1c"))


class Build:
    """What can be run from outside and knows nothing of graphs."""

    def __init__(self, graph: ir.Graph, record: str = "*") -> None:
        self.graph, self.what = graph, record

    def run(self, inputs: Any, *, record: str) -> Result:
        return run(self.graph, inputs, record=self.what)


def test_a_build_is_compared_with_its_graph() -> None:
    assert compare(chain(), Build(chain()), X).equal
    for chunk in (None, 3):
        for sides in ((chain(), Build(chain(nudged()))), (Build(chain()), chain(nudged()))):
            found = compare(*sides, X, chunk=chunk)
            assert found.local == ("fc2",)
            assert found.as_dict()["first"] | {"margin_a": 0, "margin_b": 0} == compare(
                chain(), chain(nudged()), X
            ).as_dict()["first"] | {"margin_a": 0, "margin_b": 0}


def test_a_build_that_tells_spikes_alone() -> None:
    found = compare(chain(), Build(chain(nudged()), "*.spikes"), X)
    assert set(found.nodes) == {"lif1", "lif2", "lif3", "output"}
    assert found.first is not None
    assert found.first.error == "unknown"
    assert "nothing is known of 'fc2.out'" in found.first.reason
    two = compare(Build(chain()), Build(chain(nudged())), X[0], repeat=20)
    assert not two.equal
    assert two.first is not None
    assert two.first.error == "unknown"


def test_builds_with_held_inputs() -> None:
    assert compare(chain(), Build(chain()), {"input": X[0]}, repeat=20).equal


# Memory and errors


def test_no_chunk_is_longer_than_was_asked_for() -> None:
    seen: list[int] = []

    class Watched(ReferenceEngine):
        def execute(self, task: Task) -> Result:
            seen.append(task.steps)
            return super().execute(task)

    spec = EngineSpec("watched", 0)
    object.__setattr__(spec, "load", Watched)
    told: list[tuple[int, int]] = []
    with temporary(engines={"watched": spec}):
        how: Any = {"engine": "watched", "chunk": 6, "progress": lambda done, total: told.append((done, total))}
        assert compare(chain(), chain(), X, **how).equal
    assert seen == [6, 6, 6, 6, 6, 6, 2, 2]
    assert told == [(6, 20), (12, 20), (18, 20), (20, 20)]


def test_long_runs_are_cut_into_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talon.engine.comparing.entry.CHUNK_BYTES", 4 * 90 * 2 * 3)
    told: list[int] = []
    compare(chain(), chain(), X, progress=lambda done, total: told.append(done))
    assert len(told) > 3
    assert told[-1] == 20


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"inputs": X[..., :3]}, "T401"),
    ({"inputs": X[:, 0]}, "T401"),
    ({"inputs": {"other": X}}, "T401"),
    ({"inputs": np.full_like(X, np.nan)}, "T406"),
    ({"engine": "fast"}, "T405"),
    ({"engine": ("reference", "fast")}, "T405"),
    ({"engine": ("reference",) * 3}, "T206"),
    ({"engine_options": ({}, {"no such option": 1})}, "T405"),
    ({"dtype": "float16"}, "T402"),
    ({"tolerance": -1.0}, "T202"),
    ({"tolerance": float("nan")}, "T202"),
    ({"chunk": 0}, "T401"),
    ({"what": "weights"}, "T206"),
    ({"b": 3}, "T206"),
    ({"b": ir.Graph}, "T206"),
    ({"b": "missing.t1c"}, "T301"),
    ({"b": ir.Graph.chain(ir.Input([4]), ir.Affine(np.ones((2, 3))), ir.Output(None))}, "T104"),
    ({"b": ir.Graph.chain(x=ir.Input([4]), y=ir.Output([4]))}, "T412"),
    ({"b": ir.Graph.chain(input=ir.Input([4]), output=ir.Output([4])), "what": "spikes"}, "T412"),
]


@pytest.mark.parametrize(("given", "code"), WRONG, ids=[f"{code} {list(given)}" for given, code in WRONG])
def test_what_is_refused(given: dict[str, Any], code: str) -> None:
    with pytest.raises(ir.TalonError) as caught:
        compare(**{"a": chain(), "b": chain(), "inputs": X} | given)
    assert caught.value.code == code
    assert caught.value.found


def test_a_run_that_gives_no_result_is_refused() -> None:
    class Silent:
        def run(self, inputs: Any, *, record: str) -> None:
            return None

    with pytest.raises(ir.TalonError, match="no result") as caught:
        compare(chain(), Silent(), X)  # type: ignore[arg-type]
    assert caught.value.code == "T206"


def test_errors_name_the_file(tmp_path: Path) -> None:
    ir.write(tmp_path / "b.t1c", ir.Graph.chain(input=ir.Input([5]), output=ir.Output([5])))
    with pytest.raises(ir.TalonRunError) as caught:
        compare(chain(), tmp_path / "b.t1c", X)
    assert caught.value.diagnostic.file == str(tmp_path / "b.t1c")
