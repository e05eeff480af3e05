"""The commands: results, JSON, exit codes, and what they say when something is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import h5py
import numpy as np
import pytest
import zarr
from click.testing import CliRunner, Result

from talon import ir
from talon.cli.main import COMMANDS, cli, load
from talon.engine import run, streaming


def talon(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def data_of(result: Result) -> Any:
    envelope = json.loads(result.stdout)
    assert envelope.keys() == {"schema", "ok", "data", "problems"}
    assert envelope["schema"] == 1
    return envelope["data"]


@pytest.fixture
def net(tmp_path: Path) -> Path:
    inner = ir.Graph.chain(x=ir.Input([4]), fc=ir.Affine(np.eye(4)), y=ir.Output([4]))
    graph = ir.Graph(
        {"in": ir.Input([4]), "lif": ir.LIF(2.0, 2.0, 0.0, 1.0, core_id=3), "sub": inner, "out": ir.Output([4])},
        [("in", "lif"), ("lif", "sub"), ir.Edge("sub", "out", delay=1)],
        dt=0.001,
        metadata={"task": "test", "size": np.arange(20)},
    )
    ir.write(tmp_path / "net.t1c", graph)
    return tmp_path / "net.t1c"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    graph = ir.Graph.chain(input=ir.Input([3]), fc=ir.Affine(np.ones((2, 4))), output=ir.Output([2]))
    ir.write(tmp_path / "bad.t1c", graph)
    return tmp_path / "bad.t1c"


def test_info(net: Path) -> None:
    result = talon("info", net)
    assert result.exit_code == 0
    for words in ("7 nodes", "0.001 s", "talon-core", "task: 'test'", "core_id", "int64(20,)"):
        assert words in result.output
    found = data_of(talon("info", net, "--json"))
    assert found["nodes"] == 7
    assert found["metadata"]["size"] == list(range(20))
    assert found["types"]["LIF"] == 1


def test_ls(net: Path) -> None:
    rows = data_of(talon("ls", net, "--json"))
    assert [row["node"] for row in rows] == ["in", "lif", "sub", "sub/x", "sub/fc", "sub/y", "out"]
    assert rows[4] == {"node": "sub/fc", "type": "Affine", "output": {"out": [4]}, "parameters": 16}
    assert "sub/fc  Affine" in talon("ls", net).output


def test_a_sparse_weight_is_told_by_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "sparse.t1c"
    ir.write(path, ir.Graph({"fc": ir.Affine(ir.CSR.from_dense(2 * np.eye(30, 40)))}, []))
    (weight,) = (field for field in data_of(talon("show", path, "fc", "--json"))["fields"] if field["name"] == "weight")
    assert weight["value"] == "CSR(float64[30, 40], 30 elements), 2 to 2, mean 2"
    assert data_of(talon("ls", path, "--json"))[0]["parameters"] == 30
    assert data_of(talon("info", path, "--json"))["parameters"] == 30


def test_show(net: Path) -> None:
    result = talon("show", net, "lif")
    for words in ("LIF", "tau", "steps", "membrane time constant", "core_id", "from in", "gives 4", "to sub"):
        assert words in result.output
    found = data_of(talon("show", net, "sub/fc", "--json"))
    assert found["incoming"] == ["x"]
    assert found["outgoing"] == ["y"]
    assert "out (delay 1)" in talon("show", net, "sub").output
    missing = talon("show", net, "lfi")
    assert missing.exit_code == 1
    assert "did you mean 'lif'" in missing.output


def test_check(net: Path, bad: Path) -> None:
    assert talon("check", net).exit_code == 0
    result = talon("check", bad)
    assert result.exit_code == 1
    assert "error[T104]" in result.stdout
    envelope = json.loads(talon("check", bad, "--json").stdout)
    assert not envelope["ok"]
    assert envelope["problems"][0]["code"] == "T104"
    assert envelope["problems"][0]["node"] == "fc"


def test_run(net: Path, tmp_path: Path) -> None:
    x = np.ones((3, 1, 4), np.float32)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", anything=x)
    result = talon("run", net, "--input", tmp_path / "x.npy")
    assert result.exit_code == 0
    assert "out: float32 3x1x4, sum 8" in result.output
    assert "spikes 12" in result.output
    found = data_of(talon("run", net, "--input", tmp_path / "x.npz", "--json"))
    assert found["outputs"]["out"] == {"shape": [3, 1, 4], "sum": 8.0}
    np.save(tmp_path / "held.npy", x[0])
    target = tmp_path / "y.npz"
    arguments = ["run", net, "--input", tmp_path / "held.npy", "--steps", 5, "--record", "spikes,lif.v", "-o", target]
    assert talon(*arguments).exit_code == 0
    with np.load(target) as arrays:
        assert set(arrays) == {"outputs/out", "records/lif.spikes", "records/lif.v"}
        assert arrays["records/lif.v"].shape == (5, 1, 4)
    again = talon(*arguments)
    assert again.exit_code == 2
    assert "T306" in again.output
    assert talon(*arguments, "--force").exit_code == 0


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_long_runs_go_to_a_recording(net: Path, tmp_path: Path, suffix: str) -> None:
    x = np.random.default_rng(0).random((40, 2, 4), np.float32)
    np.save(tmp_path / "x.npy", x)
    target = tmp_path / f"y{suffix}"
    arguments = ["run", net, "--input", tmp_path / "x.npy", "--record", "*.spikes,v", "--save", target, "--json"]
    found = data_of(talon(*arguments))
    whole = run(ir.read(net), x, record=["*.spikes", "*.v"])
    assert found["written"] == str(target)
    assert found["steps"] == 40
    assert found["counts"] == whole.counts.total()
    assert found["outputs"]["out"]["shape"] == [40, 2, 4]
    assert found["outputs"]["out"]["sum"] == whole.outputs["out"].sum()
    file: Any = h5py.File(target) if suffix == ".h5" else zarr.open_group(target, mode="r")
    assert file.attrs["fingerprint"] == ir.read(net).fingerprint()
    for place, array in {
        "outputs/out": whole.outputs["out"],
        **{f"records/{k}": a for k, a in whole.records.items()},
    }.items():
        assert np.array_equal(file[place][...], array), place
    assert "T306" in talon(*arguments).output
    assert talon(*arguments, "--force").exit_code == 0


def test_more_steps_than_memory_holds(net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "held.npy", np.ones((1, 4)))
    arguments = ["run", net, "--input", tmp_path / "held.npy", "--steps"]
    refused = talon(*arguments, 10**12, "-o", tmp_path / "y.npz")
    assert refused.exit_code == 2
    for words in ("T409", "output 'out' 16 TB", "-o results.h5"):
        assert words in refused.output
    monkeypatch.setattr(streaming, "CHUNK_BYTES", 2_000)
    found = data_of(talon(*arguments, 1_000, "--json"))
    assert found["outputs"]["out"] == {"shape": [1_000, 1, 4], "sum": 4 * 999}
    assert found["counts"]["spikes"] == 4_000


WRONG_RUNS: list[tuple[list[str], int, list[str]]] = [
    (["--input", "missing.npy"], 3, ["T301", "missing.npy"]),
    (["--input", "text.npy"], 3, ["T303", "numpy.save"]),
    (["--input", "held.npy"], 2, ["T401", "(steps, batch, 4)", "--steps T"]),
    (["--input", "x.npy", "--steps", "3"], 2, ["T401", "leave --steps out"]),
    (["--input", "x.npy", "--dtype", "float64", "--engine", "native"], 2, ["T405", "use --engine auto"]),
    (["--input", "x.npy", "--engine", "integer"], 2, ["T405", "holds no integers", "quantise it first: "]),
    (["--input", "x.npy", "--record", "v"], 2, ["T404", "-o"]),
    (["--input", "x.npy", "--record", "volts", "-o", "y.npz"], 2, ["T404", "lif.v"]),
    (["--input", "x.npy", "--engine", "fast"], 2, ["T405", "reference"]),
    (["--input", "x.npy", "--steps", "0"], 2, ["--steps"]),
    ([], 2, ["--input"]),
]


@pytest.mark.parametrize(("words", "status", "said"), WRONG_RUNS, ids=[" ".join(w[0]) or "none" for w in WRONG_RUNS])
def test_wrong_runs(net: Path, words: list[str], status: int, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(net.parent)
    np.save("x.npy", np.ones((3, 1, 4)))
    np.save("held.npy", np.ones((1, 4)))
    Path("text.npy").write_text("text")
    result = talon("run", net, *words)
    assert result.exit_code == status, result.output
    for word in said:
        assert word in result.output
    assert not Path("y.npz").exists()


def test_primitives() -> None:
    rows = data_of(talon("primitives", "--json"))
    assert [row["name"] for row in rows] == ir.list_primitives()
    assert all(row["summary"] for row in rows)
    shown = talon("primitives", "show", "LIF").output
    assert "ir.LIF(tau, r, v_leak, v_threshold, *, reset='value'" in shown
    found = data_of(talon("primitives", "show", "Conv2d", "--json"))
    assert {field["name"] for field in found["fields"] if field["own"]} == {
        "weight", "bias", "stride", "padding", "dilation", "groups",
    }  # fmt: skip
    unknown = talon("primitives", "show", "LFI")
    assert unknown.exit_code == 2
    assert "LIF" in unknown.output


@pytest.mark.parametrize("name", ir.list_primitives())
def test_every_primitive_can_be_shown(name: str) -> None:
    result = talon("primitives", "show", name)
    assert result.exit_code == 0
    assert f"ir.{name}(" in result.output


def test_plugins_and_doctor() -> None:
    rows = {row["plugin"]: row for row in data_of(talon("plugins", "--json"))}
    assert rows["neurons"]["provides"] == "2 primitives"
    assert rows["ghost"]["distribution"].startswith("talon-ghost ")
    assert all(row["ok"] for row in rows.values())
    result = talon("doctor")
    assert result.exit_code == 0
    assert "no problems found" in result.output
    found = data_of(talon("doctor", "--json"))
    assert found["distributions"].keys() == {"talon-core", "talon-ghost", "talon-detect", "talon-hw"}
    assert found["installed"]["primitives"] == "36"


def test_the_doctor_sees_a_broken_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    from talon.plugins.manager import Plugin, manager

    broken = Plugin("acme", "talon-acme", "1.0", "acme", error="ImportError: no acme")
    monkeypatch.setattr(manager(), "plugins", [*manager().plugins, broken])
    result = talon("doctor")
    assert result.exit_code == 1
    assert "talon-acme" in result.output
    assert talon("plugins").exit_code == 1


def test_unreadable_files_exit_with_three(tmp_path: Path) -> None:
    (tmp_path / "text.t1c").write_text("not a network")
    for command in ("info", "ls", "check"):
        assert talon(command, tmp_path / "missing.t1c").exit_code == 3
        assert talon(command, tmp_path / "text.t1c").exit_code == 3
        assert talon(command, tmp_path).exit_code == 3
    envelope = json.loads(talon("info", tmp_path / "missing.t1c", "--json").stdout)
    assert envelope["problems"][0]["code"] == "T301"


def test_unexpected_errors_are_one_line_without_debug(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("talon.storage.info", fail)
    result = talon("info", net)
    assert result.exit_code == 70
    assert "ZeroDivisionError: boom" in result.output
    assert "Traceback" not in result.output
    assert "Traceback" in talon("info", net, "--debug").output
    monkeypatch.setattr("talon.storage.info", lambda path, **options: (_ for _ in ()).throw(KeyboardInterrupt()))
    assert talon("info", net).exit_code == 130


def test_usage_errors_name_the_nearest_command() -> None:
    result = talon("chek")
    assert result.exit_code == 2
    assert "'check'" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_common_options_and_an_example(name: str) -> None:
    command = load(COMMANDS[name].target)
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--json", "--quiet", "--debug"} <= options
    assert re.search(r"Example: .*talon", command.help or "")
    assert isinstance(command, click.Command)
    assert talon(name, "--help").exit_code == 0


def test_help_is_light() -> None:
    """`talon --help` loads neither numpy nor h5py, and `python -m talon` is the same command."""
    code = (
        "import sys\nsys.argv = ['talon', '--help']\n"
        "from talon.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "print([n for n in ('numpy', 'h5py', 'networkx', 'zarr', 'rich') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Commands:" in done.stdout
    assert "hw" in done.stdout
    module = subprocess.run([sys.executable, "-m", "talon", "--help"], capture_output=True, text=True, check=True)
    assert "primitives" in module.stdout


def test_a_closed_pipe_is_no_error(net: Path) -> None:
    command = f"{sys.executable} -m talon primitives | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_a_group_of_a_distribution_that_is_not_installed_names_it() -> None:
    code = "from talon.cli.main import main; main()"
    environment = os.environ | {"TALON_PLUGINS": ""}
    command = [sys.executable, "-c", code, "hw", "demo"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "pip install talon-hw" in done.stderr
