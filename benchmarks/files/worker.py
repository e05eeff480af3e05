"""A process in some product's environment that does one thing again and again: once for every line on stdin.

It answers each line with one JSON object: seconds, and by how many bytes the process was larger at its largest than
before. Arguments: action, workload, suffix, folder for files.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workloads import Layer, layers

sys.path.append(str(Path(__file__).parents[1]))
from memory import resident, restart

Once = Callable[[], Any]
Action = Callable[[list[Layer], Path], Once]
"""Gets everything ready: the layers in the product's own form, or a file that holds them."""


def serve(actions: dict[str, Action], packages: Sequence[str]) -> None:
    action, workload, suffix, folder = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever the product prints is no answer
    path = Path(folder) / f"{Path(sys.argv[0]).stem} {workload}{suffix}"
    once = actions[action](layers(workload), path)
    told = {"python": platform.python_version()} | {name: version(name) for name in packages}
    print(json.dumps(told), file=answers)
    for _ in sys.stdin:
        os.sync()  # nothing waits to be written to the disk
        restart()
        before = resident("VmRSS")
        start = time.perf_counter()
        kept = once()
        seconds = time.perf_counter() - start
        grown = max(0, resident("VmHWM") - before)
        del kept
        print(json.dumps({"seconds": seconds, "grown": grown}), file=answers)


def written(write: Action) -> Callable[[Callable[[Path], Any]], Action]:
    """Makes an action of a function that reads: the file is there already, or is written once."""

    def reading(read: Callable[[Path], Any]) -> Action:
        def action(found: list[Layer], path: Path) -> Once:
            if not path.exists():
                write(found, path)()
            found.clear()
            return lambda: read(path)

        return action

    return reading
