"""Whether a tile of an artifact can compute: its windows, what it hears, its weights and its neurons."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from talon.hw.artifact.refusal import damaged
from talon.hw.artifact.rows import Reader
from talon.hw.deploying.operations import local
from talon.hw.deploying.programs import Chip, Gather, Part, Population, Source, Tile
from talon.hw.families import Window
from talon.hw.wiring import MOST

ALTERNATIVE = 64
"""Numbers of the budget that a row of what is gathered takes beside its own: each is a turn of a loop."""


def check_tile(chip: Chip, tile: Tile, rows: Reader) -> None:
    layer = chip.layers[tile.layer]
    for source, part in zip(layer.sources, tile.parts, strict=True):
        check_part(chip, layer, tile, source, part, rows)
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


def check_part(chip: Chip, layer: Population, tile: Tile, source: Source, part: Part, rows: Reader) -> None:
    """A source on one tile: its windows, what it hears, and the form of its weights."""
    if tuple(window.outputs for window in source.windows) != layer.shape:
        raise damaged(f"the windows of {source.node!r} do not fit its layer", layer.shape)
    tables = [table_of(window, *ends, source, rows) for window, ends in zip(source.windows, tile.box, strict=True)]
    region = tuple(int(table.max(initial=-1)) + 1 for table in tables)
    if part.inputs.numbers.shape[1:] != region:
        raise damaged(f"{source.node!r} hears another part of the map", region, part.inputs.numbers.shape[1:])
    check_gather(part.inputs, chip.axons[tile.core], repr(source.node), rows)
    if part.weight is not None:
        check_weight(layer, tile, source, part, region)
    if not fits(source, tile, tables, region):
        raise damaged(f"the windows of {source.node!r} do not give the map of its layer", tile.form, region)


def table_of(window: Window, start: int, end: int, source: Source, rows: Reader) -> np.ndarray:
    """What each output of a box reads along one axis, as the cores use it; -1 outside the map."""
    count = (end - 1) // window.every - start // window.every + 1
    rows.spend(count * window.taps, f"windows of {source.node!r}")
    return local(window, start, end)


def fits(source: Source, tile: Tile, tables: list[np.ndarray], region: tuple[int, ...]) -> bool:
    """Whether the windows of a source give exactly the box of its tile."""
    form, operation = tile.form, source.operation
    if operation == "copy":
        return region == form
    if operation == "dense":
        return region[:-1] == form[:-1] and bool((tables[-1] >= 0).all()) and len(tables[-1]) == 1
    spatial = all(len(table) == length for table, length in zip(tables[1:], form[1:], strict=True))
    if operation == "conv":
        return spatial and bool((tables[0] >= 0).all())
    whole = all((table >= 0).any(axis=1).all() for table in tables[1:])
    return spatial and whole and region[:1] == form[:1]


def check_weight(layer: Population, tile: Tile, source: Source, part: Part, region: tuple[int, ...]) -> None:
    dense = source.operation == "dense"
    if not layer.shape or layer.channel_axis != (len(layer.shape) - 1 if dense else 0):
        raise damaged(f"the weights of {source.node!r} do not lie along its channels")
    outs = tile.form[layer.channel_axis]
    taps = [region[-1]] if dense else [source.windows[0].taps, *(window.taps for window in source.windows[1:])]
    for values, stepped, expected in (
        (part.weight, source.stepped_weight, (outs, *taps)),
        (part.bias, source.stepped_bias, (outs,)),
    ):
        own: Any = None if values is None else values.shape[1:] if stepped and values.ndim else values.shape
        if values is not None and (own != expected or values.size == 0):
            raise damaged(f"the weights of {source.node!r} have another shape", expected, values.shape)


def check_gather(gather: Gather, count: int, what: str, rows: Reader) -> None:
    numbers = gather.numbers
    rows.spend(ALTERNATIVE * len(numbers), what)
    if numbers.size and not (numbers.min() >= -1 and numbers.max() < count):
        raise damaged(f"{what} reads an axon or line that is not there", f"below {count}", numbers.max())
    if gather.delays.size and not (gather.delays.min() >= 0 and gather.delays.max() < MOST):
        raise damaged(f"{what} is read too late")
    if gather.times.size and not (gather.times.min() >= 0 and gather.times.max() <= MOST):
        raise damaged(f"{what} is taken too often")
