"""Whether the numbers of an artifact stay inside 63 bits, and are there when they are read."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np

from talon.hw.artifact.refusal import damaged
from talon.hw.deploying.programs import Chip, Gather, Part, Population, Source, Tile
from talon.hw.integers.arithmetic import Arithmetic

MOST = 2.0**62
"""No sum reaches this."""


def check_values(chip: Chip) -> None:
    """Follow the largest values from line to line, and see that each is there when it is heard."""
    bounds = np.ones(chip.lines)  # of neurons, which fire or do not
    level, owner = np.full(chip.lines, -1, np.int64), np.full(chip.lines, -1, np.int64)
    for tile in chip.tiles:
        own = slice(tile.first, tile.first + tile.size)
        level[own], owner[own] = chip.layers[tile.layer].level, tile.layer
    for port in chip.inputs.values():
        size = int(np.prod(port.shape))
        bounds[port.first : port.first + size] = max(abs(port.encoding.low), abs(port.encoding.high))
    starts = np.concatenate([[0], np.cumsum(chip.axons)]).astype(np.int64)
    heard = lines_of_axons(chip, starts)
    lines = [heard[starts[tile.core] : starts[tile.core + 1]] for tile in chip.tiles]
    for number in in_order(chip, lines, owner):
        tile = chip.tiles[number]
        layer = chip.layers[tile.layer]
        total = np.zeros(tile.form)
        for source, part in zip(layer.sources, tile.parts, strict=True):
            if not source.delay:
                check_turn(layer, source, part.inputs, level[lines[number]])
            total = total + result(source, tile, part, arriving(part.inputs, bounds[lines[number]]), chip.arithmetic)
        if (total >= MOST).any():
            raise damaged(f"sums of {layer.members[-1]!r} do not fit 63 bits")
        if layer.neuron is None:
            bounds[tile.first : tile.first + tile.size] = total.ravel()
        else:
            check_cells(chip, layer, tile)
    for readout in chip.readouts:
        if (arriving(readout.lines, bounds) >= MOST).any():
            raise damaged(f"sums of readout {readout.name!r} do not fit 63 bits")


def in_order(chip: Chip, lines: Sequence[np.ndarray], owner: np.ndarray) -> list[int]:
    """The tiles, each behind those whose sums it hears, however late. Sums that come back to themselves and pass no
    neuron on the way would grow without end."""
    sums = np.array([layer.neuron is None for layer in chip.layers], bool)
    before: dict[int, set[int]] = {number: set() for number in range(len(chip.layers))}
    tiles: list[list[int]] = [[] for _ in chip.layers]
    for number, tile in enumerate(chip.tiles):
        tiles[tile.layer].append(number)
        for part in tile.parts:
            from_lines = owner[lines[number][part.inputs.numbers[part.inputs.numbers >= 0]]]
            before[tile.layer] |= set(from_lines[from_lines >= 0][sums[from_lines[from_lines >= 0]]].tolist())
    try:
        return [number for layer in TopologicalSorter(before).static_order() for number in tiles[layer]]
    except CycleError as error:
        raise damaged("sums come back to themselves without a neuron") from error


def lines_of_axons(chip: Chip, starts: np.ndarray) -> np.ndarray:
    """The line that every axon hears, core by core. `starts`: the first axon of every core."""
    found = np.empty(int(starts[-1]), np.int64)
    found[starts[chip.routes.cores.astype(np.int64)] + chip.routes.axons] = np.repeat(
        np.arange(chip.lines), chip.routes.counts
    )
    return found


def check_turn(layer: Population, source: Source, gather: Gather, level: np.ndarray) -> None:
    """What is heard in the same step has been sent before."""
    at_once = (gather.numbers >= 0) & (gather.delays == 0)
    if at_once.any() and level[gather.numbers[at_once]].max() >= layer.level:
        raise damaged(f"{source.node!r} hears what is only computed after it")


def arriving(gather: Gather, bounds: np.ndarray) -> np.ndarray:
    """The largest value that can arrive at every place."""
    each = np.where(gather.numbers >= 0, np.append(bounds, 0.0)[gather.numbers], 0.0) * gather.times
    return np.asarray(each.sum(axis=0))


def result(source: Source, tile: Tile, part: Part, places: np.ndarray, numeric: Arithmetic) -> np.ndarray:
    """The largest results of a source, in a form that broadcasts to the tile's; a sum with weights is no larger than
    the file says. `places`: what can arrive at each. Parts of a layer that was divided by its inputs each say the bound
    of the whole, so what is passed on is counted by output."""
    largest = float(places.max(initial=0.0))
    if largest >= MOST:
        raise damaged(f"what arrives at {source.node!r} does not fit 63 bits")
    if part.weight is None:
        if source.operation == "copy":
            return places
        if source.operation != "sum":
            return np.asarray(largest)
        # What a window reads beyond the map is nothing.
        tables = [window.table(*ends) for window, ends in zip(source.windows[1:], tile.box[1:], strict=True)]
        return np.asarray(largest * np.prod([(table >= 0).sum(axis=1).max() for table in tables], dtype=np.float64))
    if source.clipped:
        largest = min(largest, -numeric.accumulators.low)
    weight = np.abs(part.weight.astype(np.float64))
    outs = tile.form[-1] if source.operation == "dense" else tile.form[0]
    sums = weight.reshape(-1, outs, weight.size // (len(weight) * outs if source.stepped_weight else outs)).sum(axis=2)
    most = sums.max(axis=0) * largest
    if part.bias is not None:
        most = most + np.abs(part.bias.astype(np.float64)).reshape(-1, outs).max(axis=0)
    # This is rounded where it is large; products below twice `operations.EXACT` are exact all the same, and above sums
    # are made in integers, whatever the bound.
    if most.max() > source.bound * (1 + 2.0**-40):
        raise damaged(f"sums of {source.node!r} are larger than it says", source.bound, most.max())
    return np.asarray(most if source.operation == "dense" else most.reshape(-1, *(1,) * (len(tile.form) - 1)))


def check_cells(chip: Chip, layer: Population, tile: Tile) -> None:
    """Neurons compute inside 63 bits too."""
    cells, membranes = tile.cells, chip.arithmetic.membranes
    assert cells is not None
    if layer.input_bits + max(layer.shift, 0) > 62:
        raise damaged(f"what enters {layer.neuron!r} does not fit 63 bits")
    for role in ("reset", "start"):
        values: np.ndarray = getattr(cells, role)
        if not (values.min() >= membranes.low and values.max() <= membranes.high):
            raise damaged(f"{role} of {layer.neuron!r} does not fit its membranes")
    if not (cells.threshold.min() >= -(2**60) and cells.threshold.max() <= 2**60):
        raise damaged(f"the threshold of {layer.neuron!r} is too large")
    if layer.decays and chip.decay is None:
        raise damaged("a layer decays, and the arithmetic does not")
    most = 48 if chip.decay is None or chip.decay.rule != "multiply" else 1 << chip.decay.bits
    if layer.decays and not (cells.factor.min() >= 0 and cells.factor.max() <= most):
        raise damaged("a decay is out of range", f"0 to {most}")
