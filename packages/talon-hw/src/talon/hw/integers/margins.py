"""How far above its threshold the spike test of an integer neuron finds the membrane, from values that a run told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from talon.engine.task import Task
from talon.hw.integers import oracle
from talon.hw.integers.engine import Run
from talon.hw.integers.pieces import Cell


def margin(task: Task, name: str, t: int, state: Mapping[str, np.ndarray] | None, x: np.ndarray) -> np.ndarray | None:
    """`state`: of the neuron before step `t`, None where the run begins; `x`: the sum that entered at the step. Both
    are what integers stand for, `(B, ...)`, and so is the answer. None where no integers compute the node."""
    wired = Run(replace(task, state=None))
    assert wired.plan is not None
    number = wired.names.index(name)
    piece, sources = wired.plan.pieces[number], wired.units[number].arguments[0]
    if not isinstance(piece, Cell):
        return None
    before = wired.units[number].state["v"] if state is None else integers(state["v"], piece.unit)
    entering = integers(x, wired.plan.values[sources[0].node, sources[0].port].unit)
    above = oracle.tested(piece, t, before, entering, wired.plan.record.arithmetic) - piece.threshold
    return np.asarray(above * piece.unit.astype(np.float64))


def integers(values: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """What stood for these values."""
    return np.asarray(np.rint(values.astype(np.float64) / unit.astype(np.float64)), np.int64)
