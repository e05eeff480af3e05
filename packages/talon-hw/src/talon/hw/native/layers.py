"""What fully connected layers and convolutions share: weights that may differ by step, and several kernels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from talon.engine.wiring import Unit
from talon.hw.native.options import way
from talon.ir import exact


class Layer(ABC):
    """An op whose node has `weight` and `bias`. `crossover`: below this share of active inputs it goes by events."""

    kind: ClassVar[str]

    def __init__(self, unit: Unit, node: Any, crossover: float) -> None:
        self.unit, self.crossover = unit, crossover
        self.steps_alike = not (node.per_step("weight") or node.per_step("bias"))
        self.ways: set[int] = set()

    @property
    def how(self) -> str:
        return f"native {self.kind}, {way(self.ways)}"

    @abstractmethod
    def call(self, t: int, *arrays: np.ndarray) -> int:
        """The kernel on input, output, amount of work and whether the input is binary; gives the way it went."""

    def go(self, t: int, *arrays: np.ndarray) -> None:
        """`call` on arrays of several steps, together where all have the same weights."""
        if self.steps_alike:
            self.ways.add(self.call(t, *arrays))
        else:
            for k, step in enumerate(zip(*arrays, strict=True)):
                self.ways.add(self.call(t + k, *step))


def bias_at(node: Any, t: int) -> np.ndarray | None:
    """The bias of step `t`, if there is one."""
    return None if node.bias is None else np.ascontiguousarray(exact.at_step(node.bias, node.per_step("bias"), t))
