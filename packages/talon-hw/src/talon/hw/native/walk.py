"""Nodes gone through one after the other: what each is given, and where that goes which it gives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from talon.engine.wiring import Source, Tallies, Wiring
from talon.hw.native.layers import Fused
from talon.hw.native.layout import Moment, Signal, turned
from talon.hw.native.lowering import Group
from talon.hw.native.ops import Call, Op, Quantities
from talon.hw.native.tape import Tape

NOTHING: Mapping[str, np.ndarray] = {}


def heedless(gave: Any) -> None:
    """Nothing follows from it."""


def added(a: np.ndarray, b: np.ndarray, total: np.ndarray) -> None:
    np.add(a, b, out=total)


class Walk:
    """A chunk of steps, layer by layer, and step by step inside cycles. `ops`: those of the nodes, None where another
    contains it; `traced`: the records and names of state that an op fills; `heard`: the outputs that are computed where
    they are told; `passing`: nodes of cycles of which every step is forgotten when it is over; `taping`: the tape that
    the calls are noted down on, if any."""

    wiring: Wiring
    batch: int
    groups: list[Group]
    before: dict[tuple[int, int], np.ndarray]
    ops: list[Op | None]
    heard: dict[int, str]
    passing: Collection[int]
    traced: dict[int, list[tuple[str, str]]]
    outputs: dict[str, np.ndarray]
    records: dict[str, np.ndarray]
    tallies: Tallies
    taping: Tape | None = None

    def walk(self, start: int, steps: int, entered: Mapping[int, np.ndarray]) -> None:
        """Node by node."""
        self.values = {}
        for nodes, cyclic in self.groups:
            if cyclic:
                for step in range(steps):
                    for number in nodes:
                        self.compute(number, start, step, 1, steps)
            elif nodes[0] in entered:
                self.values[nodes[0], 0] = Signal(entered[nodes[0]], last=False)
            else:
                self.compute(nodes[0], start, 0, steps, steps)

    def recalled(self, key: tuple[int, int], array: np.ndarray) -> np.ndarray:
        """Values of a delayed port that were held, as they came from it."""
        return array

    def compute(self, number: int, start: int, step: int, count: int, steps: int) -> None:
        """`count` steps of a node, from `step` of the chunk on."""
        op = self.ops[number]
        if op is None:
            return
        op.heed_halt()
        alone = count < steps
        if alone and op.direct:
            op.into = self.place(number, op, start, step, steps)
        arguments = tuple([self.argument(sources, step, count, op, place) for place, sources in enumerate(op.sources)])
        at = slice(start + step, start + step + count)
        traces = (
            {name: self.records[key][at] for key, name in self.traced[number]} if number in self.traced else NOTHING
        )
        result, counts = op.run(self.wiring.first + start + step, arguments, traces)
        written, op.into = op.into is not None, None
        self.count(op.unit.path, at, counts)
        if isinstance(op, Fused):
            self.count(op.layer.unit.path, at, op.inner)
        for port, value in enumerate(result):
            if not alone:
                self.values[number, port] = Signal(value, op.last)
            elif not written:
                if step == 0:
                    self.values[number, port] = Signal(np.empty((steps, *value.shape[1:]), value.dtype), op.last)
                self.values[number, port].array[step] = value[0]

    def count(self, path: str, at: slice, quantities: Quantities) -> None:
        """What some steps cost a node."""
        self.tallies.add(path, at, quantities)
        if self.taping is not None:
            self.taping.counted.append((path, quantities))

    def place(self, number: int, op: Op, start: int, step: int, steps: int) -> np.ndarray:
        """Where a node of a cycle puts what it gives at a step: in the output, where it is that, or in memory that is
        the same for every chunk, and for every step where only this step matters."""
        passes = number in self.passing
        if step == 0:
            exit = self.heard.get(number)
            if exit is not None and op.gives == np.float32 and (not op.last or len(op.form) < 2):
                array = self.outputs[exit][start : start + steps]
            else:
                array = op.room("chunk", (1 if passes else steps, self.batch, *op.form), op.gives)
            self.values[number, 0] = (Moment if passes else Signal)(array, op.last)
        array = self.values[number, 0].array
        return array if passes else array[step : step + 1]

    def argument(self, sources: list[Source], step: int, count: int, op: Op, place: int) -> np.ndarray:
        """The sum of the sources over `count` steps, in edge order."""
        takes_bytes = op.takes_bytes and len(sources) == 1
        total = self.delivered(sources[0], step, count, op.last, takes_bytes)
        for source in sources[1:]:
            other = self.delivered(source, step, count, op.last, takes_bytes)
            if op.direct or self.taping is not None:
                room = op.room(f"sum{place}", total.shape)
                self.do(added, total, other, room)
                total = room
            else:
                total = total + other
        return total

    def delivered(self, source: Source, step: int, count: int, last: bool, takes_bytes: bool) -> np.ndarray:
        """What a port gave `delay` steps before each of the steps; `takes_bytes`: spikes may be bytes."""
        key, first = (source.node, source.port), step - source.delay
        if first >= 0:
            return self.values[key].part(first, count, last, takes_bytes, self.do)
        held = self.wiring.held[key]
        early = [
            held[at] if (at := len(held) + first + k) >= 0 else self.before[key] for k in range(min(count, -first))
        ]
        stacked = self.recalled(key, np.stack(early))
        before = turned(stacked, last) if last else stacked
        if len(early) == count:
            return before
        return np.concatenate(
            [before, self.values[key].part(0, count - len(early), last, takes_bytes=False, do=self.do)]
        )

    def do(self, function: Callable[..., Any], *arguments: Any) -> None:
        """A call that no op makes."""
        function(*arguments)
        if self.taping is not None:
            self.taping.calls.append(Call(function, arguments, heedless))
