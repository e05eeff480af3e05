"""The lazy names of `talon.ir`: first-party ones from the table in `known`, others from the plugins."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from talon.ir.known import FACADE, PRIMITIVES, Known
from talon.plugins.lazy import load


def installed(known: Known) -> bool:
    """Whether the package that holds a first-party name is there, without importing it."""
    if known.distribution == "talon-core":
        return True
    package = ".".join(known.target.partition(":")[0].split(".")[:2])
    return find_spec(package) is not None


def find(name: str) -> Any:
    """The public name, a first-party primitive, or a plugin's primitive, in this order."""
    if name in FACADE:
        return load(FACADE[name])
    if name in PRIMITIVES:
        if not installed(PRIMITIVES[name]):
            raise missing(name)
        return load(PRIMITIVES[name].target)
    # `from talon.ir import order` asks here before Python looks for a module; plugins have no part in that.
    if find_spec(f"talon.ir.{name}") is not None:
        return import_module(f"talon.ir.{name}")
    from talon.ir.errors import TalonUnknownNameError, suggest
    from talon.plugins import registry

    if name in registry.primitives():
        return registry.primitive(name)
    candidates = [*FACADE, *registry.primitives()]
    raise TalonUnknownNameError(
        "T002",
        f"talon.ir has no {name!r}",
        help=suggest(name, candidates, "ir.list_primitives() lists what is installed"),
    )


def lasting(name: str) -> bool:
    """Whether the name means the same for as long as the process runs; plugins may come and go."""
    return name in FACADE or name in PRIMITIVES


def missing(name: str) -> Exception:
    """The error for a first-party primitive whose distribution is not installed."""
    return not_installed(f"{name} is a primitive", PRIMITIVES[name].distribution)


def not_installed(what: str, distribution: str) -> Exception:
    """The error for something of a distribution of ours that is not installed."""
    from talon.ir.errors import TalonMissingPluginError

    return TalonMissingPluginError(
        "T001",
        f"{what} of {distribution}, which is not installed",
        expected=distribution,
        found="not installed",
        help=f"pip install {distribution}",
    )


def names() -> list[str]:
    """Every public name that can be used now."""
    from talon.plugins import registry

    return [*FACADE, *(n for n, known in PRIMITIVES.items() if installed(known)), *registry.primitives()]
