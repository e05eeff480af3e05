"""Convolutions (cross-correlations, as everywhere in this field)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from talon.ir import exact
from talon.ir.declare import Array, OptionalArray, Padding, Pair, array, integer, integers
from talon.ir.errors import TalonShapeError, TalonValueError
from talon.ir.fields import Shape
from talon.ir.primitive import Composite, Primitive, Tally

if TYPE_CHECKING:
    from talon.ir.graph import Graph

Pads = tuple[tuple[int, int], ...]


def axis_pads(padding: tuple[int, ...] | str, kernel: Shape, stride: Shape, dilation: Shape) -> Pads:
    """Zeros before and after each axis. "same" puts the odd one at the end and needs stride 1."""
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    return tuple((int(p), int(p)) for p in padding)


def out_length(length: int, kernel: int, stride: int, pads: tuple[int, int], dilation: int) -> int:
    """`floor((L + pads - dilation (kernel - 1) - 1) / stride) + 1`."""
    return (length + sum(pads) - dilation * (kernel - 1) - 1) // stride + 1


class Convolution(Primitive):
    """`y[o, p] = bias[o] + sum of weight[o, c, k] x[c, stride p + dilation k - padding]` over the channels c of o's
    group and the places k of the kernel; zeros lie outside. Along each axis
    `floor((n + 2 padding - dilation (kernel - 1) - 1) / stride) + 1` places come out.
    """

    spatial = 0

    weight: Array = array(None, doc="kernels")
    bias: OptionalArray = array("*step out", doc="added per output channel", default=None, neutral=0.0)

    def _each(self, name: str) -> tuple[int, ...]:
        value = self.stored(name)
        return (value,) if isinstance(value, int) else tuple(value)

    @property
    def kernel(self) -> Shape:
        """Length of the kernel along each spatial axis."""
        shape = self.shape_of("weight")
        assert shape is not None
        return shape[-self.spatial :]

    @property
    def strides(self) -> Shape:
        return self._each("stride")

    @property
    def dilations(self) -> Shape:
        return self._each("dilation")

    @property
    def pads(self) -> Pads:
        """Zeros before and after each spatial axis."""
        padding = self.stored("padding")
        each = padding if isinstance(padding, str) else self._each("padding")
        return axis_pads(each, self.kernel, self.strides, self.dilations)

    @property
    def channels(self) -> int:
        """Input channels: those of one group times the groups."""
        return self.dims["in_per_group"] * self.group_count

    @property
    def group_count(self) -> int:
        return int(self.stored("groups"))

    def constrain(self) -> None:
        if self.dims["out"] % self.group_count:
            raise TalonValueError(
                "T202",
                "groups does not divide the output channels",
                expected=f"a divisor of {self.dims['out']} (weight is {self.shape_of('weight')})",
                found=f"groups = {self.group_count}",
            )
        if self.stored("padding") == "same" and set(self.strides) != {1}:
            raise TalonValueError("T202", 'padding="same" needs stride 1', expected="stride 1", found=f"{self.strides}")

    def infer(self, *inputs: Shape | None) -> Shape | None:
        shape = inputs[0]
        if shape is None:
            return None
        axes = ("channels", "length") if self.spatial == 1 else ("channels", "height", "width")
        if len(shape) != self.spatial + 1 or shape[0] != self.channels:
            raise TalonShapeError(
                "T104",
                "the channels do not fit weight",
                expected=f"({', '.join(axes)}) with {self.channels} channels (weight is {self.shape_of('weight')}"
                + (f", groups {self.group_count})" if self.group_count > 1 else ")"),
                found=f"a sample of shape {shape}",
            )
        size = tuple(
            out_length(*axis)
            for axis in zip(shape[1:], self.kernel, self.strides, self.pads, self.dilations, strict=True)
        )
        if min(size) < 1:
            raise TalonShapeError(
                "T104",
                "the kernel is larger than its input",
                expected=f"a map that holds kernel {self.kernel} with dilation {self.dilations}",
                found=f"a sample of shape {shape} with padding {self.pads}",
            )
        return (self.dims["out"], *size)

    def step(self, t: int, state: dict[str, np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        weight = exact.at_step(self.weight, self.per_step("weight"), t)
        bias = None if self.bias is None else exact.at_step(self.bias, self.per_step("bias"), t)
        return exact.convolve(inputs[0], weight, bias, self.strides, self.pads, self.dilations, self.group_count)

    def count(self, inputs: tuple[np.ndarray, ...], output: Any) -> Tally:
        (x,) = inputs
        per_axis = [
            exact.taps(n, o, k, s, p[0], d)
            for n, o, k, s, p, d in zip(
                x.shape[2:], output.shape[2:], self.kernel, self.strides, self.pads, self.dilations, strict=True
            )
        ]
        read = per_axis[0]
        for axis in per_axis[1:]:
            read = read[..., None] * axis
        fan_out = read * (self.dims["out"] // self.group_count)
        flat = fan_out.ravel()
        active = (x != 0).sum(axis=1).reshape(x.shape[0], -1)
        return {"macs": int(flat.sum()) * x.shape[1], "synops": active @ flat}


class Conv1d(Convolution):
    """1-D convolution of `(in, length)` to `(out, length')`."""

    known_as = {"torch": "nn.Conv1d", "onnx": "Conv", "nir": "Conv1d"}
    usage = ("ir.Conv1d(np.ones((4, 2, 3)), np.zeros(4), padding=1)", [(2, 16)])

    spatial = 1

    weight: Array = array("*step out in_per_group k", doc="kernels")
    stride: int = integer(doc="step of the window", unit="samples", default=1, low=1)
    padding: Padding = integers(
        doc='zeros on both ends, or "same" or "valid"', unit="samples", default=0, length=1, words=("same", "valid")
    )
    dilation: int = integer(doc="distance of kernel taps", unit="samples", default=1, low=1)
    groups: int = integer(doc="groups of channels that do not mix", default=1, low=1)


class Conv2d(Convolution):
    """2-D convolution of `(in, height, width)` to `(out, height', width')`."""

    known_as = {"torch": "nn.Conv2d", "onnx": "Conv", "nir": "Conv2d"}
    usage = ("ir.Conv2d(np.ones((8, 3, 3, 3)), np.zeros(8), stride=2, padding=1)", [(3, 16, 16)])

    spatial = 2

    weight: Array = array("*step out in_per_group kh kw", doc="kernels")
    stride: Pair = integers(doc="step of the window", unit="pixels", default=(1, 1), length=2, low=1)
    padding: Padding = integers(
        doc='zeros on all sides, or "same" or "valid"', unit="pixels", default=(0, 0), length=2, words=("same", "valid")
    )
    dilation: Pair = integers(doc="distance of kernel taps", unit="pixels", default=(1, 1), length=2, low=1)
    groups: int = integer(doc="groups of channels that do not mix", default=1, low=1)


class SConv(Conv2d):
    """Convolution fed by spikes; computes what Conv2d does. The neuron is a node of its own."""

    known_as = {"torch": "nn.Conv2d fed by spikes", "onnx": "Conv", "nir": "Conv2d"}
    usage = ('ir.SConv(np.ones((4, 2, 3, 3)), padding="same")', [(2, 8, 8)])


class SDConv(Conv2d):
    """Depthwise convolution fed by spikes: every channel has one kernel, `groups` equals the channels."""

    known_as = {
        "torch": "nn.Conv2d with groups = in_channels",
        "onnx": "Conv with group = channels",
        "nir": "Conv2d with groups = channels",
    }
    usage = ("ir.SDConv(np.ones((4, 1, 3, 3)), padding=1)", [(4, 8, 8)])

    groups: int | None = integer(  # type: ignore[assignment]
        doc="the number of channels, which it defaults to", default=None, low=1
    )

    @property
    def group_count(self) -> int:
        return self.dims["out"] if self.groups is None else int(self.groups)

    def published_values(self, input_shapes: Callable[[], Sequence[Shape | None]]) -> dict[str, Any]:
        return super().published_values(input_shapes) | ({"groups": self.group_count} if self.groups is None else {})

    def constrain(self) -> None:
        channels = self.dims["out"]
        if self.group_count != channels or self.dims["in_per_group"] != 1:
            raise TalonValueError(
                "T202",
                "a depthwise convolution has one kernel per channel",
                expected=f"weight ({channels}, 1, kh, kw) and groups = {channels}",
                found=f"weight {self.shape_of('weight')} and groups = {self.group_count}",
            )
        super().constrain()


class SepConv2d(Composite):
    """Depthwise convolution (stride, padding, dilation act here) followed by a pointwise one; nothing in between."""

    known_as = {
        "torch": "two nn.Conv2d, the first with groups = in_channels",
        "onnx": "two Conv, the first with group = channels",
        "keras": "SeparableConv2D",
    }
    usage = ("ir.SepConv2d(np.ones((4, 1, 3, 3)), np.ones((6, 4, 1, 1)), padding=1)", [(4, 8, 8)])

    depthwise_weight: Array = array("*step mid 1 kh kw", doc="one kernel per channel")
    pointwise_weight: Array = array("*step out mid 1 1", doc="1x1 kernels that mix the channels")
    depthwise_bias: OptionalArray = array("*step mid", doc="added after the depthwise stage", default=None, neutral=0.0)
    pointwise_bias: OptionalArray = array("*step out", doc="added per output channel", default=None, neutral=0.0)
    stride: Pair = integers(doc="step of the window", unit="pixels", default=(1, 1), length=2, low=1)
    padding: Padding = integers(
        doc='zeros on all sides, or "same" or "valid"', unit="pixels", default=(0, 0), length=2, words=("same", "valid")
    )
    dilation: Pair = integers(doc="distance of kernel taps", unit="pixels", default=(1, 1), length=2, low=1)

    def constrain(self) -> None:
        self.decompose()

    def decompose(self) -> Graph:
        from talon.ir.graph import Graph
        from talon.ir.primitives.boundary import Input, Output

        depthwise = SDConv.restore(
            {
                "weight": self.raw("depthwise_weight"),
                "bias": self.raw("depthwise_bias"),
                "stride": self.stride,
                "padding": self.padding,
                "dilation": self.dilation,
            }
        )
        depthwise.constrain()
        pointwise = Conv2d.restore({"weight": self.raw("pointwise_weight"), "bias": self.raw("pointwise_bias")})
        return Graph.chain(input=Input(None), depthwise=depthwise, pointwise=pointwise, output=Output(None))
