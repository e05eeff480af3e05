"""Random graphs: files, flattening, streaming, batches and stated delays change nothing that is computed."""

from __future__ import annotations

import pickle
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talon import ir
from talon.engine import Result, State, run
from talon.testing.graphs import feeds, graphs, random_graph
from talon.testing.layers import LAYERS, Dice

STEPS, BATCH = 5, 2
SEEDS = st.integers(0, 2**16)
Counted = Mapping[str, Mapping[str, np.ndarray]]


def ghost(dice: Dice, shape: tuple[int, ...]) -> ir.Node | None:
    """A ghost convolution, with or without neurons: a composite of several nodes."""
    if len(shape) != 3:
        return None
    maps = dice.between(1, 3)
    primary = dice.weight(maps, shape[0], 3, 3, fan_in=9 * shape[0])
    cheap = dice.weight(maps, 1, 3, 3, fan_in=9)
    how: dict[str, Any] = {"neuron": dice.one_of(("none", "if")), "v_threshold": 0.5}
    node: ir.Node = ir.SGhostConv(primary, dice.bias(maps), cheap, dice.bias(maps), dice.between(1, 2), **how)
    return node


EVERY = graphs(layers=(*LAYERS, ghost, ghost))
CHECKED = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def same(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        assert np.array_equal(found[name], array), name


def same_state(found: State, expected: State) -> None:
    assert found.step == expected.step
    same(found.delays, expected.delays)
    assert found.nodes.keys() == expected.nodes.keys()
    for path, values in expected.nodes.items():
        same(found.nodes[path], values)


def same_counts(
    found: Mapping[str, Mapping[str, np.ndarray]], expected: Mapping[str, Mapping[str, np.ndarray]]
) -> None:
    assert found.keys() == expected.keys()
    for path, counted in expected.items():
        same(found[path], counted)


def same_result(found: Result, expected: Result) -> None:
    same(found.outputs, expected.outputs)
    same_state(found.state, expected.state)
    same_counts(found.counts, expected.counts)


def levels(graph: ir.Graph) -> Iterator[ir.Graph]:
    yield graph
    for node in graph.nodes.values():
        if isinstance(node, ir.Graph):
            yield from levels(node)


def test_random_graphs_have_everything() -> None:
    """Each shape of graph that the strategy promises, often; and every one of them runs."""
    found: Counter[str] = Counter()
    for seed in range(300):
        graph = random_graph(random.Random(seed), layers=(*LAYERS, ghost))
        assert graph.check().ok, seed
        result = run(graph, feeds(graph, seed))
        found["several inputs"] += len(graph.inputs) > 1
        found["several outputs"] += len(graph.outputs) > 1
        found["nested twice"] += graph.depth > 2
        found["spikes"] += result.counts.total()["spikes"] > 0
        for level in levels(graph):
            late = [(e.delay, d) for e, d in zip(level.edges, level.delays(), strict=True)]
            found["feedback by the rule"] += (None, 1) in late
            found["stated delay"] += any(stated for stated, _ in late)
            found["stated 0"] += any(stated == 0 for stated, _ in late)
            kinds = {type(node).__name__ for node in level.nodes.values()}
            found["split"] += "ChannelSplit" in kinds
            found["join"] += "Concat" in kinds
            found["composite"] += any(isinstance(node, ir.Composite) for node in level.nodes.values())
            found["map"] += any(len(shape or ()) == 3 for shape in level.shapes.values())
            found["vector"] += any(len(shape or ()) == 1 for shape in level.shapes.values())
            found["scales"] += len({shape[1:] for shape in level.shapes.values() if shape and len(shape) == 3}) > 1
            into = Counter(edge.dst for edge in level.edges)
            found["sum"] += any(number > 1 for number in into.values())
    assert min(found.values()) >= 15, found


@CHECKED
@given(EVERY, SEEDS)
def test_the_engine_agrees_with_a_walk_that_never_flattens(walked: Any, graph: ir.Graph, seed: int) -> None:
    inputs = feeds(graph, seed, steps=STEPS, batch=BATCH)
    result, trace = run(graph, inputs), walked(graph, inputs)
    same(result.outputs, trace.outputs)
    stateful = {path: values for path, values in trace.state.items() if values}
    assert result.state.nodes.keys() == stateful.keys()
    for path, values in stateful.items():
        same(result.state.nodes[path], values)


@CHECKED
@given(EVERY, SEEDS)
def test_flat_and_nested_are_the_same(graph: ir.Graph, seed: int) -> None:
    inputs = feeds(graph, seed)
    flat = graph.flatten()
    assert not any(isinstance(node, (ir.Graph, ir.Composite)) for node in flat.nodes.values())
    same_result(run(flat, inputs), run(graph, inputs))
    assert flat.flatten().same_as(flat)


@CHECKED
@given(EVERY, SEEDS)
def test_a_file_keeps_everything(tmp_path_factory: pytest.TempPathFactory, graph: ir.Graph, seed: int) -> None:
    path = tmp_path_factory.mktemp("file") / "net.t1c"
    ir.write(path, graph)
    again = ir.read(path)
    assert again.fingerprint() == graph.fingerprint()
    assert again.same_as(graph)
    inputs = feeds(graph, seed)
    same_result(run(again, inputs), run(graph, inputs))


@CHECKED
@given(EVERY, SEEDS, st.lists(st.integers(1, STEPS - 1), min_size=1, max_size=STEPS - 1, unique=True))
def test_a_run_may_be_cut_anywhere(
    tmp_path_factory: pytest.TempPathFactory, graph: ir.Graph, seed: int, cuts: list[int]
) -> None:
    inputs = feeds(graph, seed, steps=STEPS)
    whole = run(graph, inputs, record="*.out")
    path: Path = tmp_path_factory.mktemp("state") / "state.npz"
    state, pieces = None, []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), STEPS], strict=True):
        part = {name: array[start:stop] for name, array in inputs.items()}
        pieces.append(run(graph, part, state=state, record="*.out"))
        pieces[-1].state.save(path)
        state = State.load(path)
    same({n: np.concatenate([p.outputs[n] for p in pieces]) for n in whole.outputs}, whole.outputs)
    same({n: np.concatenate([p.records[n] for p in pieces]) for n in whole.records}, whole.records)
    same_state(pieces[-1].state, whole.state)
    joined = {
        node: {q: np.concatenate([p.counts[node][q] for p in pieces]) for q in counted}
        for node, counted in whole.counts.items()
    }
    same_counts(joined, whole.counts)


