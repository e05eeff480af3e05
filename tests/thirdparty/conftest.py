"""A bare virtual environment with the wheel of talon-core, as a stranger has it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Environment:
    """A virtual environment, and a folder that its programs run in."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "env", with_pip=True)
        self.bin = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        self.folder = folder / "work"
        self.folder.mkdir()

    def run(self, *words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of its programs; the outer environment, this project's above all, is out of sight."""
        hidden = {"PYTHONPATH", "VIRTUAL_ENV", "TALON_PLUGINS"}
        variables = {name: value for name, value in os.environ.items() if name not in hidden}
        command = [self.bin / str(words[0]), *map(str, words[1:])]
        return subprocess.run(
            command, cwd=cwd or self.folder, env=variables, capture_output=True, text=True, check=False
        )

    def pip(self, *words: object) -> None:
        done = self.run("python", "-m", "pip", "--disable-pip-version-check", "--quiet", *words)
        assert done.returncode == 0, done.stdout + done.stderr

    def python(self, code: str) -> str:
        """What a program prints; a warning is an error."""
        done = self.run("python", "-W", "error", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def talon(self, *words: object) -> tuple[int, str]:
        done = self.run("talon", *words)
        return done.returncode, done.stdout + done.stderr

    def tests(self, folder: Path) -> str:
        """Run a distribution's own tests."""
        done = self.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def build_wheel(source: Path, into: Path) -> Path:
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(into), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(into.glob("*.whl"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """talon-core from its wheel, and pytest."""
    found = Environment(tmp_path_factory.mktemp("stranger"))
    found.pip("install", build_wheel(ROOT / "packages" / "talon-core", tmp_path_factory.mktemp("core")), "pytest")
    return found


@pytest.fixture(scope="session")
def acme_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT / "examples" / "third_party" / "talon-acme", tmp_path_factory.mktemp("acme"))
