"""The C library, where it was built; where not, why."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from talon.ir.errors import TalonValueError

API = 11
"""Of the functions of the library; a library with another number is left over from another version."""
UNBUILT = Path(__file__).with_name("unbuilt.txt")
ISA = "TALON_NATIVE_ISA"
"""Environment variable: the instruction set to use, for tests; by default the widest that the processor has."""


@cache
def load() -> tuple[Any, str]:
    """The module and its instruction set, or None and why there is none."""
    try:
        module: Any = import_module("talon.hw._native")
    except ImportError as error:
        if UNBUILT.exists():
            return None, UNBUILT.read_text(encoding="utf-8").strip()
        return None, f"talon-hw was installed without its library: {error}"
    if module.API != API:
        return None, f"the library is of API {module.API}, talon-hw of {API}: install talon-hw again"
    wish = os.environ.get(ISA) or None
    try:
        return module, str(module.isa(wish))
    except ValueError as error:
        raise TalonValueError(
            "T202",
            f"{ISA} names an instruction set that cannot be used",
            expected="base, v3 or v4, as far as the processor has it",
            found=f"{wish!r}: {error}",
        ) from None


def library() -> Any:
    """The module; only asked for where `load` found it."""
    return load()[0]
