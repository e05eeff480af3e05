"""Every hook is documented with an example that has its form, and used by a test."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from talon.plugins import hookspecs

HOOKS = [name for name in vars(hookspecs) if name.startswith("talon_")]
TESTS = Path(__file__).parents[1]


def test_every_specification_is_marked() -> None:
    assert set(HOOKS) >= {"talon_primitives", "talon_storage_backends", "talon_engines", "talon_commands"}
    for name in HOOKS:
        assert hasattr(getattr(hookspecs, name), f"{hookspecs.PROJECT}_spec"), name


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_documented_with_an_example(name: str) -> None:
    text = inspect.getdoc(getattr(hookspecs, name)) or ""
    first, *_ = text.splitlines()
    assert first.endswith((".", ","))
    example = re.search(r"Example: `return (\{.*\})`", text)
    assert example, f"{name} shows no example"
    assert re.search(r'"[\w.]+:\w+"', example[1]), f"the example of {name} has no import string"


@pytest.mark.parametrize("name", HOOKS)
def test_hook_takes_nothing(name: str) -> None:
    assert not inspect.signature(getattr(hookspecs, name)).parameters


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_tested(name: str) -> None:
    files = [f for f in TESTS.rglob("test_*.py") if f != Path(__file__) and "golden" not in f.parts]
    assert any(re.search(rf"\b{name}\b", f.read_text()) for f in files), f"no test uses {name}"
