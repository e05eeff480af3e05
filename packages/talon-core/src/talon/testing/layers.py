"""Layers of random graphs: for a sample shape, a node that may follow.

A layer is a function of a `Dice` and the shape that arrives. It gives a node, or None where none of its kind fits; a
node that refuses the shape by `infer` is left out too. Weights are of the size that keeps values from growing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from talon.ir.csr import CSR
from talon.ir.fields import Shape
from talon.ir.node import Node
from talon.ir.primitives import activation, normalization, spatial
from talon.ir.primitives.convolution import Conv1d, Conv2d, SConv, SDConv, SepConv2d
from talon.ir.primitives.linear import Affine, SpikingAffine
from talon.ir.primitives.neurons import IF, LIF
from talon.ir.primitives.structure import HybridRegion, Skip, StepMean


class Dice:
    """Choices by a `random.Random`, which hypothesis can follow and shrink, and arrays from seeds that it gives."""

    def __init__(self, source: random.Random) -> None:
        self.source = source

    def one_of(self, options: Any) -> Any:
        return options[self.between(0, len(options) - 1)]

    def between(self, low: int, high: int) -> int:
        return self.source.randint(low, high)

    def chance(self, percent: int) -> bool:
        return self.source.randint(0, 99) >= 100 - percent  # 0 is where hypothesis shrinks to, and means no

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.source.randint(0, 2**32 - 1))

    def weight(self, *shape: int, fan_in: int, steps: bool = True) -> np.ndarray:
        """Float32 weights, now and then with zeros among them, and with a leading step axis."""
        full = (self.between(2, 3), *shape) if steps and self.chance(15) else shape
        rng = self.rng()
        weight = rng.normal(size=full) / math.sqrt(fan_in)
        if self.chance(25):
            weight[rng.random(full) < 0.3] = 0
        return weight.astype(np.float32)

    def bias(self, length: int) -> np.ndarray | None:
        return self.weight(length, fan_in=4) if self.chance(50) else None

    def per_neuron(self, shape: Shape, low: float, high: float) -> np.ndarray:
        """A neuron's parameter in one of its three forms."""
        form = self.one_of([(), (1,), shape[:1], tuple(self.one_of((1, n)) for n in shape)])
        return np.asarray(self.rng().uniform(low, high, form), np.float32)


Layer = Callable[[Dice, Shape], Node | None]


def affine(dice: Dice, shape: Shape) -> Node | None:
    out = dice.between(1, 6)
    cls = dice.one_of((Affine, SpikingAffine))
    weight, bias = dice.weight(out, shape[-1], fan_in=shape[-1]), dice.bias(out)
    node: Node = cls(CSR.from_dense(weight) if weight.ndim == 2 and dice.chance(25) else weight, bias)
    return node


def neuron(dice: Dice, shape: Shape) -> Node | None:
    how: dict[str, Any] = {
        "reset": dice.one_of(("value", "subtract", "none")),
        "reset_delay": dice.between(0, 1),
        "comparator": dice.one_of(("ge", "gt")),
    }
    threshold = dice.per_neuron(shape, 0.1, 1.0)
    if dice.chance(50):
        how["v_reset"] = dice.per_neuron(shape, -0.5, 0.25)
        how["v_init"] = dice.per_neuron(shape, -0.5, 1.0)
    if dice.chance(50):
        return IF(threshold, r=dice.per_neuron(shape, 0.5, 2.0), **how)
    tau, r = dice.per_neuron(shape, 1, 8), dice.per_neuron(shape, 0.5, 3)
    return LIF(tau, r, dice.per_neuron(shape, -0.25, 0.25), threshold, **how)


