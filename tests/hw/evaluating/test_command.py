"""`talon hw evaluate`: a thin skin over `hw.evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from talon import hw, ir
from talon.hw.commands import group
from tests.hw.evaluating.fakes import CLASSES, STEPS, X, computed, net, quantised

LABELS = np.arange(len(X)) % CLASSES


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    ir.write("net.t1c", net())
    np.save("x.npy", X)
    np.save("y.npy", LABELS)
    return tmp_path


def called(*words: str) -> Result:
    return CliRunner().invoke(group, ["evaluate", "net.t1c", "--input", *words])


def test_it_says_what_hw_evaluate_gives() -> None:
    expected = hw.evaluate(net(), X, labels=LABELS, repeat=STEPS)
    words = ["x.npy", "--labels", "y.npy", "--steps", str(STEPS)]
    done = called(*words)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(expected)
    assert done.stderr == ""
    data = json.loads(called(*words, "--json").stdout)["data"]
    assert data == expected.as_dict()
    assert json.loads(called(*words, "--json", "--engine", "reference").stdout)["data"] == data


def test_processes_and_a_cache(folder: Path) -> None:
    words = ["x.npy", "--steps", str(STEPS), "--cache", "cache"]
    first = json.loads(called(*words, "--processes", "2", "--json").stdout)["data"]
    again = json.loads(called(*words, "--json").stdout)["data"]
    assert (first["reused"], again["reused"]) == (0, 20)
    assert {**first, "reused": 20} == again
    assert first["accuracy"] is None
    assert (folder / "cache").is_dir()
    assert "20 of 20, 20 reused" in called(*words).stdout


@pytest.mark.parametrize("name", ["net.talonhw", "net.bin", "net.t1c"])
def test_an_artifact(folder: Path, name: str) -> None:
    """By what the file holds, whatever it is called."""
    graph = quantised()
    hw.deploy(graph, calibration=X, repeat=STEPS).save(name, overwrite=True)
    words = ["evaluate", name, "--input", "x.npy", "--labels", "y.npy", "--steps", str(STEPS), "--json"]
    done = CliRunner().invoke(group, words)
    expected = hw.evaluate(graph, X, labels=LABELS, repeat=STEPS, engine="integer")
    told = json.loads(done.stdout)["data"]
    assert told.pop("events")["packets"] == 0
    assert told == computed(expected)


def test_a_sample_that_fails_gives_exit_1() -> None:
    x = X.copy()
    x[4] = np.nan
    np.save("x.npy", x)
    done = called("x.npy", "--steps", str(STEPS))
    assert done.exit_code == 1
    assert "19 of 20" in done.stdout
    assert "sample 4: error[T406]" in done.stdout
    envelope = json.loads(called("x.npy", "--steps", str(STEPS), "--json").stdout)
    assert envelope["ok"] is False
    assert envelope["data"]["failed"][0]["index"] == 4
    assert envelope["data"]["predictions"][4] is None


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["x.npy"], 2, "T401"),
        (["x.npy", "--steps", "6", "--labels", "few.npy"], 2, "T413"),
        (["x.npy", "--steps", "6", "--labels", "two.npz"], 2, "T413"),
        (["x.npy", "--steps", "6", "--labels", "none.npy"], 3, "T301"),
        (["none.npy", "--steps", "6"], 3, "T301"),
        (["x.npy", "--steps", "6", "--engine", "gpu"], 2, "T405"),
        (["x.npy", "--steps", "6", "--cache", "x.npy"], 3, "T301"),
    ],
)
def test_what_is_wrong_is_told(words: list[str], status: int, code: str) -> None:
    np.save("few.npy", LABELS[1:])
    np.savez("two.npz", a=LABELS, b=LABELS)
    done = called(*words, "--json")
    assert done.exit_code == status, done.output
    envelope: Any = json.loads(done.stdout)
    assert envelope["problems"][0]["code"] == code
    assert envelope["problems"][0]["help"] or code == "T301"
