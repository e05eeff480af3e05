"""The reference engine: interprets the primitives' own numpy `step`, node by node. The oracle for all others."""

from __future__ import annotations

from collections import deque

import numpy as np

from talon.engine.counts import Counts
from talon.engine.result import EngineUse, Result
from talon.engine.task import Task
from talon.engine.wiring import Source, Tallies, Wiring
from talon.ir.graph import Graph


class ReferenceEngine:
    """Runs any flat graph, one step after the other."""

    options: frozenset[str] = frozenset()

    def refuses(self, graph: Graph, dtype: str) -> str | None:
        return None

    def execute(self, task: Task) -> Result:
        return Stepper(task).execute()


class Stepper(Wiring):
    """A task gone through step by step, node by node. Subclasses compute otherwise; what a node is given stays."""

    name = "reference"
    how = "numpy step"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.values: list[tuple[np.ndarray, ...]] = [()] * len(self.units)
        self.history = {key: deque(self.held[key], depth) for key, depth in self.depths.items()}
        self.before = {key: self.zeros(*key) for key in self.depths}

    def argument(self, sources: list[Source]) -> np.ndarray:
        """The sum of the sources in edge order; a single one is handed on as it is."""
        total: np.ndarray | None = None
        for source in sources:
            value = self.delivered(source)
            total = value if total is None else total + value
        assert total is not None  # validate() refuses a port without edges
        return total

    def delivered(self, source: Source) -> np.ndarray:
        node, port, delay = source
        if not delay:
            return self.values[node][port]
        ring = self.history[node, port]
        return ring[-delay] if len(ring) >= delay else self.before[node, port]

    def entered(self, number: int, array: np.ndarray) -> np.ndarray:
        """A step of an Input as the nodes get it."""
        return array

    def computed(self, number: int, t: int, arguments: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """One step of a node."""
        return self.units[number].step(t, arguments)

    def told(self, number: int, port: int) -> np.ndarray:
        """The value of a port as outputs and records give it."""
        return self.values[number][port]

    def told_state(self, number: int, name: str) -> np.ndarray:
        """The state of a node as records give it."""
        return self.units[number].state[name]

    def execute(self) -> Result:
        task, inputs = self.task, self.inputs
        records, places = self.wanted()
        tallies = Tallies(task.steps, task.batch)
        outputs = {
            name: np.empty((task.steps, task.batch, *task.out_shapes[name][0]), task.dtype)
            for name in self.exits.values()
        }
        for step in range(task.steps):
            for number in self.order:
                unit = self.units[number]
                entering = inputs.get(number)
                if entering is not None:
                    self.values[number] = (self.entered(number, entering[step]),)
                    continue
                arguments = tuple([self.argument(sources) for sources in unit.arguments])
                result = self.values[number] = self.computed(number, self.first + step, arguments)
                tallies.add(unit.path, step, unit.count(arguments, result))
                if number in self.exits:
                    outputs[self.exits[number]][step] = self.told(number, 0)
            for key, (number, name, port) in places.items():
                records[key][step] = self.told_state(number, name) if port is None else self.told(number, port)
            for (node, port), ring in self.history.items():
                ring.append(self.values[node][port])
            if task.progress is not None:
                task.progress(step + 1, task.steps)
        self.held = {key: list(ring) for key, ring in self.history.items()}
        use = EngineUse(self.name, "", {unit.path: self.how for unit in self.units})
        return Result(outputs, self.state(), Counts(tallies.found), records, use)
