"""What talon is told about this distribution. The import string keeps it light: safetensors is loaded on first use."""

from __future__ import annotations

from talon.plugins import hookimpl

TALON_API = 1


@hookimpl
def talon_storage_backends() -> dict[str, str]:
    return {"safetensors": "talon_safetensors.backend:SafetensorsBackend"}
