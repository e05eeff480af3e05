"""A quantised graph read before it runs: what is to integers, and what is left to the host."""

from __future__ import annotations

import numpy as np

from talon.engine.task import make_task
from talon.hw.integers.record import QuantRecord
from talon.hw.integers.wiring import IntegerWiring
from talon.ir.graph import Graph


def planned(flat: Graph) -> IntegerWiring:
    """A flat quantised graph wired up, with its plan. Raises `TalonRunError` (T508) for any other, and what `run`
    raises."""
    QuantRecord.of(flat)
    zeros = {name: np.zeros((1, 1, *(node.shape or ())), np.float32) for name, node in flat.inputs.items()}
    return IntegerWiring(make_task(flat, zeros))


def on_host(wired: IntegerWiring) -> frozenset[str]:
    """The nodes that the host computes, by flat name."""
    assert wired.plan is not None
    return frozenset(name for name, piece in zip(wired.names, wired.plan.pieces, strict=True) if piece.host)
