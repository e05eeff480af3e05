"""All other primitives of talon-core, as a plugin."""

from __future__ import annotations

from talon.ir.known import core_primitives, neuron_module
from talon.plugins.hookspecs import hookimpl

TALON_API = 1


@hookimpl
def talon_primitives() -> dict[str, str]:
    return {name: target for name, target in core_primitives().items() if not neuron_module(name)}
