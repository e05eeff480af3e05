"""A quantised task gone through by the C library: whole numbers in float32, scaled where somebody looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.engine.task import Task
from talon.engine.wiring import Source
from talon.hw.integers.cells import Unproved, beyond
from talon.hw.integers.lowering import lower
from talon.hw.integers.plan import Plan
from talon.hw.integers.stepwise import EXACT, OracleOp
from talon.hw.integers.wiring import IntegerWiring
from talon.hw.native.engine import Sweeps
from talon.hw.native.layout import SPIKES, floats, formed, turned
from talon.hw.native.library import library
from talon.hw.native.ops import Op
from talon.hw.native.options import Options
from talon.hw.native.sweep import Sweep
from talon.ir.primitive import Primitive

Key = tuple[int, int]
"""A port, by the numbers of its node and itself."""


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
        ops = lower(self.wiring, self.plan, self.options)
        self.hosts = {op for op, piece in zip(ops, self.plan.pieces, strict=True) if piece.host}
        """What the host computes."""
        return ops

    def begin(self) -> None:
        if self.wiring.task.state is not None:
            self.prove_held()
        super().begin()

    def prove_held(self) -> None:
        """Raise `Unproved` where a state that somebody gave delivers more than its port ever gives: sums are as narrow
        as is proved for that."""
        assert self.plan is not None
        for key, values in self.wiring.held.items():
            most = self.plan.values[key].bound
            if self.wiring.whole(key[0]) and any(beyond(value, most) for value in values):
                raise Unproved

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

    def told(self, number: int, port: int, array: np.ndarray) -> np.ndarray:
        key = number, port
        if self.same(key):
            return array
        assert self.plan is not None
        value = self.plan.values[key]
        if value.bound <= min(EXACT, self.wiring.numeric.accumulators.high):
            # Both are exact in float32, and the product is rounded once, as the oracle rounds it.
            return np.asarray(floats(array) * value.unit)
        return self.wiring.scaled(key, whole_numbers(self.wiring, key, floats(array)))

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
        keys = [(source.node, source.port) for source in sources]
        oracle = isinstance(op, OracleOp)
        if not oracle and (op not in self.hosts or all(map(self.same, keys))):
            return super().argument(sources, step, count, op, place)
        arrays = [
            self.delivered(source, step, count, op, f"{place} {n}", last=False, takes_bytes=False)
            for n, source in enumerate(sources)
        ]
        if oracle:
            return added_up(self.wiring, keys, arrays)
        lead, sample = arrays[0].shape[:2], arrays[0].shape[2:]
        room = self.room(op, f"meant{place}")((*lead, *formed(sample, op.last)), np.float32)
        self.do(meant, self.wiring, keys, arrays, op.last, room)
        return room

    def told_how(self, op: Op) -> str:
        return f"on the host, {op.how}" if op in self.hosts else op.how


def whole_numbers(wiring: IntegerWiring, key: Key, x: np.ndarray) -> np.ndarray:
    """Integers of a port as such; what comes from the host stays float."""
    return x.astype(np.int64) if wiring.whole(key[0]) else x


def added_up(wiring: IntegerWiring, keys: list[Key], arrays: list[np.ndarray]) -> np.ndarray:
    """The sum of what several ports give: of integers, unless one comes from the host, which the others then meet as
    what they stand for."""
    values = [whole_numbers(wiring, key, array) for key, array in zip(keys, arrays, strict=True)]
    if len({value.dtype.kind for value in values}) > 1:
        values = [wiring.scaled(key, value) for key, value in zip(keys, values, strict=True)]
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def meant(wiring: IntegerWiring, keys: list[Key], arrays: list[np.ndarray], last: bool, into: np.ndarray) -> None:
    """The same as the host reads it."""
    found = wiring.scaled(keys[0], added_up(wiring, keys, arrays))
    into[...] = turned(found, last) if last else found


class IntegerSweeps(Sweeps):
    """`plan` is read once for all sweeps of a graph."""

    plan: Plan | None = None

    def made(self, task: Task) -> IntegerSweep:
        sweep = IntegerSweep(task, self.options, self.own, self.plan)
        self.plan = sweep.plan
        return sweep
