"""What two graphs have otherwise, each kind of difference by itself, and none where fingerprints are equal."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talon import ir
from talon.testing.graphs import random_graph

INNER = ir.Graph.chain(x=ir.Input([4]), fc=ir.Affine(np.eye(4, dtype="f4")), y=ir.Output([4]))
NODES: dict[str, ir.Node] = {
    "in": ir.Input([4]),
    "lif": ir.LIF(2.0, 2.0, 0.0, 1.0, core_id=3, metadata={"role": "first"}),
    "sub": INNER,
    "out": ir.Output([4]),
}
EDGES = [ir.Edge("in", "lif"), ir.Edge("lif", "sub"), ir.Edge("sub", "out"), ir.Edge("lif", "out")]
NET = ir.Graph(NODES, EDGES, metadata={"task": "test", "size": np.arange(3)})


def found(other: ir.Graph) -> list[str]:
    """The differences in words; there are as many the other way round, with the sides exchanged."""
    there, back = ir.diff(NET, other), ir.diff(other, NET)
    turned = {(c.kind, c.node, c.name, c.b, c.a, c.differing, c.largest) for c in back.changes}
    assert turned == {(c.kind, c.node, c.name, c.a, c.b, c.differing, c.largest) for c in there.changes}
    assert there
    assert not there.equal
    return [str(change) for change in there.changes]


def sub(**fields: Any) -> ir.Graph:
    return NET.replace("sub", INNER.replace("fc", INNER.nodes["fc"].changed(**fields)))


WEIGHT = np.eye(4, dtype="f4") + np.diag([0, 0.5, 0, 0.25]).astype("f4")
ZEROS = np.where(np.eye(4) > 0, np.float32(1), np.float32(-0.0))
KINDS: dict[str, tuple[ir.Graph, list[str]]] = {
    "array": (sub(weight=WEIGHT), ["field sub/fc.weight: float32[4, 4]: 2 elements differ, by 0.5 at most"]),
    "sign of zero": (sub(weight=ZEROS), ["field sub/fc.weight: float32[4, 4]: 12 elements differ, by 0 at most"]),
    "dtype": (
        sub(weight=np.eye(4)),
        ["field sub/fc.weight: float32[4, 4] -> float64[4, 4]: 0 elements differ, by 0 at most"],
    ),
    "shape": (
        NET.replace("lif", NODES["lif"].changed(tau=np.full(4, 2.0))),
        ["field lif.tau: 2.0 (float64) -> float64[4]"],
    ),
    "number": (
        NET.replace("lif", NODES["lif"].changed(v_threshold=1.5)),
        ["field lif.v_threshold: 1.0 (float64) -> 1.5 (float64)"],
    ),
    "word": (NET.replace("lif", NODES["lif"].changed(reset="none")), ["field lif.reset: only in b: 'none'"]),
    "quantised": (
        sub(weight=ir.Quantized(np.full((4, 4), 3, np.int8), 0.5, 4)),
        ["field sub/fc.weight: float32[4, 4] -> 4 bits (int8) [4, 4], float scale: 16 elements differ, by 1.5 at most"],
    ),
    "sparse": (
        sub(weight=ir.CSR.from_dense(np.eye(4, dtype="f4"))),
        ["field sub/fc.weight: float32[4, 4] -> CSR float32[4, 4]"],
    ),
    "hint": (NET.replace("lif", NODES["lif"].changed(core_id=4)), ["hint lif.core_id: 3 -> 4"]),
    "metadata": (
        NET.replace("lif", NODES["lif"].changed(metadata={"role": "second", "n": 1})),
        ["metadata lif.metadata['role']: 'first' -> 'second'", "metadata lif.metadata['n']: only in b: 1"],
    ),
    "metadata of the graph": (
        NET.changed(metadata={"task": "test", "size": np.arange(3) + 1}),
        ["metadata metadata['size']: int64[3]: 3 elements differ, by 1 at most"],
    ),
    "type in metadata": (
        NET.changed(metadata={"task": "test", "size": np.arange(3, dtype="i4")}),
        ["metadata metadata['size']: int64[3] -> int32[3]: 0 elements differ, by 0 at most"],
    ),
    "step": (NET.changed(dt=0.001), ["field dt: only in b: 0.001"]),
    "type": (NET.replace("lif", ir.ReLU(4)), ["type lif: LIF -> ReLU"]),
    "node": (
        NET.insert_after("in", "act", ir.ReLU(4)),
        [
            "node act: only in b: ReLU",
            "edge in:out -> lif:in: only in a: delay 0",
            "edge in:out -> act:in: only in b: delay 0",
            "edge act:out -> lif:in: only in b: delay 0",
        ],
    ),
    "delay": (NET.changed(edges=[*EDGES[:3], ir.Edge("lif", "out", delay=2)]), ["delay lif:out -> out:in: 0 -> 2"]),
    "order": (
        NET.changed(edges=[*EDGES[:2], EDGES[3], EDGES[2]]),
        ["order of edges: sub:y -> out:in comes first in a, lif:out -> out:in in b"],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_difference(kind: str) -> None:
    other, expected = KINDS[kind]
    assert found(other) == expected
    assert NET.fingerprint() != other.fingerprint()


def test_an_edge_inside_is_told_with_its_graph() -> None:
    inner = INNER.changed(edges=[ir.Edge("x", "fc", delay=1), ir.Edge("fc", "y")])
    assert found(NET.replace("sub", inner)) == ["delay x:out -> fc:in in sub: 0 -> 1"]


def test_sparse_weights_at_the_same_places_are_compared_by_value() -> None:
    dense = np.eye(4, dtype="f4")
    a, b, c = (sub(weight=ir.CSR.from_dense(m)) for m in (dense, dense * 3, dense + np.eye(4, k=1, dtype="f4")))
    assert [str(x) for x in ir.diff(a, b).changes] == [
        "field sub/fc.weight: CSR float32[4, 4]: 4 elements differ, by 2 at most"
    ]
    assert [str(x) for x in ir.diff(a, c).changes] == [
        "field sub/fc.weight: CSR float32[4, 4] -> CSR float32[4, 4] with other entries"
    ]
    assert ir.diff(a, a).equal


def test_equal_graphs() -> None:
    shuffled = ir.Graph(dict(reversed(NODES.items())), EDGES, metadata={"task": "test", "size": np.arange(3)})
    same = ir.diff(NET, shuffled)
    assert same.equal
    assert not same
    assert str(same) == "equal"
    loop = ir.Graph(
        {"in": ir.Input([1]), "acc": ir.Skip(), "out": ir.Output([1])},
        [("in", "acc"), ("acc", "acc"), ("acc", "out")],
    )
    assert ir.diff(loop, loop.with_delays()).equal


def test_the_summary_counts_kinds() -> None:
    found = ir.diff(NET, sub(weight=WEIGHT).changed(dt=0.1))
    assert str(found).splitlines()[0] == "different: 2 fields"
    assert found.as_dict()["changes"][0]["kind"] == "field"


@given(st.integers(0, 40), st.integers(0, 40))
def test_there_is_a_difference_exactly_where_fingerprints_differ(one: int, other: int) -> None:
    a, b = (random_graph(random.Random(seed)) for seed in (one, other))
    assert ir.diff(a, b).equal == (a.fingerprint() == b.fingerprint())
    assert ir.diff(a, random_graph(random.Random(one))).equal


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(ir.TalonError, match="two graphs") as caught:
        ir.diff(NET, "net.t1c")  # type: ignore[arg-type]
    assert caught.value.code == "T206"
