"""`check` foresees what `quantize` refuses of structure: on random graphs, and case by case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.engine import run
from talon.ir.arrays import ArrayRef
from talon.testing import layers as kinds
from talon.testing.graphs import feeds, graphs
from tests.hw.chips import chip

RNG = np.random.default_rng(31)
ORDINARY = (kinds.neuron, kinds.affine, kinds.convolution, kinds.neuron, kinds.pool, kinds.neuron, kinds.flattened)
SUMS = (kinds.affine, kinds.convolution, kinds.pool, kinds.flattened, kinds.neuron)
ONE_STEP = '{ value = 1, unit = "step", kind = "assumed", cite = "talon" }'
TARGETS: list[Any] = [
    "generic-mesh",
    chip(weights__scale="float", membranes__bits=16),
    chip(payload__bits=8, weights__scale="float"),
    chip(comparator="gt", noc__max_delay=ONE_STEP),
]
RANDOM = st.one_of(graphs(layers=ORDINARY), graphs(layers=SUMS), graphs(size=6))


def spikes(graph: ir.Graph, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: (rng.random(x.shape) < 0.4).astype(np.float32) for name, x in feeds(graph, seed).items()}


def refused(graph: ir.Graph, target: Any, x: Any) -> ir.TalonError | None:
    """What quantising says; any other exception is a fault."""
    try:
        hw.quantize(graph, target, calibration=x)
    except ir.TalonError as error:
        return error
    return None


@pytest.mark.filterwarnings("ignore::talon.hw.QuantisingWarning")
@settings(deadline=None, max_examples=150)
@given(RANDOM, st.sampled_from(TARGETS), st.integers(0, 99))
def test_check_foresees_what_quantising_refuses(graph: ir.Graph, target: Any, seed: int) -> None:
    """And nothing else: the same words for the same node, unless the target does not run that node at all."""
    error = refused(graph, target, spikes(graph, seed))
    if error is not None and error.code != "T506":
        # What does not hold together has no report.
        with pytest.raises(ir.TalonError) as caught:
            hw.check(graph, target)
        assert caught.value.code == error.code
        return
    report = hw.check(graph, target)
    foreseen = [d for d in report.errors if d.code == "T506"]
    if error is None:
        assert not foreseen
        return
    said = error.diagnostic
    words = [(d.message, d.node, d.expected, d.found, d.help) for d in foreseen]
    illegal = {d.node for d in report.errors if d.code == "T504"}
    assert said.node in illegal or (said.message, said.node, said.expected, said.found, said.help) in words


@pytest.mark.filterwarnings("ignore::talon.hw.QuantisingWarning")
@settings(deadline=None, max_examples=60)
@given(RANDOM, st.sampled_from(TARGETS), st.integers(0, 99))
def test_numbers_are_refused_in_one_family(graph: ir.Graph, target: Any, seed: int) -> None:
    """Inputs of values are beyond what is foreseen, and are refused by name or quantised."""
    error = refused(graph, target, feeds(graph, seed))
    assert error is None or error.code in ("T504", "T506", "T108")


def conv(out: int, into: int) -> ir.Conv2d:
    return ir.Conv2d(RNG.uniform(0.3, 1, size=(out, into, 1, 1)))


def joined(*nodes: tuple[str, ir.Node], edges: str) -> ir.Graph:
    pairs = [tuple(edge.split(">")) for edge in edges.split()]
    return ir.Graph(dict(nodes), [ir.Edge(pair[0], pair[1], delay=1 if len(pair) > 2 else None) for pair in pairs])


MAP, OUT = ("in", ir.Input([2, 4, 4])), ("out", ir.Output(None))
CELL = ("cell", ir.IF(1.0))
SPREAD: dict[str, ir.Graph] = {
    "layers of other widths that meet in parts": joined(
        MAP, ("a", conv(6, 2)), ("split", ir.ChannelSplit([2, 4])), ("b", conv(2, 2)), CELL, OUT,
        ("other", ir.IF(1.0)), ("out2", ir.Output(None)),
        edges="in>a a>split split:0>cell in>b b>cell cell>out split:1>other other>out2",
    ),
    "channels of one layer that meet": joined(
        MAP, ("a", conv(4, 2)), ("split", ir.ChannelSplit([2, 2])), CELL, OUT,
        edges="in>a a>split split:0>cell split:1>cell cell>out",
    ),
    "maps that are joined in space": joined(
        MAP, ("a", conv(3, 2)), ("b", conv(3, 2)), ("join", ir.Concat(2, -1)), ("c", conv(2, 3)), CELL, OUT,
        edges="in>a in>b a>join b>join join>c c>cell cell>out",
    ),
    "channels that one weight multiplies": joined(
        MAP, ("a", conv(3, 2)), ("turn", ir.Flatten(0, 1)), ("up", ir.Affine(RNG.uniform(0.3, 1, (2, 4)))), CELL, OUT,
        edges="in>a a>turn turn>up up>cell cell>out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPREAD)
@pytest.mark.parametrize("target", ["generic-mesh", TARGETS[1]])
def test_units_are_shared_where_they_must_be(name: str, target: Any) -> None:
    graph = SPREAD[name]
    x = (np.random.default_rng(3).random((6, 2, 2, 4, 4)) < 0.5).astype(np.float32)
    assert not [d for d in hw.check(graph, target).errors if d.code == "T506"]
    quantised = hw.quantize(graph, target, calibration=x)
    ways = [run(quantised, x, engine_options={"kernels": kernels}).outputs for kernels in ("oracle", "event", "dense")]
    floats = run(graph, x).outputs
    for output, array in ways[0].items():
        assert array.any()
        assert all(np.array_equal(array, way[output]) for way in ways)
        assert np.mean(array != floats[output]) < 0.1


REFUSED: dict[str, tuple[ir.Graph, str, str]] = {
    "a sum over its pool": (
        joined(
            MAP, ("a", conv(2, 2)), ("pool", ir.AvgPool2d(3, 1, 1)), CELL, OUT,
            edges="in>a a>pool pool>cell a>cell cell>out",
        ),
        "cell", "1 stands for something else",
    ),
    "a layer that reads what it is added to": (
        joined(MAP, ("a", conv(2, 2)), ("b", conv(2, 2)), CELL, OUT, edges="in>a a>b a>cell b>cell cell>out"),
        "b", "its own are added to",
    ),
    "behind the host": (
        joined(MAP, ("a", conv(2, 2)), ("relu", ir.ReLU(2)), ("b", conv(2, 2)), CELL, OUT,
               edges="in>a a>relu relu>b b>cell cell>out"),
        "relu", "",
    ),
    "a cycle of sums": (
        joined(MAP, ("a", conv(2, 2)), ("b", conv(2, 2)), CELL, OUT, edges="in>a a>b b>a>late b>cell cell>out"),
        "a", "a cycle without a neuron",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_unit_is_refused_beforehand(name: str) -> None:
    graph, node, words = REFUSED[name]
    error = refused(graph, "generic-mesh", np.zeros((2, 1, 2, 4, 4), np.float32))
    assert error is not None
    assert (error.code, error.diagnostic.node) == ("T506", node)
    assert words in error.diagnostic.message
    told = [d for d in hw.check(graph, "generic-mesh").errors if d.node == node]
    assert error.diagnostic.message in [d.message for d in told] or [d.code for d in told] == ["T504"]


def test_all_is_told_at_once_by_path() -> None:
    """Three problems of three kinds, one of them inside another graph."""
    inner = joined(("x", ir.Input(None)), ("fc", ir.Affine(np.eye(3), weight_t="int40")), ("y", ir.Output(None)),
                   edges="x>fc fc>y")  # fmt: skip
    graph = joined(
        ("in", ir.Input([3])), ("sub", inner), ("a", ir.IF(1.0, precision="int8")), ("w", ir.Affine(np.eye(3))),
        ("b", ir.IF(1.0, accum_t="int60")), ("out", ir.Output(None)),
        edges="in>sub sub>a a>w w>b b>out",
    )  # fmt: skip
    found = {d.node for d in hw.check(graph, "generic-mesh").errors if d.code == "T506"}
    assert found == {"sub/fc", "a", "b"}


def test_no_weight_is_read() -> None:
    def unread() -> np.ndarray:
        raise AssertionError("a weight was read")

    def lazy(*shape: int) -> Any:
        return ArrayRef(np.float32, shape, unread)

    norm = ir.BatchNorm2d(4, np.ones(4), np.zeros(4), np.zeros(4), np.ones(4))
    graph = ir.Graph.chain(
        **{"in": ir.Input([2, 6, 6])},
        a=ir.Conv2d(lazy(4, 2, 3, 3), lazy(4), padding=2, dilation=2),
        norm=norm,
        cell=ir.LIF(3.0, 2.0, 0.1, 1.0),
        b=ir.Conv2d(lazy(4, 2, 3, 3), groups=2),
        flat=ir.Flatten(),
        late=ir.LIF(3.0, 2.0, 0.1, 1.0),
        out=ir.Output(None),
    )
    for target in ("generic-mesh", "speck2e"):
        assert hw.check(graph, target).layers
