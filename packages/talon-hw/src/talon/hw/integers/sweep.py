"""A quantised task gone through by the C library: whole numbers in float32, scaled where somebody looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.engine.task import Task
from talon.engine.wiring import Source
from talon.hw.integers.cells import CellOp
from talon.hw.integers.lowering import lower
from talon.hw.integers.plan import Plan
from talon.hw.integers.stepwise import EXACT, HostOp, OracleOp
from talon.hw.integers.wiring import IntegerWiring
from talon.hw.native.engine import Sweeps
from talon.hw.native.layout import SPIKES, floats
from talon.hw.native.library import library
from talon.hw.native.ops import Op
from talon.hw.native.options import Options
from talon.hw.native.sweep import Sweep
from talon.ir.primitive import Primitive


class IntegerSweep(Sweep):
    """`plan`: of the graph, where it was read already."""

    name = "integer"
    wiring: IntegerWiring

    def __init__(
        self, task: Task, options: Options, own: Mapping[str, Primitive] | None = None, plan: Plan | None = None
    ) -> None:
        self.plan = plan
        self.alike: dict[tuple[int, int], bool] = {}
        super().__init__(task, options, own)

    def wired(self, task: Task, own: Mapping[str, Primitive] | None) -> IntegerWiring:
        return IntegerWiring(task, self.plan, own=own)

    def lowered(self) -> list[Op]:
        assert self.wiring.plan is not None
        self.plan = self.wiring.plan
        return lower(self.wiring, self.plan, self.options)

    def begin(self) -> None:
        cells = [op for op in self.each if isinstance(op, CellOp)]
        for op in cells:
            op.unproved = self.wiring.task.state is not None
        super().begin()
        for op in cells:
            op.unproved = False

    def entered(self, number: int, array: np.ndarray) -> np.ndarray:
        assert self.plan is not None
        encoding, path = self.plan.encodings[number], self.wiring.units[number].path
        if encoding.keeps_spikes and (narrowed := super().entered(number, array)).dtype == SPIKES:
            return narrowed
        if max(-encoding.low, encoding.high) > EXACT:
            return encoding.read(path, array)
        x = np.ascontiguousarray(array)
        room = self.each[number].room("y", x.shape)
        already = library().encode(x.size, encoding.scale, encoding.low, encoding.high, x, room)
        if not already:
            encoding.refuse_no_spikes(path, x)
        return x if already else room

    def whole_numbers(self, key: tuple[int, int], x: np.ndarray) -> np.ndarray:
        """Integers of a port as such; what comes from the host stays float."""
        return x.astype(np.int64) if self.wiring.whole(key[0]) else x

    def told(self, number: int, port: int, array: np.ndarray) -> np.ndarray:
        key = number, port
        if self.same(key):
            return array
        assert self.plan is not None
        value = self.plan.values[key]
        if value.bound <= min(EXACT, self.wiring.numeric.accumulators.high):
            # Both are exact in float32, and the product is rounded once, as the oracle rounds it.
            return np.asarray(floats(array) * value.unit)
        return self.wiring.scaled(key, self.whole_numbers(key, floats(array)))

    def same(self, key: tuple[int, int]) -> bool:
        """Whether the numbers of a port stand for themselves."""
        if key not in self.alike:
            assert self.plan is not None
            value = self.plan.values[key]
            own = not value.summed and bool((value.unit == 1).all())
            self.alike[key] = own or not self.wiring.whole(key[0])
        return self.alike[key]

    def plain(self, number: int) -> bool:
        return self.same((number, 0))

    def recalled(self, key: tuple[int, int]) -> Any:
        assert self.plan is not None
        return np.float32 if self.plan.values[key].bound <= EXACT else np.int64

    def argument(self, sources: list[Source], step: int, count: int, op: Op, place: int) -> np.ndarray:
        if not isinstance(op, (HostOp, OracleOp)):
            return super().argument(sources, step, count, op, place)
        host = isinstance(op, HostOp)
        keys = [(source.node, source.port) for source in sources]
        values = [
            self.whole_numbers(key, self.delivered(source, step, count, op, f"{place}", takes_bytes=False))
            for key, source in zip(keys, sources, strict=True)
        ]
        mixed = len({value.dtype.kind for value in values}) > 1
        if mixed:
            values = [self.wiring.scaled(key, value) for key, value in zip(keys, values, strict=True)]
        total = values[0]
        for value in values[1:]:
            total = total + value
        return self.wiring.scaled(keys[0], total) if host else total


class IntegerSweeps(Sweeps):
    """`plan` is read once for all sweeps of a graph."""

    plan: Plan | None = None

    def made(self, task: Task) -> IntegerSweep:
        sweep = IntegerSweep(task, self.options, self.own, self.plan)
        self.plan = sweep.plan
        return sweep
