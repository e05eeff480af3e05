"""talon-hw as a plugin: its commands form the group `talon hw`."""

from __future__ import annotations

from talon.plugins import hookimpl

TALON_API = 1


@hookimpl
def talon_commands() -> dict[str, str]:
    return {"hw": "talon.hw.commands:group"}
