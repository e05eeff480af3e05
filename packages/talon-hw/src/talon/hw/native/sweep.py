"""A task gone through: layer by layer over a chunk of steps, and step by step inside cycles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talon.engine.counts import Counts
from talon.engine.result import EngineUse, Result
from talon.engine.task import Task
from talon.engine.wiring import Source, Tallies, Wiring, read_only
from talon.hw.native.lowering import groups, lower
from talon.hw.native.options import Options
from talon.ir.primitive import Primitive

CHUNK_BYTES = 4 << 20
"""What the values of a chunk of steps may take, so that a layer finds its input in a cache."""


class Sweep:
    """`own`: copies of the nodes that were cast already."""

    def __init__(self, task: Task, options: Options, own: Mapping[str, Primitive] | None = None) -> None:
        self.wiring = Wiring(task, own)
        self.ops = lower(self.wiring, options)
        self.groups = groups(self.wiring)
        units = self.wiring.units
        a_step = sum(int(np.prod(shape)) for unit in units for shape in unit.promised) * task.dtype.itemsize
        self.chunk = options.chunk or max(1, CHUNK_BYTES // max(a_step, 1))
        self.before = {key: self.wiring.zeros(*key) for key in self.wiring.depths}
        self.values: dict[tuple[int, int], np.ndarray] = {}

    def go_on(self, task: Task) -> Result:
        """The same graph and batch with further inputs, from where the last run stopped."""
        self.wiring.first += self.wiring.task.steps
        self.wiring.task = task
        return self.run()

    def run(self) -> Result:
        """The task from its state; what is given back is not changed by going on."""
        wiring, task = self.wiring, self.wiring.task
        self.inputs = wiring.inputs
        self.records, self.places = wiring.wanted()
        self.traced: dict[int, list[tuple[str, str]]] = {}
        for key, (number, name, port) in self.places.items():
            if port is None:
                self.traced.setdefault(number, []).append((key, name))
        self.tallies = Tallies(task.steps, task.batch)
        self.outputs = {
            name: np.empty((task.steps, task.batch, *task.out_shapes[name][0]), task.dtype)
            for name in wiring.exits.values()
        }
        for start in range(0, task.steps, self.chunk):
            steps = min(self.chunk, task.steps - start)
            self.advance(start, steps)
            if task.progress is not None:
                task.progress(start + steps, task.steps)
        use = EngineUse("native", "", {op.unit.path: op.how for op in self.ops})
        return Result(self.outputs, wiring.state(copied=True), Counts(self.tallies.found), self.records, use)

    def advance(self, start: int, steps: int) -> None:
        """All nodes over a chunk of steps."""
        self.values = {}
        for nodes, cyclic in self.groups:
            if cyclic:
                for step in range(steps):
                    for number in nodes:
                        self.compute(number, start, step, 1, steps)
            elif nodes[0] in self.inputs:
                self.values[nodes[0], 0] = self.inputs[nodes[0]][start : start + steps]
            else:
                self.compute(nodes[0], start, 0, steps, steps)
        for number, exit in self.wiring.exits.items():
            self.outputs[exit][start : start + steps] = self.values[number, 0]
        for record, (number, _, port) in self.places.items():
            if port is not None:
                self.records[record][start : start + steps] = self.values[number, port]
        for key, depth in self.wiring.depths.items():
            kept = [*self.wiring.held[key], *self.values[key][-depth:]][-depth:]
            # Copies, or one value would keep its whole chunk.
            self.wiring.held[key] = [np.array(value) for value in kept]

    def compute(self, number: int, start: int, step: int, count: int, steps: int) -> None:
        """`count` steps of a node, from `step` of the chunk on."""
        op = self.ops[number]
        arguments = tuple([self.argument(sources, step, count) for sources in op.unit.arguments])
        at = slice(start + step, start + step + count)
        traces = {name: self.records[key][at] for key, name in self.traced.get(number, ())}
        result, counts = op.run(self.wiring.first + start + step, arguments, traces)
        self.tallies.add(op.unit.path, at, counts)
        for port, value in enumerate(result):
            if count == steps:
                self.values[number, port] = read_only(value)
            else:
                if step == 0:
                    self.values[number, port] = np.empty((steps, *value.shape[1:]), value.dtype)
                self.values[number, port][step] = value[0]

    def argument(self, sources: list[Source], step: int, count: int) -> np.ndarray:
        """The sum of the sources over `count` steps, in edge order."""
        total: np.ndarray | None = None
        for source in sources:
            value = self.delivered(source, step, count)
            total = value if total is None else total + value
        assert total is not None  # validate() refuses a port without edges
        return total

    def delivered(self, source: Source, step: int, count: int) -> np.ndarray:
        """What a port gave `delay` steps before each of the steps."""
        key, first = (source.node, source.port), step - source.delay
        if first >= 0:
            return self.values[key][first : first + count]
        held = self.wiring.held[key]
        early = [
            held[at] if (at := len(held) + first + k) >= 0 else self.before[key] for k in range(min(count, -first))
        ]
        if len(early) == count:
            return np.stack(early)
        return np.concatenate([np.stack(early), self.values[key][: count - len(early)]])
