"""Convolutions with groups or dilation on targets that have neither: the same kernels, filled up with zeros."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from talon.hw.rewrites.pass_ import Work
from talon.ir.primitives.convolution import Conv2d


def groups(work: Work) -> None:
    """Give a convolution kernels for all channels, zero where it read none; zeros add nothing."""
    for name, node in work.nodes():
        if "groups" not in node.fields or node.group_count == 1:
            continue
        if work.runs(node.type_name) and work.takes(node, "groups"):
            continue
        weight = work.array(spread_shape(node), partial(spread, node))
        if work.runs(node.type_name) and node.type_name != "SDConv":
            work.change(name, weight=weight, groups=1)
        elif node.spatial == 2 and work.runs("Conv2d"):
            keep = ("bias", "stride", "padding", "dilation", "metadata")
            work.put(name, Conv2d(weight=weight, **{key: getattr(node, key) for key in keep}))


def spread_shape(node: Any) -> tuple[int, ...]:
    """Of the kernels over all input channels."""
    shape = list(node.shape_of("weight"))
    shape[-node.spatial - 1] = node.channels
    return tuple(shape)


def spread(node: Any) -> np.ndarray:
    """The kernels of a grouped convolution over all input channels."""
    old = node.weight
    axis = old.ndim - node.spatial - 1
    new = np.zeros((*old.shape[:axis], node.channels, *old.shape[axis + 1 :]), old.dtype)
    per_group, out = old.shape[axis], old.shape[axis - 1] // node.group_count
    for group in range(node.group_count):
        place = [slice(None)] * old.ndim
        place[axis - 1] = slice(group * out, (group + 1) * out)
        inside = list(place)
        inside[axis] = slice(group * per_group, (group + 1) * per_group)
        new[tuple(inside)] = old[tuple(place)]
    return new


def dilations(work: Work) -> None:
    """Write the gaps of a dilated kernel as zeros."""
    for name, node in work.nodes():
        if "dilation" not in node.fields or "weight" not in node.fields or work.takes(node, "dilation"):
            continue
        shape, spatial = node.shape_of("weight"), node.spatial
        sides = [d * (k - 1) + 1 for k, d in zip(node.kernel, node.dilations, strict=True)]
        full = (*shape[: len(shape) - spatial], *sides)
        one = 1 if spatial == 1 else (1, 1)
        work.change(name, weight=work.array(full, partial(gapped, node, full)), dilation=one)


def gapped(node: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The kernels with zeros between their places."""
    new = np.zeros(shape, node.weight.dtype)
    gaps: tuple[Any, ...] = (..., *(slice(None, None, step) for step in node.dilations))
    new[gaps] = node.weight
    return new
