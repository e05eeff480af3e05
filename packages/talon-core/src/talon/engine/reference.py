"""The reference engine: interprets the primitives' own numpy `step`, node by node. The oracle for all others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from talon.engine.counts import Counts
from talon.engine.result import EngineUse, Result
from talon.engine.state import State, check_like
from talon.engine.task import Task
from talon.ir.errors import TalonError, TalonRunError
from talon.ir.fields import Shape
from talon.ir.graph import Graph
from talon.ir.primitive import Primitive


class Source(NamedTuple):
    """Where a value comes from: a node's number and port, `delay` steps ago."""

    node: int
    port: int
    delay: int


@dataclass
class Unit:
    """A node ready to run: each argument is the sum of its sources."""

    path: str
    node: Primitive
    arguments: list[list[Source]]
    shapes: tuple[Shape, ...]
    ports: tuple[str, ...]
    state: dict[str, np.ndarray] = field(default_factory=dict)


class ReferenceEngine:
    """Runs any flat graph, one step after the other."""

    options: frozenset[str] = frozenset()

    def refuses(self, graph: Graph, dtype: str) -> str | None:
        return None

    def execute(self, task: Task) -> Result:
        return _Run(task).execute()


class _Run:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.names = list(task.graph.nodes)
        self.units = [self.unit(name) for name in self.names]
        order = {name: number for number, name in enumerate(self.names)}
        self.order = [order[name] for name in task.graph.order()]
        self.inputs = {order[name]: read_only(array) for name, array in task.inputs.items()}
        self.values: list[tuple[np.ndarray, ...]] = [()] * len(self.units)
        self.zeros: dict[tuple[int, int], np.ndarray] = {}
        self.history: dict[tuple[int, int], deque[np.ndarray]] = {}
        self.wire()
        self.first = 0
        if task.state is not None:
            self.resume(task.state)

    def unit(self, name: str) -> Unit:
        task, node = self.task, self.task.graph.nodes[name]
        path = task.paths[name]
        if not isinstance(node, Primitive):
            raise TalonRunError("T405", "the node has no step", node=path, found=type(node).__name__)
        try:
            with np.errstate(over="raise"):
                own = node.cast(task.dtype)
        except FloatingPointError:
            raise TalonRunError(
                "T402", f"a parameter is too large for {task.dtype}", node=path, help='run with dtype="float64"'
            ) from None
        ports = node.ports()
        arguments: list[list[Source]] = [[] for port in ports.inputs if not port.ordered]
        unit = Unit(path, own, arguments, task.out_shapes[name], ports.outputs)
        unit.state = guarded(unit, "init_state", own.init_state, task.batch, task.in_shapes[name], task.dtype)
        if not isinstance(unit.state, dict) or not all(isinstance(a, np.ndarray) for a in unit.state.values()):
            raise broken_promise(unit, "init_state", "a dict of arrays", f"{unit.state!r:.80}")
        return unit

    def wire(self) -> None:
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
                old = self.history.get(key)
                if old is None or (old.maxlen or 0) < delay:
                    self.history[key] = deque(maxlen=delay)
                shape = (self.task.batch, *self.units[link.src].shapes[link.src_port])
                self.zeros[key] = read_only(np.zeros(shape, self.task.dtype))

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
        named = {self.port_name(*key): key for key in self.history}
        if set(state.delays) != (set(named) if state.step else set()):
            raise TalonRunError(
                "T403",
                "the state's delayed values are not those of this graph",
                expected=", ".join(map(repr, named)) or "none",
                found=", ".join(map(repr, state.delays)) or "none",
            )
        for name, array in state.delays.items():
            ring, zero = self.history[named[name]], self.zeros[named[name]]
            if array.shape[1:] != zero.shape or array.dtype != zero.dtype or len(array) > (ring.maxlen or 0):
                raise TalonRunError(
                    "T403",
                    "the state's delayed values do not fit",
                    node=name,
                    expected=f"at most {ring.maxlen} of {zero.dtype} {zero.shape}",
                    found=f"{array.dtype} {array.shape}",
                )
            ring.extend(np.array(value) for value in array)
        self.first = state.step

    def port_name(self, node: int, port: int) -> str:
        return f"{self.units[node].path}:{self.units[node].ports[port]}"

    def argument(self, sources: list[Source]) -> np.ndarray:
        """The sum of the sources in edge order; a single one is handed on as it is."""
        total: np.ndarray | None = None
        for node, port, delay in sources:
            if delay:
                ring = self.history[node, port]
                value = ring[-delay] if len(ring) >= delay else self.zeros[node, port]
            else:
                value = self.values[node][port]
            total = value if total is None else total + value
        assert total is not None  # validate() refuses a port without edges
        return total

    def execute(self) -> Result:
        task = self.task
        recorder = _Recorder(self)
        tallies: dict[str, dict[str, np.ndarray]] = {}
        outputs = {
            name: np.empty((task.steps, task.batch, *task.out_shapes[name][0]), task.dtype)
            for name in task.graph.outputs
        }
        exits = {self.names.index(name): array for name, array in outputs.items()}
        for step in range(task.steps):
            for number in self.order:
                unit = self.units[number]
                entering = self.inputs.get(number)
                if entering is not None:
                    self.values[number] = (entering[step],)
                    continue
                arguments = tuple([self.argument(sources) for sources in unit.arguments])
                result = self.step(unit, self.first + step, arguments)
                self.values[number] = result
                self.tally(tallies, unit, step, arguments, result)
                if number in exits:
                    exits[number][step] = result[0]
            recorder.take(step)
            for (node, port), ring in self.history.items():
                ring.append(self.values[node][port])
            if task.progress is not None:
                task.progress(step + 1, task.steps)
        state = State(
            self.first + task.steps,
            {unit.path: dict(unit.state) for unit in self.units if unit.state},
            {self.port_name(*key): np.stack(ring) for key, ring in self.history.items() if ring},
        )
        use = EngineUse("reference", "", {unit.path: "numpy step" for unit in self.units})
        return Result(outputs, state, Counts(tallies), recorder.records, use)

    def step(self, unit: Unit, t: int, arguments: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """One step of one node; its outputs are what `infer` promised, or the primitive is at fault."""
        result = guarded(unit, f"step {t}", unit.node.step, t, unit.state, *arguments)
        values = result if isinstance(result, tuple) else (result,)
        promised = [(self.task.batch, *shape) for shape in unit.shapes]
        if [value.shape for value in values if isinstance(value, np.ndarray)] != promised or any(
            value.dtype != self.task.dtype for value in values
        ):
            raise broken_promise(
                unit,
                "step",
                f"{self.task.dtype} of shape {', '.join(map(str, promised))}, as infer says",
                ", ".join(f"{getattr(v, 'dtype', type(v).__name__)} {getattr(v, 'shape', '')}" for v in values),
            )
        return tuple([read_only(value) for value in values])

    def tally(
        self,
        tallies: dict[str, dict[str, np.ndarray]],
        unit: Unit,
        step: int,
        arguments: tuple[np.ndarray, ...],
        result: tuple[np.ndarray, ...],
    ) -> None:
        found = guarded(unit, "count", unit.node.count, arguments, result[0] if len(result) == 1 else result)
        if not found:
            return
        size = (self.task.steps, self.task.batch)
        if "macs" in found:
            flat = arguments[0].reshape(self.task.batch, -1)
            found["binary_input"] = ((flat == 0) | (flat == 1)).all(axis=1)
        own = tallies.setdefault(unit.path, {})
        for quantity, value in found.items():
            if quantity not in own:
                own[quantity] = np.zeros(size, bool if quantity == "binary_input" else np.int64)
            own[quantity][step] = value


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


class _Recorder:
    """Copies the wanted values of every step into `(T, B, *shape)` arrays."""

    def __init__(self, run: _Run) -> None:
        task = run.task
        self.run = run
        self.places = {key: place for number in range(len(run.units)) for key, place in recordable(run, number)}
        self.records: dict[str, np.ndarray] = {}
        wanted = task.wanted(self.places)
        self.places |= {outlet: self.places[inner] for outlet, inner in task.outlets.items()}
        for key in wanted:
            example = self.value(key)
            self.records[key] = np.empty((task.steps, *example), task.dtype)

    def value(self, key: str) -> Shape:
        number, name, port = self.places[key]
        unit = self.run.units[number]
        return unit.state[name].shape if port is None else (self.run.task.batch, *unit.shapes[port])

    def take(self, step: int) -> None:
        for key, array in self.records.items():
            number, name, port = self.places[key]
            unit = self.run.units[number]
            array[step] = unit.state[name] if port is None else self.run.values[number][port]


def recordable(run: _Run, number: int) -> list[tuple[str, tuple[int, str, int | None]]]:
    """What can be recorded of a node: its output ports, its state, and `spikes` where the output is spikes."""
    unit = run.units[number]
    found: dict[str, Any] = {f"{unit.path}.{name}": (number, name, None) for name in unit.state}
    found |= {f"{unit.path}.{name}": (number, name, port) for port, name in enumerate(unit.ports)}
    if unit.node.spiking:
        found[f"{unit.path}.spikes"] = (number, "spikes", 0)
    return list(found.items())
