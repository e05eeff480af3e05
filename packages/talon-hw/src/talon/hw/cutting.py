"""Grids of blocks that cut a layer into tiles, each small enough for a core."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from talon.hw.contents import stored_words
from talon.hw.description import Core, Target
from talon.hw.layers import Layer
from talon.hw.tiles import Tile, boundary, boxes, heard, sent, tile, uses
from talon.hw.units import Units
from talon.ir.fields import Shape


def sizes(length: int) -> list[int]:
    """The block sizes that cut an axis into different numbers of blocks, largest first."""
    return sorted({-(-length // n) for n in range(1, length + 1)}, reverse=True)


def fits(layer: Layer, block: Shape, target: Target, kind: int, units: Units | None, most: int) -> bool:
    """Whether every tile of the grid fits into a core of this kind and has at most `most` units.

    `units` are given where the border of the chip is to be watched.
    """
    core, size = target.cores[kind], math.prod(block)
    taken = [stored_words(target, memory, layer, block) for memory in core.memory]
    if size > most or any(use.over for use in uses(core, size, taken, 0)):
        return False
    if units is not None and not crosses(layer, block, core, units):
        return False
    limit = core.in_axons.value
    if limit is None:
        return True
    # Some tile reads the most along every axis at once, so the product is reached.
    largest = [len(f.wires) * math.prod(f.need.most_read(block)) for f in layer.feeders]
    if sum(largest) <= limit:
        return True
    if any(f.distinct and count > limit for f, count in zip(layer.feeders, largest, strict=True)):
        return False
    return all(len(heard(layer, box)) <= limit for box in boxes(layer.shape, block))


def crosses(layer: Layer, block: Shape, core: Core, units: Units) -> bool:
    """Whether no tile of the grid takes more from outside, or gives more, than one core may."""
    return not any(
        use.over
        for box in boxes(layer.shape, block)
        for use in boundary(core, units, heard(layer, box), sent(layer, box))
    )


def grids(layer: Layer, target: Target, kind: int, units: Units | None, most: int) -> Iterator[Shape]:
    """For every way to cut the channels, the largest blocks of the map that fit; leading axes are cut first."""
    positions = [axis for axis in range(len(layer.shape)) if axis != layer.channel_axis]
    for channels in sizes(layer.shape[layer.channel_axis]):
        block = list(layer.shape)
        block[layer.channel_axis] = channels
        if fits(layer, tuple(block), target, kind, units, most):
            yield tuple(block)
            return  # fewer channels a tile could only make more tiles
        for axis in positions:
            size = longest(layer, block, axis, target, kind, units, most)
            block[axis] = size or 1
            if size is not None:
                yield tuple(block)
                break


def compact(layer: Layer, target: Target, kind: int, units: Units | None, most: int) -> Iterator[Shape]:
    """For channels and rows cut in halves again and again, the widest blocks that fit."""
    axes = [axis for axis in range(len(layer.shape)) if axis != layer.channel_axis]
    if not axes:
        return
    last = axes[-1]
    for lead in product(halves(layer.shape[layer.channel_axis]), *(halves(layer.shape[axis]) for axis in axes[:-1])):
        block = list(layer.shape)
        for axis, length in zip((layer.channel_axis, *axes[:-1]), lead, strict=True):
            block[axis] = length
        size = longest(layer, block, last, target, kind, units, most)
        if size is not None:
            block[last] = size
            yield tuple(block)


def longest(
    layer: Layer, block: list[int], axis: int, target: Target, kind: int, units: Units | None, most: int
) -> int | None:
    """The largest size along an axis with which blocks, as they are along the others, fit; None where none does."""
    lengths = sizes(layer.shape[axis])
    low, high = 0, len(lengths)
    while low < high:
        middle = (low + high) // 2
        tried = (*block[:axis], lengths[middle], *block[axis + 1 :])
        if fits(layer, tried, target, kind, units, most):
            high = middle
        else:
            low = middle + 1
    return lengths[low] if low < len(lengths) else None


def halves(length: int) -> list[int]:
    """A length, half of it, and so on to 1."""
    found = [length]
    while found[-1] > 1:
        found.append(-(-found[-1] // 2))
    return found


def split(
    layer: Layer, number: int, target: Target, kind: int, units: Units, most: int, hearing: bool = False
) -> list[Tile] | None:
    """The fewest tiles of at most `most` units, of equally many those that store least; None if a unit is too much.

    With `hearing` tiles that together hear least, though they be a quarter more.
    """

    def count(block: Shape) -> int:
        return math.prod(-(-n // b) for n, b in zip(layer.shape, block, strict=True))

    def cost(block: Shape) -> tuple[int, int]:
        axis = layer.channel_axis
        return count(block), count(block) // -(-layer.shape[axis] // block[axis])

    def heard_by_all(block: Shape) -> tuple[int, int]:
        each = sum(len(f.wires) * math.prod(f.need.most_read(block)) for f in layer.feeders)
        return count(block) * each, count(block)

    core = target.cores[kind]
    limited = core.inputs.value is not None or core.outputs.value is not None
    # What the whole layer may do, each of its tiles may.
    watched = units if limited and not crosses(layer, layer.shape, core, units) else None
    best = min(grids(layer, target, kind, watched, most), key=cost, default=None)
    if best is not None and hearing:
        enough = [b for b in compact(layer, target, kind, watched, most) if 4 * count(b) <= 5 * count(best)]
        best = min([best, *enough], key=heard_by_all)
    return None if best is None else [tile(layer, number, box, target, kind) for box in boxes(layer.shape, best)]
