"""Energy of a run of a build, by the cost rows of its target."""

from __future__ import annotations

from dataclasses import replace

from talon.hw.arguments import expect
from talon.hw.deploying.build import Build
from talon.hw.deploying.result import BuildResult, computed
from talon.hw.pricing import Done, Energy, priced, whole_widths
from talon.ir.errors import TalonRunError


def build_energy(build: Build, result: BuildResult, *, samples: int = 1) -> Energy:
    """What a run takes on the build's target, divided by `samples`.

    Where the target prices whole events (a synaptic operation, an update, a hop) these are priced; else single
    operations, as `hw.energy` does. A total is None where a row is unknown.
    """
    expect(result, BuildResult, "a build prices its own runs", "what build.run gave")
    if (
        result.chip is not build.chip
        and (other := replace(build, chip=result.chip).fingerprint()) != build.fingerprint()
    ):
        raise TalonRunError(
            "T401",
            "the result is of another build",
            expected=f"a run of build {build.fingerprint()[:12]}",
            found=f"one of {other[:12]}",
            help="give what build.run gave",
        )
    return priced(Done.of(result.events), whole_widths(build.chip.arithmetic, build.target), build.target, samples)


def layer_energy(build: Build, result: BuildResult, layer: int, *, samples: int = 1) -> Energy:
    """What the tiles of one layer take of it: what they compute, without packets and hops."""
    tiles = [number for number, tile in enumerate(build.chip.tiles) if tile.layer == layer]
    widths = whole_widths(build.chip.arithmetic, build.target)
    return priced(Done.of(computed(build.chip, result.work, tiles)), widths, build.target, samples)
