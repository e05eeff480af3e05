"""A third party's hardware target, from its wheel, beside talon-core and talon-hw: what a user does with it, and the
conformance suite, which finds what is wrong with one."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.thirdparty.conftest import ROOT, build_wheel

SOURCE = ROOT / "examples" / "third_party" / "talon-acme"

WRITE = """
import numpy as np
from talon import ir
rng = np.random.default_rng(0)
graph = ir.Graph.chain(
    input=ir.Input([300]),
    fc=ir.Affine(rng.standard_normal((100, 300)).astype("f4")),
    lif=ir.LIF(4.0, 4.0, 0.0, 15.0, reset="subtract", comparator="gt"),
    output=ir.Output([100]),
)
ir.write("net.t1c", graph)
np.savez("x.npz", input=(rng.random((8, 2, 300)) < 0.3).astype("f4"))
"""
AGREE = """
import numpy as np
from talon import hw, ir
from talon.engine import run
x = np.load("x.npz")["input"]
quantised = hw.quantize(ir.read("net.t1c"), "acme-grid", calibration=x)
expected = run(quantised, x, engine="integer", engine_options={"kernels": "oracle"}).outputs["output"]
build = hw.load("net.talonhw")
print(build.target.id, build.cores > 2, bool(expected.any()), np.array_equal(build.run(x).outputs["output"], expected))
"""
ALONE = """
import numpy as np
from talon import hw
build = hw.load("net.talonhw")
spikes = build.run(np.load("x.npz")["input"]).outputs["output"]
print("acme-grid" in hw.targets(), build.target.id, build.verify(), bool(spikes.any()))
"""
LYING = """
import dataclasses
from talon import hw
from talon.testing.targets import check_target
target = hw.target("acme-grid")
more = dataclasses.replace(target.core, neurons=dataclasses.replace(target.core.neurons, value=500))
try:
    check_target(dataclasses.replace(target, cores=(more,)))
except AssertionError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def there(environment: Any, acme_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The bare environment with talon-hw and talon-acme from their wheels, a network and inputs."""
    hw_wheel = build_wheel(ROOT / "packages" / "talon-hw", tmp_path_factory.mktemp("hw"))
    environment.pip("install", acme_wheel, hw_wheel)
    environment.python(WRITE)
    yield environment
    environment.pip("uninstall", "-y", "talon-acme", "talon-hw")


def test_the_wheel_holds_the_description(acme_wheel: Path) -> None:
    with zipfile.ZipFile(acme_wheel) as archive:
        assert "talon_acme/acme-grid.toml" in archive.namelist()


def test_it_is_listed_with_the_source_of_every_number(there: Any) -> None:
    status, shown = there.talon("hw", "targets", "--json")
    rows = {row["id"]: row for row in json.loads(shown)["data"]}
    assert status == 0
    assert (rows["acme-grid"]["cores"], rows["acme-grid"]["neurons"]) == (18, 18 * 96)
    assert "generic-mesh" in rows
    status, shown = there.talon("hw", "targets", "show", "acme-grid")
    assert status == 0
    for words in ("96 neuron (assumed, design)", "6 x 3 core (assumed, design)", "shift_at_least_1", "unknown"):
        assert words in shown
    assert there.talon("doctor")[0] == 0


def test_a_network_goes_there_by_commands(there: Any) -> None:
    status, shown = there.talon("hw", "check", "net.t1c", "--target", "acme-grid")
    assert status == 0, shown
    words = ("--target", "acme-grid", "--calibration", "x.npz", "-o", "net.talonhw", "--force")
    status, shown = there.talon("hw", "deploy", "net.t1c", *words)
    assert status == 0, shown
    status, shown = there.talon("hw", "run", "net.talonhw", "--input", "x.npz")
    assert status == 0, shown
    assert there.python(AGREE) == "acme-grid True True True"


def test_its_own_tests_pass_there_and_the_suite_is_among_them(there: Any, tmp_path: Path) -> None:
    shutil.copytree(SOURCE / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SOURCE / "pyproject.toml", tmp_path)
    done = there.run("python", "-m", "pytest", "-v", "-p", "no:cacheprovider", "tests/test_target.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_it_keeps_what_every_target_promises PASSED" in done.stdout
    assert "skipped" not in done.stdout


def test_the_suite_finds_a_target_that_promises_more_than_its_description(there: Any) -> None:
    assert "its description says" in there.python(LYING)


def test_an_artifact_runs_without_the_distribution_that_described_its_target(there: Any, acme_wheel: Path) -> None:
    words = ("--target", "acme-grid", "--calibration", "x.npz", "-o", "net.talonhw", "--force")
    assert there.talon("hw", "deploy", "net.t1c", *words)[0] == 0
    there.pip("uninstall", "-y", "talon-acme")
    try:
        assert there.python(ALONE) == "False acme-grid True True"
        status, shown = there.talon("hw", "deploy", "net.t1c", *words)
        assert status != 0
        assert "T501" in shown
    finally:
        there.pip("install", "--no-deps", acme_wheel)
