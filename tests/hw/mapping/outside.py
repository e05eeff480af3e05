"""Partitions by both engines, in an environment with the extra; prints them as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from talon.hw.mapping import Hypergraph, Limits, partition


def load(path: Path) -> Hypergraph:
    with np.load(path) as arrays:
        return Hypergraph(**arrays)


if __name__ == "__main__":
    h = load(Path(sys.argv[1]))
    limits = Limits(*json.loads(sys.argv[2]))
    print(
        json.dumps({engine: partition(h, limits, seed=3, engine=engine).tolist() for engine in ("auto", "mtkahypar")})
    )
