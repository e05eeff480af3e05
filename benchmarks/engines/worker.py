"""A process in some product's environment that runs networks again and again, asked by lines on stdin.

Requests and answers are one JSON object a line:

    {"do": "load", "folder": ..., "threads": 1}  ->  {"spikes": {way: {layer: total}}, "refused": {way: why}}
    {"do": "run", "way": ..., "times": 3}         ->  {"cpu": seconds, "wall": seconds} of one

A way is how the product is used; `load` runs each once and counts. A way that fails is refused, with what it said.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from exported import Exported, read


class Runner(Protocol):
    """A network in the product's own form. `spikes` runs it and counts, by layer of neurons."""

    def run(self) -> Any: ...

    def spikes(self) -> dict[str, int]: ...


Build = Callable[[Exported, int], Runner]
"""Takes a network and the number of threads."""


WARM = 0.03
"""Seconds for which a turn runs before it is timed, once at least: what slept while others had their turns finds caches
cold and clocks slow, which would cost what is quick many times its own time."""


def measured(runner: Runner, times: int) -> dict[str, float]:
    """Seconds of one run. A product that runs another process says itself what that `took`."""
    if hasattr(runner, "took"):
        found = [runner.took() for _ in range(times)]
        return {key: sum(one[key] for one in found) / times for key in ("cpu", "wall")}
    began = time.perf_counter()
    runner.run()
    while time.perf_counter() - began < WARM:
        runner.run()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        runner.run()
    return {"cpu": (time.process_time() - cpu) / times, "wall": (time.perf_counter() - wall) / times}


def serve(ways: Mapping[str, Build], packages: Sequence[str]) -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever the product prints is no answer
    told = {"python": platform.python_version()} | {name: version(name) for name in packages}
    print(json.dumps({"versions": told, "ways": list(ways)}), file=answers)
    runners: dict[str, Runner] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "load":
            runners.clear()
            answer: dict[str, Any] = {"spikes": {}, "refused": {}}
            network = read(Path(asked["folder"]))
            for way, build in ways.items():
                try:
                    runner = build(network, asked["threads"])
                    answer["spikes"][way] = runner.spikes()
                    runners[way] = runner
                except Exception as error:  # noqa: BLE001 - any product fails in its own way
                    answer["refused"][way] = f"{type(error).__name__}: {error}"[:300]
        else:
            answer = measured(runners[asked["way"]], asked["times"])
        print(json.dumps(answer), file=answers)
