"""docs/security.md says the limits that the code has, and names what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from talon.ir.codes import CODES
from talon.storage.child.limits import LIMITS, MIB

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
MOST = f"at most {LIMITS.longest:g} s"


@pytest.mark.parametrize(
    "row",
    [
        f"| processor time | {LIMITS.cpu_seconds:g} s + {LIMITS.cpu_seconds_per_mib:g} s x n, {MOST} |",
        f"| time by the clock | {LIMITS.wall_seconds:g} s + {LIMITS.wall_seconds_per_mib:g} s x n, {MOST} |",
        f"| address space | {LIMITS.memory // MIB} MiB + {LIMITS.memory_per_byte} x n MiB |",
        f"| its answer | {LIMITS.answer // MIB} MiB + {LIMITS.answer_per_byte} x n MiB |",
    ],
)
def test_the_limits_are_those_of_the_code(row: str) -> None:
    assert row in PAGE


def test_the_tests_that_are_named_exist() -> None:
    named = re.findall(r"^\| `(tests/\S+)` \|", PAGE, re.MULTILINE)
    assert len(named) >= 4
    for name in named:
        assert (ROOT / name).is_file(), name
    targets = re.findall(r"`make ([a-z-]+)`", PAGE)
    assert set(targets) >= {"fuzz", "test"}
    for target in targets:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), target


def test_the_codes_that_are_named_exist() -> None:
    codes = re.findall(r"\bT\d{3}\b", PAGE)
    assert codes
    assert set(codes) <= CODES.keys()


def test_the_fuzzer_runs_as_many_as_are_told() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "COUNT ?= 1000000" in makefile
    assert "TREES ?= 20000" in makefile
    assert "ARTIFACTS ?= 50000" in makefile
    assert (
        "a million through the index reader, twenty thousand through child processes and fifty thousand artifacts"
        in PAGE
    )
