"""Input and Output: where values enter and leave a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from talon.ir.declare import SampleType, sample_type
from talon.ir.errors import TalonShapeError
from talon.ir.fields import Shape
from talon.ir.ports import ONE_IN_ONE_OUT, Ports
from talon.ir.primitive import Primitive


def declared(types: Any, port: str) -> Shape | None:
    """The one declared shape, or None where it was left open."""
    if not types:
        return None
    shape = types.get(port, next(iter(types.values())))
    return tuple(int(n) for n in shape)


class Boundary(Primitive):
    """What Input and Output share: one declared sample shape, passed on unchanged."""

    identity = True

    @property
    def shape(self) -> Shape | None:
        """The declared shape of one sample (no batch, no time), or None where it was left open."""
        raise AttributeError("shape")

    def infer(self, *inputs: Shape | None) -> Shape | None:
        given, own = (inputs[0] if inputs else None), self.shape
        if own is not None and given is not None and own != given:
            raise TalonShapeError("T104", "declared shape differs", expected=f"{own} as declared", found=f"{given}")
        return own if own is not None else given

    def published_values(self, input_shapes: Callable[[], Sequence[Shape | None]]) -> dict[str, Any]:
        """The published package wants every shape stated."""
        shapes = input_shapes() if self.shape is None else ()
        (own,) = (n for n, field in self.fields.items() if field.key == "shape")
        return {own: np.array(shapes[0], np.int64)} if shapes and shapes[0] is not None else {}

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return inputs[0]


class Input(Boundary):
    """An entry of the graph: `Input([3, 32, 32])` takes arrays `(T, B, 3, 32, 32)`. In a nested graph it is a port."""

    known_as = {"onnx": "an input of the graph", "nir": "Input"}
    usage = ("ir.Input([3, 8, 8])", [(3, 8, 8)])

    input_type: SampleType = sample_type(port="input", doc="shape of one sample", stored_as="shape")

    @property
    def shape(self) -> Shape | None:
        return declared(self.stored("input_type"), "input")

    def implied_type(self, name: str) -> dict[str, np.ndarray] | None:
        return None if self.shape is None or name == "input_type" else {"output": np.array(self.shape)}

    def ports(self) -> Ports:
        return Ports((), ("out",))


class Output(Boundary):
    """An exit of the graph; several edges into it are summed."""

    known_as = {"onnx": "an output of the graph", "nir": "Output"}
    usage = ("ir.Output([3, 8, 8])", [(3, 8, 8)])

    output_type: SampleType = sample_type(port="output", doc="shape of one sample", stored_as="shape")

    @property
    def shape(self) -> Shape | None:
        return declared(self.stored("output_type"), "output")

    def implied_type(self, name: str) -> dict[str, np.ndarray] | None:
        return None if self.shape is None or name == "output_type" else {"input": np.array(self.shape)}

    def ports(self) -> Ports:
        return ONE_IN_ONE_OUT
