"""The plugin framework: one entry-point group, `talon`, and the hooks in `talon.plugins.hookspecs`.

A plugin is a light module of `@hookimpl` functions; hooks return mappings from name to an object or to an import string
`"module:attribute"`, which is loaded on first use. `API` is the number of this interface: a plugin module states
`TALON_API = 1`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

API = 1

if TYPE_CHECKING:
    from talon.plugins.hookspecs import hookimpl as hookimpl
    from talon.plugins.local import temporary as temporary
else:

    def __getattr__(name: str) -> Any:
        if name == "hookimpl":
            from talon.plugins.hookspecs import hookimpl

            return hookimpl
        if name == "temporary":
            from talon.plugins.local import temporary

            return temporary
        raise AttributeError(f"module 'talon.plugins' has no attribute {name!r}")
