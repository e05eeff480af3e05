"""What every primitive promises, as checks on a random instance: `check_primitive(MyPrimitive)` runs them all."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from talon.ir.document import from_document, to_document, walk
from talon.ir.edges import Edge
from talon.ir.errors import TalonFrozenError
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.node import Node
from talon.ir.primitive import Composite, Primitive
from talon.ir.primitives.boundary import Input, Output
from talon.testing.strategies import Sample, sample

STEPS = 3
BATCH = 2


def around(case: Sample) -> Graph:
    """The smallest graph that feeds and reads the node, which is called `node` there."""
    node = case.node
    ports = node.ports()
    nodes: dict[str, Node] = {f"in{i}": Input(shape) for i, shape in enumerate(case.inputs)}
    nodes["node"] = node
    targets = [f"node:{port.name}" for port in ports.inputs]
    targets += targets[:1] * (len(case.inputs) - len(targets))
    edges = [Edge(f"in{i}", target) for i, target in zip(range(len(case.inputs)), targets, strict=False)]
    if not isinstance(node, Output):
        for port in ports.outputs:
            nodes[f"out{port}"] = Output(None)
            edges.append(Edge(f"node:{port}", f"out{port}"))
    return Graph(nodes, edges)


def output_shapes(case: Sample) -> tuple[Shape, ...]:
    shapes = case.node.infer(*case.inputs)
    return tuple(shapes) if len(case.node.ports().outputs) > 1 else (shapes,)


def construct(case: Sample) -> None:
    """Its own values make it again, and it cannot be changed."""
    node = case.node
    assert node.changed().same_as(node), "made again from its own values it differs"
    for name in node.fields:
        try:
            setattr(node, name, None)
        except TalonFrozenError:
            continue
        raise AssertionError(f"{name} can be changed")
    for name, field in node.fields.items():
        array = getattr(node, name) if field.is_array else None
        assert array is None or not array.flags.writeable, f"{name} is writable"


def short_repr(case: Sample) -> None:
    """It prints on a few lines and names its class."""
    text = repr(case.node)
    assert text.startswith(type(case.node).__name__), "the repr does not begin with the class name"
    assert len(text.splitlines()) < 20, "the repr has 20 lines or more"
    assert len(text) < 4000, "the repr is longer than 4000 characters"


def pickles(case: Sample) -> None:
    assert pickle.loads(pickle.dumps(case.node)).same_as(case.node), "it differs after a pickle"


def copies(case: Sample) -> None:
    """A deep copy is equal and shares no array."""
    twin = copy.deepcopy(case.node)
    assert twin.same_as(case.node), "it differs after a deepcopy"
    for name in case.node.given():
        own = getattr(case.node, name)
        shared = isinstance(own, np.ndarray) and np.shares_memory(own, getattr(twin, name))
        assert not shared, f"{name} is shared with the deep copy"


def compares(case: Sample) -> None:
    """Equal to itself by value, and to nothing else; `==` is identity."""
    node, twin = case.node, case.node.changed()
    assert node.same_as(twin)
    assert node != twin, "== compares by value"
    assert not node.same_as(Input([7, 7, 7, 7])), "same_as takes another primitive for it"
    assert not node.changed(metadata={"changed": True}).same_as(node), "same_as overlooks metadata"


def records(case: Sample) -> None:
    """A graph goes to a Document and comes back the same."""
    graph = around(case)
    types = {type(node).__name__: type(node) for _, node, _ in walk(graph)}
    document = to_document(graph, lambda cls: ("", ""), "talon.testing")
    assert from_document(document, lambda record: types[record.type]).same_as(graph), "it differs after a Document"


def fingerprints(case: Sample) -> None:
    """The fingerprint survives copying and another order of nodes, and sees a change."""
    graph = around(case)
    first = graph.fingerprint()
    assert pickle.loads(pickle.dumps(graph)).fingerprint() == first, "a pickle changes the fingerprint"
    backwards = Graph(dict(reversed(list(graph.nodes.items()))), graph.edges)
    assert backwards.fingerprint() == first, "the order of nodes changes the fingerprint"
    other = graph.replace("node", case.node.changed(metadata={"changed": True}))
    assert other.fingerprint() != first, "the fingerprint overlooks metadata"


def infers(case: Sample) -> None:
    """Shapes are tuples of plain ints, follow in a graph too, and unknown inputs do no harm."""
    for shape in output_shapes(case):
        assert isinstance(shape, tuple), f"infer gave {shape!r}, not a tuple"
        assert all(type(n) is int and n > 0 for n in shape), f"infer gave {shape!r}, not whole numbers"
    case.node.infer(*(None for _ in case.inputs))
    graph = around(case)
    for port, shape in zip(case.node.ports().outputs, output_shapes(case), strict=True):
        assert graph.shapes[f"node:{port}"] == shape, "the graph infers another shape"
    errors = graph.check().errors
    assert not errors, f"check() finds {errors[0]}"


def steps(case: Sample) -> None:
    """A leaf's step gives what infer promised, each sample by itself, and changes neither inputs nor old state."""
    if not isinstance(case.node, Primitive) or isinstance(case.node, Input):
        return
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(STEPS, BATCH, *shape)).astype(np.float32) for shape in case.inputs]
    for x in data:
        x[rng.random(x.shape) < 0.3] = 0
        x.flags.writeable = False
    together = run(case.node, case.inputs, data)
    for t, outputs in enumerate(together):
        for array, shape in zip(outputs, output_shapes(case), strict=True):
            assert array.shape == (BATCH, *shape), f"step gave {array.shape}, infer promised {(BATCH, *shape)}"
            assert array.dtype == np.float32, f"step gave {array.dtype} for float32"
        for b in range(BATCH):
            alone = run(case.node, case.inputs, [x[:, b : b + 1] for x in data])[t]
            same = all(np.array_equal(a[b : b + 1], c, equal_nan=True) for a, c in zip(outputs, alone, strict=True))
            assert same, "a sample depends on its batch"


