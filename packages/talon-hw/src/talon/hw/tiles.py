"""Tiles: the pieces of a layer that each fit into one core.

A dense layer is cut by output rows, a convolution by output channels and by rows (then columns) of its map. Weights of
a channel are stored in every tile that has part of the channel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from talon.hw.description import Memory, Target
from talon.hw.families import Box, blocks
from talon.hw.layers import Layer
from talon.hw.report import Use
from talon.ir.fields import Shape


@dataclass(frozen=True)
class Tile:
    """Part of a layer: `inputs` are the units that it hears, each once, `sends` the units that others hear from it."""

    layer: int
    box: Box
    neurons: int
    stored: Mapping[str, int]
    inputs: np.ndarray
    sends: np.ndarray


def words(target: Target, memory: Memory, stored: Mapping[str, int]) -> int | None:
    """Words of a memory that these numbers of values take; None where a width they depend on is unknown."""
    total = 0
    for kind in memory.holds:
        width, bits = target.width(kind), memory.bits.value
        if memory.packing == "single":
            each = 1
        elif memory.packing == "whole" and width is not None and bits is not None:
            each = -(-width // bits)
        elif stored.get(kind):
            return None
        else:
            continue
        total += each * stored.get(kind, 0)
    return total


def uses(target: Target, neurons: int, stored: Mapping[str, int], axons: int, cores: int | None = 1) -> list[Use]:
    """What these contents use of one core, or of the memories and neurons of several, by resource."""
    core = target.core
    return [
        Use("neurons", neurons, times(core.neurons.value, cores), "neurons"),
        *(memory_use(target, memory, stored, cores) for memory in core.memory),
        Use("in-axons", axons, core.in_axons.value, "axons"),
    ]


def memory_use(target: Target, memory: Memory, stored: Mapping[str, int], cores: int | None) -> Use:
    """Use of a memory in bytes, or in words where words are not whole bytes or of unknown width."""
    bits = memory.bits.value
    scale, unit = (1, "words") if bits is None or bits % 8 else (bits // 8, "B")
    have = times(times(memory.words.value, scale), cores)
    return Use(f"{memory.name} memory", times(words(target, memory, stored), scale), have, unit)


def times(number: int | None, factor: int | None) -> int | None:
    """The product, unknown where one of them is."""
    return None if number is None or factor is None else number * factor


def contents(layer: Layer, form: Shape) -> dict[str, int]:
    """Values stored, by kind, for a part of the layer that is this large along every axis."""
    channels, size = form[layer.channel_axis], math.prod(form)
    own = {kind: layer.per_unit.get(kind, 0) * size for kind in ("membranes", "parameters")}
    return {"weights": layer.weights * channels, "biases": layer.biases * channels, **own}


def heard(layer: Layer, box: Box) -> np.ndarray:
    """The units that a box of the layer hears, each once."""
    parts = []
    for feeder in layer.feeders:
        index = np.ix_(np.arange(len(feeder.wires)), *feeder.need.reads(box))
        parts.append(feeder.wires[index].ravel())
    every = np.concatenate(parts)
    if len(parts) == 1 and layer.feeders[0].distinct:
        return every
    units = np.unique(every)
    return np.asarray(units[units >= 0])


def tile(layer: Layer, number: int, box: Box) -> Tile:
    """The part of layer `number` in a box."""
    form = tuple(end - start for start, end in box)
    sends = layer.sends[tuple(slice(*ends) for ends in box)].ravel()
    return Tile(number, box, math.prod(form), contents(layer, form), heard(layer, box), sends)


def sizes(length: int) -> list[int]:
    """The block sizes that cut an axis into different numbers of blocks, largest first."""
    return sorted({-(-length // n) for n in range(1, length + 1)}, reverse=True)


def boxes(shape: Shape, block: Shape) -> Iterator[Box]:
    """The boxes of a grid of blocks, in order; the last one along an axis may be smaller."""
    return product(*(blocks(n, b) for n, b in zip(shape, block, strict=True)))


def fits(layer: Layer, block: Shape, target: Target, most: int) -> bool:
    """Whether every tile of the grid fits into a core and has at most `most` units."""
    if math.prod(block) > most or any(use.over for use in uses(target, math.prod(block), contents(layer, block), 0)):
        return False
    limit = target.core.in_axons.value
    if limit is None:
        return True
    # Some tile reads the most along every axis at once, so the product is reached.
    largest = [len(f.wires) * math.prod(f.need.most_read(block)) for f in layer.feeders]
    if sum(largest) <= limit:
        return True
    if any(f.distinct and count > limit for f, count in zip(layer.feeders, largest, strict=True)):
        return False
    return all(len(heard(layer, box)) <= limit for box in boxes(layer.shape, block))


def grids(layer: Layer, target: Target, most: int) -> Iterator[Shape]:
    """For every way to cut the channels, the largest blocks of the map that fit; leading axes are cut first."""
    positions = [axis for axis in range(len(layer.shape)) if axis != layer.channel_axis]
    for channels in sizes(layer.shape[layer.channel_axis]):
        block = list(layer.shape)
        block[layer.channel_axis] = channels
        if fits(layer, tuple(block), target, most):
            yield tuple(block)
            return  # fewer channels a tile could only make more tiles
        for axis in positions:
            lengths = sizes(layer.shape[axis])
            low, high = 0, len(lengths)
            while low < high:
                middle = (low + high) // 2
                block[axis] = lengths[middle]
                low, high = (low, middle) if fits(layer, tuple(block), target, most) else (middle + 1, high)
            if low < len(lengths):
                block[axis] = lengths[low]
                yield tuple(block)
                break
            block[axis] = 1


def split(layer: Layer, number: int, target: Target, most: int) -> list[Tile] | None:
    """The fewest tiles of at most `most` units, of equally many those that store least; None if a unit is too much."""

    def cost(block: Shape) -> tuple[int, int]:
        blocks = [-(-n // b) for n, b in zip(layer.shape, block, strict=True)]
        return math.prod(blocks), math.prod(blocks) // blocks[layer.channel_axis]

    best = min(grids(layer, target, most), key=cost, default=None)
    return None if best is None else [tile(layer, number, box) for box in boxes(layer.shape, best)]


def smallest(layer: Layer, target: Target) -> list[Use]:
    """What a single unit of the layer uses, by resource: the first one that hears too much, where there is one."""
    one, limit = (1,) * len(layer.shape), target.core.in_axons.value
    units = boxes(layer.shape, one)
    first = next(units)
    box = first if limit is None else next((b for b in (first, *units) if len(heard(layer, b)) > limit), first)
    return uses(target, 1, contents(layer, one), len(heard(layer, box)))
