"""A third party's distribution, from its wheel, beside talon-core alone: everything a user does with it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talon.hw.native.library import load
from tests.thirdparty.conftest import ROOT, build_wheel

SOURCE = ROOT / "examples" / "third_party" / "talon-acme"

WRITE = """
import numpy as np
from talon import ir
chain = ir.Graph.chain(
    input=ir.Input([3]),
    cell=ir.Izhikevich(a=[0.02, 0.02, 0.1], d=2.0, core_id=1, metadata={"cells": ("RS", "RS", "FS")}),
    fc=ir.Affine(np.eye(3, dtype=np.float32) * 8),
    layer=ir.WinnerTakeAll(3, 4.0),
    output=ir.Output([3]),
)
graph = ir.Graph(chain.nodes, chain.edges, dt=1e-3)
for name in ("net.t1c", "net.npz"):
    ir.write(name, graph)
    assert ir.read(name).same_as(graph), name
    assert ir.read(name).fingerprint() == graph.fingerprint(), name
print(ir.info("net.t1c").providers["Izhikevich"], "|", open("net.npz", "rb").read(2), "|", graph.check().ok)
print(graph.fingerprint())
"""
WRONG = """
from talon import ir
for make in (
    lambda: ir.Izhikevich(a=-1.0),
    lambda: ir.Izhikevich(speed=1.0),
    lambda: ir.WinnerTakeAll(features=3.5, inhibition=1.0),
    lambda: ir.Izhikevitch(),
    lambda: ir.Graph.chain(ir.Input([3]), ir.Izhikevich(a=[1.0, 2.0]), ir.Output([3])).validate(),
):
    try:
        make()
    except ir.TalonError as error:
        print(error.code, str(error).replace(chr(10), " "))
"""
RUN = """
import numpy as np
from talon import engine, ir
result = engine.run(ir.read("net.npz"), np.full((1, 3), 10.0), repeat=200, record=["*.spikes", "cell.u"])
print(sorted(result.spikes), result.records["cell.u"].shape, result.spikes["cell"].sum() > 20)
"""
LIGHT = """
import sys
import talon_acme.plugin
print([name for name in ("numpy", "click", "talon_acme.neurons") if name in sys.modules])
"""


@pytest.fixture(scope="module")
def acme(environment: Any, acme_wheel: Path) -> Iterator[Any]:
    """The environment with talon-acme, and two files that it wrote."""
    environment.pip("install", acme_wheel)
    said, environment.fingerprint = environment.python(WRITE).splitlines()
    assert said == "talon-acme 1.2.0 | b'PK' | True"
    np.save(environment.folder / "x.npy", np.full((1, 3), 10.0))
    yield environment
    environment.pip("uninstall", "-y", "talon-acme")


@pytest.fixture
def without_acme(acme: Any, acme_wheel: Path) -> Iterator[Any]:
    """The same after `pip uninstall talon-acme`; the files are still there."""
    acme.pip("uninstall", "-y", "talon-acme")
    yield acme
    acme.pip("install", "--no-deps", acme_wheel)


def test_the_wheel_is_what_the_index_wants(acme_wheel: Path) -> None:
    with zipfile.ZipFile(acme_wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(n for n in names if n.endswith("METADATA"))).decode()
    assert {n.split("/")[0] for n in names} == {"talon_acme", "talon_acme-1.2.0.dist-info"}
    assert "talon_acme/py.typed" in names
    assert any(n.endswith("licenses/LICENSE") for n in names)
    for line in ("License-Expression: MIT", "Requires-Dist: talon-core<0.2,>=0.1", "Name: talon-acme"):
        assert line in metadata


def test_it_is_listed_and_documented(acme: Any) -> None:
    assert (
        acme.python("from talon import ir; print({'Izhikevich', 'WinnerTakeAll'} <= {*ir.list_primitives()})") == "True"
    )
    status, shown = acme.talon("primitives", "--json")
    rows = {row["name"]: row for row in json.loads(shown)["data"]}
    assert status == 0
    assert rows["Izhikevich"]["distribution"] == "talon-acme 1.2.0"
    assert len(rows) == 30
    status, shown = acme.talon("primitives", "show", "Izhikevich")
    assert status == 0
    for words in ("ir.Izhikevich(a=0.02, b=0.2,", "1/ms", "finite, > 0", "IEEE Transactions", "talon-acme 1.2.0"):
        assert words in shown
    assert "inhibition" in acme.talon("primitives", "show", "WinnerTakeAll")[1]
    status, shown = acme.talon("plugins")
    assert status == 0
    assert "talon-acme" in shown
    assert acme.talon("doctor")[0] == 0


def test_its_plugin_module_is_light(acme: Any) -> None:
    assert acme.python(LIGHT) == "[]"


def test_what_is_wrong_is_refused(acme: Any) -> None:
    lines = acme.python(WRONG).splitlines()
    assert [line.split()[0] for line in lines] == ["T202", "T206", "T204", "T002", "T104"]
    for line, words in zip(
        lines, ("> 0", "no field 'speed'", "features", "did you mean 'Izhikevich'", "2 neurons (a)"), strict=True
    ):
        assert words in line


def test_its_files_are_checked_shown_and_converted(acme: Any) -> None:
    for name in ("net.t1c", "net.npz"):
        assert acme.talon("check", name)[0] == 0
        status, shown = acme.talon("show", name, "cell")
        assert status == 0
        assert "membrane" not in shown
        assert "rate of the recovery u" in shown
    assert acme.talon("convert", "net.t1c", "again.npz")[0] == 0
    assert (acme.folder / "again.npz").read_bytes() == (acme.folder / "net.npz").read_bytes()
    (acme.folder / "net.npz").rename(acme.folder / "other.dat")
    try:
        assert acme.fingerprint in acme.talon("hash", "other.dat")[1]
    finally:
        (acme.folder / "other.dat").rename(acme.folder / "net.npz")


def test_it_runs(acme: Any) -> None:
    assert acme.python(RUN) == "['cell', 'layer/lif'] (200, 1, 3) True"
    status, shown = acme.talon("run", "net.t1c", "--input", "x.npy", "--steps", "50")
    assert status == 0
    assert "engine reference" in shown


def test_its_command_is_a_group_of_its_own(acme: Any) -> None:
    assert "acme" in acme.talon("--help")[1]
    status, shown = acme.talon("acme", "rate", "net.npz", "--input", "x.npy", "--steps", "100", "--json")
    rows = json.loads(shown)["data"]
    assert status == 0
    assert [row["layer"] for row in rows] == ["cell", "layer/lif"]
    assert rows[0]["hertz"] == pytest.approx(rows[0]["spikes"] / (3 * 0.1))
    assert rows[0]["spikes"] > 0
    assert acme.talon("acme", "rate", "missing.t1c", "--input", "x.npy")[0] == 3
    assert acme.talon("acme", "rate", "net.npz")[0] == 2


def test_its_own_tests_pass_there(acme: Any, tmp_path: Path) -> None:
    """Against the installed wheel: the copy has no sources beside the tests."""
    shutil.copytree(SOURCE / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(SOURCE / name, tmp_path)
    assert " passed" in acme.tests(tmp_path)


def test_it_is_typed(acme: Any, tmp_path: Path) -> None:
    """mypy --strict, as its CI runs it: with what is installed there."""
    command = [sys.executable, "-m", "mypy", "--cache-dir", tmp_path, "--python-executable", acme.bin / "python"]
    done = subprocess.run([*command, "src", "tests"], cwd=SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


NATIVE = """
import numpy as np
from talon import ir
from talon.engine import run
from talon.testing.engines import check_engine
graph, x = ir.read("net.t1c"), np.full((2, 3), 10.0)
found, expected = (run(graph, x, repeat=200, engine=name) for name in ("native", "reference"))
print(found.engine.nodes["cell"], found.engine.nodes["layer/lif"], found.outputs["output"].sum() > 20)
assert found.outputs["output"].tobytes() == expected.outputs["output"].tobytes()
check_engine("native", seeds=[0])
"""


@pytest.fixture
def with_hw(acme: Any, tmp_path: Path) -> Iterator[Any]:
    """The same with talon-hw beside it."""
    acme.pip("install", build_wheel(ROOT / "packages" / "talon-hw", tmp_path))
    yield acme
    acme.pip("uninstall", "-y", "talon-hw")


@pytest.mark.skipif(load()[0] is None, reason=f"no C library here: {load()[1]}")
def test_the_native_engine_runs_its_kernel_and_keeps_what_every_engine_promises(with_hw: Any) -> None:
    assert with_hw.python(NATIVE) == "kernel of talon-acme native neuron True"
    status, shown = with_hw.talon("plugins", "--trace")
    assert status == 0
    assert "load native:Izhikevich" in shown
    assert with_hw.talon("doctor")[0] == 0


READ = """
from talon import ir
for name in ("net.t1c", "net.npz"):
    try:
        ir.read(name)
    except ir.TalonError as error:
        print(error.code, str(error).replace(chr(10), " "))
