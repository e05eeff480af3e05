"""A workload as files: `network.json` and `arrays.npz`, which every product's worker can read with numpy alone, and the
same graph as talon writes it. `write` needs talon."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from workloads import Workload

INPUTS = "inputs"
GRAPH = "network.t1c"
CSR = ("indptr", "indices", "data")


class Layer(NamedTuple):
    """A leaf of the flattened graph. `sources`: what feeds it in edge order, and the port where it
    has several. `shape`: that of its first input. `delays` of these."""

    name: str
    type: str
    sources: list[tuple[str, int | None]]
    delays: list[int]
    settings: dict[str, Any]
    shape: list[int]


@dataclass
class Exported:
    folder: Path
    layers: list[Layer]
    arrays: dict[str, np.ndarray]
    steps: int

    @property
    def inputs(self) -> np.ndarray:
        """`(T, B, *shape)`; T is 1 where one input is shown at every step."""
        return self.arrays[INPUTS]

    @property
    def batch(self) -> int:
        return self.inputs.shape[1]

    @property
    def neurons(self) -> list[str]:
        return [layer.name for layer in self.layers if layer.type in ("LIF", "IF")]

    @property
    def recurrent(self) -> bool:
        return any(any(layer.delays) for layer in self.layers)

    def array(self, layer: Layer, name: str) -> np.ndarray | None:
        return self.arrays.get(f"{layer.name}.{name}")


def read(folder: Path) -> Exported:
    said = json.loads((folder / "network.json").read_text())
    layers = [Layer(**layer) for layer in said["layers"]]
    return Exported(folder, layers, dict(np.load(folder / "arrays.npz")), said["steps"])


def write(workload: Workload, folder: Path) -> None:
    from talon import ir

    flat = workload.graph.flatten()
    names = list(flat.nodes)
    sources: dict[str, list[tuple[str, int | None]]] = {name: [] for name in names}
    delays: dict[str, list[int]] = {name: [] for name in names}
    for link, delay in zip(flat.links, flat.delays(), strict=True):
        source, target = names[link.src], names[link.dst]
        sources[target].append((source, link.src_port if isinstance(flat.nodes[source], ir.ChannelSplit) else None))
        delays[target].append(delay)
    shapes = {name.partition(":")[0]: shape for name, shape in flat.shapes.items()}
    arrays = {INPUTS: workload.inputs}
    layers = []
    for name in flat.order():
        node = flat.nodes[name]
        settings: dict[str, Any] = {}
        for field in node.fields:
            value = getattr(node, field)
            if isinstance(value, np.ndarray) and value.size > 1:
                arrays[f"{name}.{field}"] = value
            elif isinstance(value, np.ndarray | np.generic):
                settings[field] = value.ravel()[0].item()
            elif hasattr(value, "indptr"):
                arrays |= {f"{name}.{field}.{part}": getattr(value, part) for part in CSR}
            elif isinstance(value, str | bool | int | float | tuple | list | None):
                settings[field] = value
        before = sources[name]
        shape = [int(size) for size in shapes[before[0][0]]] if before else []
        layers.append(Layer(name, type(node).__name__, sources[name], delays[name], settings, shape)._asdict())
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "arrays.npz", **arrays)
    (folder / "network.json").write_text(json.dumps({"layers": layers, "steps": workload.steps}))
    ir.write(folder / GRAPH, flat)
