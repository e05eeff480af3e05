"""Tiles: the pieces of a layer that each fit into one core.

A dense layer is cut by output rows, a convolution by output channels and by rows (then columns) of its map. Weights of
a channel are stored in every tile that has part of the channel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from talon.hw.contents import contents, stored_words
from talon.hw.description import Core, Memory, Target, times
from talon.hw.families import Box, blocks
from talon.hw.layers import Layer
from talon.hw.quantities import Quantity
from talon.hw.report import Use
from talon.hw.units import Units
from talon.hw.wiring import unit_of
from talon.ir.fields import Shape


@dataclass(frozen=True)
class Tile:
    """Part of a layer, for a core of kind `kind`.

    `inputs`: the units that it hears, each once. `sends`: the units that others hear from it. `stored`: its values by
    kind. `words`: what they take of each memory of the core. `core`: the number of the core that is asked for.
    """

    layer: int
    kind: int
    box: Box
    neurons: int
    stored: Mapping[str, int]
    words: tuple[int | None, ...]
    inputs: np.ndarray
    sends: np.ndarray
    core: int | None = None


def uses(core: Core, neurons: int, words: Sequence[int | None], axons: int, cores: int | None = 1) -> list[Use]:
    """What these contents use of one core, or of the memories and neurons of several, by resource."""
    return [
        Use("neurons", neurons, times(core.neurons.value, cores), "neurons"),
        *(memory_use(memory, taken, cores) for memory, taken in zip(core.memory, words, strict=True)),
        Use("in-axons", axons, core.in_axons.value, "axons"),
    ]


def memory_use(memory: Memory, taken: int | None, cores: int | None) -> Use:
    """Use of a memory in bytes, or in words where words are not whole bytes or of unknown width."""
    bits = memory.bits.value
    scale, unit = (1, "words") if bits is None or bits % 8 else (bits // 8, "B")
    have = times(times(memory.words.value, scale), cores)
    return Use(f"{memory.name} memory", times(taken, scale), have, unit)


def boundary(core: Core, units: Units, inputs: np.ndarray, sends: np.ndarray) -> list[Use]:
    """What crosses the border of the chip at one core, where the core has a limit for it."""
    across = {"inputs": (units.outside, inputs), "outputs": (units.leaving, sends)}
    return [
        Use(name, int(np.count_nonzero(across[name][0][across[name][1]])), limit, "units")
        for name, limit in crossing(core)
    ]


def crossing(core: Core) -> list[tuple[str, int]]:
    """The limits of a core for units that cross the border of the chip."""
    both = ("inputs", core.inputs.value), ("outputs", core.outputs.value)
    return [(name, limit) for name, limit in both if limit is not None]


def of_core(
    core: Core, neurons: int, words: Sequence[int | None], axons: int, border: Sequence[Use], edges: int | None
) -> list[Use]:
    """All that is used of one core, in the order in which it is told. `border`: what crosses it, as `boundary` says."""
    return [*uses(core, neurons, words, axons), *border, Use("out-edges", edges, core.out_edges.value, "edges")]


def heard(layer: Layer, box: Box) -> np.ndarray:
    """The units that a box of the layer hears, each once."""
    parts = [unit_of(feeder.read_by(box)).ravel() for feeder in layer.feeders]
    every = np.concatenate(parts)
    if len(parts) == 1 and layer.feeders[0].distinct:
        return every
    units = np.unique(every)
    return np.asarray(units[units >= 0])


def sent(layer: Layer, box: Box) -> np.ndarray:
    """The units that others hear from a box of the layer."""
    return layer.sends[tuple(slice(*ends) for ends in box)].ravel()


def tile(layer: Layer, number: int, box: Box, target: Target, kind: int) -> Tile:
    """The part of layer `number` in a box, for a core of this kind."""
    form = tuple(end - start for start, end in box)
    words = tuple(stored_words(target, memory, layer, form) for memory in target.cores[kind].memory)
    stored, hears, sends = contents(layer, form), heard(layer, box), sent(layer, box)
    return Tile(number, kind, box, math.prod(form), stored, words, hears, sends, layer.core)


def boxes(shape: Shape, block: Shape) -> Iterator[Box]:
    """The boxes of a grid of blocks, in order; the last one along an axis may be smaller."""
    return product(*(blocks(n, b) for n, b in zip(shape, block, strict=True)))


def smallest(layer: Layer, target: Target, units: Units) -> list[Use]:
    """What a single unit of the layer uses, by resource, of the kind of core of which it breaks the fewest limits."""
    return min((one_unit(layer, target, kind, units) for kind in open_to(layer, target, units)), key=broken)


def open_to(layer: Layer, target: Target, units: Units) -> Sequence[int]:
    """The kinds of core that take units with as many connections as those of the layer; all kinds where none does."""
    every = range(len(target.cores))
    if len(every) == 1:  # too many connections are told beside what else is wrong
        return every
    fan_in, fan_out = layer.fan_in(), int(units.fan_out[layer.sends].max())
    return [kind for kind in every if allowed(target.cores[kind], fan_in, fan_out)] or every


def broken(found: Sequence[Use]) -> tuple[int, float]:
    over = [use for use in found if use.over]
    return len(over), max(((use.need or 0) / max(use.have or 0, 1) for use in over), default=0.0)


def one_unit(layer: Layer, target: Target, kind: int, units: Units) -> list[Use]:
    """What a single unit uses of one kind of core: of the first unit that hears too much, where there is one."""
    core, one = target.cores[kind], (1,) * len(layer.shape)
    every = boxes(layer.shape, one)
    first = next(every)
    limit = core.in_axons.value
    box = first if limit is None else next((b for b in (first, *every) if len(heard(layer, b)) > limit), first)
    part = tile(layer, 0, box, target, kind)
    return uses(core, 1, part.words, len(part.inputs)) + boundary(core, units, part.inputs, part.sends)


def allowed(core: Core, fan_in: int, fan_out: int) -> bool:
    """Whether units with so many connections may sit on a core of this kind, however the layer is cut."""
    return within(fan_in, core.fan_in) and within(fan_out, core.fan_out)


def within(need: int, limit: Quantity) -> bool:
    return limit.value is None or need <= limit.value
