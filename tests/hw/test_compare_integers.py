"""A float network beside its integers: the first spike that differs, margins, rates, and where samples part."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from talon import hw, ir
from talon.cli import demo
from talon.cli.main import cli
from talon.engine import Comparison, compare, run
from talon.engine.task import make_task
from talon.hw.integers.engine import IntegerEngine

RNG = np.random.default_rng(8)
SPIKES = (RNG.random((15, 6, 1, 8, 8)) < 0.4).astype(np.float32)


def net(**how: str) -> ir.Graph:
    return ir.Graph.chain(
        input=ir.Input([1, 8, 8]),
        conv=ir.Conv2d(RNG.standard_normal((6, 1, 3, 3)) * 0.8, RNG.standard_normal(6) * 0.1, padding=1),
        lif=ir.LIF(3.0, 2.0, 0.1, 1.0, **how),  # type: ignore[arg-type]
        ghost=ir.SGhostConv(
            RNG.standard_normal((4, 6, 3, 3)) * 0.3, None, RNG.standard_normal((4, 1, 3, 3)) * 0.5, None, neuron="if"
        ),
        flat=ir.Flatten(),
        fc=ir.Affine(RNG.standard_normal((5, 512)) * 0.3, np.full(5, 0.3)),
        out=ir.LIF(4.0, 4.0, 0.0, 1.0, **how),  # type: ignore[arg-type]
        output=ir.Output([5]),
    )


CELLS = ("lif", "ghost/primary_if", "ghost/cheap_if", "out")
GRAPH = net()
QUANTISED = hw.quantize(GRAPH, calibration=SPIKES, bits=4)


@pytest.fixture(scope="module")
def sent() -> list[dict[str, np.ndarray]]:
    """The spikes of both networks by the paths of the float one; quantising joins them with dots."""
    a, b = run(GRAPH, SPIKES, record="*.spikes"), run(QUANTISED, SPIKES, engine="integer", record="*.spikes")
    return [a.spikes, {path: b.spikes[path.replace("/", ".")] for path in CELLS}]


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare(GRAPH, QUANTISED, SPIKES)


def test_neurons_and_outputs_are_compared_and_layers_are_named(found: Comparison) -> None:
    assert (found.a, found.b) == ("a, engine native", "b, engine integer")
    assert set(found.nodes) == {*CELLS, "output"}
    assert set(found.scaled) >= {"conv", "fc", "ghost/primary", "ghost/cheap"}
    assert "scaled  conv, " in str(found)
    assert not found.only_a
    assert not found.only_b


def test_rates_and_samples_are_those_of_two_runs(found: Comparison, sent: list[dict[str, np.ndarray]]) -> None:
    a, b = sent
    for path in CELLS:
        x, y, told = a[path], b[path], found.nodes[path]
        assert told.rate_a == pytest.approx(x.mean())
        assert told.rate_b == pytest.approx(y.mean())
        assert told.rate_error == pytest.approx(np.abs(x.mean(axis=(0, 1)) - y.mean(axis=(0, 1))).mean())
        assert told.parted == (x != y).any(axis=(0, 2, *range(3, x.ndim))).sum() > 0
    first = found.first_spike
    assert first is not None
    steps = [int((a[p] != b[p]).reshape(len(SPIKES), -1).any(axis=1).argmax()) for p in CELLS]
    assert first.step == min(steps)
    assert first.node == CELLS[int(np.argmin(steps))]
    assert (first.a, first.b) == tuple(
        float(side[first.node][(first.step, first.batch, *first.element)]) for side in (a, b)
    )


def test_samples_part_at_the_layer_whose_input_was_alike(found: Comparison, sent: list[dict[str, np.ndarray]]) -> None:
    a, b = sent
    wrong = {path: (a[path] != b[path]).reshape(*SPIKES.shape[:2], -1).any(axis=2) for path in CELLS}
    since = {path: np.where(w.any(axis=0), w.argmax(axis=0), 99) for path, w in wrong.items()}
    before = {"lif": (), "ghost/primary_if": ("lif",), "ghost/cheap_if": ("ghost/primary_if",)}
    before["out"] = ("ghost/primary_if", "ghost/cheap_if")
    for path, feeding in before.items():
        here = (since[path] < 99) & np.all([since[path] < since[f] for f in feeding] or [True], axis=0)
        assert found.nodes[path].here == here.sum()
    # Every sample parts somewhere first.
    assert sum(found.nodes[path].here or 0 for path in CELLS) >= (np.min(list(since.values()), axis=0) < 99).sum() > 0


@pytest.mark.parametrize("how", [{}, {"reset": "subtract"}, {"reset": "none"}])
def test_margins_are_those_of_the_side_that_computed_them(how: dict[str, str]) -> None:
    graph = net(**how)
    told = compare(graph, hw.quantize(graph, calibration=SPIKES, bits=4), SPIKES, what="spikes")
    firsts = [d for node in told.nodes.values() for d in node.firsts.values()]
    assert firsts
    for one in firsts:
        for spike, margin in ((one.a, one.margin_a), (one.b, one.margin_b)):
            assert margin is not None
            assert (margin >= 0) == (spike == 1), one


def test_margins_tell_every_spike_of_the_integers() -> None:
    told = run(QUANTISED, SPIKES, engine="integer", record="*")
    task = make_task(QUANTISED, {"input": SPIKES})
    for name, before in (("lif", "conv"), ("ghost.cheap_if", "ghost.cheap"), ("out", "fc")):
        for step in range(len(SPIKES)):
            state = {"v": told.records[f"{name}.v"][step - 1]} if step else None
            found = IntegerEngine().margin(task, name, step, state, told.records[f"{before}.out"][step])
            assert found is not None
            assert np.array_equal(found >= 0, told.records[f"{name}.spikes"][step] == 1)


def test_a_spike_at_the_threshold_itself_has_no_negative_margin() -> None:
    """Floats stop a hair below it, and so would the numpy step on what the integers stand for."""
    graph = ir.read(demo.model_path())
    images = demo.drive(graph, demo.test_images()[0])
    first = compare(graph, hw.quantize(graph, calibration=images, repeat=24), images, repeat=24).first_spike
    assert first is not None
    assert (first.a, first.b) == (0, 1)
    assert first.margin_a is not None
    assert first.margin_a < 0
    assert first.margin_b == 0


def test_a_node_is_named_once() -> None:
    """Its membrane may differ by itself, and its spikes later, where what feeds it differs too."""
    found = compare(GRAPH, hw.quantize(GRAPH, calibration=SPIKES), SPIKES)
    judged = {path: {one.local for one in node.firsts.values()} for path, node in found.nodes.items()}
    both = [path for path, said in judged.items() if said >= {True, None}]
    assert both
    assert set(both) <= set(found.local)
    assert not set(found.local) & set(found.unknown)
    assert {row[0]: row[-1] for row in found.rows()} == {
        **dict.fromkeys(found.local, "local"),
        **dict.fromkeys(found.unknown, "unknown"),
    }


def test_errors_are_local_until_something_before_differs(found: Comparison) -> None:
    spike = found.nodes["lif"].firsts["out"]
    assert spike.local is True
    late = [d for path in CELLS[1:] for d in found.nodes[path].firsts.values() if d.local is None]
    assert late
    assert all("which feeds it, differs before" in d.reason for d in late)


@pytest.mark.parametrize("chunk", [1, 4])
def test_chunks_change_nothing(found: Comparison, chunk: int) -> None:
    assert compare(GRAPH, QUANTISED, SPIKES, chunk=chunk).as_dict() == found.as_dict()


def test_the_sides_may_change_places(found: Comparison) -> None:
    other = compare(QUANTISED, GRAPH, SPIKES)
    assert other.a == "a, engine integer"
    for path in CELLS:
        assert (other.nodes[path].rate_a, other.nodes[path].here) == (found.nodes[path].rate_b, found.nodes[path].here)


def test_in_double_precision() -> None:
    told = compare(GRAPH, QUANTISED, SPIKES, dtype="float64", what="spikes")
    assert told.nodes["lif"].parted
    assert told.first_spike is not None
    assert told.first_spike.margin_b is not None


def test_integers_beside_integers_are_compared_in_full() -> None:
    told = compare(QUANTISED, QUANTISED, SPIKES, engine=("integer", "integer"))
    assert told.equal
    assert "conv" in told.nodes
    assert not told.scaled


def test_a_chosen_engine_is_kept() -> None:
    told = compare(GRAPH, QUANTISED, SPIKES, engine=("auto", "reference"))
    assert told.b == "b, engine reference"


def test_the_command(tmp_path: Path) -> None:
    for name, graph in (("a", GRAPH), ("b", QUANTISED)):
        ir.write(tmp_path / f"{name}.t1c", graph)
    np.save(tmp_path / "x.npy", SPIKES)
    words = ["compare", *(str(tmp_path / name) for name in ("a.t1c", "b.t1c")), "--on", str(tmp_path / "x.npy")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 1, done.output
    assert "engine integer" in done.stdout
    assert "margin to the threshold" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["samples", "apart", "of", "them", "here", "first"] in [row[-6:] for row in rows]
    data = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)["data"]["run"]
    assert {node["path"] for node in data["nodes"] if node["parted"]} == set(CELLS)
