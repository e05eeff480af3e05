"""Whole networks through `hw.deploy`: layers cut into tiles, spread over cores, compiled, and run once for the golden
sample."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talon import hw, ir

TARGET = """
inherits = "generic-mesh"
[target]
id = "cores-of-{neurons}"
[[core]]
count = {{ value = 6400, unit = "core", kind = "assumed", cite = "talon" }}
neurons = {{ value = {neurons}, unit = "neuron", kind = "assumed", cite = "talon" }}
[noc]
dims = {{ value = [80, 80], unit = "core", kind = "assumed", cite = "talon" }}
"""
CORES = (256, 64, 16)
"""Neurons of a core, by case."""


@dataclass(frozen=True)
class Built:
    """Seconds of a deployment, and packets between cores in a step of a sample."""

    neurons: int
    cores: int
    tiles: int
    seconds: float
    packets: float


def network() -> tuple[ir.Graph, np.ndarray]:
    """Two convolutions of 55,296 neurons, with an input for them."""
    rng = np.random.default_rng(0)

    def conv(outputs: int, inputs: int) -> ir.Conv2d:
        return ir.Conv2d(rng.standard_normal((outputs, inputs, 3, 3)).astype(np.float32), padding=1)

    graph = ir.Graph.chain(
        input=ir.Input([2, 48, 48]), a=conv(8, 2), na=ir.IF(1.0), b=conv(16, 8), nb=ir.IF(1.0), out=ir.Output(None)
    )
    return graph, (rng.random((4, 2, 2, 48, 48)) < 0.3).astype(np.float32)


def builds() -> list[Built]:
    graph, x = network()
    found = []
    for neurons in CORES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "target.toml"
            path.write_text(TARGET.format(neurons=neurons))
            target = hw.target(path)
        quantised = hw.quantize(graph, target, calibration=x)
        start = time.process_time()
        build = hw.deploy(quantised, target, calibration=x)
        seconds = time.process_time() - start
        packets = build.run(x).packets / x.shape[0] / x.shape[1]
        found.append(Built(sum(build.chip.neurons), build.cores, len(build.chip.tiles), seconds, packets))
        print(found[-1], flush=True)
    return found
