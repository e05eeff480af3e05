"""What the commands say of files: flags by their own names, one answer for each file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result

from talon import ir
from talon.cli.main import cli

GRAPH = ir.Graph.chain(ir.Input([4]), ir.Affine(np.eye(4)), ir.Output([4]))


def talon(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_convert_names_its_flag_and_reads_nothing_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ir.write(tmp_path / "a.t1c", GRAPH)
    (tmp_path / "b.t1c").write_text("mine")

    def read(*arguments: Any, **named: Any) -> None:
        raise AssertionError("it was read")

    with monkeypatch.context() as patch:
        patch.setattr("talon.storage.read", read)
        result = talon("convert", tmp_path / "a.t1c", tmp_path / "b.t1c")
    assert result.exit_code == 2
    assert "T306" in result.stderr
    assert "--force" in result.stderr
    assert "overwrite" not in result.stderr
    assert (tmp_path / "b.t1c").read_text() == "mine"
    assert talon("convert", tmp_path / "a.t1c", tmp_path / "b.t1c", "--force").exit_code == 0
    with pytest.raises(ir.TalonFileError) as caught:
        ir.write(tmp_path / "a.t1c", GRAPH, overwrite=False)
    assert caught.value.help == "pass overwrite=True"


@pytest.mark.parametrize("suffix", [".zarr", ".zarr.zip"])
def test_a_deep_check_of_a_broken_store_says_only_that(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"n{suffix}"
    ir.write(path, GRAPH)
    whole = talon("check", "--deep", path)
    assert whole.exit_code == 0
    assert "nothing to compare" in whole.stdout
    if path.is_dir():
        (path / "columns" / "node.name" / "zarr.json").write_text("{")
    else:
        path.write_bytes(path.read_bytes()[:-1])
    broken = talon("check", "--deep", path)
    assert broken.exit_code == 3
    assert broken.stdout == ""
    assert "T303" in broken.stderr


def test_the_doctor_asks_each_engine_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from talon.cli import doctor

    asked: list[int] = []
    conditions = doctor.conditions
    monkeypatch.setattr(doctor, "conditions", lambda: (asked.append(1), conditions())[1])
    assert talon("doctor").exit_code == 0
    assert asked == [1]


def test_a_deep_check_trusts_when_told(tmp_path: Path) -> None:
    path = tmp_path / "n.t1c"
    ir.write(path, ir.Graph.chain(ir.Input([40]), ir.Affine(np.eye(40)), ir.Output([40])))
    with h5py.File(path, "r+") as file:
        del file["graph/nodes/affine/weight"]
        file.create_dataset("graph/nodes/affine/weight", data=np.eye(40), compression="gzip")
    assert talon("check", "--deep", path).exit_code == 3
    result = talon("check", "--deep", "--trusted", path)
    assert result.exit_code == 0, result.output
    assert "nothing to compare" in result.stdout


def test_names_of_files_need_not_be_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"n\xff.t1c")
    ir.write(path, GRAPH)
    for words in (["info"], ["ls"], ["check", "--deep"], ["hash"], ["info", "--json"], ["convert", "--force", path]):
        call = [sys.executable, "-m", "talon", *words, os.fsencode(path)]
        if words[0] == "convert":
            call[-1:] = [os.fsencode(tmp_path / "m.t1c")]
        done = subprocess.run(
            call, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"}, check=False
        )
        assert done.returncode == 0, done.stderr
        assert b"T900" not in done.stdout + done.stderr
