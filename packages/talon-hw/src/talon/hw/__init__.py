"""Hardware targets: what a chip offers, and whether a graph fits on it.

`from talon import hw`, then `hw.target("generic-mesh")`, `hw.check(graph, target)`, `hw.targets()`. Every name is
loaded on first use. `hw.run` is `talon.engine.run`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from talon.engine import run as run
    from talon.hw.description import Target as Target
    from talon.hw.description import target as target
    from talon.hw.description import targets as targets
    from talon.hw.fit import check as check
    from talon.hw.report import Finding as Finding
    from talon.hw.report import FitReport as FitReport

else:
    _NAMES = {
        "run": "talon.engine",
        "Target": "talon.hw.description",
        "target": "talon.hw.description",
        "targets": "talon.hw.description",
        "check": "talon.hw.fit",
        "Finding": "talon.hw.report",
        "FitReport": "talon.hw.report",
    }

    def __getattr__(name: str) -> Any:
        if name not in _NAMES:
            raise AttributeError(f"module 'talon.hw' has no attribute {name!r}; it has {', '.join(sorted(_NAMES))}")
        from importlib import import_module

        value = getattr(import_module(_NAMES[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_NAMES})
