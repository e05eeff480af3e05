"""What the published package does with the same layers, in an environment of its own."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from worker import Once, serve, written
from workloads import Layer, width

import talon.ir as published


def graph_of(layers: list[Layer]) -> published.Graph:
    size = np.array([width(layers)])
    nodes = {"input": published.Input({"input": size})}
    nodes |= {name: getattr(published, kind)(**arrays) for name, kind, arrays in layers}
    nodes["output"] = published.Output({"output": size})
    return published.Graph(nodes, list(itertools.pairwise(nodes)))


def write(layers: list[Layer], path: Path) -> Once:
    graph = graph_of(layers)
    return lambda: published.write(path, graph)


if __name__ == "__main__":
    serve({"write": write, "read everything": written(write)(published.read)}, ["talon-ir", "numpy", "h5py"])
