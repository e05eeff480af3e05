"""What a run of a build takes of memory, so that one that does not fit is refused before it begins."""

from __future__ import annotations

from math import prod

from talon.engine.memory import available, sized
from talon.engine.needs import SMALL
from talon.hw.deploying.programs import Chip
from talon.ir.errors import TalonRunError

NUMBER = 8
"""Bytes of a value at work."""
COPIES = 4
"""Of the values of a step: as they arrive, by windows, as floats, and as sums."""


def held(chip: Chip) -> int:
    """Numbers that are kept from step to step, for one sample: axons and lines for as long as they are late, membranes,
    and results that are taken later."""
    late = 1 + max((readout.lines.most_delay for readout in chip.readouts), default=0)
    later = sum(source.delay * tile.size for tile in chip.tiles for source in chip.layers[tile.layer].sources)
    return chip.depth * sum(chip.axons) + late * chip.lines + sum(chip.neurons) + later


def widest(chip: Chip) -> int:
    """The most numbers that one source of a tile has at hand in a step, for one sample."""
    most = 0
    for tile in chip.tiles:
        for source, part in zip(chip.layers[tile.layer].sources, tile.parts, strict=True):
            heard = part.inputs.numbers
            if source.operation != "dense" and tile.form:
                # Every channel that it hears, at each place of the box with all that its windows read.
                places = zip(source.windows[1:], tile.form[1:], strict=True)
                most = max(most, heard.shape[1] * prod(window.taps * length for window, length in places))
            most = max(most, heard.size, tile.size)
    return most


def told(chip: Chip, steps: int) -> int:
    """Bytes that a run gives back for one sample, records aside."""
    sources = max((len(layer.sources) for layer in chip.layers), default=0)
    counted = steps * (len(chip.tiles) * (9 * sources + 3 * NUMBER) + 2 * NUMBER * len(chip.axons) + NUMBER)
    return counted + 4 * steps * sum(prod(readout.shape) for readout in chip.readouts)


def refuse_too_large(chip: Chip, steps: int, batch: int, recorded: int = 0) -> None:
    """Raise `TalonRunError` (T409) for a run that will not fit in the memory that there is. `recorded`: numbers that
    records take by step and sample."""
    values = NUMBER * (held(chip) + COPIES * widest(chip))
    needed = batch * (values + told(chip, steps) + 4 * steps * recorded)
    if needed <= SMALL or (there := available()) is None or needed <= there.size:
        return
    raise TalonRunError(
        "T409",
        f"{steps:,} steps of {batch:,} samples do not fit in memory",
        expected=f"at most {sized(there.size)} ({there.limit})",
        found=f"{sized(needed)}, of which {sized(batch * NUMBER * held(chip))} are kept from step to step",
        help="give fewer samples at a time, or fewer steps, or record less",
    )
