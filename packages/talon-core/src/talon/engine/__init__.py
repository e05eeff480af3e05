"""Running graphs: `run(graph, inputs)` gives outputs, state, counts and what was asked to be recorded.

`stream` does so chunk by chunk, however many steps there are, and `record_to` sends what it gives to a file.

The `reference` engine interprets the primitives' own `step`; other distributions add faster ones with the same answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from talon.plugins.lazy import lazy_names

if TYPE_CHECKING:
    from talon.engine.choice import EngineSpec as EngineSpec
    from talon.engine.choice import Refusal as Refusal
    from talon.engine.choice import list_engines as list_engines
    from talon.engine.comparing.entry import compare as compare
    from talon.engine.comparing.outcome import Comparison as Comparison
    from talon.engine.counts import Counts as Counts
    from talon.engine.recording import Recorded as Recorded
    from talon.engine.recording import record_to as record_to
    from talon.engine.result import EngineUse as EngineUse
    from talon.engine.result import Result as Result
    from talon.engine.running import run as run
    from talon.engine.state import State as State
    from talon.engine.streaming import Stream as Stream
    from talon.engine.streaming import stream as stream
    from talon.engine.task import Task as Task
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "run": "talon.engine.running:run",
            "stream": "talon.engine.streaming:stream",
            "Stream": "talon.engine.streaming:Stream",
            "record_to": "talon.engine.recording:record_to",
            "Recorded": "talon.engine.recording:Recorded",
            "compare": "talon.engine.comparing.entry:compare",
            "Comparison": "talon.engine.comparing.outcome:Comparison",
            "Result": "talon.engine.result:Result",
            "EngineUse": "talon.engine.result:EngineUse",
            "State": "talon.engine.state:State",
            "Counts": "talon.engine.counts:Counts",
            "EngineSpec": "talon.engine.choice:EngineSpec",
            "Refusal": "talon.engine.choice:Refusal",
            "list_engines": "talon.engine.choice:list_engines",
            "Task": "talon.engine.task:Task",
        },
    )
