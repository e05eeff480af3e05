"""Whether the arrays of an artifact hold together: every number that is an index leads somewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from talon.hw.artifact.refusal import damaged
from talon.hw.deploying.programs import Chip, Gather, Part, Population, Source, Tile

MOST_TAPS = 1 << 24
"""Entries of the table of a window on one tile."""


def check_chip(chip: Chip) -> None:
    """Raise `TalonFormatError` (T303) for the first thing that does not fit."""
    sizes = np.zeros(len(chip.neurons), np.int64)
    for tile in chip.tiles:
        sizes[tile.core] += tile.size
    if not np.array_equal(sizes, chip.neurons):
        raise damaged("cores have another number of neurons than their tiles")
    cores = [tile.core for tile in chip.tiles]
    if cores != sorted(cores):
        raise damaged("tiles do not stand in the order of their cores")
    check_lines(chip)
    check_routes(chip)
    for tile in chip.tiles:
        check_tile(chip, tile)
    check_cover(chip)
    for readout in chip.readouts:
        check_gather(readout.lines, chip.lines, f"readout {readout.name!r}")


def check_lines(chip: Chip) -> None:
    """The Inputs' lines follow the neurons', one Input after the other."""
    first = sum(chip.neurons)
    for name, port in chip.inputs.items():
        if port.first != first or port.encoding.low > port.encoding.high:
            raise damaged(f"Input {name!r} does not begin where the one before ends", first, port.first)
        first += math.prod(port.shape)


def check_routes(chip: Chip) -> None:
    """Every axon of every core hears one line."""
    routes = chip.routes
    counts = routes.counts.astype(np.int64)
    if len(counts) != chip.lines or (counts < 0).any() or int(counts.sum()) != len(routes.cores):
        raise damaged("the routes do not say for every line where it goes", chip.lines, len(counts))
    if len(routes.axons) != len(routes.cores):
        raise damaged("the routes lack a core or an axon")
    if len(routes.cores) and not (routes.cores.min() >= 0 and routes.cores.max() < len(chip.axons)):
        raise damaged("a route leads to no core")
    order = np.lexsort((routes.axons, routes.cores))
    expected = np.concatenate([*(np.arange(n) for n in chip.axons), np.zeros(0, np.int64)])
    if not np.array_equal(routes.axons[order], expected):
        raise damaged("an axon hears no line, or several")


def check_tile(chip: Chip, tile: Tile) -> None:
    layer = chip.layers[tile.layer]
    for source, part in zip(layer.sources, tile.parts, strict=True):
        check_part(chip, layer, tile, source, part)
    if layer.rule is None or tile.cells is None:
        return
    cells = tile.cells
    for role in ("threshold", "reset", "start", "factor"):
        values: np.ndarray = getattr(cells, role)
        try:
            np.broadcast_to(values, tile.form)
        except ValueError as error:
            raise damaged(f"{role} does not fit its tile", tile.form, values.shape) from error
    if cells.seats.shape != tile.form or not (cells.seats.min() >= 0 and cells.seats.max() < math.prod(layer.neurons)):
        raise damaged("neurons of a tile are none of their node's", tile.form, cells.seats.shape)
    if layer.decays and chip.decay is None:
        raise damaged("a layer decays, and the arithmetic does not")
    most = 48 if chip.decay is None or chip.decay.rule != "multiply" else 1 << chip.decay.bits
    if layer.decays and not (cells.factor.min() >= 0 and cells.factor.max() <= most):
        raise damaged("a decay is out of range", f"0 to {most}")


def check_part(chip: Chip, layer: Population, tile: Tile, source: Source, part: Part) -> None:
    """A source on one tile: its windows, what it hears, and the form of its weights."""
    region = []
    for window, (start, end) in zip(source.windows, tile.box, strict=True):
        if end > window.outputs or (end - start) * window.taps > MOST_TAPS:
            raise damaged(f"a window of {source.node!r} does not fit its layer")
        region.append(len(window.reads(start, end)))
    if part.inputs.numbers.shape[1:] != tuple(region):
        raise damaged(f"{source.node!r} hears another part of the map", tuple(region), part.inputs.numbers.shape[1:])
    check_gather(part.inputs, chip.axons[tile.core], repr(source.node))
    if part.weight is not None:
        check_weight(layer, tile, source, part, tuple(region))
    elif source.operation == "copy" and tuple(region) != tile.form:
        raise damaged(f"{source.node!r} copies another part of the map than it is")


def check_weight(layer: Population, tile: Tile, source: Source, part: Part, region: tuple[int, ...]) -> None:
    assert part.weight is not None
    outs = tile.form[layer.channel_axis]
    dense = source.operation == "dense"
    if dense != (layer.channel_axis == len(layer.shape) - 1) and len(layer.shape) > 1:
        raise damaged(f"the weights of {source.node!r} do not lie along its channels")
    taps = [region[-1]] if dense else [source.windows[0].taps, *(window.taps for window in source.windows[1:])]
    for values, stepped, expected in (
        (part.weight, source.stepped_weight, (outs, *taps)),
        (part.bias, source.stepped_bias, (outs,)),
    ):
        own: Any = None if values is None else values.shape[1:] if stepped and values.ndim else values.shape
        if values is not None and (own != expected or values.size == 0):
            raise damaged(f"the weights of {source.node!r} have another shape", expected, values.shape)


def check_gather(gather: Gather, count: int, what: str) -> None:
    numbers = gather.numbers
    if numbers.size and not (numbers.min() >= -1 and numbers.max() < count):
        raise damaged(f"{what} reads an axon or line that is not there", f"below {count}", numbers.max())
    if gather.delays.size and not (gather.delays.min() >= 0 and gather.delays.max() < 1 << 14):
        raise damaged(f"{what} is read too late")
    if gather.times.size and not (gather.times.min() >= 0 and gather.times.max() <= 1 << 14):
        raise damaged(f"{what} is taken too often")


def check_cover(chip: Chip) -> None:
    """Every neuron of every node stands in one tile."""
    found: dict[str, list[np.ndarray]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for tile in chip.tiles:
        layer = chip.layers[tile.layer]
        if layer.neuron is not None and tile.cells is not None:
            found.setdefault(layer.neuron, []).append(tile.cells.seats.ravel())
            if shapes.setdefault(layer.neuron, layer.neurons) != layer.neurons:
                raise damaged(f"{layer.neuron!r} has two shapes")
    for name, seats in found.items():
        every = np.sort(np.concatenate(seats))
        if not np.array_equal(every, np.arange(math.prod(shapes[name]))):
            raise damaged(f"a neuron of {name!r} is missing, or twice")
