"""Checks of what a primitive computes: shapes, batches, streams, dtypes, decompositions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from talon.ir.errors import TalonError
from talon.ir.fields import ArrayField, BoolField, ChoiceField, Field, Shape
from talon.ir.graph import Graph
from talon.ir.grouped import Grouped
from talon.ir.node import Node
from talon.ir.primitive import Composite, Primitive
from talon.ir.primitives.boundary import Input
from talon.testing.strategies import Draw, Sample, drawn, instance
from talon.testing.trial import BATCH, STEPS, around, arrays, executed, fed, output_shapes, same, states

DRAWS = 12
"""How many other values of a field are tried until one is legal and makes a difference."""


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
    """A leaf's step gives what infer promised, and changes neither inputs nor old state."""
    if not isinstance(case.node, Primitive) or isinstance(case.node, Input):
        return
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(STEPS, BATCH, *shape)).astype(np.float32) for shape in case.inputs]
    for x in data:
        x[rng.random(x.shape) < 0.3] = 0
        x.flags.writeable = False
    together = run(case.node, case.inputs, data)
    for outputs in together:
        for array, shape in zip(outputs, output_shapes(case), strict=True):
            assert array.shape == (BATCH, *shape), f"step gave {array.shape}, infer promised {(BATCH, *shape)}"
            assert array.dtype == np.float32, f"step gave {array.dtype} for float32"


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


def runs(case: Sample) -> None:
    """In a graph it gives what infer promised, composites too, and counts of every step and sample."""
    result = executed(case, fed(case))
    for array, shape in zip(result.outputs.values(), output_shapes(case), strict=True):
        assert array.shape == (STEPS, BATCH, *shape), f"running gave {array.shape[2:]}, infer promised {shape}"
    for path, counted in result.counts.items():
        for quantity, values in counted.items():
            assert values.shape == (STEPS, BATCH), f"{quantity} of {path} have shape {values.shape}"
            assert (values >= 0).all(), f"{quantity} of {path} are negative"
    for name, array in states(result.state):
        assert array.shape[:1] == (BATCH,), f"{name} does not begin with the batch axis: {array.shape}"


def keeps_samples_apart(case: Sample) -> None:
    """Each sample of a batch gives what it gives alone: outputs, state, counts."""
    inputs = fed(case)
    together = executed(case, inputs)
    for b in range(BATCH):
        alone = executed(case, {name: array[:, b : b + 1] for name, array in inputs.items()})
        for name, array in together.outputs.items():
            assert same(alone.outputs[name], array[:, b : b + 1]), "a sample depends on its batch"
        kept = dict(states(alone.state))
        for name, array in states(together.state):
            assert same(kept[name], array[b : b + 1]), f"{name} of a sample depends on its batch"
        for path, counted in together.counts.items():
            for quantity, values in counted.items():
                own = alone.counts[path][quantity]
                assert np.array_equal(own, values[:, b : b + 1]), f"{quantity} of a sample depend on its batch"


def streams(case: Sample) -> None:
    """Cut anywhere and gone on from the state between, a run gives what it gives in one piece."""
    inputs = fed(case)
    whole = executed(case, inputs)
    for cut in range(1, STEPS):
        first = executed(case, {name: array[:cut] for name, array in inputs.items()})
        second = executed(case, {name: array[cut:] for name, array in inputs.items()}, first.state)
        for name, array in whole.outputs.items():
            joined = np.concatenate([first.outputs[name], second.outputs[name]])
            assert same(joined, array), f"cut after step {cut} it gives something else"
        kept = dict(states(second.state))
        for name, array in states(whole.state):
            assert same(kept[name], array), f"cut after step {cut} it ends in another {name}"


def dtypes(case: Sample) -> None:
    """Outputs and state have the dtype of the run, and the dtype in which a parameter was given does not matter."""
    inputs = fed(case)
    for dtype in ("float32", "float64"):
        for name, array in arrays(executed(case, inputs, dtype=dtype)):
            assert array.dtype == dtype, f"{name} is {array.dtype} in a run in {dtype}"
    values = {name: case.node.stored(name) for name in case.node.given()}
    for name, value in values.items():
        if isinstance(value, (np.ndarray, Grouped)):
            values[name] = value.astype(np.float32).astype(np.float64)
    wide = dict(arrays(executed(Sample(type(case.node).restore(values), case.inputs), inputs)))
    for name, array in arrays(executed(case, inputs)):
        assert same(wide[name], array), f"{name} depends on the dtype in which parameters are given"


def decomposes(case: Sample) -> None:
    """A composite's graph has its ports, in number and order, the shapes that it infers, and no errors."""
    if not isinstance(case.node, Composite):
        return
    inner = case.node.decompose()
    ports, own = inner.ports(), case.node.ports()
    assert len(ports.inputs) == len(own.inputs), "the decomposition has another number of Inputs"
    assert len(ports.outputs) == len(own.outputs), "the decomposition has another number of Outputs"
    assert inner.infer(*case.inputs) == case.node.infer(*case.inputs), "the decomposition gives another shape"
    assert all(node.shape is None for node in inner.inputs.values()), "the shape of an Input is not left open"
    flat = around(case).flatten()
    assert not any(isinstance(node, (Composite, Graph)) for node in flat.nodes.values())
    assert flat.check().ok, f"the flattened graph has {flat.check().errors[:1]}"


def uses_every_field(case: Sample) -> None:
    """Whatever a composite declares changes its decomposition, but for the fields that `Sample.unused` names."""
    if not isinstance(case.node, Composite):
        return
    for name, field in type(case.node).fields.items():
        if field is Node.fields.get(name) or name in case.unused:
            continue
        tried, used = 0, False
        for node, other in pairs(case.node, name, field):
            tried += 1
            if node.decompose().fingerprint() != other.decompose().fingerprint():
                used = True
                break
        assert used or not tried, f"{name} makes no difference to the decomposition"


def pairs(node: Composite, name: str, field: Field) -> Iterator[tuple[Composite, Composite]]:
    """Legal nodes that differ in one field, under several settings of the others."""
    for base in settings(node, name):
        for value in others(field, base):
            changed = legal(base, {name: value})
            if changed is not None and not field.same(changed.stored(name), base.stored(name)):
                yield base, changed


def settings(node: Composite, name: str) -> Iterator[Composite]:
    """The node itself, then with other words and flags, then others of its class: a field may need those to matter."""
    yield node
    for other, field in type(node).fields.items():
        options: tuple[Any, ...] = ()
        if isinstance(field, ChoiceField):
            options = field.options
        elif isinstance(field, BoolField):
            options = (False, True)
        for option in options:
            changed = legal(node, {other: option}) if other != name else None
            if changed is not None:
                yield changed
    yield from (instance(type(node), np.random.default_rng(seed)) for seed in range(DRAWS))


def others(field: Field, node: Node) -> Iterator[Any]:
    """Other values of a field: for an array the same shape with other numbers."""
    value = node.stored(field.name)
    if isinstance(field, ArrayField) and value is not None:
        yield np.asarray(getattr(node, field.name)) + 1
        return
    if isinstance(field, ChoiceField):
        yield from field.options
        return
    draw = Draw(np.random.default_rng(0), axes=dict(node.dims))
    yield from (drawn(field, draw) for _ in range(DRAWS))


def legal(node: Composite, fields: dict[str, Any]) -> Composite | None:
    try:
        return node.changed(**fields)
    except TalonError:
        return None
