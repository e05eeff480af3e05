"""The native engine as talon-core's `run` asks for it: float32 by the C library, samples shared among threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from talon.engine.counts import Counts
from talon.engine.result import Result
from talon.engine.state import State
from talon.engine.task import Task
from talon.hw.native.library import load
from talon.hw.native.options import Options
from talon.hw.native.sweep import CHUNK_BYTES, Sweep
from talon.ir.graph import Graph
from talon.ir.primitive import Primitive

KEPT_SIZES, KEPT_EACH = 4, 8
"""For how many numbers of samples sweeps are kept, and how many for each."""


class NativeEngine:
    """Every graph in float32; nodes without a kernel run by their own step."""

    options = frozenset(field.name for field in fields(Options))

    def condition(self) -> tuple[bool, str]:
        module, said = load()
        return (False, said) if module is None else (True, f"C kernels, instruction set {said}")

    def refuses(self, graph: Graph, dtype: str) -> str | None:
        module, reason = load()
        if module is None:
            return reason
        return None if dtype == "float32" else f"it computes in float32, not {dtype}"

    def execute(self, task: Task) -> Result:
        return Sweeps(Options.of(task.options), once=True).run(task)

    def session(
        self, options: Mapping[str, Any], own: Mapping[str, Primitive] | None = None
    ) -> Callable[[Task], Result]:
        """`own`: copies of the nodes that were cast already."""
        return Sweeps(Options.of(options), own).run

    def working_bytes(self, task: Task, results: int) -> int:
        return working_bytes(Options.of(task.options), task, results)


def working_bytes(options: Options, task: Task, results: int) -> int:
    """A chunk of all values, channels first and last; and what several threads have made is joined by copying."""
    threads = min(task.threads, task.batch)
    a_step = sum(math.prod(shape) for shapes in task.out_shapes.values() for shape in shapes) * task.dtype.itemsize
    a_chunk = max(threads * CHUNK_BYTES, task.batch * a_step * min(options.chunk or 1, task.steps))
    return 2 * a_chunk + (results if threads > 1 else 0)


class Sweeps:
    """Sweeps of one graph that are not running, kept with all they have laid out: samples -> those for so many.

    `own`: copies of the nodes that were cast already; `once`: there will be one run.
    """

    def __init__(self, options: Options, own: Mapping[str, Primitive] | None = None, once: bool = False) -> None:
        self.options, self.own, self.once = options, own, once
        self.idle: dict[int, list[Sweep]] = {}

    def run(self, task: Task) -> Result:
        """Run a task, its samples shared among threads."""
        threads = min(task.threads, task.batch)
        if threads == 1:
            sweep = self.take(task)
            result = sweep.run()
            self.give_back(sweep)
            return result
        bounds = np.linspace(0, task.batch, threads + 1).astype(int).tolist()
        sweeps = [self.take(share(task, slice(a, b))) for a, b in pairwise(bounds)]
        with ThreadPoolExecutor(threads) as pool:
            running = [pool.submit(sweep.run) for sweep in sweeps]
            try:
                results = [future.result() for future in running]
            except BaseException:
                # Or the pool would wait until the others have come to their end.
                for sweep in sweeps:
                    sweep.halt()
                raise
        used = means(sweeps)
        for sweep in sweeps:
            self.give_back(sweep)
        return joined(results, used)

    def take(self, task: Task) -> Sweep:
        """A sweep ready to run the task. Nobody else has it until it is given back."""
        try:
            sweep = self.idle[task.batch].pop()
        except (KeyError, IndexError):
            sweep = self.made(task)
            sweep.once = self.once
            return sweep
        sweep.restart(task)
        return sweep

    def made(self, task: Task) -> Sweep:
        return Sweep(task, self.options, self.own)

    def give_back(self, sweep: Sweep) -> None:
        if sweep.batch not in self.idle and len(self.idle) >= KEPT_SIZES:
            self.idle.clear()
        kept = self.idle.setdefault(sweep.batch, [])
        if len(kept) < KEPT_EACH:
            kept.append(sweep)


def share(task: Task, part: slice) -> Task:
    """The same task for some of the samples; only the first tells of its progress."""
    state = task.state
    if state is not None:
        state = State(
            state.step,
            {path: {name: a[part] for name, a in values.items()} for path, values in state.nodes.items()},
            {port: values[:, part] for port, values in state.delays.items()},
        )
    return replace(
        task,
        inputs={name: array[:, part] for name, array in task.inputs.items()},
        batch=part.stop - part.start,
        state=state,
        progress=task.progress if part.start == 0 else None,
    )


def means(sweeps: list[Sweep]) -> dict[str, str]:
    """By which means every node ran, of sweeps that shared the samples."""
    first, *others = sweeps
    for other in others:
        for layer, same in zip(first.layers, other.layers, strict=True):
            layer.ways |= same.ways
    return dict(first.means())


def joined(results: list[Result], used: dict[str, str]) -> Result:
    """The samples together again."""
    first = results[0]

    def along(axis: int, each: list[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {name: np.concatenate([found[name] for found in each], axis) for name in each[0]}

    nodes = {path: along(0, [r.state.nodes[path] for r in results]) for path in first.state.nodes}
    state = State(first.state.step, nodes, along(1, [r.state.delays for r in results]))
    counts = Counts({path: along(1, [r.counts[path] for r in results]) for path in first.counts})
    outputs, records = along(1, [r.outputs for r in results]), along(1, [r.records for r in results])
    return Result(outputs, state, counts, records, replace(first.engine, nodes=used))
