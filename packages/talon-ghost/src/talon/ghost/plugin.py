"""The primitives of talon-ghost, as a plugin."""

from __future__ import annotations

from talon.ghost import provided
from talon.plugins.hookspecs import hookimpl

TALON_API = 1


@hookimpl
def talon_primitives() -> dict[str, str]:
    return provided()
