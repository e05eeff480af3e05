"""A task wired up: every node with its state, and for each argument the values that are added to make it.

What engines share: they differ in the order in which they go through steps and nodes, never in what a node is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from talon.engine.state import State, check_like
from talon.engine.task import Task
from talon.ir.errors import TalonError, TalonRunError
from talon.ir.fields import Shape
from talon.ir.node import Node
from talon.ir.primitive import Primitive


class Source(NamedTuple):
    """Where a value comes from: a node's number and port, `delay` steps ago."""

    node: int
    port: int
    delay: int


@dataclass
class Unit:
    """A node ready to run: each argument is the sum of its sources. `promised`: `(B, *shape)` of each output."""

    path: str
    node: Primitive
    arguments: list[list[Source]]
    shapes: tuple[Shape, ...]
    promised: list[Shape]
    ports: tuple[str, ...]
    dtype: np.dtype[Any]
    state: dict[str, np.ndarray] = field(default_factory=dict)

    def step(self, t: int, arguments: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """One step of the node; its outputs are what `infer` promised, or the primitive is at fault."""
        return self.outcome(t, arguments, self.promised)

    def outcome(self, t: int, arguments: tuple[np.ndarray, ...], promised: list[Shape]) -> tuple[np.ndarray, ...]:
        """What the node's step gives, which must have these shapes, batch included."""
        result = guarded(self, f"step {t}", self.node.step, t, self.state, *arguments)
        values = result if isinstance(result, tuple) else (result,)
        if [value.shape for value in values if isinstance(value, np.ndarray)] != promised or any(
            value.dtype != self.dtype for value in values
        ):
            raise broken_promise(
                self,
                "step",
                f"{self.dtype} of shape {', '.join(map(str, promised))}, as infer says",
                ", ".join(f"{getattr(v, 'dtype', type(v).__name__)} {getattr(v, 'shape', '')}" for v in values),
            )
        return tuple([read_only(value) for value in values])

    def count(self, arguments: tuple[np.ndarray, ...], result: tuple[np.ndarray, ...]) -> dict[str, Any]:
        """What the step cost, each quantity `(B,)` or one number for all."""
        found = guarded(self, "count", self.node.count, arguments, result[0] if len(result) == 1 else result)
        if found and "macs" in found:
            found["binary_input"] = binary(arguments[0])
        return dict(found or {})


Counted = tuple[str, dict[str, Any]]
"""A node's path, and quantities of what it did: `(T, B)`, or one number for all."""


KEPT = 256
"""How many parts of a run tallies keep before they are added."""


class Tallies:
    """Counts while they are made: node path -> quantity -> `(T, B)`."""

    def __init__(self, steps: int, batch: int) -> None:
        self.size = (steps, batch)
        self.found: dict[str, dict[str, np.ndarray]] = {}
        self.kept: list[tuple[slice, list[Counted], list[np.ndarray]]] = []

    def add(self, path: str, steps: int | slice, quantities: dict[str, Any]) -> None:
        """What one step, or several, cost a node."""
        own = self.found.setdefault(path, {}) if quantities else {}
        for quantity, value in quantities.items():
            if quantity not in own:
                own[quantity] = np.zeros(self.size, bool if quantity == "binary_input" else np.int64)
            own[quantity][steps] = value

    def keep(self, steps: slice, counted: list[Counted]) -> None:
        """What these steps cost several nodes, to be added when somebody asks. The arrays may be changed at once; the
        rest stays."""
        arrays = [
            value.copy() for _, quantities in counted for value in quantities.values() if type(value) is np.ndarray
        ]
        self.kept.append((steps, counted, arrays))
        # Many small arrays take more than what they are added to.
        if len(self.kept) >= KEPT:
            self.all()

    def all(self) -> dict[str, Mapping[str, np.ndarray]]:
        """Everything that was added or kept."""
        for steps, counted, arrays in self.kept:
            own = iter(arrays)
            for path, quantities in counted:
                self.add(path, steps, {q: next(own) if type(v) is np.ndarray else v for q, v in quantities.items()})
        self.kept = []
        return {**self.found}


class Wiring:
    """The units of a task by number, which is their place in the flat graph; `order`: of one step. `depths`: the
    longest delay of every delayed port. `held`: the values still to be delivered when the run begins, oldest first.

    `own`: copies of nodes that were cast already, by flat name; nobody may change their arrays.
    """

    def __init__(self, task: Task, own: Mapping[str, Primitive] | None = None) -> None:
        self.task = task
        self.own = own or {}
        self.names = list(task.graph.nodes)
        self.units = [self.unit(name) for name in self.names]
        number = {name: place for place, name in enumerate(self.names)}
        self.order = [number[name] for name in task.graph.order()]
        self.number = number
        self.exits = {number[name]: name for name in task.graph.outputs}
        self.depths: dict[tuple[int, int], int] = {}
        self.held: dict[tuple[int, int], list[np.ndarray]] = {}
        self.connect()
        self.first = 0
        if task.state is not None:
            self.resume(task.state)

    def unit(self, name: str) -> Unit:
        task, node = self.task, self.task.graph.nodes[name]
        path = task.paths[name]
        own = self.own.get(name) or cast(node, path, task.dtype)
        ports = node.ports()
        arguments: list[list[Source]] = [[] for port in ports.inputs if not port.ordered]
        shapes = task.out_shapes[name]
        promised = [(task.batch, *shape) for shape in shapes]
        unit = Unit(path, own, arguments, shapes, promised, ports.outputs, task.dtype)
        self.reset(unit, name)
        return unit

    def reset(self, unit: Unit, name: str) -> None:
        """The state before the first step."""
        task = self.task
        unit.state = guarded(unit, "init_state", unit.node.init_state, task.batch, task.in_shapes[name], task.dtype)
        if not isinstance(unit.state, dict) or not all(isinstance(a, np.ndarray) for a in unit.state.values()):
            raise broken_promise(unit, "init_state", "a dict of arrays", f"{unit.state!r:.80}")

    def rewind(self, task: Task) -> None:
        """The same graph and batch with other inputs, but for the states of the units."""
        self.task, self.first = task, 0
        self.held = {key: [] for key in self.held}

    def restart(self, task: Task) -> None:
        """The same graph and batch with other inputs, from the beginning or the task's state."""
        self.rewind(task)
        for unit, name in zip(self.units, self.names, strict=True):
            if unit.state:
                self.reset(unit, name)
        if task.state is not None:
            self.resume(task.state)

    def connect(self) -> None:
        """Give every edge to the argument it feeds, in edge order."""
        graph = self.task.graph
        ports = [node.ports() for node in graph.nodes.values()]
        for link, delay in zip(graph.links, graph.delays(), strict=True):
            source = Source(link.src, link.src_port, delay)
            arguments = self.units[link.dst].arguments
            if ports[link.dst].inputs[link.dst_port].ordered:
                arguments.append([source])
            else:
                arguments[link.dst_port].append(source)
            if delay:
                key = (link.src, link.src_port)
                self.depths[key] = max(delay, self.depths.get(key, 0))
                self.held[key] = []

    @property
    def inputs(self) -> dict[int, np.ndarray]:
        """The arrays of the Inputs by number."""
        return {self.number[name]: read_only(array) for name, array in self.task.inputs.items()}

    def zeros(self, node: int, port: int) -> np.ndarray:
        """What a delayed port gives before anything has reached its end."""
        return read_only(np.zeros((self.task.batch, *self.units[node].shapes[port]), self.task.dtype))

    def resume(self, state: State) -> None:
        expected = {unit.path: unit.state for unit in self.units if unit.state}
        if state.nodes.keys() != expected.keys():
            different = sorted(state.nodes.keys() ^ expected.keys())
            raise TalonRunError(
                "T403",
                "the state was made by another graph",
                expected=", ".join(sorted(expected)) or "no state",
                found="different at " + ", ".join(map(repr, different[:5])),
            )
        for unit in self.units:
            if unit.state:
                check_like(state.nodes[unit.path], unit.state, unit.path)
                unit.state = {name: np.array(a) for name, a in state.nodes[unit.path].items()}
        named = {self.port_name(*key): key for key in self.depths}
        if set(state.delays) != (set(named) if state.step else set()):
            raise TalonRunError(
                "T403",
                "the state's delayed values are not those of this graph",
                expected=", ".join(map(repr, named)) or "none",
                found=", ".join(map(repr, state.delays)) or "none",
            )
        for name, array in state.delays.items():
            node, port = named[name]
            depth, shape = self.depths[node, port], (self.task.batch, *self.units[node].shapes[port])
            dtype = self.zeros(node, port).dtype
            if array.shape[1:] != shape or array.dtype != dtype or len(array) > depth:
                raise TalonRunError(
                    "T403",
                    "the state's delayed values do not fit",
                    node=name,
                    expected=f"at most {depth} of {dtype} {shape}",
                    found=f"{array.dtype} {array.shape}",
                )
            self.held[node, port] = [np.array(value) for value in array]
        self.first = state.step

    def port_name(self, node: int, port: int) -> str:
        return f"{self.units[node].path}:{self.units[node].ports[port]}"

    def recordable(self) -> dict[str, tuple[int, str, int | None]]:
        """What can be recorded of every node, by key: number, quantity, and port or None for state."""
        return {
            key: (number, quantity, port)
            for number, (name, unit) in enumerate(zip(self.names, self.units, strict=True))
            for key, quantity, port in self.task.recordable(name, unit.node, unit.state)
        }

    def wanted(self) -> tuple[dict[str, np.ndarray], dict[str, tuple[int, str, int | None]]]:
        """Empty records `(T, B, *shape)` of what is asked for, and where each comes from."""
        task, places = self.task, self.recordable()
        keys = task.wanted(places)
        places |= {outlet: places[inner] for outlet, inner in task.outlets.items()}
        records: dict[str, np.ndarray] = {}
        for key in keys:
            number, name, port = places[key]
            unit = self.units[number]
            shape = unit.state[name].shape if port is None else unit.promised[port]
            records[key] = np.empty((task.steps, *shape), task.dtype)
        return records, {key: places[key] for key in keys}

    def state(self) -> State:
        """After the run: what the units hold, and `held`."""
        nodes = {unit.path: dict(unit.state) for unit in self.units if unit.state}
        return State(self.first + self.task.steps, nodes, self.delays())

    def delays(self) -> dict[str, np.ndarray]:
        """The values still to be delivered, by the name of the port."""
        return {self.port_name(*key): np.stack(values) for key, values in self.held.items() if values}


def cast(node: Node, path: str, dtype: np.dtype[Any]) -> Primitive:
    """The node's own copy for a run at `dtype`."""
    if not isinstance(node, Primitive):
        raise TalonRunError("T405", "the node has no step", node=path, found=type(node).__name__)
    try:
        with np.errstate(over="raise"):
            return node.cast(dtype)
    except FloatingPointError:
        raise TalonRunError(
            "T402", f"a parameter is too large for {dtype}", node=path, help='run with dtype="float64"'
        ) from None


def binary(x: np.ndarray) -> np.ndarray:
    """Whether all values of each sample are 0 or 1."""
    flat = x.reshape(len(x), -1)
    return np.asarray(((flat == 0) | (flat == 1)).all(axis=1))


def read_only(array: np.ndarray) -> np.ndarray:
    """A view for several nodes, now and at later steps; changing it in place would change what the others read."""
    view = array.view()
    view.flags.writeable = False
    return view


def guarded(unit: Unit, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a primitive's method gives; whatever it raises names the node."""
    try:
        return function(*arguments)
    except TalonError as error:
        raise error.at(node=unit.path) from None
    except Exception as error:
        raise TalonRunError(
            "T407",
            f"{type(unit.node).__name__} failed at {what}",
            node=unit.path,
            found=f"{type(error).__name__}: {error}",
            help="report it to the distribution that provides it",
        ) from error


def broken_promise(unit: Unit, what: str, expected: str, found: str) -> TalonRunError:
    return TalonRunError(
        "T407",
        f"{type(unit.node).__name__}.{what} gave something else than it promised",
        node=unit.path,
        expected=expected,
        found=found,
        help="report it to the distribution that provides it",
    )
