"""What cores did, counted again from the chip and from what was recorded alone, by the metric of the mapping."""

from __future__ import annotations

import numpy as np

from talon import hw
from talon.hw.mapping.hypergraph import Hypergraph, deliveries
from talon.testing.targets.recounted import heard_by


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
