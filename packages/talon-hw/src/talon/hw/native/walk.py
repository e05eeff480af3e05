"""Nodes gone through one after the other: what each is given, and where that goes which it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from talon.engine.wiring import Source, Tallies, Wiring
from talon.hw.native.layers import Fused
from talon.hw.native.layout import Moment, Room, Signal, formed, held, holding, turned
from talon.hw.native.lowering import Group
from talon.hw.native.memory import aligned
from talon.hw.native.ops import Call, Op, Quantities
from talon.hw.native.tape import Tape

NOTHING: Mapping[str, np.ndarray] = {}


def heedless(gave: Any) -> None:
    """Nothing follows from it."""


def remembered(
    wiring: Wiring, key: tuple[int, int], before: np.ndarray, first: int, last: bool, into: np.ndarray
) -> None:
    """Steps from `first` on of a delayed port, counted from now, which were held or were before there was anything."""
    kept = wiring.held[key]
    steps = [kept[at] if (at := len(kept) + first + k) >= 0 else before for k in range(len(into))]
    stacked = np.stack(steps).astype(into.dtype, copy=False)
    into[...] = turned(stacked, last) if last else stacked


def added(a: np.ndarray, b: np.ndarray, total: np.ndarray) -> None:
    np.add(a, b, out=total)


class Walk:
    """A chunk of steps, layer by layer, and step by step inside cycles. `ops`: those of the nodes, None where another
    contains it; `traced`: the records and names of state that an op fills; `heard`: the outputs that are computed where
    they are told; `passing`: nodes of cycles of which so many steps are kept; `taping`: the tape that
    the calls are noted down on, if any."""

    wiring: Wiring
    batch: int
    groups: list[Group]
    before: dict[tuple[int, int], np.ndarray]
    ops: list[Op | None]
    heard: dict[int, str]
    passing: Mapping[int, int]
    traced: dict[int, list[tuple[str, str]]]
    outputs: dict[str, np.ndarray]
    records: dict[str, np.ndarray]
    tallies: Tallies
    taping: Tape | None = None

    def walk(self, start: int, steps: int, entered: Mapping[int, np.ndarray]) -> None:
        """Node by node. `entered`: what the Inputs give, one step where it is held for all."""
        self.values = {}
        for nodes, cyclic in self.groups:
            if cyclic:
                for step in range(steps):
                    for number in nodes:
                        self.compute(number, start, step, 1, steps)
            elif nodes[0] in entered:
                x = entered[nodes[0]]
                self.values[nodes[0], 0] = Signal(x if len(x) == steps else holding(x, steps), last=False)
            else:
                self.compute(nodes[0], start, 0, steps, steps)

    def recalled(self, key: tuple[int, int]) -> Any:
        """The type of what comes from a delayed port."""
        return np.float32

    def compute(self, number: int, start: int, step: int, count: int, steps: int) -> None:
        """`count` steps of a node, from `step` of the chunk on."""
        op = self.ops[number]
        if op is None:
            return
        op.heed_halt()
        alone = count < steps
        op.into = self.place(number, op, start, step, steps) if alone and op.direct else None
        op.cycled((step, steps) if alone and op.repeats else None)
        arguments = tuple([self.argument(sources, step, count, op, place) for place, sources in enumerate(op.sources)])
        at = slice(start + step, start + step + count)
        traces = (
            {name: self.records[key][at] for key, name in self.traced[number]} if number in self.traced else NOTHING
        )
        result, counts = op.run(self.wiring.first + start + step, arguments, traces)
        written, op.into = op.into is not None, None
        if op.among is None:
            self.count(op.unit.path, at, counts)
            if isinstance(op, Fused):
                self.count(op.layer.unit.path, at, op.inner)
        elif step == steps - 1:
            op.cycled(None)
            for path, quantities in op.tallied((steps, self.batch)):
                self.count(path, slice(start, start + steps), quantities)
        for port, value in enumerate(result):
            if not alone:
                self.values[number, port] = Signal(value, op.last)
            elif not written:
                if step == 0:
                    array = op.room(f"chunk{port}", (steps, *value.shape[1:]), value.dtype)
                    self.values[number, port] = Signal(array, op.last)
                self.do(np.copyto, self.values[number, port].array[step : step + 1], value)

    def count(self, path: str, at: slice, quantities: Quantities) -> None:
        """What some steps cost a node."""
        self.tallies.add(path, at, quantities)
        if self.taping is not None:
            self.taping.counted.append((path, quantities))

    def place(self, number: int, op: Op, start: int, step: int, steps: int) -> np.ndarray:
        """Where a node of a cycle puts what it gives at a step: in the output, where it is that, or in memory that is
        the same for every chunk, and for every few steps where only those matter."""
        if step == 0:
            # What is handed out belongs to whoever gets it, and no call may write to it later.
            exit = self.heard.get(number) if self.taping is None else None
            if exit is not None and op.gives == np.float32 and (not op.last or len(op.form) < 2):
                array = self.outputs[exit][start : start + steps]
            else:
                rows = min(self.passing.get(number, steps), steps)
                array = op.room("chunk", (rows, self.batch, *op.form), op.gives)
            self.values[number, 0] = (Moment if len(array) < steps else Signal)(array, op.last)
        array = self.values[number, 0].array
        at = step % len(array)
        return array[at : at + 1]

    def argument(self, sources: list[Source], step: int, count: int, op: Op, place: int) -> np.ndarray:
        """The sum of the sources over `count` steps, in edge order."""
        takes_bytes = op.takes_bytes and len(sources) == 1
        total = self.delivered(sources[0], step, count, op, f"{place}", op.last, takes_bytes)
        for source in sources[1:]:
            other = self.delivered(source, step, count, op, f"{place} too", op.last, takes_bytes)
            room = self.room(op, f"sum{place}")(total.shape, total.dtype)
            self.do(added, total, other, room)
            total = room
        if self.taping is None or total.flags.c_contiguous or (op.takes_held and held(total)):
            return total
        # Which the op would copy, and once only.
        copy = op.room(f"copy{place}", total.shape, total.dtype)
        self.do(np.copyto, copy, total)
        return copy

    def room(self, op: Op, name: str) -> Room:
        """What gives an op arrays for an argument: the same ones again, unless it might have kept them."""
        if not op.direct and self.taping is None:
            return aligned
        return lambda shape, dtype: op.room(f"{name} {np.dtype(dtype)}", shape, dtype)

    def delivered(
        self, source: Source, step: int, count: int, op: Op, name: str, last: bool, takes_bytes: bool
    ) -> np.ndarray:
        """What a port gave `delay` steps before each of the steps, for an argument of `op` that has this name;
        `takes_bytes`: spikes may be bytes."""
        key, first, room = (source.node, source.port), step - source.delay, self.room(op, f"from {name}")
        if first >= 0:
            return self.values[key].part(first, count, last, takes_bytes, self.do, room)
        early, before = min(count, -first), self.before[key]
        form = count, before.shape[0], *formed(before.shape[1:], last)
        found = self.room(op, f"before {name}")(form, self.recalled(key))
        self.do(remembered, self.wiring, key, before, first, last, found[:early])
        if early < count:
            since = self.values[key].part(0, count - early, last, takes_bytes=False, do=self.do, room=room)
            self.do(np.copyto, found[early:], since)
        return found

    def do(self, function: Callable[..., Any], *arguments: Any) -> None:
        """A call that no op makes."""
        function(*arguments)
        if self.taping is not None:
            self.taping.calls.append(Call(function, arguments, heedless))
