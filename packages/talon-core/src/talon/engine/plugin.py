"""The reference engine, as a plugin."""

from __future__ import annotations

from typing import Any

from talon.engine.choice import EngineSpec
from talon.plugins.hookspecs import hookimpl

TALON_API = 1


@hookimpl
def talon_engines() -> dict[str, Any]:
    return {"reference": EngineSpec("talon.engine.reference:ReferenceEngine", priority=0)}
