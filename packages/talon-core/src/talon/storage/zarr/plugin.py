"""The zarr storage backend, as a plugin."""

from __future__ import annotations

from typing import Any

from talon.plugins.hookspecs import hookimpl

TALON_API = 1


@hookimpl
def talon_storage_backends() -> dict[str, Any]:
    return {"zarr": "talon.storage.zarr.backend:ZarrBackend"}
