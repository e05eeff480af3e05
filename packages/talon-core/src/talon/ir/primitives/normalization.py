"""Normalisation as inference runs it, and Dropout, which inference passes through."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from talon.ir import exact
from talon.ir.declare import Array, Ints, OptionalArray, array, integer, integers, number
from talon.ir.errors import TalonShapeError, TalonValueError
from talon.ir.fields import Shape
from talon.ir.primitive import Primitive
from talon.ir.primitives.activation import Activation


class BatchNorm(Primitive):
    """`(x - running_mean) / sqrt(running_var + eps) * weight + bias` per channel (Ioffe and Szegedy, arXiv 1502.03167).

    Running statistics only: nothing here trains. `momentum` is kept for tools that go on training.
    """

    ranks: ClassVar[tuple[int, ...]] = ()

    num_features: int = integer(doc="number of channels", low=1, dim="channels")
    weight: OptionalArray = array("channels", doc="scale (gamma); None means 1", optional=True, neutral=1.0)
    bias: OptionalArray = array("channels", doc="shift (beta); None means 0", optional=True, neutral=0.0)
    running_mean: Array = array("channels", doc="mean of the training data")
    running_var: Array = array("channels", doc="variance of the training data", low=0.0)
    eps: float = number(doc="added to the variance under the root", default=1e-5, above=0.0)
    momentum: float = number(doc="weight of a new batch when training goes on", default=0.1, low=0.0, high=1.0)

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = inputs[0]
        if shape is not None and (len(shape) not in self.ranks or shape[0] != self.num_features):
            raise TalonShapeError(
                "T104",
                "the channels do not fit num_features",
                expected=f"{self.num_features} channels on axis 0 of {' or '.join(map(str, self.ranks))} axes",
                found=f"a sample of shape {shape}",
            )
        return shape

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        along = (-1, *(1,) * (x.ndim - 2))
        root = np.sqrt(self.running_var + x.dtype.type(self.eps)).reshape(along)
        y = (x - self.running_mean.reshape(along)) / root
        if self.weight is not None:
            y = y * self.weight.reshape(along)
        return np.asarray(y if self.bias is None else y + self.bias.reshape(along))


class BatchNorm1d(BatchNorm):
    """Batch normalisation of `(C,)` or `(C, length)`: `(x - mean) / sqrt(var + eps) * weight + bias`."""

    known_as = {"torch": "nn.BatchNorm1d after eval()", "onnx": "BatchNormalization"}
    usage = ("ir.BatchNorm1d(3, None, None, running_mean=np.zeros(3), running_var=np.ones(3))", [(3,)])

    ranks = (1, 2)


class BatchNorm2d(BatchNorm):
    """Batch normalisation of `(C, height, width)`: `(x - mean) / sqrt(var + eps) * weight + bias`."""

    known_as = {"torch": "nn.BatchNorm2d after eval()", "onnx": "BatchNormalization"}
    usage = ("ir.BatchNorm2d(3, None, None, running_mean=np.zeros(3), running_var=np.ones(3))", [(3, 8, 8)])

    ranks = (3,)


class LayerNorm(Primitive):
    """`(x - mean) / sqrt(var + eps) * weight + bias` over the last axes, biased variance (Ba et al., 1607.06450)."""

    known_as = {"torch": "nn.LayerNorm", "onnx": "LayerNormalization"}
    usage = ("ir.LayerNorm(16, np.ones(16), np.zeros(16))", [(4, 16)])

    normalized_shape: Ints = integers(doc="lengths of the last axes, which are normalised together", low=1)
    weight: OptionalArray = array(None, doc="scale, of shape normalized_shape; None means 1", default=None)
    bias: OptionalArray = array(None, doc="shift, of shape normalized_shape; None means 0", default=None)
    eps: float = number(doc="added to the variance under the root", default=1e-5, above=0.0)

    def constrain(self) -> None:
        for name in ("weight", "bias"):
            shape = self.shape_of(name)
            if shape is not None and shape != self.normalized_shape:
                raise TalonValueError(
                    "T201",
                    f"{name} does not fit normalized_shape",
                    expected=f"shape {self.normalized_shape} (normalized_shape)",
                    found=f"{name} of shape {shape}",
                )

    def published_values(self, input_shapes: Callable[[], Sequence[Shape | None]]) -> dict[str, Any]:
        neutral = {"weight": 1.0, "bias": 0.0}
        missing = {n: v for n, v in neutral.items() if self.raw(n) is None}
        return {n: np.full(self.normalized_shape, v, np.float32) for n, v in missing.items()}

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape, last = inputs[0], self.normalized_shape
        if shape is not None and shape[-len(last) :] != last:
            raise TalonShapeError(
                "T104",
                "the last axes do not fit normalized_shape",
                expected=f"last axes {last}",
                found=f"a sample of shape {shape}",
            )
        return shape

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        count = math.prod(self.normalized_shape)
        rows = x.reshape(-1, count)
        size = x.dtype.type(count)
        centred = rows - (exact.ordered_sum(rows.T) / size)[:, None]
        variance = exact.ordered_sum((centred * centred).T) / size
        y = (centred / np.sqrt(variance + x.dtype.type(self.eps))[:, None]).reshape(x.shape)
        if self.weight is not None:
            y = y * self.weight
        return np.asarray(y if self.bias is None else y + self.bias)


class Dropout(Activation):
    """Identity when a network runs; `p` is kept for tools that go on training."""

    known_as = {"torch": "nn.Dropout after eval()", "onnx": "Dropout with training_mode false"}
    usage = ("ir.Dropout(features=3, p=0.2)", [(3,)])

    identity = True

    p: float = number(doc="probability of dropping a value in training", default=0.5, low=0.0, high=1.0)

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return inputs[0]
