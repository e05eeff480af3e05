"""Measures mapping: `python benchmarks/mapping/run.py`, or `make bench-mapping`. Writes docs/performance-mapping.md."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from builds import builds
from cases import CASES, convolutional, surroundings
from report import EndToEnd, Placed, page

from talon.hw.mapping import Limits, Mesh, hop_cost, partition, place, route, traffic
from talon.hw.mapping.annealing import anneal
from talon.hw.mapping.hypergraph import heard, sending
from talon.hw.mapping.placing import best_of_all

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PEERS = ROOT / ".envs" / "mapping" / "bin" / "python"
TOOLS = {"layer order": sys.executable, "METIS": PEERS, "Mt-KaHyPar": PEERS, "talon": sys.executable}
PATIENCE = 60
"""Seconds of processor after which a tool is given up, three times what is wanted of the largest case."""
ONE_NEED = ("conv28", "local 128 x 128", "local 316 x 316")
"""Cases of one need, which the others know how to take."""


def partitions() -> dict[str, dict[str, dict[str, Any]]]:
    """What every tool finds of every case, each in a process of its own."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for case in CASES:
        for tool, python in TOOLS.items():
            if python == PEERS and case not in ONE_NEED:
                continue
            command = [python, HERE / "worker.py", case, tool, str(PATIENCE)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == -signal.SIGXCPU:
                one = {"given up": PATIENCE, "version": ""}
            elif done.returncode:
                sys.exit(f"{case}, {tool}: {done.stderr}")
            else:
                one = json.loads(done.stdout)
            found.setdefault(case, {})[tool] = one
            print(case, tool, one, flush=True)
    return found


def placements() -> list[Placed]:
    """Nine cores and fewer, beside all placements there are."""
    found = []
    for case in (convolutional(), surroundings(64, 20, 512)):
        for cores, mesh in ((4, Mesh(2, 2)), (6, Mesh(2, 4)), (8, Mesh(3, 3)), (9, Mesh(3, 3)), (9, Mesh(3, 3, True))):
            h = case.hypergraph
            core = partition(h, Limits((-(-h.vertices // cores),)))
            flow, apart = traffic(h, core).astype(float), mesh.distances().astype(float)
            least = hop_cost(flow, apart, best_of_all(flow, apart))
            ours = hop_cost(flow, apart, place(flow, distances=apart)) / least
            alone = hop_cost(flow, apart, anneal(flow, apart, 0)) / least
            found.append(Placed(case.name, int(core.max()) + 1, mesh, ours, alone))
            print(found[-1], flush=True)
    return found


def end_to_end(name: str) -> EndToEnd:
    """Partition, place and route."""
    case = CASES[name]()
    h = case.hypergraph
    times = [time.process_time()]
    core = partition(h, case.limits)
    times.append(time.process_time())
    cores = int(core.max()) + 1
    side = int(np.ceil(np.sqrt(cores)))
    mesh = Mesh(side, side)
    flow = traffic(h, core)
    placed = place(flow, mesh.positions)
    times.append(time.process_time())
    nets, hearing = heard(h, core)
    offsets = np.searchsorted(nets, np.arange(len(h.sources) + 1))
    routes = route(mesh, placed[sending(h, core)], offsets, placed[hearing], h.weights)
    times.append(time.process_time())
    apart = mesh.distances()
    orders = (placed, np.arange(cores), np.random.default_rng(0).permutation(len(apart))[:cores])
    hops = tuple(hop_cost(flow, apart, order) / flow.sum() for order in orders)
    result = EndToEnd(name, cores, tuple(np.diff(times).tolist()), hops, int(routes.loads.max()))
    print(result, flush=True)
    return result


if __name__ == "__main__":
    chains = [end_to_end(name) for name in ("conv28", "1,000 tiles", "10,240 tiles")]
    (ROOT / "docs" / "performance-mapping.md").write_text(
        page(partitions(), placements(), chains, builds()), encoding="utf-8"
    )
