"""The type checkers see every package: an error planted in each is found, and nothing else is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("core/src/talon/ir", "core/src/talon/plugins", "core/src/talon/storage", "core/src/talon/engine",
            "core/src/talon/cli", "core/src/talon/testing", "ghost/src/talon/ghost", "detect/src/talon/detect",
            "hw/src/talon/hw", "hw/src/talon/testing/targets")  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with one wrong assignment in each package."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copytree(ROOT / "packages", folder / "packages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    for package in PACKAGES:
        (folder / "packages" / f"talon-{package}" / "planted.py").write_text('value: int = "text"\n')
    return folder


def found(command: list[str], folder: Path) -> tuple[set[str], str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    pattern = re.compile(r"packages/talon-(\S+?)/(\w+)\.py:\d+.*error")
    hits = {(match[1], match[2]) for line in done.stdout.splitlines() if (match := pattern.search(line))}
    assert {file for _, file in hits} == {"planted"}, done.stdout + done.stderr
    return {package for package, _ in hits}, done.stdout


def test_mypy_finds_an_error_in_every_package(planted: Path) -> None:
    sources = [f"packages/{name}/src/talon" for name in ("talon-core", "talon-ghost", "talon-detect", "talon-hw")]
    packages, output = found([sys.executable, "-m", "mypy", *sources], planted)
    assert packages == set(PACKAGES), output


def test_pyright_finds_an_error_in_every_package(planted: Path) -> None:
    packages, output = found([sys.executable, "-m", "pyright"], planted)
    assert packages == set(PACKAGES), output
