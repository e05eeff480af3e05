"""How a target holds each primitive: one table, keyed by the primitive's name, of small functions.

What a node needs follows from its declared fields and the shapes around it, never from array values. A primitive that
is not in the table has no place on a core, and is reported by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from talon.ir.facade import find
from talon.ir.fields import ArrayField, PerNeuronField, Shape
from talon.ir.node import Node

Box = tuple[tuple[int, int], ...]
"""Part of a map: start and end along every axis."""

Role = Literal["sum", "pick", "neuron", "wire", "fold"]
"""sum: every output adds up inputs, and neurons can sit on it; pick: every output selects among inputs; neuron: one
unit with state per input; wire: connections only, nothing is held; fold: goes into the weights before it."""


def blocks(length: int, block: int) -> list[tuple[int, int]]:
    """Start and end of the blocks that cut an axis; the last one may be shorter."""
    return [(start, min(start + block, length)) for start in range(0, length, block)]


@dataclass(frozen=True)
class Window:
    """Which inputs an output reads along one axis: `i // every * stride - front + tap * dilation`, inside the map.

    `every` outputs share their inputs: 1 for pixels, a whole group for channels, all outputs for a dense layer.
    """

    outputs: int
    inputs: int
    taps: int = 1
    stride: int = 1
    front: int = 0
    dilation: int = 1
    every: int = 1

    def table(self, start: int, end: int) -> np.ndarray:
        """Inputs of the outputs `start..end`, one row for those that share them; -1 outside the map."""
        first = np.arange(start // self.every, (end - 1) // self.every + 1) * self.stride - self.front
        index = first[:, None] + np.arange(self.taps) * self.dilation
        return np.where((index >= 0) & (index < self.inputs), index, -1)

    def reads(self, start: int, end: int) -> np.ndarray:
        """The inputs that the outputs `start..end` read, each once, in ascending order."""
        index = np.unique(self.table(start, end))
        return index[index >= 0]

    def most_read(self, length: int) -> int:
        """The most inputs that one of the blocks of this many outputs reads."""
        if self.every >= self.outputs:  # all outputs share their inputs, so that one says it for all
            return len(self.reads(0, 1))
        return max(len(self.reads(*ends)) for ends in blocks(self.outputs, length))

    def readers(self) -> np.ndarray:
        """For every input along the axis, how many outputs read it."""
        table = self.table(0, self.outputs)
        sharing = np.minimum(self.outputs - np.arange(len(table)) * self.every, self.every)
        counts = np.zeros(self.inputs + 1, np.int64)
        np.add.at(counts, table, np.broadcast_to(sharing[:, None], table.shape))  # -1 is the place behind the last
        return counts[:-1]

    def gather(self, counts: np.ndarray, axis: int) -> np.ndarray:
        """`counts` of the inputs along `axis`, added up over what each output reads."""
        table = self.table(0, self.outputs)
        moved = np.moveaxis(counts, axis, 0)
        padded = np.concatenate([moved, np.zeros_like(moved[:1])])  # -1 finds the zeros
        return np.moveaxis(padded[table].sum(axis=1), 0, axis)


@dataclass(frozen=True)
class Need:
    """What the outputs of one node need: a window per axis, and the values stored for every index of `channel_axis`.

    `taps`: how many of the weights belong to one input channel, a whole kernel.
    """

    windows: tuple[Window, ...]
    channel_axis: int = 0
    weights: int = 0
    biases: int = 0
    taps: int = 1

    def reads(self, box: Box) -> tuple[np.ndarray, ...]:
        """The inputs that a box of outputs reads, as an index for every axis."""
        return tuple(window.reads(*ends) for window, ends in zip(self.windows, box, strict=True))

    def most_read(self, block: Shape) -> list[int]:
        """Along every axis, the most inputs that one of the blocks of this length reads."""
        return [window.most_read(length) for window, length in zip(self.windows, block, strict=True)]

    def fan_in(self, sources: np.ndarray) -> int:
        """The most connections that one output has, where every input stands for `sources` of them."""
        for axis, window in enumerate(self.windows):
            sources = window.gather(sources, axis)
        return int(sources.max())

    def fan_out(self) -> np.ndarray:
        """For every input, how many outputs read it."""
        found = np.ones((), np.int64)
        for window in self.windows:
            found = found[..., None] * window.readers()
        return found


@dataclass(frozen=True)
class Family:
    """`need(node, input shape, output shape)` for nodes that hold something; `refusal(node)` for those that cannot.

    `pooled(node, wires)`: who sends to each window, on targets whose links pool.
    """

    role: Role
    need: Callable[[Any, Shape, Shape], Need] | None = None
    refusal: Callable[[Any], str | None] = lambda node: None
    pooled: Callable[[Any, np.ndarray], np.ndarray] | None = None


def steps(node: Any, name: str) -> int:
    """How many entries the step axis of an array has: each is stored."""
    shape: Shape | None = node.shape_of(name)
    if shape is None:
        return 0
    return shape[0] if node.per_step(name) else 1


def dense(node: Any, before: Shape, after: Shape) -> Need:
    """A matrix on the last axis: every output has one weight per input, the leading axes share them."""
    last = len(after) - 1
    leading = tuple(Window(n, n) for n in before[:-1])
    return Need(
        (*leading, Window(after[-1], before[-1], taps=before[-1], every=after[-1])),
        channel_axis=last,
        weights=node.dims["in"] * steps(node, "weight"),
        biases=steps(node, "bias"),
    )


def convolution(node: Any, before: Shape, after: Shape) -> Need:
    """Kernels over the inputs of a group of channels; all pixels of a channel share them."""
    per_group = node.dims["in_per_group"]
    channels = Window(after[0], before[0], taps=per_group, stride=per_group, every=after[0] // node.group_count)
    pixels = tuple(
        Window(out, length, kernel, stride, pads[0], dilation)
        for out, length, kernel, stride, pads, dilation in zip(
            after[1:], before[1:], node.kernel, node.strides, node.pads, node.dilations, strict=True
        )
    )
    return Need(
        (channels, *pixels),
        weights=per_group * math.prod(node.kernel) * steps(node, "weight"),
        biases=steps(node, "bias"),
        taps=math.prod(node.kernel),
    )


def pool(node: Any, before: Shape, after: Shape) -> Need:
    """A window of one channel; the one weight of a mean is a setting of the core, nothing is stored."""
    pixels = tuple(
        Window(out, length, kernel, stride, front, dilation)
        for out, length, kernel, stride, front, dilation in zip(
            after[1:], before[1:], node.kernel_size, node.strides, node.padding, node.dilations, strict=True
        )
    )
    return Need((Window(after[0], before[0]), *pixels))


def summed_windows(node: Any, wires: np.ndarray) -> np.ndarray:
    """The senders of every place of a window, as alternatives of one sum."""
    return np.concatenate(node.windows(wires, -1))


def one_to_one(node: Any, before: Shape, after: Shape) -> Need:
    """Every unit reads the input in its own place."""
    return Need(tuple(Window(n, n) for n in after))


def only_nearest(node: Any) -> str | None:
    """Interpolation computes new values; only the nearest neighbour is a matter of wiring."""
    return None if node.mode == "nearest" else "mode='bilinear' computes new values, mode='nearest' only copies them"


FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(("Affine", "SpikingAffine"), Family("sum", dense)),
    **dict.fromkeys(("Conv1d", "Conv2d", "SConv", "SDConv"), Family("sum", convolution)),
    "AvgPool2d": Family("sum", pool, pooled=summed_windows),
    "MaxPool2d": Family("pick", pool),
    **dict.fromkeys(("LIF", "IF", "StepMean"), Family("neuron", one_to_one)),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d"), Family("fold")),
    **dict.fromkeys(("Input", "Output", "Flatten", "Skip", "Concat", "ChannelSplit", "HybridRegion"), Family("wire")),
    "Dropout": Family("wire"),
    "Upsample": Family("wire", refusal=only_nearest),
}


SIZES = ("input_size", "output_size")
"""What a target may limit beside fields and axes: the lengths of a sample's axes, that of the channels apart."""


