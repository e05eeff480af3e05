"""Measures how fast networks run: `python benchmarks/engines/run.py`, or `make bench-engines`.

Each part keeps what it found in `.benchmarks/engines`, and docs/performance.md is written from all that is there, so
that parts can be run again by themselves. In a part, candidates are processes that take turns: what the machine does
besides hits all alike, so ratios of medians can be compared and absolute times need not be.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
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
BUDGET = 40.0
"""Seconds that the turns of one workload may take, where these are not many."""


def peers(rounds: int) -> dict[str, Any]:
    """Every product on every workload, between two measurements of the limit."""
    best = limit.measure()
    versions: dict[str, str] = {}
    workloads: dict[str, Any] = {}
    with ExitStack() as stack, (FOLDER / "log").open("a") as log:
        workers = [stack.enter_context(Worker(product, log)) for product in PRODUCTS if there(product)]
        for worker in workers:
            versions |= worker.versions
        for name, make in WORKLOADS.items():
            if name == "W4" and not hasattr(ir, "CSR"):
                print("W4 is left out: this talon has no sparse weights (ir.CSR)", flush=True)
                continue
            folder = FOLDER / name.replace(" ", "-")
            workload = make()
            exported.write(workload, folder)
            workloads[name] = {"work": work(exported.read(folder)), "threads": {}}
            for threads in THREADS:
                found = contest(workers, folder, threads, rounds, BUDGET)
                workloads[name]["threads"][threads] = [one.as_dict() for one in found]
                for one in found:
                    said = one.refused or f"{one.median(threads) * 1e3:10.3f} ms {one.total:9} spikes"
                    print(f"{name:7} {threads} thread(s) {one.product:24} {one.way:26} {said}", flush=True)
            best = best.best(limit.measure())
    return {"limit": asdict(best), "versions": versions, "workloads": workloads}


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
    "peers": peers,
    "crossover": crossover.measure,
    "scaling": scaling.measure,
    "detector": detector.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns of every candidate")
    parser.add_argument("--parts", default="all", help=f"all, or some of {','.join(PARTS)}")
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for part in PARTS if arguments.parts == "all" else arguments.parts.split(","):
        found = PARTS[part](arguments.rounds)
        (FOLDER / f"{part}.json").write_text(json.dumps({"rounds": arguments.rounds, **found}))
    kept = {part: path for part in PARTS if (path := FOLDER / f"{part}.json").exists()}
    report.write({part: json.loads(path.read_text()) for part, path in kept.items()}, ROOT / "docs")


if __name__ == "__main__":
    main()