"""
KEEP = """
from talon import ir
graph = ir.read("net.t1c", unknown="keep")
print(list(graph.nodes))
print(graph.nodes["cell"])
print(sorted(problem.code for problem in graph.check().diagnostics))
ir.write("kept.t1c", graph)
assert ir.read("kept.t1c", unknown="keep").same_as(graph)
"""
ALIVE = """
from talon import ir
graph = ir.read("kept.t1c")
print(graph.same_as(ir.read("net.t1c")), graph.fingerprint(), type(graph.nodes["cell"]).__name__)
"""


def test_uninstalled_its_file_says_who_wrote_it(without_acme: Any) -> None:
    known, other = without_acme.python(READ).splitlines()
    assert known.startswith("T001")
    for words in ("net.t1c", "'cell'", "'Izhikevich'", "talon-acme 1.2.0", "pip install talon-acme", 'unknown="keep"'):
        assert words in known
    assert other.startswith("T302")  # the backend is gone too; the message has what the bytes begin with
    assert "PK" in other
    status, shown = without_acme.talon("info", "net.t1c")
    assert status == 0
    assert "Izhikevich" in shown
    status, shown = without_acme.talon("check", "net.t1c")
    assert status == 4
    assert "warning[T117]" in shown
    for words in (["ls", "net.t1c"], ["show", "net.t1c", "cell"]):
        status, shown = without_acme.talon(*words)
        assert status == 0
        assert "Izhikevich" in shown
    assert without_acme.talon("hash", "net.t1c")[1].split()[0] == without_acme.fingerprint
    assert without_acme.talon("run", "net.t1c", "--input", "x.npy")[0] == 4
    assert without_acme.talon("acme", "rate", "net.t1c")[0] == 2
    assert without_acme.talon("doctor")[0] == 0


def test_uninstalled_its_file_opens_as_opaque_and_comes_alive_again(without_acme: Any, acme_wheel: Path) -> None:
    nodes, cell, found = without_acme.python(KEEP).splitlines()
    assert nodes == "['input', 'cell', 'fc', 'layer', 'output']"
    assert cell.startswith("Opaque(Izhikevich of talon-acme 1.2.0")
    assert found.count("T117") == 2
    without_acme.pip("install", "--no-deps", acme_wheel)
    assert without_acme.python(ALIVE) == f"True {without_acme.fingerprint} Izhikevich"
