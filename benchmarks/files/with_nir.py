"""What NIR does with the same layers, without compression and with its default."""

from __future__ import annotations

import itertools
from pathlib import Path

import nir
import numpy as np
from worker import Once, serve, written
from workloads import Layer, width


def graph_of(layers: list[Layer]) -> nir.NIRGraph:
    size = np.array([width(layers)])
    nodes = {"input": nir.Input({"input": size})}
    nodes |= {name: getattr(nir, kind)(**arrays) for name, kind, arrays in layers}
    nodes["output"] = nir.Output({"output": size})
    return nir.NIRGraph(nodes, list(itertools.pairwise(nodes)))


def write(layers: list[Layer], path: Path) -> Once:
    graph = graph_of(layers)
    return lambda: nir.write(path, graph, compression=None)


def write_compressed(layers: list[Layer], path: Path) -> Once:
    graph = graph_of(layers)
    return lambda: nir.write(path, graph)


ACTIONS = {
    "write": write,
    "write compressed": write_compressed,
    "read everything": written(write)(nir.read),
}

if __name__ == "__main__":
    serve(ACTIONS, ["nir", "numpy", "h5py"])
