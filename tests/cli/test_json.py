"""What every command prints with --json fits the schema that the repository keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from talon import ir
from talon.cli.main import COMMANDS, cli

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs" / "cli.schema.json").read_text())
CALLS: dict[str, list[str]] = {
    "demo": [],
    "info": ["net.t1c"],
    "ls": ["net.t1c"],
    "show": ["net.t1c", "sub/fc"],
    "check": ["bad.t1c"],
    "run": ["net.t1c", "--input", "x.npy", "-o", "y.npz"],
    "compare": ["net.t1c", "bad.t1c"],
    "convert": ["net.t1c", "copy.t1c"],
    "hash": ["net.t1c", "bad.t1c"],
    "primitives": [],
    "primitives show": ["LIF"],
    "plugins": ["--trace"],
    "doctor": [],
    "completion": ["zsh"],
    "draw": ["net.t1c", "-o", "net.svg"],
    "explain": ["T104"],
    "new plugin": ["demo"],
    "hw evaluate": ["net.t1c", "--input", "x.npy", "--labels", "labels.npy"],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    inner = ir.Graph.chain(x=ir.Input([4]), fc=ir.Affine(np.eye(4)), y=ir.Output([4]))
    nodes = {"in": ir.Input([4]), "lif": ir.LIF(2.0, 2.0, 0.0, 1.0), "sub": inner, "out": ir.Output([4])}
    metadata = {"task": "test", "size": np.arange(3), "nan": float("nan"), "pair": (1, None)}
    edges = [("in", "lif"), ("lif", "sub"), ("sub", "out")]
    ir.write("net.t1c", ir.Graph(nodes, edges, metadata=metadata))
    ir.write("bad.t1c", ir.Graph.chain(input=ir.Input([3]), fc=ir.Affine(np.ones((2, 4))), output=ir.Output([2])))
    np.save("x.npy", np.ones((3, 1, 4)))
    np.save("labels.npy", np.arange(3))
    return tmp_path


def validator(definition: dict[str, Any] | None) -> jsonschema.Draft202012Validator:
    schema = SCHEMA if definition is None else {**definition, "$defs": SCHEMA["$defs"]}
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_every_command_is_called_and_described() -> None:
    called = {call.split()[0] for call in CALLS}
    assert called == {*COMMANDS, "hw"}
    assert set(SCHEMA["$defs"]["commands"]) == set(CALLS)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("call", CALLS)
def test_json_fits_the_schema(call: str) -> None:
    result = CliRunner().invoke(cli, [*call.split(), *CALLS[call], "--json"])
    assert result.exit_code in (0, 1), result.output
    envelope = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    validator(None).validate(envelope)
    validator(SCHEMA["$defs"]["commands"][call]).validate(envelope["data"])
    assert envelope["ok"] is (result.exit_code == 0)
    assert result.stderr == ""


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("call", [c for c, words in CALLS.items() if words and words[0].endswith(".t1c")])
def test_a_failure_fits_it_too(call: str) -> None:
    words = ["missing.t1c", *CALLS[call][1:]]
    result = CliRunner().invoke(cli, [*call.split(), *words, "--json"])
    assert result.exit_code == 3
    envelope = json.loads(result.stdout)
    validator(None).validate(envelope)
    assert envelope["problems"][0]["code"] == "T301"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("call", CALLS)
def test_quiet_leaves_results_and_errors_only(call: str) -> None:
    result = CliRunner().invoke(cli, [*call.split(), *CALLS[call], "--quiet"])
    assert result.exit_code in (0, 1), result.output
    assert result.stderr == ""
