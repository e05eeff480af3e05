"""Files: `write`, `read`, `info` and `read_version`, over storage backends that plugins provide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talon.storage.backend import Backend as Backend
    from talon.storage.files import info as info
    from talon.storage.files import read as read
    from talon.storage.files import read_version as read_version
    from talon.storage.files import write as write
    from talon.storage.summary import FileInfo as FileInfo
else:
    _PUBLIC = {
        "write": "files",
        "read": "files",
        "info": "files",
        "read_version": "files",
        "FileInfo": "summary",
        "Backend": "backend",
    }

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name not in _PUBLIC:
            raise AttributeError(f"module 'talon.storage' has no attribute {name!r}")
        value = getattr(import_module(f"talon.storage.{_PUBLIC[name]}"), name)
        globals()[name] = value
        return value
