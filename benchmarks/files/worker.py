"""A process in some product's environment that does one thing again and again: once for every line on stdin.

It answers each line with one JSON object: seconds, and by how many bytes the process was larger at its largest than
before. Arguments: action, workload, suffix, folder for files.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workloads import Layer, layers

Once = Callable[[], Any]
Action = Callable[[list[Layer], Path], Once]
"""Gets everything ready: the layers in the product's own form, or a file that holds them."""

STATUS = Path("/proc/self/status")


def resident(line: str) -> int:
    """Bytes of memory that the process has (`VmRSS`) or had at most since `restart` (`VmHWM`)."""
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return next(int(said.split()[1]) * 1024 for said in STATUS.read_text().splitlines() if said.startswith(line))


def restart() -> None:
    """Begin anew: nothing waits to be written to the disk, free memory is given back, or the next turn would have it
    for nothing, and it is forgotten how large the process was. Where the system cannot do that, memory is told only
    when a new peak is reached."""
    os.sync()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def serve(actions: dict[str, Action], packages: Sequence[str]) -> None:
    action, workload, suffix, folder = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever the product prints is no answer
    path = Path(folder) / f"{Path(sys.argv[0]).stem} {workload}{suffix}"
    once = actions[action](layers(workload), path)
    told = {"python": platform.python_version()} | {name: version(name) for name in packages}
    print(json.dumps(told), file=answers)
    for _ in sys.stdin:
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
