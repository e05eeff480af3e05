"""What a program is made of: one op a node, which goes through several steps at once where the node allows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from talon.engine.wiring import Tallies, Unit, read_only
from talon.ir.primitive import Primitive

Arrays = tuple[np.ndarray, ...]
Quantities = dict[str, Any]


class Op(Protocol):
    """A node in a session. State lies in `unit.state`."""

    @property
    def unit(self) -> Unit: ...

    @property
    def how(self) -> str:
        """By what it ran, for `Result.engine`."""
        ...

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        """`n` steps from step `t` on. `arguments` and outputs are `(n, B, *shape)`, counts `(n, B)`; `traces` are
        filled with the state of that name after every step, `(n, B, *shape)`."""
        ...


class Stepwise:
    """Any primitive, by its own numpy step, one step after the other."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.how = "numpy step"

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        unit, steps = self.unit, len(arguments[0])
        outputs = tuple([np.empty((steps, *shape), unit.dtype) for shape in unit.promised])
        tallies = Tallies(steps, arguments[0].shape[1])
        for k in range(steps):
            own = tuple([argument[k] for argument in arguments])
            result = unit.step(t + k, own)
            for into, value in zip(outputs, result, strict=True):
                into[k] = value
            for name, trace in traces.items():
                trace[k] = unit.state[name]
            tallies.add(unit.path, k, unit.count(own, result))
        return outputs, tallies.found.get(unit.path, {})


TIMELESS = frozenset(
    [
        *("Output", "Skip", "HybridRegion", "ReLU", "Flatten", "Concat", "ChannelSplit"),
        *("MaxPool2d", "AvgPool2d", "Upsample"),
    ]
)
"""Primitives of talon-core whose step knows neither time nor state and treats every sample by itself: steps can stand
side by side as samples."""


class Timeless:
    """A primitive of `TIMELESS`, by one numpy step for all steps."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.how = "numpy step, all steps at once"

    @staticmethod
    def suits(unit: Unit) -> bool:
        node = unit.node
        return node.type_name in TIMELESS and not unit.state and type(node).count is Primitive.count

    def run(self, t: int, arguments: Arrays, traces: Mapping[str, np.ndarray]) -> tuple[Arrays, Quantities]:
        unit, lead = self.unit, arguments[0].shape[:2]
        side = tuple([read_only(a.reshape(-1, *a.shape[2:])) for a in arguments])
        values = unit.outcome(t, side, [(lead[0] * lead[1], *shape) for shape in unit.shapes])
        return tuple([value.reshape(*lead, *shape) for value, shape in zip(values, unit.shapes, strict=True)]), {}
