"""Sparse weights in C: equal to the reference, and to the same weight with zeros, to the bit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talon import hw, ir
from talon.engine import run
from talon.hw.native import library, memory
from talon.hw.native.sparse import NEAR
from tests.hw.test_native import SETS, WAYS, agree, same, same_result, some, weights

pytestmark = pytest.mark.skipif(library.load()[0] is None, reason=f"no C library here: {library.load()[1]}")

RNG = np.random.default_rng(8)


def sparse(outs: int, ins: int, share: float) -> ir.CSR:
    """Weights of which a share is there, some of them 0 all the same."""
    there = RNG.random((outs, ins)) < share
    values = np.where(RNG.random(there.sum()) < 0.1, 0, weights(int(there.sum()))).astype(np.float32)
    indptr = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    return ir.CSR(indptr, np.nonzero(there)[1], values, there.shape)


def with_weight(weight: Any, bias: Any, lead: tuple[int, ...], **neuron: Any) -> ir.Graph:
    outs, ins = weight.shape
    nodes: dict[str, ir.Node] = {"input": ir.Input([*lead, ins]), "fc": ir.Affine(weight, bias)}
    if neuron:
        nodes["lif"] = ir.LIF(**neuron)
    nodes["output"] = ir.Output([*lead, outs])
    return ir.Graph(nodes, list(itertools.pairwise(nodes)))


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (300, 33), (65, 1030), (3, 4, 5)], ids=str)
@pytest.mark.parametrize(("share", "rate"), [(0.0, 0.5), (0.1, 0.05), (0.7, 0.3), (1.0, 1.0)])
def test_sums(shape: tuple[int, ...], share: float, rate: float) -> None:
    *lead, ins, outs = shape
    weight, x = sparse(outs, ins, share), some(5, 5, *lead, ins, rate=rate)
    for bias in (None, weights(outs), np.full(outs, -0.0, np.float32), weights(3, outs)):
        result = agree(with_weight(weight, bias, tuple(lead)), x)
        dense = run(with_weight(weight.toarray(), bias, tuple(lead)), x, engine="reference")
        same(result.outputs, dense.outputs)
        fan_out = np.diff(weight.by_columns()[0])
        assert (result.counts["fc"]["macs"] == weight.nnz * int(np.prod(lead))).all()
        assert (result.counts["fc"]["synops"] == ((x != 0) * fan_out).reshape(5, 5, -1).sum(axis=2)).all()
        same({"": result.counts["fc"]["binary_input"]}, {"": dense.counts["fc"]["binary_input"]})


@pytest.mark.parametrize("record", [(), ("lif.v",), ("fc.out",), ("*",)])
@pytest.mark.parametrize("lead", [(), (3,)])
def test_neurons_that_it_feeds(record: tuple[str, ...], lead: tuple[int, ...]) -> None:
    """Also with a parameter for each, and a bias that differs from step to step."""
    outs = 70
    own = RNG.uniform(0.1, 1, (outs,) if not lead else (1, outs)).astype(np.float32)
    for bias, threshold in ((None, 0.7), (weights(2, outs), own)):
        graph = with_weight(
            sparse(outs, 90, 0.2), bias, lead, tau=3.0, r=1.0, v_leak=0.0, v_threshold=threshold, v_init=own
        )
        agree(graph, some(6, 4, *lead, 90), record=record)


def recurrent(weight: Any, outputs: int = 1) -> ir.Graph:
    """Neurons that hear each other a step later, and somebody who hears them."""
    size = weight.shape[0]
    nodes: dict[str, ir.Node] = {
        "input": ir.Input([size]),
        "back": ir.SpikingAffine(weight, weights(size)),
        "lif": ir.LIF(3.0, 1.0, 0.0, 0.7),
    }
    edges: list[Any] = [("input", "lif"), ("lif", "back"), ("back", "lif")]
    for k in range(outputs):
        nodes[f"output{k}"] = ir.Output([size])
        edges.append(("lif", f"output{k}"))
    return ir.Graph(nodes, edges, allow_cycles=True)


@pytest.mark.parametrize("record", [(), ("lif.v", "back.out"), ("*",)])
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_cycle(record: tuple[str, ...], outputs: int) -> None:
    """What a node of a cycle gives is written where the output wants it; the next run does not change it."""
    graph, x = recurrent(sparse(50, 50, 0.3), outputs), some(9, 4, 50)
    whole = agree(graph, x, record=record)
    for way in WAYS:
        first = run(graph, x[:4], engine="native", **way)
        last = run(graph, x[4:], engine="native", state=first.state, **way)
        joined = {n: np.concatenate([first.outputs[n], last.outputs[n]]) for n in whole.outputs}
        same(joined, whole.outputs)
        same(last.state.nodes["lif"], whole.state.nodes["lif"])
        same(last.state.delays, whole.state.delays)


@pytest.mark.parametrize("chunk", [None, 2])
def test_results_of_a_program_are_their_own(chunk: int | None) -> None:
    graph, x = recurrent(sparse(50, 50, 0.3)), some(5, 2, 50)
    program = hw.compile(graph, chunk=chunk)
    session = program.session(2)
    for make in (program.run, session.run):
        first = make(x)
        kept = np.array(first.outputs["output0"])
        second = make(x[::-1])
        assert not np.shares_memory(first.outputs["output0"], second.outputs["output0"])
        same({"": first.outputs["output0"]}, {"": kept})


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 80), st.floats(0, 1), st.floats(0, 1), st.integers(1, 3), st.sampled_from(SETS)
)
def test_any_size(outs: int, ins: int, share: float, rate: float, batch: int, isa: str) -> None:
    graph, x = with_weight(sparse(outs, ins, share), None, ()), some(3, batch, ins, rate=rate)
    library.library().isa(isa)
    try:
        result = run(graph, x, engine="native")
    finally:
        library.library().isa(SETS[-1])
    same_result(result, run(graph, x, engine="reference"))
    assert result.engine.nodes["fc"] == "native sparse affine, by events"


@pytest.mark.parametrize("outs", [NEAR, NEAR + 1])
def test_places_of_sixteen_bits_and_more(outs: int) -> None:
    """The last output that they reach, and the one behind it."""
    rows = np.repeat(np.arange(outs), 2)
    weight = ir.CSR(np.arange(outs + 1) * 2, np.tile([1, 4], outs), np.sin(rows + 1).astype("f4"), (outs, 5))
    for behind in ([], [ir.IF(np.float32(0.4))]):
        nodes = {"fc": ir.Affine(weight), **{f"node{n}": node for n, node in enumerate(behind)}}
        agree(ir.Graph.chain(input=ir.Input([5]), **nodes, output=ir.Output(None)), some(3, 1, 5))


@pytest.mark.parametrize(
    "types", [(np.int32, np.float32), (np.uint16, np.float32), (np.int32, np.int16), (np.uint32, None)]
)
def test_synapses_that_lie_are_refused(types: tuple[Any, Any]) -> None:
    """Unsigned places are near; those of 32 bits have the weight in their upper half."""
    module = library.library()
    near, whole = types[0] is not np.int32, 0 if types[1] is np.float32 else 32
    ends, index = np.array([0, 2, 2, 3]), np.array([0, 3, 1], types[0])
    value = None if types[1] is None else np.ones(3, types[1])
    right = (near, whole, 3, 4, 3, ends, index, value)
    module.synapses(*right)
    for place, wrong in (
        (0, not near),
        (1, 0 if whole else 32),
        (1, 1),
        (2, 0),
        (3, 3),
        (3, 1 << 40),
        (4, 2),
        (4, -1),
        (5, np.array([0, 3, 2, 3])),
        (5, np.array([1, 2, 2, 3])),
        (5, np.array([0, 2, 2, 4])),
        (5, np.array([0, 1 << 60, 2, 3])),
        (5, ends[:3].copy()),
        (6, np.array([0, 4, 1], types[0])),
        (6, np.array([0, -1, 1]).astype(types[0])),
        (6, np.array([3, 0, 1], types[0])),
        (6, np.array([3, 3, 1], types[0])),
        (7, np.ones(3)),
        (7, None if value is not None else np.ones(3, np.int16)),
    ):
        with pytest.raises(ValueError, match="expected"):
            module.synapses(*[*right[:place], wrong, *right[place + 1 :]])


def test_calls_with_other_buffers_than_they_say_are_refused() -> None:
    module = library.library()
    ends, places, value = np.array([0, 2, 2, 3]), np.array([0, 3, 1], np.int32), np.ones(3, np.float32)
    synapses = module.synapses(False, 0, 3, 4, 3, ends, places, value)
    x, y = np.ones((2, 3), np.float32), np.zeros((2, 4), np.float32)
    counts, binary, index, sums = (
        np.zeros(2, np.int64),
        np.zeros(2, np.uint8),
        np.zeros(3 + module.WIDE, np.int32),
        y[0],
    )
    call = (2, synapses, x, None, y, counts, binary, index, sums, None)
    assert module.sparse(*call) == module.EVENT
    assert y.tolist() == [[1, 1, 0, 1]] * 2
    assert counts.tolist() == [3, 3]
    for place, wrong in ((0, 3), (2, x[:1].copy()), (3, np.zeros(3, np.float32)), (7, index[:3].copy()), (4, y[:1])):
        with pytest.raises(ValueError, match="expected"):
            module.sparse(*[*call[:place], wrong, *call[place + 1 :]])
    with pytest.raises(ValueError, match="apsule"):
        module.sparse(2, object(), *call[2:])
    one = np.ones(1, np.float32)
    neurons = (module.NEURON, 1, 2, 4, 0, 0, 0, np.zeros((2, 4), np.uint8), y.copy(), None, counts, *[one] * 6)
    assert module.sparse(*call[:-1], neurons) == module.EVENT
    with pytest.raises(ValueError, match="expected"):
        module.sparse(*call[:8], sums[:3].copy(), neurons)


@pytest.mark.parametrize("large", [True, False])
def test_what_is_read_here_and_there_lies_in_large_pages(large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has them, and where arrays fill some."""
    if not large:
        monkeypatch.delattr(memory.mmap, "MADV_HUGEPAGE", raising=False)
    for values in (
        np.arange(memory.PAGE // 4, dtype=np.int32),
        np.arange(memory.PAGE // 2, dtype=np.int32).reshape(2, -1),
    ):
        found = memory.scattered(values)
        assert np.array_equal(found, values)
        assert (found.dtype, found.shape) == (values.dtype, values.shape)
        if hasattr(memory.mmap, "MADV_HUGEPAGE"):
            assert found.ctypes.data % memory.PAGE == 0
            assert not np.shares_memory(found, values)
    small = np.arange(9)[::2]
    assert memory.scattered(small).flags.c_contiguous
    assert np.array_equal(memory.scattered(small), small)


def test_a_weight_that_fills_large_pages() -> None:
    weight = sparse(700, 1200, 0.8)
    assert weight.data.nbytes > memory.PAGE
    agree(with_weight(weight, None, ()), some(2, 2, 1200, rate=0.2))
