"""Whether the arrays of an artifact hold together: every number that is an index leads somewhere."""

from __future__ import annotations

import math

import numpy as np

from talon.hw.artifact.checking_tiles import check_gather, check_tile
from talon.hw.artifact.checking_values import check_values
from talon.hw.artifact.refusal import damaged
from talon.hw.artifact.rows import Reader
from talon.hw.deploying.programs import Chip
from talon.hw.description import Target
from talon.hw.places import mesh_of


def check_chip(chip: Chip, target: Target, rows: Reader) -> None:
    """Raise `TalonFormatError` (T303) for the first thing that does not fit. `rows`: whose budget pays for what running
    it will hold."""
    check_cores(chip, target)
    check_lines(chip)
    check_routes(chip)
    for tile in chip.tiles:
        check_tile(chip, tile, rows)
    check_boxes(chip)
    check_cover(chip)
    for layer in chip.layers:
        if layer.neuron is not None:
            check_unit(layer.unit, repr(layer.neuron))
    for readout in chip.readouts:
        check_gather(readout.lines, chip.lines, f"readout {readout.name!r}", rows)
        check_unit(readout.unit, f"readout {readout.name!r}")
    check_values(chip)


def check_unit(unit: np.ndarray, what: str) -> None:
    if not (np.isfinite(unit) & (unit > 0)).all():
        raise damaged(f"the unit of {what} is no positive number")


def check_cores(chip: Chip, target: Target) -> None:
    """Cores have the neurons of their tiles, and stand on the network."""
    sizes = np.zeros(len(chip.neurons), np.int64)
    for tile in chip.tiles:
        sizes[tile.core] += tile.size
    if not np.array_equal(sizes, chip.neurons) or not sizes.all():
        raise damaged("cores have another number of neurons than their tiles")
    cores = [tile.core for tile in chip.tiles]
    if cores != sorted(cores):
        raise damaged("tiles do not stand in the order of their cores")
    mesh, places = mesh_of(target), chip.positions
    axes = 1 if mesh is None or len(mesh.positions) < len(sizes) else 2
    most = np.iinfo(np.int64).max if target.core_count is None else max(target.core_count, len(sizes))
    ends = (most,) if axes == 1 or mesh is None else (mesh.height, mesh.width)
    if places.shape != (len(sizes), axes) or not ((places >= 0) & (places < np.array(ends))).all():
        raise damaged("a core is not on the network of the target", ends, places.shape)
    if len({tuple(place) for place in places.tolist()}) < len(sizes):
        raise damaged("two cores are in one place")


def check_lines(chip: Chip) -> None:
    """The Inputs' lines follow the neurons', one Input after the other."""
    first = sum(chip.neurons)
    for name, port in chip.inputs.items():
        if port.first != first or port.encoding.low > port.encoding.high:
            raise damaged(f"Input {name!r} does not begin where the one before ends", first, port.first)
        first += math.prod(port.shape)


def check_routes(chip: Chip) -> None:
    """Every axon of every core hears one line, and no core hears a line twice."""
    routes = chip.routes
    counts, cores = routes.counts.astype(np.int64), routes.cores.astype(np.int64)
    if len(counts) != chip.lines or (counts < 0).any() or counts.sum(dtype=np.float64) != len(cores):
        raise damaged("the routes do not say for every line where it goes", chip.lines, len(counts))
    if len(routes.axons) != len(cores):
        raise damaged("the routes lack a core or an axon")
    if len(cores) and not (cores.min() >= 0 and cores.max() < len(chip.axons)):
        raise damaged("a route leads to no core")
    line = np.repeat(np.arange(len(counts)), counts)
    if ((np.diff(line) == 0) & (np.diff(cores) <= 0)).any():
        raise damaged("the routes of a line are not in the order of their cores")
    order = np.lexsort((routes.axons, cores))
    expected = np.concatenate([*(np.arange(n) for n in chip.axons), np.zeros(0, np.int64)])
    if not np.array_equal(routes.axons[order], expected):
        raise damaged("an axon hears no line, or several")


def check_boxes(chip: Chip) -> None:
    """The boxes of a layer's tiles cover its map, each place once."""
    sizes = [0] * len(chip.layers)
    for tile in chip.tiles:
        sizes[tile.layer] += tile.size
    if sizes != [math.prod(layer.shape) for layer in chip.layers]:
        raise damaged("the tiles of a layer are not as large as its map")
    maps = [np.zeros(layer.shape, bool) for layer in chip.layers]
    for tile in chip.tiles:
        maps[tile.layer][tuple(slice(*ends) for ends in tile.box)] = True
    if not all(every.all() for every in maps):
        raise damaged("the tiles of a layer lie over each other")


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
        if len(every) != math.prod(shapes[name]) or not np.array_equal(every, np.arange(len(every))):
            raise damaged(f"a neuron of {name!r} is missing, or twice")