@CHECKED
@given(EVERY, SEEDS)
def test_samples_of_a_batch_do_not_meet(graph: ir.Graph, seed: int) -> None:
    inputs = feeds(graph, seed, batch=3)
    together = run(graph, inputs)
    for b in range(3):
        alone = run(graph, {name: array[:, b : b + 1] for name, array in inputs.items()})
        same(alone.outputs, {name: array[:, b : b + 1] for name, array in together.outputs.items()})
        for path, values in together.state.nodes.items():
            same(alone.state.nodes[path], {name: array[b : b + 1] for name, array in values.items()})
        same(alone.state.delays, {port: array[:, b : b + 1] for port, array in together.state.delays.items()})
        for path, counted in together.counts.items():
            same(alone.counts[path], {quantity: array[:, b : b + 1] for quantity, array in counted.items()})


@CHECKED
@given(EVERY, SEEDS)
def test_stated_delays_are_those_of_the_rule(graph: ir.Graph, seed: int) -> None:
    stated = graph.with_delays()
    for before, after in zip(levels(graph), levels(stated), strict=True):
        assert before.delays() == after.delays()
    inputs = feeds(graph, seed)
    same_result(run(stated, inputs), run(graph, inputs))


@CHECKED
@given(EVERY, SEEDS, st.randoms(use_true_random=False))
def test_fingerprints_and_runs_ignore_the_order_of_nodes(graph: ir.Graph, seed: int, source: random.Random) -> None:
    def shuffled(level: ir.Graph) -> ir.Graph:
        """All but Inputs and Outputs in another order: theirs is the order of ports of a nested graph."""
        ends = {n: node for n, node in level.nodes.items() if isinstance(node, (ir.Input, ir.Output))}
        others = [(n, node) for n, node in level.nodes.items() if n not in ends]
        source.shuffle(others)
        inside = {n: shuffled(node) if isinstance(node, ir.Graph) else node for n, node in others}
        return level.changed(nodes={**inside, **ends})

    fingerprint = graph.fingerprint()
    other = shuffled(graph)
    alike: dict[str, Callable[[], ir.Graph]] = {
        "another order": lambda: other,
        "stated delays": graph.with_delays,
        "a pickle": lambda: pickle.loads(pickle.dumps(graph)),
    }
    for what, make in alike.items():
        assert make().fingerprint() == fingerprint, what
    inputs = feeds(graph, seed)
    first, second = run(graph, inputs), run(other, inputs)
    same_result(second, first)


@CHECKED
@given(EVERY)
def test_a_fingerprint_sees_a_weight_an_edge_and_a_delay(graph: ir.Graph) -> None:
    fingerprint = graph.fingerprint()
    edge = graph.edges[0]
    longer = [ir.Edge(edge.src, edge.dst, delay=7), *graph.edges[1:]]
    assert graph.changed(edges=longer).fingerprint() != fingerprint
    assert graph.changed(edges=graph.edges[1:]).fingerprint() != fingerprint
    for name, node in graph.nodes.items():
        assert graph.replace(name, node.changed(metadata={"changed": True})).fingerprint() != fingerprint
        if isinstance(node, ir.Affine):
            weight = np.array(node.weight.toarray() if isinstance(node.weight, ir.CSR) else node.weight)
            weight[(0,) * weight.ndim] += 1
            assert graph.replace(name, node.changed(weight=weight)).fingerprint() != fingerprint
