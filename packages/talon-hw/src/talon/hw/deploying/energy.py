"""Energy of a run of a build, by the cost rows of its target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from talon.hw.arguments import expect
from talon.hw.deploying.build import Build
from talon.hw.deploying.journeys import journeys
from talon.hw.deploying.result import BuildResult
from talon.hw.deploying.spreading import mesh_of
from talon.hw.pricing import Done, Energy, priced, whole_widths
from talon.ir.errors import TalonRunError


def build_energy(build: Build, result: BuildResult, *, samples: int = 1) -> Energy:
    """What a run takes on the build's target, divided by `samples`.

    Where the target prices whole events (a synaptic operation, an update, a hop) these are priced; else single
    operations, as `hw.energy` does. A total is None where a row is unknown.
    """
    expect(result, BuildResult, "a build prices its own runs", "what build.run gave")
    if result.chip is not build.chip and len(result.work.updates) != len(build.chip.tiles):
        raise TalonRunError(
            "T401",
            "the result is of another build",
            expected=f"a run of {len(build.chip.tiles)} tiles",
            found=f"one of {len(result.work.updates)}",
            help="give what build.run gave",
        )
    computed = done(build, result, range(len(build.chip.tiles)))
    what = replace(computed, packets=result.packets, hops=hops(build, result))
    return priced(what, whole_widths(build.chip.arithmetic, build.target), build.target, samples)


def layer_energy(build: Build, result: BuildResult, layer: int, *, samples: int = 1) -> Energy:
    """What the tiles of one layer take of it: what they compute, without packets and hops."""
    tiles = [number for number, tile in enumerate(build.chip.tiles) if tile.layer == layer]
    widths = whole_widths(build.chip.arithmetic, build.target)
    return priced(done(build, result, tiles), widths, build.target, samples)


def done(build: Build, result: BuildResult, tiles: Sequence[int]) -> Done:
    """What tiles computed."""
    work, chip, own = result.work, build.chip, list(tiles)
    synops, binary = work.synops[own], work.binary[own]
    decays = sum(int(work.updates[number].sum()) for number in own if chip.layers[chip.tiles[number].layer].decays)
    total = int(synops.sum())
    return Done(
        total, total - int(synops[binary].sum()), int(work.updates[own].sum()), decays, int(work.active[own].sum())
    )


def hops(build: Build, result: BuildResult) -> tuple[int, int] | None:
    """Hops of all packets between cores, along rows and along columns of the network."""
    taken, mesh = journeys(build, result.work), mesh_of(build.target)
    if taken is None or mesh is None:
        return None
    rows = taken.ends[:, 0] // mesh.width == taken.ends[:, 1] // mesh.width
    return int(taken.loads[rows].sum()), int(taken.loads[~rows].sum())
