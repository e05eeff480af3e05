"""The integer engine: a quantised graph in the arithmetic of its target, to the bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from talon.engine.choice import Refusal
from talon.engine.reference import Stepper
from talon.engine.result import Result
from talon.engine.task import Task
from talon.engine.wiring import Source
from talon.hw.integers import oracle
from talon.hw.integers.arithmetic import trapped
from talon.hw.integers.cells import Unproved
from talon.hw.integers.pieces import Cell
from talon.hw.integers.record import QuantRecord
from talon.hw.integers.sweep import IntegerSweeps
from talon.hw.integers.wiring import IntegerWiring
from talon.hw.native.engine import working_bytes
from talon.hw.native.library import load
from talon.hw.native.options import WAYS, check_kernels
from talon.hw.native.options import Options as NativeOptions
from talon.ir.errors import TalonError, TalonRunError
from talon.ir.graph import Graph
from talon.ir.primitive import Primitive

ORACLE = "oracle"
KERNELS = (*WAYS, ORACLE)


@dataclass(frozen=True)
class Options:
    """`kernels`: "auto", "event" or "dense" in C, or "oracle" for numpy alone. `chunk`: as of the native engine."""

    kernels: str = "auto"
    chunk: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        found = cls(**given)
        check_kernels(found.kernels, KERNELS, "leave it out for the fastest")
        if found.kernels == ORACLE and found.chunk is not None:
            raise TalonRunError(
                "T405",
                "the oracle goes step by step, and has no chunk",
                expected="chunk with kernels of the C library",
                found=f"kernels={ORACLE!r}, chunk={found.chunk!r}",
                help="leave one of the two out",
            )
        found.native()
        return found

    def native(self) -> NativeOptions:
        """What the C library is told."""
        return NativeOptions.of({"kernels": "auto" if self.kernels == ORACLE else self.kernels, "chunk": self.chunk})

    def by_library(self) -> bool:
        """Whether the C library is there and asked for. What leaves it is float32."""
        return self.kernels != ORACLE and load()[0] is not None


class IntegerEngine:
    """Graphs that `hw.quantize` made. Outputs and records are what the integers stand for, in the run's dtype; the
    state is integers."""

    options = frozenset(field.name for field in fields(Options))

    def refuses(self, graph: Graph, dtype: str) -> str | None:
        try:
            QuantRecord.of(graph)
        except TalonError as error:
            return Refusal(error.diagnostic.message, error.help or "quantise it again")
        return None

    def execute(self, task: Task) -> Result:
        return self.runner(task.options, once=True)(task)

    def session(
        self, options: Mapping[str, Any], own: Mapping[str, Primitive] | None = None
    ) -> Callable[[Task], Result]:
        return self.runner(options, own)

    def runner(
        self, options: Mapping[str, Any], own: Mapping[str, Primitive] | None = None, once: bool = False
    ) -> Callable[[Task], Result]:
        """What runs tasks, or `once` one of them."""
        chosen = Options.of(options)
        sweeps, by_library = IntegerSweeps(chosen.native(), own, once), chosen.by_library()

        def execute(task: Task) -> Result:
            if by_library and task.dtype == np.float32:
                try:
                    return sweeps.run(task)
                except Unproved:
                    # A number that traps, or a state that no run has made.
                    pass
                except TalonRunError as error:
                    # The oracle finds the first number that traps, and where.
                    if error.code != "T507":
                        raise
            return Run(task, sweeps.plan).execute()

        return execute

    def working_bytes(self, task: Task, results: int) -> int:
        return working_bytes(Options.of(task.options).native(), task, results)

    def margin(
        self, task: Task, name: str, t: int, state: Mapping[str, np.ndarray] | None, x: np.ndarray
    ) -> np.ndarray | None:
        from talon.hw.integers.margins import margin

        return margin(task, name, t, state, x)


class Run(IntegerWiring, Stepper):
    """One run by the oracle."""

    name = "integer"
    how = "integers in numpy"
    now = 0
    """The step that is computed."""

    def __init__(self, task: Task, plan: Any = None) -> None:
        super().__init__(task, plan)
        self.history = {key: deque(self.held[key], depth) for key, depth in self.depths.items()}
        self.before = {key: self.zeros(*key) for key in self.depths}

    def entered(self, number: int, array: np.ndarray) -> np.ndarray:
        assert self.plan is not None
        return self.plan.encodings[number].read(self.units[number].path, array)

    def argument(self, sources: list[Source]) -> np.ndarray:
        values = [self.delivered(source) for source in sources]
        if len({value.dtype.kind for value in values}) == 1:
            return super().argument(sources)
        # Integers that meet floats of the host stand for what they mean.
        total = self.scaled(sources[0][:2], values[0])
        for source, value in zip(sources[1:], values[1:], strict=True):
            total = total + self.scaled(source[:2], value)
        return total

    def computed(self, number: int, t: int, arguments: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        assert self.plan is not None
        piece, unit = self.plan.pieces[number], self.units[number]
        self.now = t
        if piece.host:
            entering = zip(unit.arguments, arguments, strict=True)
            return unit.step(t, tuple([self.scaled(sources[0][:2], x) for sources, x in entering]))
        try:
            return oracle.computed(piece, t, unit.state, arguments, self.numeric)
        except TalonRunError as error:
            raise trapped(error, unit.path, t) from None

    def scaled(self, key: tuple[int, int], x: np.ndarray) -> np.ndarray:
        try:
            return super().scaled(key, x)
        except TalonRunError as error:
            raise trapped(error, self.units[key[0]].path, self.now) from None

    def told(self, number: int, port: int) -> np.ndarray:
        return self.scaled((number, port), self.values[number][port])

    def told_state(self, number: int, name: str) -> np.ndarray:
        assert self.plan is not None
        piece, state = self.plan.pieces[number], self.units[number].state[name]
        return np.asarray(state * piece.unit.astype(np.float64)) if isinstance(piece, Cell) else state
