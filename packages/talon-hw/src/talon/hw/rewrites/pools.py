"""Mean pools on targets that have none: depthwise convolutions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from talon.hw.rewrites.pass_ import Work
from talon.ir.fields import Shape
from talon.ir.node import Node
from talon.ir.primitives.convolution import Conv2d, SDConv


def mean_pools(work: Work) -> None:
    """Put a convolution in the place of every mean pool that the target does not run as it stands."""
    for name, node in work.nodes():
        if node.type_name != "AvgPool2d":
            continue
        if work.runs("AvgPool2d") and all(work.takes(node, field) for field in ("kernel_size", "stride", "padding")):
            continue
        (edge,) = work.into(name)[:1] or (None,)
        shape = None if edge is None else work.shape(name)
        if edge is None or shape is None or not uniform(node, source_shape(work, name)):
            continue
        layer = depthwise(work, node, shape[0])
        if layer is not None:
            area = math.prod(node.kernel_size)
            exact = area & (area - 1) == 0
            work.put(name, layer, None if exact else f"products with 1/{area} are rounded before they are summed")


def source_shape(work: Work, name: str) -> Shape:
    """The shape of what a node reads."""
    shape = work.draft.shape(work.into(name)[0])
    assert shape is not None
    return shape


def uniform(node: Any, shape: Shape) -> bool:
    """Whether all windows divide by the same number, and are those that a convolution has."""
    size = shape[1:]
    sides = zip(size, node.kernel_size, node.strides, node.padding, strict=True)
    floor = tuple((n + 2 * p - k) // s + 1 for n, k, s, p in sides)
    return bool((node.divisors(size) == math.prod(node.kernel_size)).all()) and node.out_size(size) == floor


def depthwise(work: Work, node: Any, channels: int) -> Node | None:
    """The convolution, of a kind that the target runs; with other channels' weights 0 where it has no groups."""
    weight = np.full((channels, 1, *node.kernel_size), 1 / math.prod(node.kernel_size), np.float32)
    fields = {"stride": node.strides, "padding": node.padding, "metadata": node.metadata}
    if work.runs("SDConv"):
        return SDConv(weight, None, **fields)
    if work.runs("Conv2d"):
        return Conv2d(weight, None, groups=channels, **fields)  # for the next pass, where groups are not taken
    return None
