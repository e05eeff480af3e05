"""What talon does, in the project's own environment."""

from __future__ import annotations

import itertools
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from worker import Once, serve, written
from workloads import Layer, width

from talon import ir
from talon.ir.document import to_document
from talon.plugins import registry
from talon.storage.backend import for_writing


def graph_of(layers: list[Layer]) -> ir.Graph:
    size = width(layers)
    nodes: dict[str, ir.Node] = {"input": ir.Input([size])}
    nodes |= {name: getattr(ir, kind)(**arrays) for name, kind, arrays in layers}
    nodes["output"] = ir.Output([size])
    return ir.Graph(nodes, list(itertools.pairwise(nodes)))


def write(layers: list[Layer], path: Path) -> Once:
    graph = graph_of(layers)
    return lambda: ir.write(path, graph)


def write_unsafely(layers: list[Layer], path: Path) -> Once:
    """The same bytes straight into the target: no temporary file, nothing forced to the disk."""
    graph = graph_of(layers)
    backend = for_writing(path, None)

    def once() -> None:
        path.unlink(missing_ok=True)
        backend.write(to_document(graph, registry.provider, "talon"), path, None)

    return once


def listed(path: Path) -> list[Any]:
    """Every node with the dtypes and shapes of its arrays, of a graph that was read lazily."""
    nodes = ir.read(path).nodes
    return [
        (name, type(node).__name__, {n: (a.dtype, a.shape) for n in node.fields if (a := array(node, n)) is not None})
        for name, node in nodes.items()
    ]


def array(node: ir.Node, name: str) -> Any:
    return node.raw(name) if node.fields[name].is_array else None


def told(path: Path) -> list[Any]:
    """The same by `ir.info`."""
    return [(node.path, node.type, node.arrays) for node in ir.info(path).nodes]


reading = written(write)
ACTIONS = {
    "write": write,
    "write unsafely": write_unsafely,
    "info": reading(ir.info),
    "info and list": reading(told),
    "read": reading(ir.read),
    "read and list": reading(listed),
    "read everything": reading(lambda path: ir.read(path, lazy=False)),
}

if __name__ == "__main__":
    serve(ACTIONS, ["talon-core", "numpy", "h5py", *(["zarr"] if find_spec("zarr") else [])])
