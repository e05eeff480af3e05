"""What a run will need, from shapes alone, and the refusal of one that does not fit in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from talon.engine.choice import Engine, Estimating
from talon.engine.inputs import cast_bytes
from talon.engine.memory import available, sized
from talon.ir.errors import TalonRunError
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.primitive import Primitive

if TYPE_CHECKING:
    from talon.engine.task import Task

SMALL = 64 << 20
"""Runs that need no more than this are not compared with the memory that there is."""
COUNTED = 2 * 8 + 1
"""Bytes a step and sample of a node that counts: two int64 quantities, and whether the input was binary."""
WIDEST = 8
"""Bytes of a value in float64."""
RESULTS = ("output ", "record ", "counts", "state")
"""How the parts begin that are given back."""
NAMED = 6
"""How many parts a message names."""


@dataclass(frozen=True)
class Sizes:
    """Shapes that say what a flat graph needs; no array is made for them."""

    flat: Graph
    in_shapes: Mapping[str, tuple[Shape, ...]]
    out_shapes: Mapping[str, tuple[Shape, ...]]

    @cached_property
    def states(self) -> dict[str, dict[str, Shape]]:
        """The sample shapes of every node's state, by flat name. Asked of a batch of none, which takes no room."""
        found: dict[str, dict[str, Shape]] = {}
        for name, node in self.flat.nodes.items():
            # What a stranger's primitive says wrong, or cannot say of an empty batch, is found when it runs.
            with contextlib.suppress(Exception):
                if isinstance(node, Primitive):
                    state = node.init_state(0, self.in_shapes[name], np.dtype(np.float32))
                    found[name] = {quantity: array.shape[1:] for quantity, array in state.items()}
        return found

    @cached_property
    def step_values(self) -> int:
        """Values that all nodes of one sample send in a step."""
        return sum(prod(shape) for shapes in self.out_shapes.values() for shape in shapes)

    @cached_property
    def state_values(self) -> int:
        """Values of one sample that go from step to step: state, and what delayed edges have still to deliver."""
        held: dict[tuple[int, int], int] = {}
        for link, delay in zip(self.flat.links, self.flat.delays(), strict=True):
            key = (link.src, link.src_port)
            held[key] = max(delay, held.get(key, 0))
        names = list(self.flat.nodes)
        waiting = sum(delay * prod(self.out_shapes[names[node]][port]) for (node, port), delay in held.items())
        return waiting + sum(prod(shape) for state in self.states.values() for shape in state.values())

    @cached_property
    def counting(self) -> int:
        """How many nodes count."""
        nodes = self.flat.nodes.values()
        return sum(isinstance(node, Primitive) and type(node).count is not Primitive.count for node in nodes)

    @cached_property
    def parameter_values(self) -> int:
        return sum(node.parameter_count() for node in self.flat.nodes.values())

    @cached_property
    def most(self) -> int:
        """Bytes that a step of a sample can take, with everything recorded."""
        return (self.step_values + self.state_values) * WIDEST * 2 + self.counting * COUNTED


@dataclass
class Needs:
    """Bytes by part: `each` grows with the number of steps, `once` does not."""

    steps: int
    each: dict[str, int] = field(default_factory=dict)
    once: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.each.values()) + sum(self.once.values())

    def steps_in(self, size: int) -> int:
        """How many steps fit, at least 0."""
        a_step = max(1, -(-sum(self.each.values()) // self.steps))
        return max(0, size - sum(self.once.values())) // a_step

    def __str__(self) -> str:
        parts = sorted((self.each | self.once).items(), key=lambda part: -part[1])
        named = [(name, size) for name, size in parts[:NAMED] if size >= self.total / 100]
        rest = self.total - sum(size for _, size in named)
        return f"{sized(self.total)}: " + ", ".join(f"{name} {sized(size)}" for name, size in [*named, ("other", rest)])


def needs(task: Task, sizes: Sizes, engine: Engine | None, cast: bool) -> Needs:
    """What a task, whose inputs are not cast yet, will need. `cast`: the parameters are still to be."""
    item, lead = task.dtype.itemsize, task.steps * task.batch
    found = Needs(task.steps)
    for name, array in task.inputs.items():
        size = cast_bytes(array, task.dtype)
        # What is held for all steps does not grow with them.
        (found.each if array.strides[0] else found.once)[f"input {name!r} as {task.dtype}"] = size
    for name in task.graph.outputs:
        path = task.paths[name]
        found.each[f"output {path!r}"] = lead * prod(task.out_shapes[name][0]) * item
    for key, shape in recorded(task, sizes).items():
        found.each[f"record {key!r}"] = lead * prod(shape) * item
    found.each["counts"] = lead * sizes.counting * COUNTED
    found.once["state"] = task.batch * sizes.state_values * item
    if cast:
        found.once["parameters"] = sizes.parameter_values * item
    if isinstance(engine, Estimating):
        taken = sum(size for name, size in (found.each | found.once).items() if name.startswith(RESULTS))
        found.once["the engine's own values"] = engine.working_bytes(task, taken)
    else:
        found.once["the values of a step"] = task.batch * sizes.step_values * item
    return found


def recorded(task: Task, sizes: Sizes) -> dict[str, Shape]:
    """The sample shapes of what is recorded, by key."""
    if not task.record:
        return {}
    shapes: dict[str, Shape] = {}
    for name, node in task.graph.nodes.items():
        state = sizes.states.get(name, {})
        for key, quantity, port in task.recordable(name, node, state):
            shapes[key] = state[quantity] if port is None else task.out_shapes[name][port]
    keys = task.wanted(shapes)
    shapes |= {outlet: shapes[inner] for outlet, inner in task.outlets.items()}
    return {key: shapes[key] for key in keys}


def refuse_too_large(task: Task, sizes: Sizes, engine: Engine | None, cast: bool) -> None:
    """Raise `TalonRunError` (T409) for a task that will not fit in the memory that there is."""
    # Most runs are small; a session, above all, should not have to add this up at every step.
    most = task.batch * (task.steps + 2) * sizes.most + sum(cast_bytes(a, task.dtype) for a in task.inputs.values())
    if most + cast * sizes.parameter_values * WIDEST <= SMALL:
        return
    needed = needs(task, sizes, engine, cast)
    if needed.total <= SMALL or (there := available()) is None or needed.total <= there.size:
        return
    raise TalonRunError(
        "T409",
        f"{task.steps:,} steps of {task.batch:,} samples do not fit in memory",
        expected=f"at most {sized(there.size)} ({there.limit})",
        found=str(needed),
        help=advice(needed, there.size),
    )


def advice(needed: Needs, size: int) -> str:
    """How to go on: in chunks of so many steps, if one fits."""
    fit = needed.steps_in(size // 2)
    if not fit:
        return "give fewer samples at a time, or record less: not even a few steps fit"
    chunk = fit - fit % 10 ** (len(str(fit)) - 1)
    return (
        f"go on from chunk to chunk with talon.engine.stream(graph, inputs, chunk={chunk}), record less, or send the "
        "results to a file with talon.engine.record_to (on the command line: -o results.h5)"
    )