def allowable(primitive: str) -> list[str]:
    """What a target can restrict of a primitive: its attributes, its neurons' parameters, the axes of its arrays, and
    the sizes of the maps around it."""
    declared = {n: f for n, f in find(primitive).fields.items() if n not in Node.fields}
    plain = [n for n, f in declared.items() if not f.is_array or isinstance(f, PerNeuronField)]
    axes = dict.fromkeys(axis for f in declared.values() if isinstance(f, ArrayField) for axis in f.axes)
    return [*plain, *(axis for axis in axes if axis.isidentifier()), *SIZES]


def values_of(node: Any, name: str, shapes: Mapping[str, Shape]) -> list[Any]:
    """The values, each once, that a node has for what `allowable` lists; `shapes`: its sizes by their names."""
    if name in shapes:
        return sorted(set(shapes[name]))
    if name not in node.fields:
        return [node.dims[name]]
    value: Any = getattr(node, name)
    if isinstance(node.fields[name], PerNeuronField):
        return list(np.unique(value).tolist())
    if name == "padding" and isinstance(value, str):  # "same" and "valid" are numbers of zeros, too
        return sorted({zeros for ends in node.pads for zeros in ends})
    if name == "groups":
        return [node.group_count]
    if name == "stride":
        return sorted(set(node.strides))
    return list(dict.fromkeys(value)) if isinstance(value, tuple) else [value]
