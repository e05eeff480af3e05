"""A third party's backend, on a library that talon knows nothing of, and the faults that the kit finds in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.thirdparty.conftest import build_wheel

SOURCE = Path(__file__).parents[2] / "examples" / "third_party" / "talon-safetensors"
BACKEND = Path("talon_safetensors", "backend.py")

WRITE = """
import numpy as np
from talon import ir
from talon.testing.everything import everything
ir.write("all.talon.safetensors", everything())
ir.write("all.t1c", everything())
print(ir.read("all.talon.safetensors").fingerprint() == everything().fingerprint(), "LIF" in ir.info("all.t1c").types)
"""
KIT = """
import sys
sys.path.insert(0, "faulty")
import talon_safetensors.backend
assert "faulty" in talon_safetensors.backend.__file__
from talon.testing.storage import check_backend
try:
    check_backend("safetensors", ".talon.safetensors", deterministic=True, lazy=True, checksums=True)
except Exception as error:
    print(*error.__notes__)
"""
FAULTS = {
    "an attribute is dropped": (
        "tagged(record.attrs)",
        'tagged({**record.attrs, "core_id": None})',
        "keeps_everything",
    ),
    "bits of NaN are lost": (
        "return array",
        'return np.where(np.isnan(array), array.dtype.type("nan"), array) if array.dtype.kind == "f" else array',
        "keeps_bits",
    ),
    "memory is taken as it lies": (', order="C")', ")", "keeps_values_in_any_layout"),
    "no crc32 of tensors": (
        ", zlib.crc32(data)) != (dtype, shape, crc32)",
        ") != (dtype, shape)",
        "survives_changed_bits",
    ),
    "no crc32 of the metadata": ('if said[:8] != f"', 'if "x" == f"', "survives_changed_bits"),
    "large arrays are read at once": ("if not lazy:", "if True:", "reads_no_more_than_it_must"),
    "errors of the library": ("except Exception as error:", "except TypeError as error:", "refuses_damage"),
    "any format": ('check_format(want(str, header["format"]), by="talon-safetensors")', "", "refuses_newer_formats"),
}


@pytest.fixture(scope="module")
def installed(environment: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The bare environment with talon-safetensors from its wheel, and with safetensors, which only it needs."""
    environment.pip("install", build_wheel(SOURCE, tmp_path_factory.mktemp("safetensors")))
    yield environment
    environment.pip("uninstall", "-y", "talon-safetensors", "safetensors")


def test_its_own_tests_pass_there(installed: Any, tmp_path: Path) -> None:
    """The kit among them."""
    shutil.copytree(SOURCE / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(SOURCE / name, tmp_path)
    assert " passed" in installed.tests(tmp_path)


def test_files_are_converted_both_ways_without_loss(installed: Any) -> None:
    assert installed.python(WRITE) == "True True"
    assert installed.talon("convert", "all.t1c", "again.talon.safetensors")[0] == 0
    assert installed.talon("convert", "all.talon.safetensors", "again.t1c")[0] == 0
    for name in ("t1c", "talon.safetensors"):
        assert (installed.folder / f"again.{name}").read_bytes() == (installed.folder / f"all.{name}").read_bytes()
    assert "safetensors" in installed.talon("plugins")[1]
    assert installed.talon("doctor")[0] == 0


def kit(installed: Any, right: str, wrong: str) -> str:
    """What the kit says of the backend with a part of its source replaced."""
    source = (SOURCE / "src" / BACKEND).read_text()
    assert right in source
    faulty = installed.folder / "faulty"
    shutil.rmtree(faulty, ignore_errors=True)
    shutil.copytree(SOURCE / "src", faulty)
    (faulty / BACKEND).write_text(source.replace(right, wrong))
    return str(installed.python(KIT))


@pytest.mark.parametrize("fault", FAULTS)
def test_the_kit_finds_a_fault(fault: str, installed: Any) -> None:
    right, wrong, check = FAULTS[fault]
    assert f"in check {check!r}" in kit(installed, right, wrong)


def test_the_kit_finds_no_fault_in_another_order_of_tensors(installed: Any) -> None:
    assert kit(installed, "tensors[name] = array", "tensors = {name: array, **tensors}") == ""


def test_it_is_typed(installed: Any, tmp_path: Path) -> None:
    """mypy --strict, as its CI runs it: with what is installed there."""
    command = [sys.executable, "-m", "mypy", "--cache-dir", tmp_path, "--python-executable", installed.bin / "python"]
    done = subprocess.run([*command, "src", "tests"], cwd=SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_safetensors_is_no_part_of_this_project() -> None:
    done = subprocess.run([sys.executable, "-c", "import safetensors"], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in done.stderr
