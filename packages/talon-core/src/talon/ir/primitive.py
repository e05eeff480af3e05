"""Primitives: a leaf says what one step computes, a composite says which graph it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from talon.ir.errors import TalonError
from talon.ir.fields import ArrayField, Shape
from talon.ir.grouped import Grouped
from talon.ir.node import Node

if TYPE_CHECKING:
    from talon.ir.graph import Graph

Tally = dict[str, Any]
"""Counts of one step, each `(B,)` or one number for every sample: macs, synops, updates, spikes."""


class Primitive(Node):
    """A leaf: its meaning is `step`, in plain numpy, batch first. What it computes is the definition for every engine.

    `state` is a dict of arrays `(B, ...)` that `init_state` made; `step` puts new arrays into it and never changes one
    in place. Equal results on every engine need the sum order of `talon.ir.exact`.
    """

    spiking: ClassVar[bool] = False
    """Whether the output is spikes, 0 or 1, which can be recorded as `node.spikes`."""

    def init_state(self, batch: int, shapes: tuple[Shape, ...], dtype: np.dtype[Any]) -> dict[str, np.ndarray]:
        """State before the first step, for inputs of these sample shapes; stateless by default."""
        return {}

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> Any:
        """Outputs of step `t`, `(B, *shape)`: one array, or a tuple where the node has several output ports."""
        raise TalonError("T900", f"{type(self).__name__} has no step")

    def count(self, inputs: tuple[np.ndarray, ...], output: Any) -> Tally:
        """What the step cost: see `talon.engine.counts`. Nothing by default."""
        return {}

    def margin(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray | None:
        """How far above the threshold the spike test of step `t` finds each value, `(B, *shape)`, from the state before
        the step, which stays as it is. None, by default, where nothing is tested."""
        return None

    def cast(self, dtype: np.dtype[Any]) -> Self:
        """A private copy whose arrays are all of `dtype`, as engines run it."""
        values = {n: v for n, v in self.given().items() if not self.fields[n].is_array}
        for name, field in self.fields.items():
            if isinstance(field, ArrayField):
                value = getattr(self, name)
                if isinstance(value, Grouped):
                    values[name] = value.astype(dtype)
                else:
                    values[name] = None if value is None else np.array(value, dtype=dtype)
        copy = type(self).restore(values)
        copy.__dict__["_prepared"] = {}
        return copy

    def prepared(self, name: str, make: Any) -> Any:
        """`make()`, kept on copies made by `cast`, whose arrays nobody else can change."""
        kept = self.__dict__.get("_prepared")
        if kept is None:
            return make()
        if name not in kept:
            kept[name] = make()
        return kept[name]


class Composite(Node):
    """A primitive that stands for a small graph: running, counting and mapping need no further code."""

    def decompose(self) -> Graph:
        """The graph, with one Input per input port and one Output per output port, shapes of Inputs left open.

        Arrays are handed on by `self.raw(name)`, so that nothing is loaded.
        """
        raise TalonError("T900", f"{type(self).__name__} has no decomposition")

    def infer(self, *inputs: Shape | None) -> Any:
        return self.decompose().infer(*inputs)
