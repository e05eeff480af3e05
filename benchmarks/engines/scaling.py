"""How time and memory grow with batch, steps, width, activity and neurons: talon alone, one thread.

`python scaling.py SIDE` runs the network of many neurons by itself and prints what it took, so that its memory can be
told.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from crossover import turns
from workloads import Workload, events, lif, w1, weights

from talon import hw, ir

sys.path.append(str(Path(__file__).parents[1]))
from memory import resident, restart

BATCHES = (1, 4, 16, 64, 256)
STEPS = (1, 10, 100, 1000)
WIDTHS = (64, 256, 1024, 4096, 8192)
RATES = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5)
SIDES = (32, 64, 128, 256, 512)
CHANNELS = 4
CURVES: dict[str, tuple[Iterable[float], Callable[[Any], Workload]]] = {
    "batch": (BATCHES, lambda batch: w1(batch)),
    "steps": (STEPS, lambda steps: w1(1, steps=steps)),
    "hidden neurons": (WIDTHS, lambda width: w1(1, hidden=width)),
    "share of active inputs": (RATES, lambda rate: w1(1, rate=rate)),
}
"""Of W1, with one thing changed."""


def measure(rounds: int) -> dict[str, Any]:
    curves: dict[str, Any] = {}
    for name, (values, make) in CURVES.items():
        curves[name] = []
        for value in values:
            workload = make(value)
            program = hw.compile(workload.graph)
            counts = program.run(workload.inputs).counts.total()
            took = turns(
                {"": lambda program=program, workload=workload: program.run(workload.inputs)}, max(3, rounds // 3)
            )
            curves[name].append(
                {"at": value, "seconds": took[""], "synops": counts["synops"], "spikes": counts["spikes"]}
            )
            print(f"{name} {value}: {took[''] * 1e3:.3f} ms", flush=True)
    return {"curves": curves, "neurons": [alone(side) for side in SIDES]}


def alone(side: int) -> dict[str, Any]:
    done = subprocess.run([sys.executable, __file__, str(side)], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    print(f"{found['neurons']} neurons: {found['seconds'] * 1e3:.1f} ms, {found['bytes'] / 1e6:.1f} MB", flush=True)
    return found


def many(side: int) -> dict[str, Any]:
    """A convolution to maps of neurons, 10 steps of 10 % activity. Bytes: what the process grew by, inputs aside."""
    rng = np.random.default_rng(6)
    graph = ir.Graph.chain(
        input=ir.Input([1, side, side]),
        conv=ir.Conv2d(weights(rng, CHANNELS, 1, 3, 3, deviation=0.5), padding=(1, 1)),
        lif=lif(),
        last=ir.Conv2d(weights(rng, 1, CHANNELS, 3, 3, deviation=0.5), padding=(1, 1)),
        output=ir.Output([1, side, side]),
    )
    inputs = events(rng, 0.1, 10, 1, 1, side, side)
    program = hw.compile(graph)
    restart()
    before = resident("VmRSS")
    start = time.process_time()
    counts = program.run(inputs).counts.total()
    first = time.process_time() - start
    grown = max(0, resident("VmHWM") - before)
    start = time.process_time()
    program.run(inputs)
    again = time.process_time() - start
    neurons = CHANNELS * side * side
    return {"neurons": neurons, "seconds": min(first, again), "bytes": grown, "spikes": counts["spikes"]}


if __name__ == "__main__":
    print(json.dumps(many(int(sys.argv[1]))))
