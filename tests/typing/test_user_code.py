"""mypy --strict and pyright on files of user code: nothing in the right one, every marked line in the wrong one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHECKERS = {
    "mypy": [sys.executable, "-m", "mypy", "--strict"],
    "pyright": [sys.executable, "-m", "pyright"],
}


def error_lines(checker: str, name: str) -> tuple[set[int], str]:
    command = [*CHECKERS[checker], str(HERE / name)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = {int(n) for n in re.findall(rf"{name}:(\d+)(?::\d+)?(?: -|:) error", done.stdout)}
    return lines, done.stdout + done.stderr


@pytest.mark.parametrize("checker", CHECKERS)
def test_right_uses_are_accepted(checker: str) -> None:
    lines, output = error_lines(checker, "right.py")
    assert lines == set(), output
    assert ("Success" in output) or ("0 errors" in output), output


@pytest.mark.parametrize("checker", CHECKERS)
def test_wrong_uses_are_refused(checker: str) -> None:
    marked = {n for n, line in enumerate((HERE / "wrong.py").read_text().splitlines(), 1) if line.endswith("# wrong")}
    assert len(marked) > 15
    lines, output = error_lines(checker, "wrong.py")
    assert lines == marked, output
