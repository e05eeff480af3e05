"""A graph compiled once and run often, and sessions that take one step after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from talon.engine.arguments import counted, named
from talon.engine.choice import check_options, help_of
from talon.engine.result import Result
from talon.engine.state import State
from talon.engine.task import Task, make_task, prepare, refuse_unsound
from talon.engine.wiring import cast
from talon.hw.arguments import expect_graph
from talon.hw.native.engine import NativeEngine
from talon.hw.native.options import Options
from talon.hw.native.sweep import Sweep
from talon.ir.errors import TalonRunError
from talon.ir.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from talon.hw.integers.engine import IntegerEngine

FLOAT32 = np.dtype(np.float32)


def compile(graph: Graph, *, engine: str = "native", **engine_options: Any) -> Program:
    """A program of the native engine, in float32, or with `engine="integer"` of a quantised graph. The graph is
    checked, flattened and copied now; every Input must declare its shape. `engine_options` as for `run`.

    Raises `TalonGraphError` for a graph that cannot run and `TalonRunError` (T405) where the engine cannot run here.
    """
    expect_graph(graph, "compile")
    return Program(graph, engine, engine_options)


def compiling(name: str) -> NativeEngine | IntegerEngine:
    """The engine of a name that makes programs."""
    from talon.hw.integers.engine import IntegerEngine

    engines: dict[str, type[NativeEngine | IntegerEngine]] = {"native": NativeEngine, "integer": IntegerEngine}
    if named(name) not in engines:
        raise TalonRunError(
            "T405",
            f"engine {name!r} makes no programs",
            expected=" or ".join(map(repr, engines)),
            found=repr(name),
            help="run the graph with talon.engine.run",
        )
    return engines[name]()


class Program:
    """A compiled graph. What it computes never changes, so that threads may share it; made by `talon.hw.compile`."""

    def __init__(self, graph: Graph, engine: str, engine_options: Mapping[str, Any]) -> None:
        self._graph, self._name, self._given = graph, engine, dict(engine_options)
        self._engine = compiling(engine)
        check_options(engine, self._engine, dict(engine_options))
        refuse_unsound(graph)
        # Which refuses an Input whose shape is open.
        self._prepared = prepare(graph, tuple(node.shape for node in graph.inputs.values() if node.shape is not None))
        flat = self._prepared.flat
        if (reason := self._engine.refuses(flat, FLOAT32.name)) is not None:
            raise TalonRunError(
                "T405",
                f"engine {engine!r} cannot run here",
                found=reason,
                help=help_of(
                    reason, "run the graph with talon.engine.run, or install talon-hw again where there is a C compiler"
                ),
            )
        self._own = {name: cast(node, flat.provenance[name], FLOAT32) for name, node in flat.nodes.items()}
        self._begin()

    def _begin(self) -> None:
        self._execute = self._engine.session(self._given, self._own)
        self._options = Options.of(self._given) if isinstance(self._engine, NativeEngine) else None
        """Of the native engine, whose sessions keep all they have laid out."""

    @property
    def graph(self) -> Graph:
        """What was compiled. Arrays of it that were changed since are not what the program computes with."""
        return self._graph

    def fingerprint(self) -> str:
        """sha256 over the engine and all that the program computes with; equal for programs that compute the same."""
        flat = self._prepared.flat
        copied = flat.changed(nodes=self._own)
        # The integers of a quantised graph are read from the graph, floats from the copies.
        found = hashlib.sha256(b"talon program 1\n")
        found.update("\n".join([self._name, copied.fingerprint(), flat.fingerprint()]).encode())
        return found.hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        """By value: what was laid out for runs is laid out anew by whoever gets it."""
        return {name: value for name, value in vars(self).items() if name not in ("_execute", "_options")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    def run(
        self,
        inputs: ArrayLike | Mapping[str, ArrayLike],
        *,
        state: State | None = None,
        record: str | Iterable[str] = (),
        repeat: int | None = None,
        threads: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> Result:
        """As `talon.engine.run`, without checking and copying the graph again."""
        task = self._task(inputs, state=state, record=record, repeat=repeat, threads=threads, progress=progress)
        return self._execute(task)

    def session(self, batch: int = 1, state: State | None = None) -> Session:
        """What remembers the state of `batch` samples between calls."""
        return Session(self, batch, state)

    def _task(self, inputs: Any, **given: Any) -> Task:
        return make_task(self._graph, inputs, engine=self._engine, prepared=self._prepared, **given)

    def __repr__(self) -> str:
        return f"<Program of {len(self._prepared.flat.nodes)} nodes>"


class Session:
    """Samples that go on step by step. One thread at a time may use it; made by `Program.session`."""

    def __init__(self, program: Program, batch: int, state: State | None) -> None:
        batch = counted("batch is a number of samples", batch, "as many as the arrays of its steps have")
        self._program, self.batch, self._state = program, batch, state
        self._sweep: Sweep | None = None

    def run(
        self,
        inputs: ArrayLike | Mapping[str, ArrayLike],
        *,
        record: str | Iterable[str] = (),
        repeat: int | None = None,
    ) -> Result:
        """Further steps `(T, B, *shape)`, from where the last call stopped."""
        program = self._program
        task = program._task(inputs, state=self._state, record=record, repeat=repeat)
        if task.batch != self.batch:
            raise TalonRunError(
                "T401",
                "the session has other samples",
                expected=f"{self.batch} in the batch",
                found=str(task.batch),
                help=f"make a session for as many samples: program.session(batch={task.batch})",
            )
        if program._options is None:
            result = program._execute(task)
            self._state = result.state
            return result
        if self._sweep is None:
            sweep = Sweep(task, program._options, program._own)
            result = sweep.run()
            # Only now: a first call that is interrupted has not been.
            self._sweep = sweep
            return result
        return self._sweep.go_on(task)

    def step(self, inputs: ArrayLike | Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
        """One step, `(B, *shape)` in and `(B, *shape)` out by Output name."""
        return {name: array[0] for name, array in self.run(inputs, repeat=1).outputs.items()}
