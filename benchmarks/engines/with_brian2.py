"""Brian 2, whose network is compiled to a C++ program of its own."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import brian2
import numpy as np
from exported import CSR, Exported
from worker import serve

CLOCK = """
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    FILE *out = fopen("took.txt", "%s");
    fprintf(out, "%%.9f %%.9f\\n", (double)clock() / CLOCKS_PER_SEC, now.tv_sec + now.tv_nsec * 1e-9);
    fclose(out);
}
"""
"""Writes CPU and wall seconds, so that reading the network from the disk is not measured."""


class Standalone:
    def __init__(self, network: Exported, threads: int) -> None:
        if not network.recurrent:
            raise NotImplementedError("measured where a network is recurrent")
        (synapses,) = (layer for layer in network.layers if layer.type == "Affine")
        (neuron,) = (layer for layer in network.layers if layer.type == "LIF")
        self.name = neuron.name
        indptr, sources, data = (network.arrays[f"{synapses.name}.weight.{part}"] for part in CSR)
        targets = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        self.folder = Path(tempfile.mkdtemp(prefix="brian2"))
        brian2.device.reinit()
        brian2.set_device("cpp_standalone", build_on_run=False)
        brian2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
        brian2.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O3", "-march=native", "-ffast-math"]
        brian2.prefs.core.default_float_dtype = np.float32
        brian2.defaultclock.dt = 1 * brian2.ms
        group = brian2.NeuronGroup(
            len(indptr) - 1, "v : 1\ndrive : 1 (constant)\nback : 1", threshold="v >= 1", reset="v = 0", name="group"
        )
        group.run_regularly("v = 0.5 * v + (drive + back)\nback = 0", when="start")
        links = brian2.Synapses(group, group, "w : 1", on_pre="back_post += w")
        links.connect(i=sources, j=targets)
        links.w = data
        group.v = network.array(neuron, "v_init")
        group.drive = network.inputs[0, 0]
        self.monitor = brian2.SpikeMonitor(group, record=False)
        net = brian2.Network(group, links, self.monitor)
        brian2.device.insert_code("before_network_run", CLOCK % "w")
        brian2.device.insert_code("after_network_run", CLOCK % "a")
        net.run(network.steps * brian2.ms)
        brian2.device.build(directory=str(self.folder), compile=True, run=True)

    def run(self) -> None:
        subprocess.run(["./main"], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)

    def took(self) -> dict[str, float]:
        self.run()
        before, after = np.loadtxt(self.folder / "took.txt")
        cpu, wall = after - before
        return {"cpu": cpu, "wall": wall}

    def spikes(self) -> dict[str, int]:
        return {self.name: int(self.monitor.num_spikes)}


if __name__ == "__main__":
    serve({"C++ standalone": Standalone}, ["brian2", "numpy"])
