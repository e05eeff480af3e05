"""Measures how fast networks run: `python benchmarks/engines/run.py`, or `make bench-engines`.

What a part finds is kept in `.benchmarks/engines`, and docs/performance.md is written from all that is there, so that
parts can be run again by themselves. In a part, candidates are processes that take turns: what the machine does
besides hits all alike, so ratios of medians can be compared and absolute times need not be.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from talon import hw, ir

sys.path.append(str(Path(__file__).parents[1]))

import crossover
import detector
import exported
import limit
import report
import scaling
from contests import PRODUCTS, THREADS
from workers import ROOT, Worker, contest
from workloads import WORKLOADS

FOLDER = ROOT / ".benchmarks" / "engines"
KEPT = FOLDER / "found.json"
BEGAN = time.time()
BUDGET = 40.0
"""Seconds that the turns of one workload may take, where these are not many."""


def peers(rounds: int, chosen: Sequence[str]) -> dict[str, Any]:
    """Every product on every chosen workload, each between two measurements of the limit."""
    found: dict[str, Any] = {}
    with ExitStack() as stack, (FOLDER / "log").open("a") as log:
        workers = [stack.enter_context(Worker(product, log)) for product in PRODUCTS if there(product)]
        versions = {name: number for worker in workers for name, number in worker.versions.items()}
        for name in chosen:
            best = limit.measure()
            folder = FOLDER / name.replace(" ", "-")
            exported.write(WORKLOADS[name](), folder)
            threads = {count: turns(workers, name, folder, count, rounds) for count in THREADS}
            best = best.best(limit.measure())
            found[name] = {
                "versions": versions,
                "limit": asdict(best),
                "work": work(exported.read(folder)),
                "threads": threads,
            }
    return found


def turns(workers: list[Worker], name: str, folder: Path, threads: int, rounds: int) -> list[dict[str, Any]]:
    found = contest(workers, folder, threads, rounds, BUDGET)
    for one in found:
        said = one.refused or f"{one.median(threads) * 1e3:10.3f} ms {one.total:9} spikes"
        print(f"{name:7} {threads} thread(s) {one.product:24} {one.way:26} {said}", flush=True)
    return [one.as_dict() for one in found]


def there(product: str) -> bool:
    environment = PRODUCTS[product].environment
    if (ROOT / environment / "installed").exists():
        return True
    print(f"{product} is left out: no {environment}", flush=True)
    return False


def work(network: exported.Exported) -> dict[str, int]:
    """What has to be done, as talon counts it, and the bytes that have to be moved: inputs and weights come from
    memory once, but a recurrent layer's weights and targets with every spike."""
    graph = ir.read(network.folder / exported.GRAPH)
    constant = len(network.inputs) < network.steps
    inputs = network.inputs[0] if constant else network.inputs
    totals = hw.compile(graph).run(inputs, repeat=network.steps if constant else None).counts.total()
    moved = sum(array.nbytes for array in network.arrays.values()) if not network.recurrent else totals["synops"] * 8
    return {"synops": totals["synops"], "updates": totals["updates"], "macs": totals["macs"], "bytes": moved}


PARTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "crossover": crossover.measure,
    "scaling": scaling.measure,
    "detector": detector.measure,
}


def main() -> None:
    names = [*dict.fromkeys(name.split()[0] for name in WORKLOADS), *PARTS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns of every candidate")
    parser.add_argument("--parts", default=",".join(names), help="some of %(default)s; by default all")
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    if unknown := set(parts) - set(names):
        parser.error(f"no part {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    if set(parts) == set(names):
        KEPT.unlink(missing_ok=True)
    if chosen := [name for name in WORKLOADS if name.split()[0] in parts]:
        keep(peers(arguments.rounds, chosen))
    for part in PARTS:
        if part in parts:
            keep({part: PARTS[part](arguments.rounds)})
    report.write(kept(), ROOT / "docs")


def kept() -> dict[str, Any]:
    """What all parts found, now or before."""
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def keep(found: dict[str, Any]) -> None:
    """`run`: when this one began, so that the page can tell what was measured apart from the rest."""
    stamped = {name: {**said, "run": BEGAN} for name, said in found.items()}
    KEPT.write_text(json.dumps(kept() | json.loads(json.dumps(stamped))))


if __name__ == "__main__":
    main()
