"""What every command pays before it does anything, beside an interpreter that does nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest


@pytest.mark.parametrize(
    "words", [["-c", "pass"], ["-m", "talon", "--help"], ["-m", "talon", "explain", "T104"]], ids=" ".join
)
def test_startup(benchmark: Any, words: list[str]) -> None:
    """`talon --help` is to stay under 150 ms more than the bare interpreter takes."""
    benchmark.pedantic(lambda: subprocess.run([sys.executable, *words], check=True, capture_output=True), rounds=20)
