"""What a run of a build gives back, and what its cores did, by core, by layer and by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from talon.engine.counts import Counts
from talon.engine.state import State
from talon.hw.deploying.operations import Local, region
from talon.hw.deploying.programs import Chip
from talon.hw.deploying.running import Work
from talon.hw.pricing import HOPS
from talon.ir.errors import TalonTypeError

BY_TILE = ("synops", "updates", "active", "spikes")
"""What is counted of every tile."""


@dataclass(frozen=True, repr=False)
class BuildResult:
    """`outputs`: `(T, B, *shape)` by Output name; `records` of what was asked for, by `path.quantity`; `state`:
    membranes after the last step, in integers; `work`: what each core and tile did."""

    outputs: Mapping[str, np.ndarray]
    records: Mapping[str, np.ndarray]
    state: State
    work: Work
    chip: Chip = field(repr=False)

    @cached_property
    def counts(self) -> Counts:
        """By node, as engines count: sums over the tiles of its layer. `binary_input` is of what cores hear: an input
        that no output reads, as where a stride is larger than its kernel, engines look at, and cores do not."""
        return node_counts(self.chip, self.work)

    @property
    def spikes(self) -> dict[str, np.ndarray]:
        """The recorded spikes by node path."""
        return {key[: -len(".spikes")]: value for key, value in self.records.items() if key.endswith(".spikes")}

    @cached_property
    def events(self) -> Mapping[str, np.ndarray]:
        """What chips price, `(T, B)` each: see `pricing.Done.of`. Without hops where they are not known."""
        found = computed(self.chip, self.work, range(len(self.chip.tiles)))
        found["packets"] = self.work.packets.sum(axis=0)
        if self.work.hops is not None:
            found |= dict(zip(HOPS, self.work.hops, strict=True))
        return found

    @property
    def packets(self) -> int:
        """Spikes that crossed from core to core: those of each neuron times the other cores that hear it."""
        return int(self.work.packets.sum())

    def by_core(self, quantity: str) -> np.ndarray:
        """ "synops", "updates", "active" (those of neurons that have something to do) or "spikes" of every core,
        `(cores, T, B)`. Raises `TalonTypeError` (T206) for another word."""
        return self.by(quantity, [tile.core for tile in self.chip.tiles], len(self.chip.axons))

    def by_layer(self, quantity: str) -> np.ndarray:
        """The same of every layer, `(layers, T, B)`."""
        return self.by(quantity, [tile.layer for tile in self.chip.tiles], len(self.chip.layers))

    def by(self, quantity: str, group: list[int], count: int) -> np.ndarray:
        """Tiles added up by their group, of `count` ones."""
        if quantity not in BY_TILE:
            raise TalonTypeError("T206", "no such quantity", expected=", ".join(BY_TILE), found=repr(quantity))
        each: np.ndarray = getattr(self.work, quantity)
        found = np.zeros((count, *each.shape[-2:]), np.int64)
        np.add.at(found, np.asarray(group, np.int64), each.sum(axis=1) if each.ndim == 4 else each)
        return found

    def __repr__(self) -> str:
        lines = [f"BuildResult after step {self.state.step}, {self.packets:,} packets between cores"]
        lines += [f"  output {name}: {a.dtype}{list(a.shape)}" for name, a in list(self.outputs.items())[:6]]
        return "\n".join([*lines, f"  {self.counts!r}"])


def computed(chip: Chip, work: Work, tiles: Sequence[int]) -> dict[str, np.ndarray]:
    """What tiles computed, `(T, B)` each."""
    own = list(tiles)
    synops = work.synops[own]
    decaying = [number for number in own if chip.layers[chip.tiles[number].layer].decays]
    return {
        "synops": synops.sum(axis=(0, 1)),
        "products": np.where(work.binary[own], 0, synops).sum(axis=(0, 1)),
        "updates": work.updates[own].sum(axis=0),
        "decays": work.updates[decaying].sum(axis=0),
        "active": work.active[own].sum(axis=0),
    }


def node_counts(chip: Chip, work: Work) -> Counts:
    """As `talon.engine.counts`, from what the tiles did."""
    leaves: dict[str, dict[str, np.ndarray]] = {}
    for number, tile in enumerate(chip.tiles):
        layer = chip.layers[tile.layer]
        for place, (source, part) in enumerate(zip(layer.sources, tile.parts, strict=True)):
            if part.weight is None:
                continue
            every = np.ones((1, *region(source.windows, tile.box)), bool)
            macs = int(Local(source, part, tile.box).heard(every).sum())
            synops, binary = work.synops[number, place], work.binary[number, place]
            own = leaves.setdefault(source.node, {})
            own["macs"] = own.get("macs", 0) + np.full_like(synops, macs)
            own["synops"] = own.get("synops", 0) + synops
            own["binary_input"] = own.get("binary_input", True) & binary
        if layer.neuron is not None:
            own = leaves.setdefault(layer.neuron, {})
            for quantity, found in (("updates", work.updates[number]), ("spikes", work.spikes[number])):
                own[quantity] = own.get(quantity, 0) + found
    return Counts(leaves)
