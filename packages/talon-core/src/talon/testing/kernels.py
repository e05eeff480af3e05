"""What a plugin's kernel promises: `check_kernel("native", MyPrimitive)` compares it with the primitive's own step.

    from talon.testing.kernels import check_kernel

    def test_my_kernel():
        check_kernel("native", Izhikevich)

The engine itself is not needed: the kernel runs inside the reference engine, in place of the step.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from talon.engine import Result, State
from talon.engine.kernels import PluginKernel, find
from talon.engine.reference import Stepper
from talon.engine.task import make_task
from talon.engine.wiring import Unit
from talon.ir.node import Node
from talon.testing.candidate import Feeds, Trial, quiet, told
from talon.testing.results import same_result
from talon.testing.strategies import sample
from talon.testing.trial import around

SIZES = ((5, 3), (1, 1), (6, 1))
"""Steps and samples."""


class ByKernel(Unit):
    """A node whose steps are a kernel's."""

    kernel: PluginKernel
    cost: dict[str, Any]

    def step(self, t: int, arguments: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        given, self.cost = self.kernel.step(t, arguments)
        return given

    def count(self, arguments: tuple[np.ndarray, ...], result: tuple[np.ndarray, ...]) -> dict[str, Any]:
        return self.cost


def check_kernel(
    engine: str, primitive: type[Node], seeds: Iterable[int] = range(10), *, dtype: str = "float32"
) -> None:
    """Run random instances of a primitive by the kernel that a plugin gives for it on an engine, and by its own step.

    Outputs, state, counts and records must be equal to the bit: on ordinary and on arbitrary finite numbers, for
    several batches, and when a run goes on from the state where either of them stopped. Raises AssertionError, or the
    `TalonRunError` of a broken promise, with a note that names the instance.
    """
    for seed in seeds:
        trial = Trial(f"{primitive.__name__}, seed {seed}", around(sample(primitive, seed)), seed)
        with told(trial):
            for steps, batch in SIZES:
                agrees(engine, trial, trial.feeds(steps, batch), dtype)
            agrees(engine, trial, trial.arbitrary(dtype), dtype)
            goes_on(engine, trial, dtype)


def agrees(engine: str, trial: Trial, inputs: Feeds, dtype: str, state: State | None = None) -> Result:
    """The result by the kernel, which must be that by the step."""
    given = copy.deepcopy(state)
    by_step = executed(None, trial, inputs, dtype, state)
    by_kernel = executed(engine, trial, inputs, dtype, given)
    same_result(by_kernel, by_step)
    return by_kernel


def goes_on(engine: str, trial: Trial, dtype: str) -> None:
    """From the state that a kernel gave, which later steps must not change."""
    inputs = trial.feeds(6)
    whole = executed(None, trial, inputs, dtype, None)
    first = agrees(engine, trial, {name: array[:2] for name, array in inputs.items()}, dtype)
    kept = copy.deepcopy(first)
    last = agrees(engine, trial, {name: array[2:] for name, array in inputs.items()}, dtype, first.state)
    same_result(first, kept)
    for name, array in whole.outputs.items():
        joined = np.concatenate([first.outputs[name], last.outputs[name]])
        assert np.array_equal(joined, array, equal_nan=True), f"cut after step 2 it gives another {name}"


def executed(engine: str | None, trial: Trial, inputs: Feeds, dtype: str, state: State | None) -> Result:
    """A run by the reference engine; with `engine`, the node under test by the kernel for that one."""
    task = make_task(trial.graph, inputs, dtype=dtype, state=state, record="*")
    with quiet():
        run = Stepper(task)
        if engine is not None:
            assert "node" in run.number, "kernels are for leaves: a composite runs as what it is made of"
            number = run.number["node"]
            unit = run.units[number]
            kind = unit.node.type_name
            entry = find(engine, kind)
            assert entry is not None, f"no plugin gives a kernel for {kind} on the engine {engine!r}"
            kernel = PluginKernel(entry, unit, task.in_shapes["node"])
            kernel.begin()
            run.units[number] = plugged = ByKernel(**vars(unit))
            plugged.kernel = kernel
        return run.execute()
