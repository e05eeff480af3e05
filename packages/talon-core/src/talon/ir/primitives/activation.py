"""Pointwise activations, and softmax."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from talon.ir import exact
from talon.ir.declare import Array, flag, integer, number, per_neuron
from talon.ir.errors import TalonFormatError, TalonShapeError, TalonValueError
from talon.ir.fields import Shape
from talon.ir.primitive import Primitive
from talon.ir.primitives.neurons import form_fits, spread


class Activation(Primitive):
    """Keeps the shape. `features` is the number of channels (or of all values), checked and otherwise unused."""

    features: int = integer(doc="number of channels of the input", low=1)

    def infer(self, *inputs: Shape | None) -> Shape | None:
        return with_features(self.features, inputs[0])


def with_features(features: int, shape: Shape | None) -> Shape | None:
    """The shape, when `features` is its first or last length or its size; `features` has no other effect."""
    if shape is None or features in (*shape[:1], *shape[-1:], math.prod(shape)):
        return shape
    raise TalonShapeError(
        "T104",
        "features does not fit the input",
        expected=f"{features} features",
        found=f"a sample of shape {shape}",
        help=f"give features={shape[0] if shape else 1}",
    )


class ReLU(Activation):
    """`x` where positive, `negative_slope * x` elsewhere."""

    known_as = {"torch": "nn.ReLU, or nn.LeakyReLU", "onnx": "Relu, or LeakyRelu"}
    usage = ("ir.ReLU(features=3)", [(3, 8, 8)])

    negative_slope: float = number(doc="slope below zero", default=0.0)

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        below = x.dtype.type(self.negative_slope) * x if self.negative_slope else x.dtype.type(0)
        return np.where(x > 0, x, below)


class Sigmoid(Activation):
    """`1 / (1 + exp(-x))`, computed from `exp(-|x|)` so that it never overflows."""

    known_as = {"torch": "nn.Sigmoid", "onnx": "Sigmoid"}
    usage = ("ir.Sigmoid(features=3)", [(3,)])

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return sigmoid(inputs[0])


def sigmoid(x: np.ndarray) -> np.ndarray:
    one = x.dtype.type(1)
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, one / (one + small), small / (one + small)))


class Tanh(Activation):
    """Hyperbolic tangent."""

    known_as = {"torch": "nn.Tanh", "onnx": "Tanh"}
    usage = ("ir.Tanh(features=3)", [(3,)])

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return np.asarray(np.tanh(inputs[0]))


class Softmax(Activation):
    """`exp(x - max) / sum(exp(x - max))` along `dim`, an axis of the sample (0 = channels, -1 = last)."""

    known_as = {"torch": "nn.Softmax, whose dim counts the batch", "onnx": "Softmax, whose axis counts the batch"}
    usage = ("ir.Softmax(features=10, dim=0)", [(10,)])

    dim: int = integer(doc="axis of the sample", default=-1)

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = super().infer(*inputs)
        if shape is not None and not -len(shape) <= self.dim < len(shape):
            raise TalonShapeError(
                "T104",
                "dim is not an axis of the sample",
                expected=f"dim in {-len(shape)}..{len(shape) - 1}",
                found=f"dim = {self.dim} for a sample of shape {shape}",
            )
        return shape

    def published_values(self, input_shapes: Callable[[], Sequence[Shape | None]]) -> dict[str, Any]:
        # The published package counts the batch as an axis; the negative number means the same to both.
        shape = input_shapes()[0] if self.dim >= 0 else None
        values = super().published_values(input_shapes)
        return values if shape is None else values | {"dim": self.dim - len(shape)}

    def published_meaning(self, input_shapes: Callable[[], Sequence[Shape | None]]) -> dict[str, Any]:
        if self.dim == 0:
            raise TalonFormatError(
                "T303",
                "the published package takes this softmax over the batch, which no file here can say",
                expected="dim >= 1 (counting the batch) or dim < 0",
                found="dim = 0",
                help="write the file again with the axis that was meant, such as dim=-1",
            )
        return {"dim": self.dim - 1} if self.dim > 0 else {}

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        axis = self.dim + 1 if self.dim >= 0 else self.dim
        return softmax(x, axis)


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    """Softmax with the maximum subtracted and the denominator summed in ascending order."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    total = exact.ordered_sum(np.moveaxis(powers, axis, 0))
    return np.asarray(powers / np.expand_dims(total, axis))


class GELU(Activation):
    """`x/2 (1 + erf(x / sqrt 2))`, or its tanh form when `approximate` (Hendrycks and Gimpel, arXiv 1606.08415)."""

    known_as = {"torch": 'nn.GELU(approximate="tanh"), or nn.GELU() for approximate=False', "onnx": "Gelu"}
    usage = ("ir.GELU(features=3)", [(3,)])

    approximate: bool = flag(doc="use the tanh form", default=True)

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        f = x.dtype.type
        if self.approximate:
            inner = f(math.sqrt(2 / math.pi)) * (x + f(0.044715) * x * x * x)
            return np.asarray(f(0.5) * x * (f(1) + np.tanh(inner)))
        return np.asarray(f(0.5) * x * (f(1) + erf(x * f(math.sqrt(0.5)))))


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, correctly rounded from double precision; numpy has none of its own."""
    values = [math.erf(v) for v in x.ravel().tolist()]
    return np.array(values, np.float64).reshape(x.shape).astype(x.dtype)


class ELU(Activation):
    """`x` where positive, `alpha (exp(x) - 1)` elsewhere (Clevert et al., arXiv 1511.07289)."""

    known_as = {"torch": "nn.ELU", "onnx": "Elu"}
    usage = ("ir.ELU(features=3, alpha=0.5)", [(3,)])

    alpha: float = number(doc="size of the negative saturation", default=1.0)

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        return np.where(x > 0, x, x.dtype.type(self.alpha) * np.expm1(np.minimum(x, 0)))


class PReLU(Activation):
    """`x` where positive, `weight * x` elsewhere; one weight or one per channel (axis 0)."""

    known_as = {"torch": "nn.PReLU", "onnx": "PRelu"}
    usage = ("ir.PReLU(features=3, weight=[0.1, 0.2, 0.3])", [(3, 4, 4)])

    weight: Array = per_neuron(doc="slope below zero, one or one per channel")

    def constrain(self) -> None:
        shape = self.shape_of("weight")
        if shape is not None and (len(shape) > 1 or shape not in ((), (1,), (self.features,))):
            raise TalonValueError(
                "T201",
                "weight does not fit features",
                expected=f"1 value or {self.features} (features)",
                found=f"weight of shape {shape}",
            )

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = super().infer(*inputs)
        form = self.shape_of("weight")
        if shape is not None and form is not None and not form_fits(form, shape):
            raise TalonShapeError(
                "T104",
                "weight does not fit the channels",
                expected=f"{form[0]} channels (weight)",
                found=f"a sample of shape {shape}",
            )
        return shape

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        return np.where(x > 0, x, spread(self.weight, x.ndim - 1) * x)
