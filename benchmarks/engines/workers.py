"""Asks the products' processes, in turns."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from contests import PRODUCTS
from talking import EndedError, Talking

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENT = {"OMP_WAIT_POLICY": "passive"}
"""Threads of OpenMP sleep while they wait. They spin by default, which makes two of them many times slower than one
where the machine does anything else."""
SAMPLE = 0.03
"""Seconds that a turn takes at least, by running more often, so that the clock is fine enough."""


class Worker(Talking):
    """The process of a product, for the whole run."""

    def __init__(self, product: str, log: Any) -> None:
        self.product = product
        module, environment = PRODUCTS[product]
        python = sys.executable if environment == ".venv" else ROOT / environment / "bin" / "python"
        super().__init__([python, "-E", HERE / f"{module}.py"], log, product, os.environ | PATIENT)

    def __enter__(self) -> Worker:
        said = self.answer()
        self.versions: dict[str, str] = said["versions"]
        self.ways: list[str] = said["ways"]
        return self

    def ask(self, **words: Any) -> dict[str, Any]:
        try:
            self.say(json.dumps(words))
        except BrokenPipeError as error:
            raise EndedError(f"{self.product} is gone") from error
        return self.answer()


@dataclass
class Found:
    """What was measured of a product used in one way: seconds of one run, turn by turn, and spikes by neuron layer."""

    product: str
    way: str
    spikes: dict[str, int] = field(default_factory=dict)
    refused: str = ""
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.spikes.values())

    def median(self, threads: int) -> float:
        """Of CPU time with one thread; with several, of what one waits."""
        return statistics.median(self.cpu if threads == 1 else self.wall)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def contest(workers: list[Worker], folder: Path, threads: int, rounds: int, budget: float) -> list[Found]:
    """Every product in every way on one workload, taking turns: `rounds` of them, fewer when they take longer than
    `budget` seconds, but three."""
    running: list[tuple[Worker, Found, int]] = []
    results = []
    for worker, found in loaded(workers, folder, threads):
        results.append(found)
        if not found.refused:
            once = worker.ask(do="run", way=found.way, times=1)["wall"]
            running.append((worker, found, max(1, round(SAMPLE / max(once, 1e-6)))))
    start = time.perf_counter()
    for number in range(rounds):
        if number >= 3 and time.perf_counter() - start > budget:
            break
        for worker, found, times in running if number % 2 else reversed(running):
            took = worker.ask(do="run", way=found.way, times=times)
            found.cpu.append(took["cpu"])
            found.wall.append(took["wall"])
    return results


def loaded(workers: list[Worker], folder: Path, threads: int) -> Iterator[tuple[Worker, Found]]:
    for worker in workers:
        said = worker.ask(do="load", folder=str(folder), threads=threads)
        for way in worker.ways:
            yield worker, Found(worker.product, way, said["spikes"].get(way, {}), said["refused"].get(way, ""))
