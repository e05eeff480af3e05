"""What cores did and what they hold, counted again from the chip and from what was recorded alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from talon import hw
from talon.hw.deploying.programs import Chip, Tile
from talon.hw.description import Core
from talon.hw.quantities import Quantity


def heard_by(chip: Chip) -> list[set[int]]:
    """By line, the cores that hear it, from the routes."""
    entries = iter(chip.routes.cores.tolist())
    return [{next(entries) for _ in range(count)} for count in chip.routes.counts.tolist()]


def sent(found: hw.BuildResult) -> np.ndarray:
    """By line, how many packets a neuron sends in the whole run, from the records."""
    chip = found.chip
    rates = np.zeros(sum(chip.neurons), np.int64)
    for tile in chip.tiles:
        layer = chip.layers[tile.layer]
        assert tile.cells is not None
        spikes = found.records[f"{layer.neuron}.spikes"]
        each = spikes.reshape(*spikes.shape[:2], -1).sum(axis=(0, 1))
        rates[tile.first : tile.first + tile.size] = each[tile.cells.seats.ravel()]
    return rates


def cut(found: hw.BuildResult) -> int:
    """The packets by the metric of mappings: what every neuron sends, times the other cores that hear it."""
    chip = found.chip
    others = [len(cores - {chip.core_of[line]}) for line, cores in enumerate(heard_by(chip)[: sum(chip.neurons)])]
    return int((sent(found) * others).sum())


def reconciled(found: hw.BuildResult) -> None:
    """Raise AssertionError unless sums over cores are those over layers and over nodes, and what arrives was sent."""
    chip, total, work = found.chip, found.counts.total(), found.work
    for quantity in ("synops", "updates", "spikes"):
        by_core, by_layer = found.by_core(quantity), found.by_layer(quantity)
        same = np.array_equal(by_core.sum(axis=0), by_layer.sum(axis=0)) and by_core.sum() == total[quantity]
        counted = f"{by_core.sum()} by cores, {by_layer.sum()} by layers, {total[quantity]} by nodes"
        assert same, f"{quantity} do not reconcile: {counted}"
    came, went = work.arrived.sum(axis=0), work.packets.sum(axis=0) + work.entered
    assert np.array_equal(came, went), f"{came.sum()} packets arrive of {went.sum()} that were sent"
    if all(layer.neuron is not None for layer in chip.layers) and found.records:
        right = cut(found)
        assert found.packets == right, f"{found.packets} packets between cores, and by its spikes {right}"


def within_limits(build: hw.Build, target: hw.Target) -> None:
    """Raise AssertionError unless every neuron has one place, and no core has more than the target gives it."""
    chip = build.chip
    every_neuron_once(chip)
    count = target.core_count
    assert count is None or len(chip.neurons) <= count, f"{len(chip.neurons)} cores of the {count} there are"
    places = {tuple(place) for place in chip.positions.tolist()}
    assert len(places) == len(chip.neurons), "two cores lie at the same place"
    for number, kind in enumerate(chip.kinds):
        for what, limit, need in used(chip, number, target.cores[kind]):
            fits = limit.value is None or need <= limit.value
            assert fits, f"core {number} has {need} {what}, and {target.id} gives it {limit}"


def every_neuron_once(chip: Chip) -> None:
    places: dict[str, list[int]] = {}
    volume = np.zeros(len(chip.layers), np.int64)
    for tile in chip.tiles:
        layer = chip.layers[tile.layer]
        volume[tile.layer] += tile.size
        if layer.neuron is not None:
            assert tile.cells is not None, f"a tile of {layer.neuron!r} has no neurons"
            places.setdefault(layer.neuron, []).extend(tile.cells.seats.ravel().tolist())
    assert volume.tolist() == [int(np.prod(layer.shape)) for layer in chip.layers], "tiles do not cover their layers"
    for layer in chip.layers:
        if layer.neuron is not None:
            every = sorted(places[layer.neuron]) == list(range(int(np.prod(layer.neurons))))
            assert every, f"not every neuron of {layer.neuron!r} has one place"
    lines = sorted(line for tile in chip.tiles for line in range(tile.first, tile.first + tile.size))
    assert lines == list(range(sum(chip.neurons))), "not every value has one line"


def used(chip: Chip, number: int, core: Core) -> Iterator[tuple[str, Quantity, int]]:
    """What a core has of everything that is limited, counted from its program: name, limit, need."""
    own = [tile for tile in chip.tiles if tile.core == number]
    heard = heard_by(chip)
    axons = {axon for place, axon in zip(chip.routes.cores, chip.routes.axons, strict=True) if place == number}
    assert axons == set(range(chip.axons[number])), f"core {number} has axons that nothing reaches"
    leaving = leaving_of(chip)
    lines = [line for tile in own for line in range(tile.first, tile.first + tile.size)]
    assert chip.neurons[number] == len(lines), f"core {number} has other neurons than its tiles"
    yield "neurons", core.neurons, len(lines)
    yield "in-axons", core.in_axons, len(axons)
    yield "out-edges", core.out_edges, sum(len(heard[line]) + int(leaving[line]) for line in lines)
    yield "layers", core.layers, len({tile.layer for tile in own})
    first = sum(chip.neurons)
    yield "values of Inputs", core.inputs, sum(number in cores for cores in heard[first:])
    yield "neurons that Outputs read", core.outputs, sum(int(leaving[line]) > 0 for line in lines)
    yield "places that one neuron reaches", core.reach, max((len(heard[n]) + int(leaving[n]) for n in lines), default=0)
    yield "cores that it sends to", core.destinations, len(set().union(*(heard[line] for line in lines)))
    words = {kind: sum(stored(tile, kind) for tile in own) for kind in ("weights", "biases", "membranes")}
    for memory in core.memory:
        yield f"words of {memory.name!r}", memory.words, sum(words.get(kind, 0) for kind in memory.holds)


def stored(tile: Tile, kind: str) -> int:
    """The least words that a tile takes for values of this kind, each in one."""
    if kind == "membranes":
        return tile.size if tile.cells is not None else 0
    if kind == "biases":
        # Those that meet in a sum are stored as one.
        return max((part.bias.size for part in tile.parts if part.bias is not None), default=0)
    return sum(part.weight.size for part in tile.parts if part.weight is not None)


def leaving_of(chip: Chip) -> np.ndarray:
    """By line, how many Outputs read it."""
    leaving = np.zeros(chip.lines, np.int64)
    for readout in chip.readouts:
        if not readout.to_host:
            numbers = readout.lines.numbers
            leaving[np.unique(numbers[numbers >= 0])] += 1
    return leaving
