"""Running graphs: `run(graph, inputs)` gives outputs, state, counts and what was asked to be recorded.

The `reference` engine interprets the primitives' own `step`; other distributions add faster ones with the same answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talon.engine.choice import EngineSpec as EngineSpec
    from talon.engine.choice import list_engines as list_engines
    from talon.engine.counts import Counts as Counts
    from talon.engine.result import EngineUse as EngineUse
    from talon.engine.result import Result as Result
    from talon.engine.running import run as run
    from talon.engine.state import State as State
    from talon.engine.task import Task as Task
else:
    _PUBLIC = {
        "run": "running",
        "Result": "result",
        "EngineUse": "result",
        "State": "state",
        "Counts": "counts",
        "EngineSpec": "choice",
        "list_engines": "choice",
        "Task": "task",
    }

    def __getattr__(name: str) -> Any:
        if name not in _PUBLIC:
            raise AttributeError(f"module 'talon.engine' has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"talon.engine.{_PUBLIC[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_PUBLIC})
