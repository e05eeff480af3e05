"""What cannot be evaluated is refused once, by an error that says what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon import hw, ir
from tests.hw.evaluating.fakes import STEPS, Build, X, net, program, quantised


def nothing() -> Any:
    return iter([])


class Unpicklable(Build):
    def __reduce__(self) -> Any:
        raise TypeError("no")


TWO = ir.Graph(
    {"a": ir.Input([4]), "b": ir.Input([4]), "x": ir.Output([4]), "y": ir.Output([4])}, [("a", "x"), ("b", "y")]
)
BUILD = hw.deploy(quantised())
MAPS = ir.Graph.chain(ir.Input([1, 2, 2]), ir.Output([1, 2, 2]))

CASES: dict[str, tuple[Any, Any, dict[str, Any], str, str]] = {
    "no data set": (net(), 3, {}, "T413", "no samples"),
    "a path": (net(), "x.npy", {}, "T413", "no samples"),
    "a number": (net(), np.array(3.0), {}, "T413", "no samples"),
    "empty array": (net(), X[:0], {}, "T413", "empty"),
    "empty iterator": (net(), nothing(), {}, "T413", "empty"),
    "no arrays": (net(), {}, {}, "T413", "number of samples"),
    "arrays of several lengths": (TWO, {"a": X, "b": X[1:]}, {}, "T413", "number of samples"),
    "few labels": (net(), X, {"labels": [1, 2]}, "T413", "as many labels"),
    "many labels": (net(), X, {"labels": [1] * 21}, "T413", "as many labels"),
    "few labels of an iterator": (net(), iter(X), {"labels": [1, 2]}, "T413", "as many labels"),
    "many labels of an iterator": (net(), iter(X), {"labels": [1] * 21}, "T413", "as many labels"),
    "labels of some": (net(), [(X[0], 1), X[1]], {}, "T413", "only some"),
    "labels of some, later": (net(), [X[0], (X[1], 1)], {}, "T413", "only some"),
    "unknown executor": (net(), X, {"executor": "proceses"}, "T413", "no executor"),
    "no executor": (net(), X, {"executor": 3}, "T413", "no executor"),
    "no workers": (net(), X, {"executor": "processes", "workers": 0}, "T413", "workers"),
    "workers without others": (net(), X, {"workers": 3}, "T413", "works alone"),
    "a decision that is a number": (net(), X, {"decide": 3}, "T413", "decide is of another kind"),
    "a progress that is a number": (net(), X, {"progress": 3}, "T413", "progress is of another kind"),
    "a cache that is a number": (net(), X, {"cache": 3}, "T413", "cache is of another kind"),
    "no chunk": (net(), X, {"chunk": 0}, "T413", "chunk"),
    "no steps": (net(), X, {"repeat": 0}, "T413", "steps"),
    "nothing that runs": ("net.t1c", X, {}, "T413", "cannot be run"),
    "engine of something else": (Build(), X, {"engine": "native"}, "T413", "only a graph"),
    "unknown engine": (net(), X, {"engine": "gpu"}, "T405", "no engine"),
    "no fingerprint": (Build(""), X, {"cache": "cache"}, "T413", "what this computes"),
    "cannot be sent": (Unpicklable(), X, {"executor": "processes"}, "T413", "sent to other"),
    "an array of another shape": (net(), X[:, :3], {}, "T401", "wrong shape"),
    "no step axis": (net(), X, {"repeat": None}, "T401", "wrong shape"),
    "a program, and another shape": (program(), X[:, :3], {}, "T401", "wrong shape"),
    "a build, and another shape": (BUILD, X[:, :3], {}, "T401", "wrong shape"),
    "engine of a build": (BUILD, X, {"engine": "integer"}, "T413", "only a graph"),
    "other names": (net(), {"x": X}, {}, "T401", "not named"),
    "several Outputs": (TWO, {"a": X, "b": X}, {}, "T413", "no scores"),
    "an Output of maps": (MAPS, X.reshape(20, 1, 2, 2), {}, "T413", "no scores"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_once(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runnable, dataset, given, code, words = CASES[case]
    with pytest.raises(ir.TalonRunError, match=words) as caught:
        hw.evaluate(runnable, dataset, **{"repeat": STEPS, **given})
    assert caught.value.code == code
    assert caught.value.expected
    assert caught.value.found
    assert caught.value.help


def test_a_graph_that_cannot_run_is_refused_once() -> None:
    bad = ir.Graph.chain(ir.Input([4]), ir.Affine(np.ones((2, 3), "f4")), ir.Output([2]))
    with pytest.raises(ir.TalonGraphError, match="T1"):
        hw.evaluate(bad, X, repeat=STEPS)


def test_the_axes_of_a_data_set_are_told() -> None:
    with pytest.raises(ir.TalonRunError) as caught:
        hw.evaluate(net(), np.swapaxes(np.ones((7, 20, 5)), 0, 1))
    assert "(samples, steps, ...)" in str(caught.value)


UNGUARDED = """
import numpy as np
from talon import hw, ir

net = ir.Graph.chain(ir.Input([3]), ir.Output([3]))
try:
    hw.evaluate(net, np.eye(3), "processes", repeat=2, workers=1)
except ir.TalonError as error:
    print(error)
"""


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "[T413] a worker could not do its part" in done.stdout
    assert "if __name__ == '__main__':" in done.stdout


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"targets": "generic-mesh"}, "give targets=('generic-mesh',)"),
        ({"targets": ()}, "leave targets out"),
        ({"bits": 8}, "give bits=(8,)"),
        ({"bits": "84"}, "bits are several"),
        ({"seeds": 3}, "seeds are several"),
        ({"seeds": (0,), "build": 5}, "build is of another kind"),
        ({"progress": 3}, "progress is of another kind"),
        ({"seeds": (0,), "bits": (None,)}, "floats are put on no cores"),
        ({"build": print, "bits": (None,)}, "floats are put on no cores"),
    ],
)
def test_sweeps_of_one_where_several_are(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ir.TalonRunError) as caught:
        hw.sweep(net(), X, calibration=X, repeat=STEPS, **given)
    assert caught.value.code == "T413"
    assert words in str(caught.value)


def test_no_progress_is_asked_for() -> None:
    assert hw.evaluate(net(), X, repeat=STEPS, progress=False).done == len(X)
