"""One partition of one case by one tool: `worker.py CASE TOOL SECONDS`. Prints what was found as JSON, and is ended
after so many seconds of processor.

Runs in an environment that has the tool: "talon" in the project's own, the others in `.envs/mapping`.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np
from cases import CASES, Case

from talon.hw.mapping import deliveries, partition, use
from talon.hw.mapping.filling import in_order


def fewest(case: Case) -> int:
    """Cores that the first need takes at least."""
    return -int(-case.hypergraph.resources[:, 0].sum() // case.limits.resources[0])


def by_talon(case: Case) -> np.ndarray:
    return partition(case.hypergraph, case.limits)


def by_mtkahypar(case: Case) -> np.ndarray:
    return partition(case.hypergraph, case.limits, engine="mtkahypar")


def in_layers(case: Case) -> np.ndarray:
    return in_order(case.hypergraph, case.limits, np.arange(case.hypergraph.vertices))


def by_metis(case: Case) -> np.ndarray:
    """The graph of who talks to whom; it takes limits for a wish."""
    import pymetis

    h = case.hypergraph
    keep = h.sources[h.nets] != h.pins
    a, b, weight = h.sources[h.nets][keep], h.pins[keep], h.weights[h.nets][keep]
    keys, place = np.unique(np.concatenate([a * h.vertices + b, b * h.vertices + a]), return_inverse=True)
    sums = np.bincount(place, np.concatenate([weight, weight])).astype(int)
    starts = np.searchsorted(keys // h.vertices, np.arange(h.vertices + 1))
    adjacency = pymetis.CSRAdjacency(starts, keys % h.vertices)
    found = pymetis.part_graph(fewest(case), adjacency, eweights=sums)
    return np.array(found[1])


TOOLS: dict[str, Callable[[Case], np.ndarray]] = {
    "layer order": in_layers,
    "METIS": by_metis,
    "Mt-KaHyPar": by_mtkahypar,
    "talon": by_talon,
}
PACKAGES = {"METIS": "pymetis", "Mt-KaHyPar": "mtkahypar", "talon": "talon-hw"}


def measured(case: Case, tool: str) -> dict[str, Any]:
    began = time.process_time()
    core = TOOLS[tool](case)
    took = time.process_time() - began
    used = use(case.hypergraph, core)
    return {
        "deliveries": int(deliveries(case.hypergraph, core)),
        "cores": int(core.max()) + 1,
        "fits": used.fits(case.limits),
        "seconds": took,
        "version": metadata.version(PACKAGES[tool]) if tool in PACKAGES else "",
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[3]), resource.RLIM_INFINITY))
    print(json.dumps(measured(CASES[sys.argv[1]](), sys.argv[2])))
