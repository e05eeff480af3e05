"""A quantised graph wired up: membranes and delayed values are integers, and outputs are what integers stand for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from talon.engine.task import Task
from talon.engine.wiring import Unit, Wiring
from talon.hw.integers.arithmetic import held, overflowed
from talon.hw.integers.pieces import Cell
from talon.hw.integers.plan import Plan, read
from talon.hw.integers.record import QuantRecord


class IntegerWiring(Wiring):
    """`plan`: of the same graph, where it was read already."""

    plan: Plan | None = None

    def __init__(self, task: Task, plan: Plan | None = None, **given: Any) -> None:
        super().__init__(replace(task, state=None), **given)
        self.task = task
        self.plan = plan = plan or read(task, self, QuantRecord.of(task.graph))
        self.numeric = plan.record.arithmetic
        for unit, name in zip(self.units, self.names, strict=True):
            if unit.state:
                self.reset(unit, name)
        if task.state is not None:
            self.resume(task.state)

    def reset(self, unit: Unit, name: str) -> None:
        piece = self.plan.pieces[self.number[name]] if self.plan is not None else None
        if isinstance(piece, Cell):
            shape = (self.task.batch, *unit.shapes[0])
            v = np.zeros(shape, held(piece.most))
            if piece.start.any():
                v[...] = piece.start
            unit.state = {"v": v}
        else:
            super().reset(unit, name)

    def whole(self, node: int) -> bool:
        """Whether a node gives integers."""
        return self.plan is not None and not self.plan.pieces[node].host

    def zeros(self, node: int, port: int) -> np.ndarray:
        dtype: Any = np.int64 if self.whole(node) else self.task.dtype
        return np.zeros((self.task.batch, *self.units[node].shapes[port]), dtype)

    def scaled(self, key: tuple[int, int], x: np.ndarray) -> np.ndarray:
        """What integers of a port stand for; floats are from the host, and stand for themselves."""
        assert self.plan is not None
        if x.dtype.kind == "f":
            return x
        value = self.plan.values[key]
        if value.summed:
            x = overflowed(x, self.numeric.accumulators)
        return np.asarray(x * value.unit.astype(np.float64)).astype(self.task.dtype)

    def delays(self) -> dict[str, np.ndarray]:
        for key, values in self.held.items():
            if self.whole(key[0]):
                self.held[key] = [np.asarray(value, np.int64) for value in values]
        return super().delays()
