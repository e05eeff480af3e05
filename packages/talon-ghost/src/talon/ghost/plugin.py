"""The primitives of talon-ghost, as a plugin."""

from __future__ import annotations

from talon.ir.known import provided_by
from talon.plugins import hookimpl

TALON_API = 1


@hookimpl
def talon_primitives() -> dict[str, str]:
    return provided_by("talon-ghost")