def convolution(dice: Dice, shape: Shape) -> Node | None:
    if len(shape) not in (2, 3):
        return None
    spatial_axes, channels = len(shape) - 1, shape[0]
    kernel = tuple(dice.between(1, 3) for _ in range(spatial_axes))
    how: dict[str, Any] = {"stride": 1, "padding": dice.one_of((0, 1, "same", "valid")), "dilation": dice.between(1, 2)}
    if how["padding"] != "same":
        how["stride"] = dice.between(1, 2)
    groups = dice.one_of([g for g in range(1, channels + 1) if channels % g == 0])
    out = groups * dice.between(1, 3)
    cls = Conv1d if spatial_axes == 1 else dice.one_of((Conv2d, SConv))
    fan_in = channels // groups * math.prod(kernel)
    weight = dice.weight(out, channels // groups, *kernel, fan_in=fan_in)
    node: Node = cls(weight, dice.bias(out), groups=groups, **how)
    return node


def depthwise(dice: Dice, shape: Shape) -> Node | None:
    if len(shape) != 3:
        return None
    channels = shape[0]
    height, width = dice.between(1, 3), dice.between(1, 3)
    how: dict[str, Any] = {"stride": dice.between(1, 2), "padding": dice.between(0, 1), "dilation": dice.between(1, 2)}
    weight = dice.weight(channels, 1, height, width, fan_in=height * width)
    if dice.chance(50):
        return SDConv(weight, dice.bias(channels), **how)
    out = dice.between(1, 4)
    pointwise = dice.weight(out, channels, 1, 1, fan_in=channels)
    return SepConv2d(weight, pointwise, dice.bias(channels), dice.bias(out), **how)


def pool(dice: Dice, shape: Shape) -> Node | None:
    window = dice.between(1, 3), dice.between(1, 3)
    padding = tuple(dice.between(0, k // 2) for k in window)
    stride = dice.one_of((None, 1, 2))
    if dice.chance(50):
        return spatial.AvgPool2d(window, stride, padding, dice.chance(50), dice.chance(50))
    return spatial.MaxPool2d(window, stride, padding, ceil_mode=dice.chance(50))


def resample(dice: Dice, shape: Shape) -> Node | None:
    mode = dice.one_of(("nearest", "bilinear"))
    if dice.chance(50):
        aligned = mode == "bilinear" and dice.chance(50)
        return spatial.Upsample(size=(dice.between(1, 6), dice.between(1, 6)), mode=mode, align_corners=aligned)
    return spatial.Upsample(dice.one_of((2, 1.3, 0.75, (1, 2))), mode=mode)


def activated(dice: Dice, shape: Shape) -> Node | None:
    name = dice.one_of(("ReLU", "Sigmoid", "Tanh", "GELU", "ELU", "Softmax", "PReLU"))
    cls = getattr(activation, name)
    more: tuple[Any, ...] = ()
    if name == "Softmax":
        more = (dice.between(-len(shape), len(shape) - 1),)
    elif name == "PReLU":
        more = (dice.weight(dice.one_of((1, shape[0])), fan_in=4, steps=False),)
    node: Node = cls(shape[0], *more)
    return node


def normalised(dice: Dice, shape: Shape) -> Node | None:
    if dice.chance(40):
        last = shape[-dice.between(1, len(shape)) :]
        return normalization.LayerNorm(last, dice.weight(*last, fan_in=1, steps=False), np.zeros(last, np.float32))
    cls = normalization.BatchNorm2d if len(shape) == 3 else normalization.BatchNorm1d
    rng, channels = dice.rng(), shape[0]
    mean, variance = rng.normal(size=channels), rng.uniform(0.5, 2.0, channels)
    node: Node = cls(channels, rng.uniform(0.5, 1.0, channels), rng.normal(size=channels), mean, variance)
    return node


def flattened(dice: Dice, shape: Shape) -> Node | None:
    start = dice.between(0, len(shape) - 1)
    return spatial.Flatten(start, dice.between(start, len(shape) - 1) - dice.one_of((0, len(shape))))


def passed(dice: Dice, shape: Shape) -> Node | None:
    nodes = (Skip("passthrough"), StepMean(), HybridRegion("snn", shape[0]), normalization.Dropout(shape[0], 0.5))
    node: Node = dice.one_of(nodes)
    return node


LAYERS: tuple[Layer, ...] = (
    neuron,
    affine,
    convolution,
    neuron,
    depthwise,
    convolution,
    pool,
    neuron,
    resample,
    activated,
    normalised,
    flattened,
    passed,
)
"""Neurons often, so that there is something to count. Give `graphs` more, or others."""
