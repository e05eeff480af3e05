"""The layers of a build: how each was cut, and what it did in a run."""

from __future__ import annotations

from collections.abc import Iterator

from talon.hw.deploying.build import Build
from talon.hw.deploying.energy import layer_energy
from talon.hw.deploying.programs import Population
from talon.hw.deploying.result import BuildResult
from talon.hw.reporting.figures import Layer


def name(layer: Population) -> str:
    """As `hw.check` calls it."""
    return " + ".join(layer.members)


def layers(build: Build, result: BuildResult) -> Iterator[Layer]:
    """Every layer, in the order of the chip."""
    chip = build.chip
    samples = result.work.entered.shape[1]
    synops, updates, spikes = (result.by_layer(quantity) for quantity in ("synops", "updates", "spikes"))
    for number, layer in enumerate(chip.layers):
        tiles = [tile for tile in chip.tiles if tile.layer == number]
        yield Layer(
            name(layer),
            layer.members,
            len(tiles),
            len({tile.core for tile in tiles}),
            sum(tile.size for tile in tiles),
            int(synops[number].sum()),
            int(updates[number].sum()),
            tuple(spikes[number].sum(axis=1).tolist()),
            layer_energy(build, result, number, samples=samples) if samples else None,
            layer.neuron is not None,
        )
