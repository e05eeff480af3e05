"""A checked run: what every engine is given. Everything a user can get wrong has been refused before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import numpy as np

from talon.engine.arguments import callback, counted, options_of, wanted
from talon.engine.choice import Engine
from talon.engine.inputs import batches, cast, gathered
from talon.engine.needs import Sizes, refuse_too_large
from talon.engine.state import State
from talon.ir.errors import TalonGraphError, TalonRunError, suggest
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.infer import infer_shapes
from talon.ir.node import Node
from talon.ir.opaque import Opaque
from talon.ir.primitive import Composite, Primitive

Progress = Callable[[int, int], None]

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Task:
    """`graph` is flat and valid; `inputs` are `(T, B, *shape)` of `dtype` by Input name; `paths` lead from the flat
    names to the user's; `in_shapes` and `out_shapes` are sample shapes by flat name."""

    graph: Graph
    inputs: Mapping[str, np.ndarray]
    steps: int
    batch: int
    dtype: np.dtype[Any]
    paths: Mapping[str, str]
    in_shapes: Mapping[str, tuple[Shape, ...]]
    out_shapes: Mapping[str, tuple[Shape, ...]]
    state: State | None = None
    record: tuple[str, ...] = ()
    threads: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress | None = None
    outlets: Mapping[str, str] = field(default_factory=dict)
    """`path.port` of nested graphs and composites -> the key of the leaf that gives it; only where something is
    recorded."""

    def recordable(self, name: str, node: Node, state: Iterable[str]) -> Iterator[tuple[str, str, int | None]]:
        """What can be recorded of a node, with names of its state: its output ports, its state, and `spikes` where the
        output is spikes. Each with key, quantity, and port or None for state."""
        path = self.paths[name]
        for quantity in state:
            yield f"{path}.{quantity}", quantity, None
        for port, quantity in enumerate(node.ports().outputs):
            yield f"{path}.{quantity}", quantity, port
        if isinstance(node, Primitive) and node.spiking:
            yield f"{path}.spikes", "spikes", 0

    def wanted(self, available: Iterable[str]) -> list[str]:
        """The keys `path.quantity` that `record` asks for, leaves' and `outlets`. Raises `TalonRunError` (T404) where
        nothing matches."""
        return matching(self.record, [*available, *self.outlets])


def matching(patterns: Iterable[str], keys: Sequence[str]) -> list[str]:
    """The keys that are asked for, by themselves or by a pattern such as `*.spikes`, each once. Raises `TalonRunError`
    (T404) for a pattern that matches none."""
    known = set(keys)
    chosen: dict[str, None] = {}
    for pattern in patterns:
        matched = [pattern] if pattern in known else [key for key in keys if fnmatchcase(key, pattern)]
        if not matched:
            raise TalonRunError(
                "T404",
                f"nothing called {pattern!r} can be recorded",
                expected=", ".join(keys[:8]) + (", ..." if len(keys) > 8 else ""),
                found=repr(pattern),
                help=suggest(pattern, keys, "use 'node.quantity', or a pattern such as '*.spikes'"),
            )
        chosen |= dict.fromkeys(matched)
    return list(chosen)


def refuse_opaque(graph: Graph, prefix: str = "") -> None:
    """Raise `TalonRunError` (T408) for a node whose type is not installed."""
    for name, node in graph.nodes.items():
        if isinstance(node, Opaque):
            found = node.unknown(prefix + name)
            raise TalonRunError(
                "T408",
                f"nobody here knows what {node.stored_type!r} computes",
                node=found.node,
                expected=found.expected,
                found=found.found,
                help=found.help,
            )
        if isinstance(node, Graph):
            refuse_opaque(node, f"{prefix}{name}/")


def outlets(graph: Graph, prefix: str = "") -> Iterator[tuple[str, str]]:
    """For every output port of what is inlined, its key and that of the boundary inside."""
    for name, node in graph.nodes.items():
        inner = node.decompose() if isinstance(node, Composite) else node
        if isinstance(inner, Graph):
            path = prefix + name
            for port, output in zip(node.ports().outputs, inner.outputs, strict=True):
                yield f"{path}.{port}", f"{path}/{output}.out"
            yield from outlets(inner, f"{path}/")


