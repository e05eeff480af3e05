"""talon-hw as a plugin: its commands form the group `talon hw`; its engines come before the reference."""

from __future__ import annotations

from typing import Any

from talon.plugins import hookimpl

TALON_API = 1


@hookimpl
def talon_commands() -> dict[str, str]:
    return {"hw": "talon.hw.commands:group"}


@hookimpl
def talon_engines() -> dict[str, Any]:
    from talon.engine.choice import EngineSpec

    return {
        "native": EngineSpec("talon.hw.native.engine:NativeEngine", priority=10),
        "integer": EngineSpec("talon.hw.integers.engine:IntegerEngine", priority=10, integers=True),
    }
