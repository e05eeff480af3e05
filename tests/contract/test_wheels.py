"""The four distributions as users get them: wheels, installed into a bare environment, in every useful combination."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("talon-core", "talon-ghost", "talon-detect", "talon-hw")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel and a source archive of each, built by `python -m build`."""
    folder = tmp_path_factory.mktemp("wheels")
    for name in NAMES:
        command = [
            sys.executable,
            "-m",
            "build",
            "--no-isolation",
            "--outdir",
            str(folder),
            str(ROOT / "packages" / name),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(folder.glob("*.tar.gz"))) == 4
    return {name: next(folder.glob(f"{name.replace('-', '_')}-*.whl")) for name in NAMES}


def test_wheels_share_no_file_and_have_no_namespace_initial(wheels: dict[str, Path]) -> None:
    files: Counter[str] = Counter()
    for name, wheel in wheels.items():
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            metadata = archive.read(next(n for n in names if n.endswith("METADATA"))).decode()
        own = [n for n in names if ".dist-info/" not in n]
        files.update(own)
        assert "talon/__init__.py" not in own
        assert "talon/testing/__init__.py" not in own  # a namespace, too: each of its kits lies beside what it is about
        kits = {n.split("/")[2] for n in own if n.startswith("talon/testing/")}
        assert ("targets" in kits) == (name == "talon-hw")
        assert kits <= {"targets"} or name == "talon-core"
        packages = {"talon/testing/targets" if "/targets/" in n and "/testing/" in n else "/".join(n.split("/")[:2])
                    for n in own if n.count("/") > 1}  # fmt: skip
        assert {f"{package}/py.typed" for package in packages} <= set(own)
        assert any(n.endswith("licenses/LICENSE") for n in names)
        assert "License-Expression: Apache-2.0" in metadata
        assert len(metadata.split("\n\n", 1)[1]) > 300, f"{name} has no README to speak of"
    assert max(files.values()) == 1


class Environment:
    """A bare virtual environment."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True)
        self.bin = folder / ("Scripts" if os.name == "nt" else "bin")
        self.folder = folder

    def install(self, *wheels: Path) -> None:
        command = [self.bin / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *wheels]
        subprocess.run(command, check=True, capture_output=True, text=True)

    def python(self, code: str) -> str:
        command = [self.bin / "python", "-W", "error", "-c", code]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def talon(self, *words: str) -> tuple[int, str]:
        command = [self.bin / "talon", *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


COUNT = "from talon import ir; print(len(ir.list_primitives()))"
NO_KIT = """
import talon.testing.kernels
try:
    import talon.testing.targets
except ModuleNotFoundError as error:
    print(error.name)
"""
MISSING = """
from talon import ir
for form in ("ir.SGhostConv", "from talon.ir import SGhostConv"):
    try:
        exec(form)
    except ImportError as error:
        print(error)
print("SGhostConv" in dir(ir))
"""
USE = """
import numpy as np
from talon import ir
from talon.engine import run
ghost = ir.SGhostConv(np.ones((4, 3, 1, 1)), None, np.ones((4, 1, 3, 3)), None)
graph = ir.Graph.chain(input=ir.Input([3, 4, 4]), ghost=ghost, output=ir.Output(None))
ir.write("ghost.t1c", graph)
print(run(ir.read("ghost.t1c"), np.ones((1, 1, 3, 4, 4))).outputs["output"].sum())
"""


def test_every_useful_combination(wheels: dict[str, Path], tmp_path: Path) -> None:
    env = Environment(tmp_path / "env")
    env.install(wheels["talon-core"])
    assert env.python(COUNT) == "28"
    assert env.python(NO_KIT) == "talon.testing.targets"
    missing = env.python(MISSING)
    assert missing.count("pip install talon-ghost") == 2
    assert missing.endswith("False")
    assert env.talon("doctor")[0] == 0
    status, shown = env.talon("demo", "--json")
    assert status == 0
    assert json.loads(shown)["data"]["accuracy"] >= 0.96
    assert "talon hw" not in env.talon("--help")[1].replace("talon hw demo", "")

    env.install(wheels["talon-ghost"])
    assert env.python(COUNT) == "32"
    assert float(env.python(USE)) > 0

    env.install(wheels["talon-detect"], wheels["talon-hw"])
    assert env.python(COUNT) == "36"
    assert env.python("from talon import engine, hw; print(hw.run is engine.run)") == "True"
    assert env.python("from talon.testing import kernels, targets; print(targets.__name__)") == "talon.testing.targets"
    assert env.talon("hw", "demo")[0] == 0
    assert env.talon("doctor")[0] == 0
    assert "talon-hw" in env.talon("plugins")[1]
    # Without talon-ghost, its file says what to install.
    subprocess.run([env.bin / "python", "-m", "pip", "uninstall", "-y", "-q", "talon-ghost"], check=True)
    status, shown = env.talon("check", "ghost.t1c")
    assert status == 4
    assert "pip install talon-ghost" in shown
