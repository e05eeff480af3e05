"""What a hardware target promises: `check_target("name")` runs small networks on it, made for its own arithmetic.

    from talon.testing.targets import check_target

    def test_my_target():
        report = check_target("acme-1")
        assert not report.assumed  # nothing of its arithmetic was taken from generic-mesh
        assert "a layer of sums over cores" not in report.omitted

Networks meet what chips and their simulators disagree on: decays of the smallest membranes, registers that overflow at
either end, ties at the threshold, spikes at once, delays, recurrence, layers over several cores. Each is quantised,
checked, deployed, saved, loaded and run, and the numpy oracle, the C kernels and the cores must agree to the bit.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from talon.hw.catalogue import target as find_target
from talon.hw.description import Target
from talon.testing.targets import registers, spread, wirings
from talon.testing.targets.candidate import Candidate
from talon.testing.targets.described import check_description
from talon.testing.targets.execution import KERNELS, executed
from talon.testing.targets.outcome import Omitted, TargetReport
from talon.testing.targets.trial import Ran, Trial

__all__ = ["TargetReport", "check_target"]

MAKERS: tuple[Callable[[Candidate], Iterator[Trial | Omitted]], ...] = (
    *registers.MAKERS,
    *wirings.MAKERS,
    *spread.MAKERS,
)


def check_target(target: Target | str | os.PathLike[str], *, seeds: Iterable[int] = (0,)) -> TargetReport:
    """Run every check on a target: an object, a name, or the path of a `.toml`; `seeds` of the weights and spikes.

    What the target does not run is left out, and stands in the report with the reason. Where nobody says what its
    arithmetic is, that of generic-mesh is taken, and the report says for which keys. Raises AssertionError, or the
    error that a step ended with, with notes that name the network; also where nothing could be run at all.
    """
    target = find_target(target)
    check_description(target)
    ran: dict[str, int] = {}
    omitted: dict[str, str] = {}
    assumed: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            about = Candidate.of(target, seed)
            assumed = about.assumed
            for trial in (trial for make in MAKERS for trial in make(about)):
                found = trial if isinstance(trial, Omitted) else told(about, trial, Path(folder))
                if isinstance(found, Omitted):
                    omitted[found.name] = found.reason
                else:
                    ran[found.trial.name] = max(found.build.cores, ran.get(found.trial.name, 0))
    reasons = "; ".join(dict.fromkeys(omitted.values()))
    assert ran, f"nothing could be run on {target.id}: {reasons}"
    return TargetReport(target.id, target.hash, KERNELS, assumed, ran, omitted)


def told(about: Candidate, trial: Trial, folder: Path) -> Ran | Omitted:
    """A trial; whatever goes wrong says which one it was."""
    try:
        return executed(about, trial, folder)
    except Exception as error:
        error.add_note(f"on the network {trial.name!r} for the target {about.target.id!r}, seed {about.seed}")
        raise
