"""Runs in a process of its own: `python -m tests.storage.writing HOW TARGET BACKEND`, for test_durability.

`loop` answers each line on stdin: "start" forks a process that writes the two graphs over the target in turn until
somebody kills it, and prints its number; "wait" prints how it ended. Everything is imported once, so that hundreds of
writers can be killed in seconds. The others print one JSON object about a write that cannot succeed.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from talon import ir

FORMATS = [
    ("hdf5", ".t1c"),
    ("zarr", ".zarr"),
    ("zarr", ".zarr.zip"),
]
"""Backend and suffix of everything that files are written as."""


def chain(seed: int, count: int) -> ir.Graph:
    """Layers with arrays of all sizes: in the tree's headers, small, and above 64 KiB."""
    rng = np.random.default_rng(seed)
    nodes: dict[str, ir.Node] = {"input": ir.Input([160])}
    for number in range(count):
        nodes[f"fc{number}"] = ir.Affine(rng.standard_normal((160, 160)).astype(np.float32), np.ones(160, np.float32))
        nodes[f"lif{number}"] = ir.LIF(np.full(160, 2.0 + seed, np.float32), 1.0, 0.0, 1.0)
    nodes["output"] = ir.Output([160])
    return ir.Graph(nodes, list(itertools.pairwise(nodes)), metadata={"seed": seed})


GRAPHS = (chain(1, 3), chain(2, 5))
"""What is written in turn: of different sizes, so that a mixture of both is neither."""


def loop(target: Path, backend: str) -> None:
    ir.write(target, GRAPHS[0], backend=backend)
    start = time.perf_counter()
    ir.write(target, GRAPHS[1], backend=backend)
    print(time.perf_counter() - start, flush=True)
    number = 0
    for line in sys.stdin:
        if line == "start\n":
            number = os.fork()
            if not number:
                for graph in itertools.cycle(GRAPHS):
                    ir.write(target, graph, backend=backend)
            print(number, flush=True)
        else:
            print(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), flush=True)


def attempt(target: Path, backend: str, graph: ir.Graph) -> dict[str, Any]:
    """What comes of a write, and what is there afterwards."""
    try:
        ir.write(target, graph, backend=backend)
    except ir.TalonError as error:
        result: dict[str, Any] = {"code": error.code, "family": type(error).__name__, "text": str(error)}
    else:
        result = {"code": None}
    return result | {
        "fingerprint": ir.read(target, lazy=False).fingerprint(),
        "left": [name for name in os.listdir(target.parent) if name.endswith(".talon-tmp")],
        "open": len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0,
    }


def tries(
    target: Path, backend: str, with_room: Callable[[int], Any], measure: Callable[[Iterator[int]], int]
) -> Iterator[dict[str, Any]]:
    """Writes over an old file with room for some bytes of the new one only, then with enough of it. `measure` tells
    from the sizes of its files how much it takes."""
    ir.write(target, GRAPHS[1], backend=backend)
    size = measure(sizes(target))
    ir.write(target, GRAPHS[0], backend=backend)
    for room in (0, 1, 4096, size // 3, size // 2, size * 9 // 10, size - 4096, 4 * size):
        with with_room(room):
            yield {"room": room, "size": size} | attempt(target, backend, GRAPHS[1])


def sizes(target: Path) -> Iterator[int]:
    return (path.stat().st_size for path in (target, *target.rglob("*")) if path.is_file())


def limited(target: Path, backend: str) -> list[dict[str, Any]]:
    """No file may become larger than a limit."""

    @contextmanager
    def limit(room: int) -> Iterator[None]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

    return list(tries(target, backend, limit, max))


def full(target: Path, backend: str) -> list[dict[str, Any]]:
    """The file system has room for so much and no more."""
    filler = target.parent / "filler"

    @contextmanager
    def fill(room: int) -> Iterator[None]:
        with filler.open("wb") as file:
            found = os.statvfs(target.parent)
            os.posix_fallocate(file.fileno(), 0, max(1, found.f_bavail * found.f_frsize - room))
        try:
            yield
        finally:
            filler.unlink()

    return list(tries(target, backend, fill, sum))


def once(target: Path, backend: str) -> list[dict[str, Any]]:
    """One write over what is there."""
    return [attempt(target, backend, GRAPHS[1])]


if __name__ == "__main__":
    how, where, which = sys.argv[1:]
    if how == "loop":
        loop(Path(where), which)
    else:
        print(json.dumps({"limited": limited, "full": full, "once": once}[how](Path(where), which)))
