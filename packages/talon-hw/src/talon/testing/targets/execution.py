"""A network on a target: quantised, checked, deployed, saved, loaded and run, and everything about it the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from talon import hw
from talon.engine import Result, run
from talon.hw.native.library import load
from talon.ir.errors import Diagnostic, TalonError, TalonTargetError
from talon.testing.results import differences
from talon.testing.targets.agreed import same_run
from talon.testing.targets.candidate import Candidate
from talon.testing.targets.outcome import Omitted
from talon.testing.targets.recounted import reconciled, within_limits
from talon.testing.targets.trial import Ran, Trial

KERNELS = ("oracle", "event", "dense") if load()[0] is not None else ("oracle",)
"""The ways of the integer engine; those of the C library where there is one."""
NO_ROOM = ("T503", "T504")
"""What says that a target has no room for a network, or does not run it."""


def executed(about: Candidate, trial: Trial, folder: Path) -> Ran | Omitted:
    """What a trial came to, or why it was left out."""
    target, calibration = about.target, trial.inputs if trial.calibration is None else trial.calibration
    refused = hw.legalise(trial.graph, target).report.errors
    if refused:
        return Omitted(trial.name, words(refused[0]))
    with warnings.catch_warnings():
        # Some networks are silent, or have weights of few bits, to see what then happens.
        warnings.simplefilter("ignore", hw.QuantisingWarning)
        quantised = hw.quantize(trial.graph, about.complete, calibration=calibration, **trial.asked)
    try:
        build = hw.deploy(quantised, target, calibration=calibration)
    except TalonTargetError as error:
        if error.code not in NO_ROOM:
            raise
        return Omitted(trial.name, words(error.diagnostic))
    fit = hw.check(quantised, target)
    assert fit.ok, f"it was deployed, and check says: {fit.errors[0].message}"
    loaded = carried(build, folder)
    again = hw.deploy(quantised, target, calibration=calibration)
    assert again.fingerprint() == build.fingerprint(), "deployed again with the same seed it is another build"
    expected = ended(partial(by_engine, trial, quantised, "oracle"))
    for kernels in KERNELS[1:]:
        same_end(f"by the kernels {kernels!r}", ended(partial(by_engine, trial, quantised, kernels)), expected)
    found: hw.BuildResult | TalonError | None = None
    for where, one in (("on the cores", build), ("from the artifact", loaded), ("run again", loaded)):
        found = ended(partial(on_cores, trial, one))
        same_end(where, found, expected)
        if isinstance(found, hw.BuildResult):
            reconciled(found)
    within_limits(build, target)
    assert build.cores >= trial.cores, f"it takes {build.cores} cores, not {trial.cores} as it was made for"
    assert found is not None
    done = Ran(trial, quantised, build, expected, found)
    reason = trial.shows(done)
    return done if reason is None else Omitted(trial.name, reason)


def carried(build: hw.Build, folder: Path) -> hw.Build:
    """The build from its file, which is the same whenever it is written."""
    path, other = folder / "net.talonhw", folder / "again.talonhw"
    build.save(path, overwrite=True)
    loaded = hw.load(path)
    loaded.save(other, overwrite=True)
    assert path.read_bytes() == other.read_bytes(), "loaded and saved again, the artifact has other bytes"
    assert loaded.target.hash == build.target.hash, "the artifact holds another target"
    for what, one in (("the build", build), ("the artifact", loaded)):
        assert one.verify(), f"{what} does not give the answer of its golden sample"
    return loaded


def by_engine(trial: Trial, quantised: Any, kernels: str) -> Result:
    return run(quantised, trial.inputs, engine="integer", engine_options={"kernels": kernels}, record="*")


def on_cores(trial: Trial, build: hw.Build) -> hw.BuildResult:
    cells = any(layer.neuron is not None for layer in build.chip.layers)
    return build.run(trial.inputs, record="*" if cells else ())


def ended(what: Callable[[], Any]) -> Any:
    """What a run gives, or the error of a number that traps."""
    try:
        return what()
    except TalonError as error:
        if error.code != "T507":
            raise
        return error


def same_end(where: str, found: Any, expected: Any) -> None:
    """Raise AssertionError unless two runs gave the same, or trapped both."""
    if isinstance(expected, TalonError) or isinstance(found, TalonError):
        both = isinstance(expected, TalonError) and isinstance(found, TalonError)
        assert both, f"{where} {told(found)}, and by the oracle {told(expected)}"
        return
    if isinstance(found, hw.BuildResult):
        same_run(where, found, expected)
        return
    for difference in differences(found, expected):
        raise AssertionError(f"{where}: {difference}")


def told(end: Any) -> str:
    return f"a number traps ({end.diagnostic.message})" if isinstance(end, TalonError) else "no number traps"


def words(finding: Diagnostic) -> str:
    """Why something does not fit, on one line."""
    return f"{finding.message} ({finding.expected}; {finding.found})" if finding.code == "T503" else finding.message
