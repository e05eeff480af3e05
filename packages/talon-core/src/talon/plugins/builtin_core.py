"""All other primitives of talon-core, as a plugin."""

from __future__ import annotations

from talon.ir.known import neuron_module, provided_by
from talon.plugins.hookspecs import hookimpl

TALON_API = 1


@hookimpl
def talon_primitives() -> dict[str, str]:
    return {name: target for name, target in provided_by("talon-core").items() if not neuron_module(name)}
