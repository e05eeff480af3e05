"""Where a call of `talon` ends beside its command: usage errors, completion, output that cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from talon import ir

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs" / "cli.schema.json").read_text())
NOISY = """
print("hello from a plugin")
from talon.plugins import hookimpl
TALON_API = 1
@hookimpl
def talon_commands():
    print("and from its hook")
    return {}
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.t1c"
    inner = ir.Graph.chain(x=ir.Input([4]), fc=ir.Affine(np.eye(4)), y=ir.Output([4]))
    ir.write(path, ir.Graph.chain(inp=ir.Input([4]), lif=ir.LIF(2.0, 2.0, 0.0, 1.0), sub=inner, out=ir.Output([4])))
    return path


def talon(*words: object, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "talon", *map(str, words)]
    return subprocess.run(command, **{"capture_output": True, "text": True, "check": False, **more})


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["chek"], 2, "T206"),
        (["info"], 2, "T206"),
        (["run", "net.t1c"], 2, "T206"),
        (["info", "net.t1c", "--colour"], 2, "T206"),
        (["check", "missing.t1c"], 3, "T301"),
    ],
)
def test_every_failure_is_json_where_json_was_asked_for(words: list[str], status: int, code: str) -> None:
    done = talon(*words, "--json")
    assert done.returncode == status
    assert done.stderr == ""
    envelope = json.loads(done.stdout)
    jsonschema.validate(envelope, SCHEMA)
    assert (envelope["ok"], envelope["problems"][0]["code"]) == (False, code)
    plain = talon(*words)
    assert plain.returncode == status
    assert plain.stdout == ""
    assert plain.stderr


def test_a_plugin_that_prints_spoils_no_json(tmp_path: Path) -> None:
    (tmp_path / "noisy_plugin.py").write_text(NOISY)
    info = tmp_path / "noisy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: noisy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[talon]\nnoisy = noisy_plugin\n")
    done = talon("plugins", "--json", env={**os.environ, "PYTHONPATH": str(tmp_path), "TALON_PLUGINS": "noisy"})
    assert "noisy" in {plugin["plugin"] for plugin in json.loads(done.stdout)["data"]}
    assert done.stderr.splitlines() == ["hello from a plugin", "and from its hook"]


def completed(line: str) -> list[str]:
    """What bash would be given at TAB after `line`."""
    words = line.split(" ")
    about = {"_TALON_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = talon(env={**os.environ, **about})
    assert done.stderr == ""
    return [row.partition(",")[2] for row in done.stdout.splitlines() if row]


def test_completion_knows_codes_primitives_and_nodes(net: Path) -> None:
    assert completed("talon inf") == ["info"]
    assert completed("talon explain T10") == [f"T10{n}" for n in range(1, 10)]
    assert completed("talon primitives show conv") == ["Conv1d", "Conv2d"]
    assert completed(f"talon show {net} ") == ["inp", "lif", "sub", "sub/x", "sub/fc", "sub/y", "out"]
    assert completed(f"talon show {net} sub/f") == ["sub/fc"]


def test_completion_says_nothing_of_what_is_wrong() -> None:
    for line in ("talon show missing.t1c ", "talon explain X", "talon primitives show Zz"):
        assert completed(line) == []
    assert "show" in completed("talon nothing ")  # as click has it; that there is no such command is said at Enter


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_full_disk_behind_stdout_is_one_error(net: Path, more: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = talon("ls", net, *more, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 3
    assert done.stderr.startswith("error[T301]: the result cannot be written\n  found No space left on device")
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_enough_is_no_error(net: Path) -> None:
    command = f"{sys.executable} -m talon primitives --quiet | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_stderr_is_no_error(net: Path) -> None:
    command = f"{sys.executable} -m talon check {net} 2>&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "ok" in done.stdout
