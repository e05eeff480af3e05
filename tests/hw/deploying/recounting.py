"""What cores did and what they hold, counted again from the chip and from what was recorded alone."""

from __future__ import annotations

import numpy as np

from talon import hw
from talon.hw.deploying.programs import Chip
from talon.hw.mapping.hypergraph import Hypergraph, deliveries


def heard_by(chip: Chip) -> list[set[int]]:
    """By line, the cores that hear it, from the routes."""
    entries = iter(chip.routes.cores.tolist())
    return [{next(entries) for _ in range(count)} for count in chip.routes.counts.tolist()]


def spikes_sent(found: hw.BuildResult) -> np.ndarray:
    """By line, what was sent in the whole run: of neurons from the records, where there are some; of sums and Inputs
    what the cores say."""
    chip = found.chip
    sent = found.work.sent.copy()
    for tile in chip.tiles:
        spikes = found.records.get(f"{chip.layers[tile.layer].neuron}.spikes")
        if spikes is not None:
            assert tile.cells is not None
            each = spikes.reshape(*spikes.shape[:2], -1).sum(axis=(0, 1)).astype(np.int64)
            sent[tile.first : tile.first + tile.size] = each[tile.cells.seats.ravel()]
    return sent


def cut(found: hw.BuildResult, inputs: bool = False) -> int:
    """The packets by the metric of the mapping, with each neuron as a vertex and as a net; with `inputs` also those
    from outside."""
    chip = found.chip
    heard, neurons = heard_by(chip), sum(chip.neurons)
    lines = range(chip.lines if inputs else neurons)
    # A vertex more for each core, which stands for whatever hears there.
    pins = [sorted(neurons + where for where in heard[line]) for line in lines]
    h = Hypergraph(
        np.zeros((neurons + len(chip.neurons), 1)),
        [line if line < neurons else -1 for line in lines],
        np.cumsum([0, *map(len, pins)]),
        np.concatenate([*pins, []]),
        spikes_sent(found)[: len(lines)],
        np.ones(len(lines)),
    )
    return int(deliveries(h, np.concatenate([chip.core_of[:neurons], np.arange(len(chip.neurons))])))


def reconciled(found: hw.BuildResult) -> None:
    """Sums over cores are those over layers and over nodes, what arrives is what was sent, and that is the cut."""
    chip, total = found.chip, found.counts.total()
    for quantity in ("synops", "updates", "spikes"):
        by_core, by_layer = found.by_core(quantity), found.by_layer(quantity)
        assert (len(by_core), len(by_layer)) == (len(chip.neurons), len(chip.layers))
        assert np.array_equal(by_core.sum(axis=0), by_layer.sum(axis=0))
        assert by_core.sum() == total[quantity]
    work = found.work
    assert np.array_equal(work.arrived.sum(axis=0), work.packets.sum(axis=0) + work.entered)
    assert np.array_equal(work.sent, spikes_sent(found))
    assert found.packets == cut(found)
    assert work.arrived.sum() == cut(found, inputs=True)


def within_limits(build: hw.Build, target: hw.Target) -> None:
    """Every neuron of every node has one place, and no core has more than the target gives it."""
    chip = build.chip
    places: dict[str, list[int]] = {}
    volume = np.zeros(len(chip.layers), np.int64)
    for tile in chip.tiles:
        layer = chip.layers[tile.layer]
        volume[tile.layer] += tile.size
        if layer.neuron is not None:
            assert tile.cells is not None
            places.setdefault(layer.neuron, []).extend(tile.cells.seats.ravel().tolist())
    assert volume.tolist() == [int(np.prod(layer.shape)) for layer in chip.layers]
    for layer in chip.layers:
        if layer.neuron is not None:
            assert sorted(places[layer.neuron]) == list(range(int(np.prod(layer.neurons))))
    lines = sorted(line for tile in chip.tiles for line in range(tile.first, tile.first + tile.size))
    assert lines == list(range(sum(chip.neurons)))
    heard = heard_by(chip)
    leaving = np.zeros(chip.lines, np.int64)
    for readout in chip.readouts:
        if not readout.to_host:
            numbers = readout.lines.numbers
            leaving[np.unique(numbers[numbers >= 0])] += 1
    assert len(chip.neurons) <= (target.core_count or len(chip.neurons))
    assert len({tuple(place) for place in chip.positions.tolist()}) == len(chip.neurons)
    for number, kind in enumerate(chip.kinds):
        core = target.cores[kind]
        own = [tile for tile in chip.tiles if tile.core == number]
        axons = {axon for place, axon in zip(chip.routes.cores, chip.routes.axons, strict=True) if place == number}
        assert axons == set(range(chip.axons[number]))
        edges = sum(
            len(heard[line]) + int(leaving[line]) for tile in own for line in range(tile.first, tile.first + tile.size)
        )
        assert chip.neurons[number] == sum(tile.size for tile in own)
        used = [(core.neurons, chip.neurons[number]), (core.in_axons, len(axons)), (core.out_edges, edges)]
        words = {
            "weights": sum(part.weight.size for tile in own for part in tile.parts if part.weight is not None),
            # Those that meet in a sum are stored as one.
            "biases": sum(max((part.bias.size for part in t.parts if part.bias is not None), default=0) for t in own),
            "membranes": sum(tile.size for tile in own if tile.cells is not None),
        }
        used += [(memory.words, sum(words.get(kind, 0) for kind in memory.holds)) for memory in core.memory]
        for limit, need in used:
            assert limit.value is None or need <= limit.value, (number, limit)
