"""The integer engine: a quantised graph in the arithmetic of its target, to the bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from talon.engine.reference import Stepper
from talon.engine.result import Result
from talon.engine.task import Task
from talon.engine.wiring import Source
from talon.hw.integers import oracle
from talon.hw.integers.arithmetic import overflowed
from talon.hw.integers.pieces import Cell, Weights
from talon.hw.integers.plan import Plan, read
from talon.hw.integers.record import QuantRecord
from talon.ir.errors import TalonError, TalonRunError
from talon.ir.graph import Graph

KERNELS = ("auto", "oracle")


@dataclass(frozen=True)
class Options:
    """`kernels`: "auto", or "oracle" for numpy alone."""

    kernels: str = "auto"

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        found = cls(**given)
        if found.kernels not in KERNELS:
            raise TalonRunError(
                "T405",
                "kernels is a word",
                expected=" or ".join(map(repr, KERNELS)),
                found=repr(found.kernels),
                help="leave it out for the fastest",
            )
        return found


class IntegerEngine:
    """Graphs that `hw.quantize` made. Outputs and records are what the integers stand for, in the run's dtype; the
    state is integers."""

    options = frozenset(field.name for field in fields(Options))

    def refuses(self, graph: Graph, dtype: str) -> str | None:
        try:
            QuantRecord.of(graph)
        except TalonError as error:
            return f"{error.diagnostic.message}: quantise it with hw.quantize or 'talon hw quantize'"
        return None

    def execute(self, task: Task) -> Result:
        Options.of(task.options)
        return Run(task).execute()

    def margin(
        self, task: Task, name: str, t: int, state: Mapping[str, np.ndarray] | None, x: np.ndarray
    ) -> np.ndarray | None:
        from talon.hw.integers.margins import margin

        return margin(task, name, t, state, x)


class Run(Stepper):
    """One run by the oracle."""

    name = "integer"
    how = "integers in numpy"

    def __init__(self, task: Task) -> None:
        self.plan: Plan | None = None
        super().__init__(replace(task, state=None))
        self.task = task
        self.plan = plan = read(task, self, QuantRecord.of(task.graph))
        self.numeric = plan.record.arithmetic
        for number, piece in enumerate(plan.pieces):
            if isinstance(piece, Cell):
                unit = self.units[number]
                unit.state = {"v": np.array(np.broadcast_to(piece.start, unit.state["v"].shape), np.int64)}
        self.before = {key: self.zeros(*key) for key in self.depths}
        if task.state is not None:
            self.resume(task.state)
            self.history = {key: deque(self.held[key], depth) for key, depth in self.depths.items()}

    def zeros(self, node: int, port: int) -> np.ndarray:
        whole = self.plan is not None and not self.plan.pieces[node].host
        dtype: Any = np.int64 if whole else self.task.dtype
        return np.zeros((self.task.batch, *self.units[node].shapes[port]), dtype)

    def entered(self, number: int, array: np.ndarray) -> np.ndarray:
        assert self.plan is not None
        return self.plan.encodings[number].encode(array)

    def computed(self, number: int, t: int, arguments: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        assert self.plan is not None
        piece, unit = self.plan.pieces[number], self.units[number]
        if piece.host:
            return unit.step(t, tuple([self.meant(s, x) for s, x in zip(unit.arguments, arguments, strict=True)]))
        if isinstance(piece, Weights):
            return (oracle.sums(piece, t, arguments[0], self.numeric),)
        if isinstance(piece, Cell):
            return (oracle.cell(piece, t, unit.state, arguments[0], self.numeric),)
        return piece.values(t, *arguments)

    def meant(self, sources: list[Source], x: np.ndarray) -> np.ndarray:
        """What an argument stands for, for a node on the host."""
        return self.scaled((sources[0].node, sources[0].port), x)

    def scaled(self, key: tuple[int, int], x: np.ndarray) -> np.ndarray:
        """What integers of a port stand for."""
        assert self.plan is not None
        if x.dtype.kind == "f":
            return x
        value = self.plan.values[key]
        if value.summed:
            x = overflowed(x, self.numeric.accumulators)
        return np.asarray(x * value.unit.astype(np.float64)).astype(self.task.dtype)

    def told(self, number: int, port: int) -> np.ndarray:
        return self.scaled((number, port), self.values[number][port])

    def told_state(self, number: int, name: str) -> np.ndarray:
        assert self.plan is not None
        piece, state = self.plan.pieces[number], self.units[number].state[name]
        return np.asarray(state * piece.unit.astype(np.float64)) if isinstance(piece, Cell) else state
