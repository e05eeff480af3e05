"""Pooling, resampling and reshaping of maps."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from talon.ir.declare import Factors, OptionalPair, Pair, choice, factor, flag, integer, integers
from talon.ir.errors import TalonShapeError, TalonValueError
from talon.ir.fields import Shape
from talon.ir.primitive import Primitive


def require_map(shape: Shape, what: str) -> None:
    """Raise `TalonShapeError` (T104) for a sample that is no map of channels."""
    if len(shape) != 3:
        raise TalonShapeError(
            "T104", f"{what} needs a map", expected="(channels, height, width)", found=f"a sample of shape {shape}"
        )


class Pool2d(Primitive):
    """What the pools share: windows over `(C, height, width)`; `stride` defaults to the window."""

    kernel_size: Pair = integers(doc="window", unit="pixels", default=(2, 2), length=2, low=1)
    stride: OptionalPair = integers(
        doc="step of the window, None for the window itself", unit="pixels", default=None, length=2, low=1
    )
    padding: Pair = integers(doc="border on all sides", unit="pixels", default=(0, 0), length=2)

    @property
    def strides(self) -> Shape:
        return tuple(self.kernel_size if self.stride is None else self.stride)

    @property
    def dilations(self) -> Shape:
        return (1, 1)

    def constrain(self) -> None:
        for k, p in zip(self.kernel_size, self.padding, strict=True):
            if 2 * p > k:
                raise TalonValueError(
                    "T202",
                    "padding is more than half the window",
                    expected=f"at most {k // 2} for kernel_size {k}",
                    found=f"padding = {p}",
                )

    def out_size(self, size: Shape) -> Shape:
        """Windows per axis; in ceil mode the last one is dropped when it would start beyond input and front padding."""
        result = []
        for n, k, s, p, d in zip(size, self.kernel_size, self.strides, self.padding, self.dilations, strict=True):
            span = n + 2 * p - d * (k - 1) - 1
            out = (-(-span // s) if self.stored("ceil_mode") else span // s) + 1
            if self.stored("ceil_mode") and (out - 1) * s >= n + p:
                out -= 1
            result.append(out)
        return tuple(result)

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = inputs[0]
        if shape is None:
            return None
        require_map(shape, "pooling")
        size = self.out_size(shape[1:])
        if min(size) < 1:
            raise TalonShapeError(
                "T104",
                "the window is larger than its input",
                expected=f"a map that holds windows of {self.kernel_size}",
                found=f"a sample of shape {shape} with padding {self.padding}",
            )
        return (shape[0], *size)

    def windows(self, x: np.ndarray, fill: float) -> list[np.ndarray]:
        """For each place in the window, row by row, the values there: `(B, C, out_h, out_w)` each."""
        out = self.out_size(x.shape[2:])
        needed = [
            (o - 1) * s + d * (k - 1) + 1
            for o, s, k, d in zip(out, self.strides, self.kernel_size, self.dilations, strict=True)
        ]
        pads = [(p, max(0, n - length - p)) for p, n, length in zip(self.padding, needed, x.shape[2:], strict=True)]
        padded = np.pad(x, ((0, 0), (0, 0), *pads), constant_values=fill)
        result = []
        for place in np.ndindex(*self.kernel_size):
            index = tuple(
                slice(k * d, k * d + (o - 1) * s + 1, s)
                for k, d, o, s in zip(place, self.dilations, out, self.strides, strict=True)
            )
            result.append(padded[(slice(None), slice(None), *index)])
        return result


class MaxPool2d(Pool2d):
    """Largest value of each window; padding counts as minus infinity."""

    known_as = {"torch": "nn.MaxPool2d", "onnx": "MaxPool"}
    usage = ("ir.MaxPool2d(kernel_size=3, stride=2, padding=1)", [(4, 8, 8)])

    dilation: Pair = integers(doc="distance of the window's places", unit="pixels", default=(1, 1), length=2, low=1)
    ceil_mode: bool = flag(doc="round the number of windows up", default=False)

    @property
    def dilations(self) -> Shape:
        return self.dilation

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        first, *rest = self.windows(inputs[0], -math.inf)
        best = first
        for values in rest:
            # Of 0.0 and -0.0 the first one stays; np.maximum leaves that to the processor.
            best = np.where((values > best) | np.isnan(values), values, best)
        return best


class AvgPool2d(Pool2d):
    """Mean of each window. With `count_include_pad` it divides by the window clipped to the padded map, else by the
    number of real values in it."""

    known_as = {
        "torch": "nn.AvgPool2d",
        "onnx": "AveragePool, whose count_include_pad is 0 unless given",
        "nir": "AvgPool2d",
    }
    usage = ("ir.AvgPool2d(kernel_size=2)", [(4, 8, 8)])

    ceil_mode: bool = flag(doc="round the number of windows up", default=False)
    count_include_pad: bool = flag(doc="count the border in the divisor", default=True)

    def divisors(self, size: Shape) -> np.ndarray:
        """How many elements each window divides by, `(out_h, out_w)`."""
        counts = []
        kernel, padding = self.kernel_size, self.padding
        for n, o, k, s, p in zip(size, self.out_size(size), kernel, self.strides, padding, strict=True):
            start = np.arange(o) * s - p
            end = np.minimum(start + k, n + p)
            if not self.count_include_pad:
                start, end = np.maximum(start, 0), np.minimum(end, n)
            counts.append(end - start)
        return np.asarray(counts[0][:, None] * counts[1])

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        windows = self.windows(x, 0.0)
        total = np.zeros_like(windows[0])
        for values in windows:
            total = total + values
        return np.asarray(total / self.divisors(x.shape[2:]).astype(x.dtype))


class Upsample(Primitive):
    """Resample `(C, height, width)` to `size`, or by `scale_factor`: nearest neighbour or bilinear."""

    known_as = {"torch": "nn.Upsample", "onnx": "Resize, nearest with asymmetric coordinates rounded down"}
    usage = ("ir.Upsample(scale_factor=2)", [(4, 8, 8)])

    scale_factor: Factors = factor(doc="factor per axis; ignored when size is given", default=2, length=2, above=0.0)
    size: OptionalPair = integers(doc="height and width of the output", unit="pixels", default=None, length=2, low=1)
    mode: Literal["nearest", "bilinear"] = choice(("nearest", "bilinear"), doc="how to resample", default="nearest")
    align_corners: bool = flag(doc="bilinear: the corners of input and output coincide", default=False)

    def constrain(self) -> None:
        if self.size is None and self.scale_factor is None:
            raise TalonValueError("T202", "neither size nor scale_factor is given", help="give one of them")
        if self.align_corners and self.mode == "nearest":
            raise TalonValueError("T202", 'align_corners needs mode="bilinear"', expected="bilinear", found="nearest")

    def factors(self) -> tuple[Fraction, Fraction]:
        """The scale factors as ratios of whole numbers: 1.3 is 13/10, not the binary fraction that is nearest to it."""
        given = self.scale_factor
        assert given is not None
        each = given if isinstance(given, tuple) else (given, given)
        return Fraction(each[0]).limit_denominator(), Fraction(each[1]).limit_denominator()

    def out_size(self, size: Shape) -> Shape:
        if self.size is not None:
            return self.size
        return tuple(math.floor(n * f) for n, f in zip(size, self.factors(), strict=True))

    def steps(self, size: Shape) -> tuple[Fraction, ...]:
        """How far one output pixel moves in the input, along each axis."""
        if self.size is not None:
            return tuple(Fraction(n, o) for n, o in zip(size, self.size, strict=True))
        return tuple(1 / f for f in self.factors())

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = inputs[0]
        if shape is None:
            return None
        require_map(shape, "upsampling")
        size = self.out_size(shape[1:])
        if min(size) < 1:
            raise TalonShapeError(
                "T104", "the output would be empty", expected="at least one pixel", found=f"{size} from {shape}"
            )
        return (shape[0], *size)

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        size = x.shape[2:]
        if self.mode == "nearest":
            rows, columns = self.nearest(size)
            return x[:, :, rows[:, None], columns]
        out, steps = self.out_size(size), self.steps(size)
        (top, bottom, down), (left, right, across) = (
            self.neighbours(n, o, s, x.dtype) for n, o, s in zip(size, out, steps, strict=True)
        )
        one, down = x.dtype.type(1), down[:, None]
        upper = (one - across) * x[:, :, top[:, None], left] + across * x[:, :, top[:, None], right]
        lower = (one - across) * x[:, :, bottom[:, None], left] + across * x[:, :, bottom[:, None], right]
        return np.asarray((one - down) * upper + down * lower)

    def nearest(self, size: Shape) -> tuple[np.ndarray, np.ndarray]:
        """The row and the column of the input that every row and column of the output copies."""
        rows, columns = (
            np.array([min(math.floor(i * s), n - 1) for i in range(o)])
            for n, o, s in zip(size, self.out_size(size), self.steps(size), strict=True)
        )
        return rows, columns

    def neighbours(
        self, length: int, out: int, step: Fraction, dtype: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lower and upper neighbour of every output pixel along one axis, and the weight of the upper one."""
        half = Fraction(1, 2)
        if self.align_corners:
            places = [Fraction(i * (length - 1), out - 1) if out > 1 else Fraction(0) for i in range(out)]
        else:
            places = [max((i + half) * step - half, Fraction(0)) for i in range(out)]
        low = np.array([min(math.floor(p), length - 1) for p in places])
        weight = np.array([float(p - int(n)) for p, n in zip(places, low, strict=True)], dtype)
        return low, np.minimum(low + 1, length - 1), weight


class Flatten(Primitive):
    """Joins the axes `start_dim..end_dim` of a sample into one, row-major."""

    known_as = {
        "torch": "nn.Flatten, whose dims count the batch",
        "onnx": "Flatten, whose axis counts the batch",
        "nir": "Flatten",
    }
    usage = ("ir.Flatten()", [(4, 8, 8)])

    start_dim: int = integer(doc="first axis joined (0 = first of the sample)", default=0)
    end_dim: int = integer(doc="last axis joined (-1 = last)", default=-1)

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = inputs[0]
        if shape is None:
            return None
        rank = len(shape)
        start, end = (d + rank if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < rank:
            raise TalonShapeError(
                "T104",
                "start_dim..end_dim is not a range of the sample's axes",
                expected=f"axes in {-rank}..{rank - 1}, start before end",
                found=f"{self.start_dim}..{self.end_dim} for a sample of shape {shape}",
            )
        return (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        (x,) = inputs
        shape = self.infer(x.shape[1:])
        assert shape is not None
        return x.reshape(x.shape[0], *shape)
