"""How fast this machine could run a network at most: `python benchmarks/limit.py` prints the rates it is made of.

A synaptic operation is one addition, and a core adds `lanes` float32 a cycle. What must come from memory is read at its
bandwidth, in the same time; then neurons are updated as fast as a loop over the nearest cache does it. One thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


@dataclass(frozen=True)
class Limit:
    """`lanes` of float32 in a vector; the others a second."""

    lanes: int
    cycles: float
    bandwidth: float
    updates: float

    def seconds(self, synops: int, updates: int, bytes_moved: int) -> float:
        return max(synops / (self.lanes * self.cycles), bytes_moved / self.bandwidth) + updates / self.updates

    def best(self, other: Limit) -> Limit:
        return Limit(**{name: max(value, getattr(other, name)) for name, value in asdict(self).items()})


def measure() -> Limit:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "limit"
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-std=gnu11", "-O3", "-march=native", SOURCE, "-o", program], check=True)
        return Limit(**json.loads(subprocess.run([program], check=True, capture_output=True).stdout))


if __name__ == "__main__":
    print(json.dumps(asdict(measure())))