def run(node: Primitive, shapes: tuple[Shape, ...], data: list[np.ndarray]) -> list[tuple[np.ndarray, ...]]:
    """The outputs of every step of the node alone."""
    dtype = np.dtype(np.float32)
    ready = node.cast(dtype)
    state = ready.init_state(data[0].shape[1] if data else BATCH, shapes, dtype)
    results = []
    for t in range(STEPS):
        before = {name: (array, array.copy()) for name, array in state.items()}
        given: Any = ready.step(t, state, *(x[t] for x in data))
        results.append(given if isinstance(given, tuple) else (given,))
        for name, (array, old) in before.items():
            assert np.array_equal(array, old, equal_nan=True), f"step changed the state {name!r} in place"
    return results


def decomposes(case: Sample) -> None:
    """A composite's graph has its ports and no errors, once shapes are given."""
    if not isinstance(case.node, Composite):
        return
    inner = case.node.decompose()
    ports, own = inner.ports(), case.node.ports()
    assert len(ports.inputs) == len(own.inputs), "the decomposition has another number of Inputs"
    assert len(ports.outputs) == len(own.outputs), "the decomposition has another number of Outputs"
    flat = around(case).flatten()
    assert not any(isinstance(node, (Composite, Graph)) for node in flat.nodes.values())
    assert flat.check().ok, f"the flattened graph has {flat.check().errors[:1]}"


CHECKS: tuple[Callable[[Sample], None], ...] = (
    construct,
    short_repr,
    pickles,
    copies,
    compares,
    records,
    fingerprints,
    infers,
    steps,
    decomposes,
)


def check_primitive(cls: type[Node], seeds: Iterable[int] = range(10)) -> None:
    """Run every check on a random instance for each seed; raises AssertionError naming seed and check."""
    for seed in seeds:
        case = sample(cls, seed)
        for check in CHECKS:
            try:
                check(case)
            except Exception as error:
                error.add_note(f"in check {check.__name__!r} of {cls.__name__}, seed {seed}: {case}")
                raise
