"""A task gone through: layer by layer over a chunk of steps, and step by step inside cycles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talon.engine.counts import Counts
from talon.engine.result import EngineUse, Result
from talon.engine.state import State
from talon.engine.task import Task
from talon.engine.wiring import Source, Tallies, Wiring
from talon.hw.native.layers import Fused
from talon.hw.native.layout import SPIKES, Signal, floats, held, holding, turned
from talon.hw.native.library import library
from talon.hw.native.lowering import bytes_a_step, fused, groups, heard_as_bytes, join_up, lower
from talon.hw.native.ops import Alias, Op
from talon.hw.native.options import Options
from talon.ir.primitive import Primitive

CHUNK_BYTES = 16 << 20
"""What the values of a chunk of steps may take: a layer finds its input in the last cache, and what every chunk costs
besides its kernels is paid seldom."""


NOTHING: Mapping[str, np.ndarray] = {}


class Sweep:
    """A graph and a batch, ready to run again and again. `own`: copies of the nodes that were cast already."""

    name = "native"

    def __init__(self, task: Task, options: Options, own: Mapping[str, Primitive] | None = None) -> None:
        self.options = options
        self.wiring = self.wired(task, own)
        self.each = self.lowered()
        self.pairs = fused(self.wiring, self.each)
        self.groups = groups(self.wiring)
        self.narrow = heard_as_bytes(self.wiring, self.each)
        self.lengths: dict[frozenset[int], int] = {}
        """Nodes that are looked at apart from their layer -> how many steps a chunk has at most."""
        self.before = {key: self.wiring.zeros(*key) for key in self.wiring.depths}
        self.values: dict[tuple[int, int], Signal] = {}
        self.batch = task.batch
        self.begin()

    def begin(self) -> None:
        """All ops from the state of the task."""
        for op in self.each:
            op.begin()
            if self.wiring.task.state is None:
                op.keep_start()

    def halt(self) -> None:
        """Called by another thread: stop as soon as can be. The sweep is of no use afterwards."""
        for op in self.each:
            op.halted = True

    def wired(self, task: Task, own: Mapping[str, Primitive] | None) -> Wiring:
        return Wiring(task, own)

    def lowered(self) -> list[Op]:
        return lower(self.wiring, self.options)

    def entered(self, number: int, array: np.ndarray) -> np.ndarray:
        """Steps of an Input as the nodes get them: spikes as bytes, where all nodes take those."""
        if number not in self.narrow:
            return array
        x = np.ascontiguousarray(array)
        room = self.each[number].room("spikes", x.shape, SPIKES)
        return room if library().narrow(x.size, x, room) else array

    def told(self, number: int, port: int, array: np.ndarray) -> np.ndarray:
        """Steps of a port, channels first, as outputs and records give them."""
        return array

    def plain(self, number: int) -> bool:
        """Whether that is the same for the first port of a node, so that it may be computed where it is told."""
        return True

    def recalled(self, key: tuple[int, int], array: np.ndarray) -> np.ndarray:
        """Values of a delayed port that were held, as they came from it."""
        return array

    def restart(self, task: Task) -> None:
        """Get ready for a task of the same graph and batch."""
        wiring = self.wiring
        if task.state is not None:
            wiring.restart(task)
            self.begin()
            return
        wiring.rewind(task)
        for op, name in zip(self.each, wiring.names, strict=True):
            if not op.again():
                if op.unit.state:
                    wiring.reset(op.unit, name)
                op.begin()
                op.keep_start()

    def go_on(self, task: Task) -> Result:
        """Further inputs, from where the last run stopped; from there again if this one is interrupted."""
        wiring = self.wiring
        former, held, first = wiring.task, dict(wiring.held), wiring.first
        for op in self.each:
            op.save()
        wiring.first, wiring.task = first + former.steps, task
        try:
            return self.run()
        except BaseException:
            wiring.task, wiring.held, wiring.first = former, held, first
            for op in self.each:
                op.restore()
            raise

    def run(self) -> Result:
        """The task from its state; what is given back is not changed by going on."""
        wiring, task = self.wiring, self.wiring.task
        self.inputs = wiring.inputs
        self.records, self.places = wiring.wanted() if task.record else ({}, {})
        self.traced: dict[int, list[tuple[str, str]]] = {}
        for key, (number, name, port) in self.places.items():
            if port is None:
                self.traced.setdefault(number, []).append((key, name))
        # Of what is recorded only spikes are there when neurons are in their layer.
        layers = {layer for layer, _ in self.pairs.values()}
        apart = {number for number, _, port in self.places.values() if port is None or number in layers}
        self.ops = join_up(self.each, self.pairs, apart)
        seen = frozenset(apart)
        if seen not in self.lengths:
            self.lengths[seen] = max(1, CHUNK_BYTES // max(bytes_a_step(self.wiring, self.ops, self.narrow), 1))
        self.tallies = Tallies(task.steps, task.batch)
        self.outputs = {
            name: np.empty((task.steps, task.batch, *task.out_shapes[name][0]), task.dtype)
            for name in wiring.exits.values()
        }
        heard = {self.origin(number): exit for number, exit in wiring.exits.items()}
        self.heard = {number: exit for number, exit in heard.items() if self.plain(number)}
        # As even as they can be, so that arrays fit the next chunk too.
        chunk = self.options.chunk or -(-task.steps // -(-task.steps // self.lengths[seen]))
        for start in range(0, task.steps, chunk):
            steps = min(chunk, task.steps - start)
            self.advance(start, steps)
            if task.progress is not None:
                task.progress(start + steps, task.steps)
        self.values = {}
        nodes = {op.unit.path: op.told_state() for op in self.each if op.unit.state}
        state = State(wiring.first + task.steps, nodes, wiring.delays())
        use = EngineUse(self.name, "", {op.unit.path: op.how for op in self.each})
        return Result(self.outputs, state, Counts(self.tallies.found), self.records, use)

    def origin(self, number: int) -> int:
        """The node whose values an exit hands on as they are, or itself."""
        while isinstance(self.ops[number], Alias):
            arguments = self.wiring.units[number].arguments
            if len(arguments) != 1 or len(arguments[0]) != 1 or arguments[0][0].delay or arguments[0][0].port:
                break
            number = arguments[0][0].node
        return number

    def advance(self, start: int, steps: int) -> None:
        """All nodes over a chunk of steps."""
        self.values = {}
        for nodes, cyclic in self.groups:
            if cyclic:
                for step in range(steps):
                    for number in nodes:
                        self.compute(number, start, step, 1, steps)
            elif nodes[0] in self.inputs:
                given = self.inputs[nodes[0]][start : start + steps]
                if held(given):
                    entered = holding(self.entered(nodes[0], given[:1]), steps)
                else:
                    entered = self.entered(nodes[0], given)
                self.values[nodes[0], 0] = Signal(entered, last=False)
            else:
                self.compute(nodes[0], start, 0, steps, steps)
        for number, exit in self.wiring.exits.items():
            output = self.outputs[exit][start : start + steps]
            value = self.told(number, 0, self.values[number, 0].whole(last=False, takes_bytes=True))
            # `ctypes.data` says the same, ten times as slowly.
            if value.__array_interface__["data"] != output.__array_interface__["data"]:
                output[...] = value
        for record, (number, _, port) in self.places.items():
            if port is not None:
                value = self.told(number, port, self.values[number, port].whole(last=False, takes_bytes=True))
                self.records[record][start : start + steps] = value
        for key, depth in self.wiring.depths.items():
            signal = self.values[key]
            recent = floats(signal.array[-depth:] if not signal.last else turned(signal.array[-depth:], last=False))
            kept = [*self.wiring.held[key], *recent][-depth:]
            # Copies, or one value would keep its whole chunk.
            self.wiring.held[key] = [np.array(value) for value in kept]

    def compute(self, number: int, start: int, step: int, count: int, steps: int) -> None:
        """`count` steps of a node, from `step` of the chunk on."""
        op = self.ops[number]
        if op is None:
            return
        op.heed_halt()
        alone = count < steps
        if alone and op.direct:
            op.into = self.whole(number, op, start, step, steps)[step : step + 1]
        arguments = tuple([self.argument(sources, step, count, op, place) for place, sources in enumerate(op.sources)])
        at = slice(start + step, start + step + count)
        traces = (
            {name: self.records[key][at] for key, name in self.traced[number]} if number in self.traced else NOTHING
        )
        result, counts = op.run(self.wiring.first + start + step, arguments, traces)
        written, op.into = op.into is not None, None
        self.tallies.add(op.unit.path, at, counts)
        if isinstance(op, Fused):
            self.tallies.add(op.layer.unit.path, at, op.inner)
        for port, value in enumerate(result):
            if not alone:
                self.values[number, port] = Signal(value, op.last)
            elif not written:
                if step == 0:
                    self.values[number, port] = Signal(np.empty((steps, *value.shape[1:]), value.dtype), op.last)
                self.values[number, port].array[step] = value[0]

    def whole(self, number: int, op: Op, start: int, step: int, steps: int) -> np.ndarray:
        """What a node of a cycle gives over a chunk of steps, to be filled step by step: the output, where it is that,
        or the same memory for every chunk."""
        if step == 0:
            exit = self.heard.get(number)
            if exit is not None and op.gives == np.float32 and (not op.last or len(op.form) < 2):
                array = self.outputs[exit][start : start + steps]
            else:
                array = op.room("chunk", (steps, self.batch, *op.form), op.gives)
            self.values[number, 0] = Signal(array, op.last)
        return self.values[number, 0].array

    def argument(self, sources: list[Source], step: int, count: int, op: Op, place: int) -> np.ndarray:
        """The sum of the sources over `count` steps, in edge order."""
        takes_bytes = op.takes_bytes and len(sources) == 1
        total = self.delivered(sources[0], step, count, op.last, takes_bytes)
        for source in sources[1:]:
            other = self.delivered(source, step, count, op.last, takes_bytes)
            total = np.add(total, other, out=op.room(f"sum{place}", total.shape) if op.direct else None)
        return total

    def delivered(self, source: Source, step: int, count: int, last: bool, takes_bytes: bool) -> np.ndarray:
        """What a port gave `delay` steps before each of the steps; `takes_bytes`: spikes may be bytes."""
        key, first = (source.node, source.port), step - source.delay
        if first >= 0:
            return self.values[key].part(first, count, last, takes_bytes)
        held = self.wiring.held[key]
        early = [
            held[at] if (at := len(held) + first + k) >= 0 else self.before[key] for k in range(min(count, -first))
        ]
        stacked = self.recalled(key, np.stack(early))
        before = turned(stacked, last) if last else stacked
        if len(early) == count:
            return before
        return np.concatenate([before, self.values[key].part(0, count - len(early), last, takes_bytes=False)])
