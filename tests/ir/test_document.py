"""Graph <-> Document, and fingerprints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from talon import ir
from talon.ir.document import Document, EdgeRecord, NodeRecord, from_document, to_document

TYPES: dict[str, Any] = {
    n: getattr(ir, n) for n in ("Graph", "Input", "Output", "LIF", "Affine", "ReLU", "ChannelSplit")
}


def document(graph: ir.Graph) -> Document:
    return to_document(graph, lambda cls: ("talon-core", "9"), "test")


def graph_of(doc: Document) -> ir.Graph:
    return from_document(doc, lambda record: TYPES[record.type])


def nested() -> ir.Graph:
    weight = np.arange(12, dtype=np.float32).reshape(3, 4)
    inner = ir.Graph(
        {"p": ir.Input(None), "fc": ir.Affine(weight, np.ones(3)), "q": ir.Output(None)},
        [("p", "fc"), ("fc", "q"), ir.Edge("q", "p", delay=1)][:2],
        metadata={"level": 2},
    )
    return ir.Graph(
        {
            "in": ir.Input([4]),
            "sub": inner,
            "lif": ir.LIF(2, 1, 0, 1, reset="subtract", core_id=3),
            "out": ir.Output([3]),
        },
        [("in", "sub:p"), ("sub", "lif"), ir.Edge("lif", "lif", delay=2), ("lif", "out")],
        dt=1e-3,
        metadata={"who": "me", "list": [1, (2.5, None)], "array": np.arange(3, dtype=np.int8)},
        execution_schedule=["a"],
    )


def test_records_hold_paths_types_and_only_what_was_set() -> None:
    doc = document(nested())
    assert [(r.path, r.type) for r in doc.nodes] == [
        ("", "Graph"),
        ("in", "Input"),
        ("sub", "Graph"),
        ("sub/p", "Input"),
        ("sub/fc", "Affine"),
        ("sub/q", "Output"),
        ("lif", "LIF"),
        ("out", "Output"),
    ]
    lif = doc.nodes[6]
    assert lif.provider == "talon-core"
    assert set(lif.attrs) == {"reset", "core_id"}
    assert set(lif.arrays) == {"tau", "r", "v_leak", "v_threshold"}
    assert doc.edges[:2] == [EdgeRecord("", "in", "sub:p", None), EdgeRecord("", "sub", "lif", None)]
    assert EdgeRecord("", "lif", "lif", 2) in doc.edges
    assert EdgeRecord("sub", "p", "fc", None) in doc.edges
    assert doc.dt == 1e-3
    assert doc.metadata["who"] == "me"


def test_there_and_back() -> None:
    assert graph_of(document(nested())).same_as(nested())


def test_nothing_is_loaded_on_the_way() -> None:
    def load() -> np.ndarray:
        raise AssertionError("loaded")

    lazy = ir.Affine(ir.ArrayRef(np.float32, (3, 4), load))
    again = graph_of(document(ir.Graph.chain(ir.Input([4]), lazy, ir.Output([3]))))
    assert isinstance(again.nodes["affine"].raw("weight"), ir.ArrayRef)


def alone(doc: Document) -> list[ir.Node]:
    """Every node made by itself."""
    return [
        graph_of(Document(doc.format, doc.writer, [doc.nodes[0], record], [])).nodes[record.path]
        for record in doc.nodes[1:]
    ]


def test_nodes_alike_are_those_that_each_record_makes_by_itself() -> None:
    """Records that differ in nothing but arrays are made from one node: what is equal but not the same is not alike."""
    rng = np.random.default_rng(0)

    def lif(*like: Any, **more: Any) -> ir.Node:
        return ir.LIF(*(np.asarray(rng.random(shape) + 1, dtype) for shape, dtype in like), **more)

    each: list[ir.Node] = []
    for _ in range(3):
        each += [lif(*[((), "f4")] * 4), lif(*[((), "f8")] * 4), lif(*[((3,), "f4")] * 4), lif(*[((2,), "f4")] * 4)]
        each += [lif(*[((), "f4")] * 4, reset="subtract"), lif(((3,), "f4"), *[((), "f4")] * 3, metadata={"a": [1]})]
        each += [ir.Upsample(scale_factor=factor) for factor in (2, 2.0, (2, 2), (2.0, 2.0), (2, 3))]
        each += [
            ir.ELU(3, 0.0),
            ir.ELU(3, -0.0),
            ir.Affine(rng.random((3, 4))),
            ir.Affine(rng.random((4, 3)), np.ones(4)),
        ]
        each += [ir.Affine(rng.integers(-9, 9, (3, 4))), ir.Affine(rng.random((3, 4)), input_type=[4])]
        each += [ir.Input([3, 1]), ir.Input([1, 3]), ir.Dropout(3, 0.5)]
    graph = ir.Graph({f"n{i}": node for i, node in enumerate(each)}, [])
    types = {type(node).__name__: type(node) for node in each} | {"Graph": ir.Graph}
    TYPES.update(types)
    doc = document(graph)
    again = graph_of(doc)
    assert again.same_as(graph)
    for one, made in zip(alone(doc), again.nodes.values(), strict=True):
        assert made.same_as(one)
        assert made.given().keys() == one.given().keys()
        assert made.dims == one.dims
        assert (made.__dict__.keys(), repr(made)) == (one.__dict__.keys(), repr(one))


def test_nodes_alike_share_nothing_that_can_be_changed() -> None:
    lists = [ir.LIF(1, 1, 0, 1, metadata={"list": [1, 2]}) for _ in range(3)]
    again = graph_of(document(ir.Graph({f"n{i}": node for i, node in enumerate(lists)}, [])))
    first, second, _ = again.nodes.values()
    first.metadata["list"].append(3)
    assert second.metadata["list"] == [1, 2]
    assert first.__dict__ is not second.__dict__


def test_what_a_node_found_out_about_itself_is_not_taken_over() -> None:
    """A node inside a graph is asked for its ports before those outside are made."""

    class Keeps(ir.Affine):
        def ports(self) -> Any:
            self.__dict__.setdefault("_found", float(self.weight[0, 0]))
            return super().ports()

    nodes = {name: Keeps(np.full((2, 2), value)) for name, value in (("a", 1.0), ("b", 2.0))}
    graph = ir.Graph({**nodes, "sub": ir.Graph({"c": Keeps(np.full((2, 2), 3.0))}, [])}, [])
    again = from_document(document(graph), lambda record: Keeps if record.type == "Keeps" else ir.Graph)
    assert [again.node(name).__dict__["_found"] for name in ("a", "b", "sub/c")] == [1.0, 2.0, 3.0]


def test_fields_of_others_that_look_at_values_do_so_for_every_node() -> None:
    class Positive(ir.fields.ArrayField):
        def coerce(self, value: Any) -> Any:
            value = super().coerce(value.load() if isinstance(value, ir.ArrayRef) else value)
            if (value <= 0).any():
                raise ir.TalonValueError("T202", "not positive")
            return value

    class Gain(ir.Primitive):
        gain = Positive("n", doc="gain")

    doc = document(ir.Graph({f"n{i}": Gain(np.ones(3)) for i in range(3)}, []))
    doc.nodes[2].arrays["gain"] = ir.ArrayRef.of(-np.ones(3))
    with pytest.raises(ir.TalonValueError, match="not positive") as caught:
        from_document(doc, lambda record: Gain if record.type == "Gain" else ir.Graph)
    assert caught.value.diagnostic.node == "n1"


def test_values_that_are_equal_but_not_the_same_are_kept_apart() -> None:
    class Noted(ir.Primitive):
        note = ir.declare.stored_value(doc="note")

    notes = [True, 1, 1.0, "0x1.0000000000000p+0", (1,), (True,), (1.0,), [1], False, 0, 0.0, -0.0, None, float("nan")]
    doc = document(ir.Graph({f"n{i}": Noted(note) for i, note in enumerate(2 * notes)}, []))
    found = from_document(doc, lambda record: Noted if record.type == "Noted" else ir.Graph).nodes.values()
    assert [repr(node.note) for node in found] == list(map(repr, 2 * notes))  # type: ignore[attr-defined]


def test_numbers_that_files_hold_as_arrays_are_looked_at_for_every_node() -> None:
    norms = {f"n{i}": ir.BatchNorm1d(3, *np.ones((4, 3))) for i in range(3)}
    doc = document(ir.Graph(norms, []))
    for record, number in zip(doc.nodes[1:], (3, 4, 3), strict=True):
        del record.attrs["num_features"]
        record.arrays["num_features"] = ir.ArrayRef.of(np.array(number))
    with pytest.raises(ir.TalonValueError, match="does not fit") as caught:
        from_document(doc, lambda record: ir.Graph if record.type == "Graph" else ir.BatchNorm1d)
    assert (caught.value.code, caught.value.diagnostic.node) == ("T201", "n1")


def test_what_a_reference_is_to_is_looked_at_for_every_node() -> None:
    class Odd(ir.ArrayRef):
        to: Any = None

        @property
        def kind(self) -> Any:
            return self.to

    doc = document(ir.Graph({f"n{i}": ir.LIF([1.0], 1, 0, 1) for i in range(3)}, []))
    for record in doc.nodes[1:]:
        record.arrays["tau"] = Odd(np.float64, (1,), lambda: np.ones(1))
    assert graph_of(doc).nodes["n2"].tau == 1  # type: ignore[attr-defined]
    doc.nodes[2].arrays["tau"].to = ir.CSR  # type: ignore[attr-defined]
    with pytest.raises(ir.TalonTypeError, match="takes an array") as caught:
        graph_of(doc)
    assert (caught.value.code, caught.value.diagnostic.node) == ("T204", "n1")


def spoil(doc: Document, what: str) -> Document:
    if what == "no graph":
        doc.nodes = doc.nodes[1:]
    elif what == "unknown field":
        doc.nodes[6].attrs["resett"] = "value"
    elif what == "newer schema":
        doc.nodes[6].schema = 2
    elif what == "twice":
        doc.nodes.append(doc.nodes[-1])
    elif what == "stray node":
        doc.nodes.append(NodeRecord("lif/inside", "ReLU", attrs={"features": 1}))
    elif what == "stray edges":
        doc.edges.append(EdgeRecord("lif", "a", "b", None))
    elif what == "wrong shape":
        doc.nodes[4].arrays["bias"] = ir.ArrayRef.of(np.ones(7))
    elif what == "bad edge":
        doc.edges.append(EdgeRecord("sub", "p", "nobody", None))
    return doc


@pytest.mark.parametrize(
    ("what", "code", "node"),
    [
        ("no graph", "T303", None),
        ("unknown field", "T304", "lif"),
        ("newer schema", "T307", "lif"),
        ("twice", "T303", "out"),
        ("stray node", "T303", "lif"),
        ("stray edges", "T303", "lif"),
        ("wrong shape", "T201", "sub/fc"),
        ("bad edge", "T101", "sub"),
    ],
)
def test_damaged_documents_are_refused_with_the_place(what: str, code: str, node: str | None) -> None:
    with pytest.raises(ir.TalonError) as caught:
        graph_of(spoil(document(nested()), what))
    assert caught.value.code == code
    assert node is None or caught.value.diagnostic.node == node


# Fingerprints are kept in other people's files: these values may change only with a new fingerprint version.
GOLDEN = {
    "empty": (ir.Graph({}, []), "054ecc043f3383d64a2df038408c680b6cb50609a9ad3477c509a9fcc5984fe3"),
    "chain": (
        ir.Graph.chain(ir.Input([4]), ir.LIF(2.0, 1.0, 0.0, 1.0), ir.Output([4])),
        "4e64b9c2a8151f768c4298c6671d802e007c0facd1a7065df6ec7c9d52e5fead",
    ),
    "nested": (nested(), "85c56785c62fb569b5145de44d653689aec85ce8c179a1ff262431961cba8460"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_fingerprints_are_stable(name: str) -> None:
    graph, expected = GOLDEN[name]
    assert graph.fingerprint() == expected


def test_fingerprints_do_not_see_node_order_storage_laziness_or_who_states_a_delay() -> None:
    graph = nested()
    first = graph.fingerprint()
    assert graph.changed(nodes=dict(reversed(list(graph.nodes.items())))).fingerprint() == first
    assert graph.with_delays().fingerprint() == first
    ported = [
        ir.Edge("in:out", "sub:p" if e.dst == "sub" else e.dst, delay=e.delay) if e.src == "in" else e
        for e in graph.edges
    ]
    assert graph.changed(edges=ported).fingerprint() == first
    weight = graph.node("sub/fc").weight  # type: ignore[attr-defined]
    lazy = graph.node("sub/fc").changed(weight=ir.ArrayRef(weight.dtype, weight.shape, lambda: weight.copy(order="F")))
    sub = graph.nodes["sub"]
    assert isinstance(sub, ir.Graph)
    assert graph.replace("sub", sub.replace("fc", lazy)).fingerprint() == first
    swapped = graph.node("sub/fc").changed(weight=weight.astype(">f4"))
    assert graph.replace("sub", sub.replace("fc", swapped)).fingerprint() == first
    assert graph.changed(metadata=dict(reversed(list(graph.metadata.items())))).fingerprint() == first


def test_fingerprints_see_everything_else() -> None:
    graph = nested()
    sub = graph.nodes["sub"]
    assert isinstance(sub, ir.Graph)
    changed = [
        graph,
        graph.changed(dt=2e-3),
        graph.changed(dt=None),
        graph.changed(metadata={}),
        graph.changed(metadata={**graph.metadata, "list": [1, [2.5, None]]}),
        graph.changed(edges=[*graph.edges[:2], ir.Edge("lif", "lif", delay=1), graph.edges[3]]),
        graph.changed(edges=[*graph.edges[2:], *graph.edges[:2]]),
        graph.rename({"lif": "fil"}),
        graph.replace("lif", ir.LIF(2, 1, 0, 1, reset="subtract")),
        graph.replace("lif", ir.LIF(2, 1, np.float32(0), 1, reset="subtract", core_id=3)),
        graph.replace("lif", ir.LIF(2, 1, -0.0, 1, reset="subtract", core_id=3)),
        graph.replace("sub", sub.changed(metadata={"level": 3})),
        graph.replace("sub", sub.replace("fc", ir.Affine(np.ones((3, 4), np.float32), np.ones(3)))),
    ]
    assert len({g.fingerprint() for g in changed}) == len(changed)
