"""Files: `write`, `read`, `info` and `read_version`, over storage backends that plugins provide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talon.plugins.lazy import lazy_names

if TYPE_CHECKING:
    from talon.storage.agreement import Agreement as Agreement
    from talon.storage.agreement import compared as compared
    from talon.storage.backend import Backend as Backend
    from talon.storage.files import info as info
    from talon.storage.files import read as read
    from talon.storage.files import read_version as read_version
    from talon.storage.files import write as write
    from talon.storage.summary import FileInfo as FileInfo
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "write": "talon.storage.files:write",
            "read": "talon.storage.files:read",
            "info": "talon.storage.files:info",
            "read_version": "talon.storage.files:read_version",
            "compared": "talon.storage.agreement:compared",
            "Agreement": "talon.storage.agreement:Agreement",
            "FileInfo": "talon.storage.summary:FileInfo",
            "Backend": "talon.storage.backend:Backend",
        },
    )
