"""Import strings `"module:attribute"`, and packages whose names are loaded on first use, so that importing costs
nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def load(target: str) -> Any:
    """The object that `"module:attribute"` names."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def lazy_names(package: str, targets: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package, for names at `"module:attribute"`.

    Use under `if not TYPE_CHECKING`, with plain imports for type checkers on the other side.
    """

    def find(name: str) -> Any:
        if name not in targets:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it has {', '.join(sorted(targets))}")
        value = load(targets[name])
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *targets})

    return find, names
