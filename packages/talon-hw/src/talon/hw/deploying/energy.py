"""Energy of a run of a build, by the cost rows of its target."""

from __future__ import annotations

from talon.hw.deploying.build import Build
from talon.hw.deploying.journeys import journeys
from talon.hw.deploying.result import BuildResult
from talon.hw.deploying.spreading import mesh_of
from talon.hw.pricing import Done, Energy, priced, whole_widths


def build_energy(build: Build, result: BuildResult, *, samples: int = 1) -> Energy:
    """What a run takes on the build's target, divided by `samples`.

    Where the target prices whole events (a synaptic operation, an update, a hop) these are priced; else single
    operations, as `hw.energy` does. A total is None where a row is unknown.
    """
    return priced(done(build, result), whole_widths(build.chip.arithmetic, build.target), build.target, samples)


def done(build: Build, result: BuildResult) -> Done:
    """What the cores did."""
    work, chip = result.work, build.chip
    decays = sum(
        int(work.updates[number].sum()) for number, tile in enumerate(chip.tiles) if chip.layers[tile.layer].decays
    )
    synops = int(work.synops.sum())
    return Done(
        synops,
        synops - int(work.synops[work.binary].sum()),
        int(work.updates.sum()),
        decays,
        int(work.active.sum()),
        result.packets,
        hops(build, result),
    )


def hops(build: Build, result: BuildResult) -> tuple[int, int] | None:
    """Hops of all packets between cores, along rows and along columns of the network."""
    taken, mesh = journeys(build, result.work), mesh_of(build.target)
    if taken is None or mesh is None:
        return None
    rows = taken.ends[:, 0] // mesh.width == taken.ends[:, 1] // mesh.width
    return int(taken.loads[rows].sum()), int(taken.loads[~rows].sum())