@dataclass(frozen=True)
class Prepared(Sizes):
    """A graph that can run, flattened: `flat` with the sample shapes of every node's inputs and outputs."""

    @cached_property
    def declared(self) -> dict[str, Shape | None]:
        """The shapes that the Inputs declare."""
        return {name: node.shape for name, node in self.flat.inputs.items()}

    @cached_property
    def paths(self) -> dict[str, str]:
        """From the flat names to the user's."""
        return self.flat.provenance


def refuse_unsound(graph: Graph) -> None:
    """Raise `TalonGraphError` or `TalonRunError` for a graph that cannot run, whatever its inputs are."""
    graph.validate()
    refuse_opaque(graph)


def prepare(graph: Graph, samples: tuple[Shape, ...]) -> Prepared:
    """Flatten a sound graph for inputs of these sample shapes. Raises `TalonGraphError` where they do not fit."""
    flat = graph.flatten()
    shapes = infer_shapes(flat, samples)
    for problem in shapes.problems:
        error = TalonGraphError(problem.code, problem.message)
        error.diagnostic = problem
        raise error
    known: dict[str, tuple[Shape, ...]] = {}
    for name, found in zip(flat.nodes, shapes.outputs, strict=True):
        complete = tuple(shape for shape in found if shape is not None)
        if len(complete) < len(found):
            raise TalonGraphError(
                "T108",
                "the shape stays open, so the graph cannot run",
                node=name,
                help="declare input_type or output_type on a node of the cycle",
            )
        known[name] = complete
    entering = {n: tuple(s for s in found if s is not None) for n, found in zip(flat.nodes, shapes.inputs, strict=True)}
    return Prepared(flat, entering, known)


@dataclass(frozen=True)
class Draft:
    """A task whose inputs are not cast yet, so that nothing large was made. `fresh`: its nodes are still to be cast."""

    task: Task
    prepared: Prepared
    fresh: bool

    def ready(self, engine: Engine | None = None) -> Task:
        """The task, unless it does not fit in memory. Raises `TalonRunError` (T406, T409)."""
        task = self.task
        refuse_too_large(task, self.prepared, engine, self.fresh)
        inputs = {name: cast(name, array, task.dtype) for name, array in task.inputs.items()}
        if all(inputs[name] is array for name, array in task.inputs.items()):
            return task
        return replace(task, inputs=inputs)


def make_task(graph: Graph, inputs: Any, *, engine: Engine | None = None, **given: Any) -> Task:
    """The task of `draft`, ready for an engine, which may say what it needs itself."""
    return draft(graph, inputs, **given).ready(engine)


def draft(
    graph: Graph,
    inputs: Any,
    *,
    dtype: str = "float32",
    state: State | None = None,
    record: str | Iterable[str] = (),
    repeat: int | None = None,
    threads: int = 1,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    prepared: Prepared | None = None,
) -> Draft:
    """Check everything and flatten the graph, unless it is `prepared` for these shapes already."""
    if dtype not in DTYPES:
        raise TalonRunError("T402", "graphs run in float32 or float64", expected=" or ".join(DTYPES), found=repr(dtype))
    threads = counted("threads is a whole number", threads, "leave it out for one thread")
    asked, given = wanted(record), options_of(options)
    if state is not None and not isinstance(state, State):
        raise TalonRunError("T403", "state is no State", expected="Result.state or State.load(path)", found=repr(state))
    fresh = prepared is None
    if prepared is None:
        refuse_unsound(graph)
        arrays, steps, batch = batches(graph, inputs, repeat)
        prepared = prepare(graph, tuple(array.shape[2:] for array in arrays.values()))
    else:
        arrays, steps, batch = gathered(prepared.declared, inputs, repeat)
    task = Task(
        prepared.flat,
        arrays,
        steps,
        batch,
        np.dtype(dtype),
        prepared.paths,
        prepared.in_shapes,
        prepared.out_shapes,
        state,
        asked,
        threads,
        given,
        callback(progress),
        dict(outlets(graph)) if asked else {},
    )
    return Draft(task, prepared, fresh)
