"""`talon compare`: structure without arrays, runs with them, engines, exit codes, JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner, Result

from talon import ir
from talon.cli.main import cli

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs" / "cli.schema.json").read_text())


def talon(*words: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, words)])


def data_of(*words: object) -> Any:
    """What is printed with `--json`, which fits the schema."""
    result = talon(*words, "--json")
    envelope = json.loads(result.stdout)
    jsonschema.validate(envelope, SCHEMA)
    jsonschema.validate(envelope["data"], {**SCHEMA["$defs"]["commands"]["compare"], "$defs": SCHEMA["$defs"]})
    assert envelope["ok"] is envelope["data"]["equal"] is (result.exit_code == 0)
    return envelope["data"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    a = ir.Graph.chain(
        input=ir.Input([4]), fc=ir.Affine(np.eye(4)), lif=ir.LIF(2.0, 2.0, 0.0, 1.0), output=ir.Output([4])
    )
    ir.write("a.t1c", a)
    ir.write("b.t1c", a.replace("fc", ir.Affine(np.diag([1, 1, 0.5, 1]))))
    ir.write("c.t1c", ir.Graph.chain(x=ir.Input([4]), y=ir.Output([4])))
    ir.write("bad.t1c", a.replace("fc", ir.Affine(np.ones((4, 5)))))
    x = np.ones((6, 2, 4))
    x[:3] = 0
    np.save("x.npy", x)
    np.savez("x.npz", input=x)
    np.save("held.npy", np.ones((2, 4)))
    return tmp_path


def test_structure() -> None:
    result = talon("a.t1c", "b.t1c")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "different: 1 field",
        "  field fc.weight: float64[4, 4]: 1 elements differ, by 0.5 at most",
    ]
    assert talon("a.t1c", "a.t1c").stdout == "equal\n"
    assert talon("a.t1c", "a.t1c").exit_code == 0
    found = data_of("a.t1c", "b.t1c")
    assert found["structure"]["changes"][0] == {
        "kind": "field", "node": "fc", "name": "weight", "a": "float64[4, 4]", "b": "float64[4, 4]",
        "differing": 1, "largest": 0.5,
    }  # fmt: skip
    assert found["run"] is None


def test_runs() -> None:
    for arrays in ("x.npy", "x.npz"):
        result = talon("a.t1c", "b.t1c", "--on", arrays)
        assert result.exit_code == 1
        assert "first   fc.out[2] at step 3, sample 0: 1 against 0.5; local" in result.stdout
        assert "margin to the threshold +0 against -0.5; inherited" in result.stdout
        assert "local   fc\n" in result.stdout
    found = data_of("a.t1c", "b.t1c", "--on", "x.npy")
    assert found["structure"] is None
    run = found["run"]
    assert (run["first"]["node"], run["first"]["step"], run["first"]["error"]) == ("fc", 3, "local")
    assert [node["path"] for node in run["nodes"]] == ["fc", "lif", "output"]
    assert run["a"].startswith("a.t1c, engine ")


def test_engines_and_options() -> None:
    result = talon("a.t1c", "a.t1c", "--on", "x.npy", "--engine", "reference,reference")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "equal: 192 values of 3 nodes, 6 steps of 2 samples\n  a is a.t1c, engine reference"
    )
    assert data_of("a.t1c", "b.t1c", "--on", "held.npy", "--steps", 4, "--what", "spikes")["run"]["steps"] == 4
    assert data_of("a.t1c", "b.t1c", "--on", "x.npy", "--what", "outputs", "--tolerance", 1)["equal"]


def test_what_cannot_be_said_as_a_number_is_said_as_a_word() -> None:
    rows = np.eye(4)
    big = ir.Graph.chain(input=ir.Input([4]), fc=ir.Affine(rows * 3e38), output=ir.Output([4]))
    ir.write("big.t1c", big)
    ir.write("bigger.t1c", big.replace("fc", ir.Affine(rows * -3e38)))
    np.save("two.npy", np.full((1, 1, 4), 2.0))
    with np.errstate(over="ignore"):
        assert data_of("big.t1c", "bigger.t1c", "--on", "two.npy")["run"]["nodes"][0]["largest"] == "inf"


WRONG: list[tuple[list[str], int, list[str]]] = [
    (["a.t1c", "missing.t1c"], 3, ["T301", "missing.t1c"]),
    (["a.t1c", "x.npy"], 3, ["T302", "x.npy"]),
    (["a.t1c"], 2, ["Missing argument 'B'"]),
    (["a.t1c", "b.t1c", "--on", "missing.npy"], 3, ["T301", "missing.npy"]),
    (["a.t1c", "b.t1c", "--on", "held.npy"], 2, ["T401", "a.t1c", "(steps, batch, 4)"]),
    (["a.t1c", "b.t1c", "--on", "x.npy", "--engine", "reference,fast"], 2, ["T405", "b.t1c", "'fast'"]),
    (["a.t1c", "b.t1c", "--on", "x.npy", "--engine", "a,b,c"], 2, ["one name or two"]),
    (["a.t1c", "b.t1c", "--on", "x.npy", "--tolerance", "-1"], 2, ["--tolerance"]),
    (["a.t1c", "b.t1c", "--on", "x.npy", "--tolerance", "nan"], 2, ["--tolerance"]),
    (["a.t1c", "b.t1c", "--engine", "reference"], 2, ["--engine", "--on"]),
    (["a.t1c", "b.t1c", "--steps", "3"], 2, ["--steps", "--on"]),
    (["a.t1c", "c.t1c", "--on", "x.npy"], 2, ["T412", "fc", "y"]),
    (["a.t1c", "bad.t1c", "--on", "x.npy"], 1, ["T104", "bad.t1c"]),
]


@pytest.mark.parametrize(("words", "status", "said"), WRONG, ids=[" ".join(w[0]) for w in WRONG])
def test_what_is_refused(words: list[str], status: int, said: list[str]) -> None:
    result = talon(*words)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    for word in said:
        assert word in result.stderr
