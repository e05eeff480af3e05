"""A whole detector: the network of examples/detector, 320x320 and 4 steps, beside torch on the same layers."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

import exported
from contests import BY_HAND, TALON, THREADS
from workers import ROOT, Worker, contest
from workloads import Workload

sys.path.insert(0, str(ROOT / "examples" / "detector"))
import build

FOLDER = ROOT / ".benchmarks" / "engines"
BUDGET = 30.0
WHOLE = "with boxes and suppression"


def measure(rounds: int) -> dict[str, Any]:
    """Up to the maps of both heads, which torch runs too; by talon also to the boxes."""
    graphs = {"to the maps of the heads": build.build(decoded=False), WHOLE: build.build()}
    found: dict[str, Any] = {"weights": build.count(graphs[WHOLE]), "frames": {}}
    with ExitStack() as stack, (FOLDER / "log").open("a") as log:
        for name, graph in graphs.items():
            workload = Workload(graph, build.image())
            folder = FOLDER / f"detector {name}"
            exported.write(workload, folder)
            products = (TALON,) if name == WHOLE else (TALON, BY_HAND)
            workers = [stack.enter_context(Worker(product, log)) for product in products]
            found["frames"][name] = {}
            for threads in THREADS:
                results = contest(workers, folder, threads, max(3, rounds // 3), BUDGET)
                found["frames"][name][threads] = [one.as_dict() for one in results]
                for one in results:
                    said = one.refused or f"{1 / one.median(threads):8.2f} frames/s {one.total:9} spikes"
                    print(f"detector {name}, {threads} thread(s) {one.product:15} {one.way:15} {said}", flush=True)
    return found
