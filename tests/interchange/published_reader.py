"""Runs in the published package's own environment: reads every .t1c of a folder and prints what it got, as JSON."""

import hashlib
import json
import sys
from enum import Enum
from pathlib import Path

import numpy as np

import talon.ir as published

EXTRAS = ["metadata", "allow_cycles", "quantization_config", "partition_metadata", "cyclic_config", "target_hardware"]


def facts(value):
    """Arrays by dtype, shape and the hash of their bytes; everything else by value."""
    if isinstance(value, Enum):
        return facts(value.value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        return [item.decode() if isinstance(item, bytes) else str(item) for item in value]
    if isinstance(value, np.ndarray) and value.ndim:
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"dtype": value.dtype.str, "shape": list(value.shape), "sha256": digest}
    if isinstance(value, (np.ndarray, np.generic)):
        return value.item()
    if isinstance(value, dict):
        return {str(key): facts(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [facts(item) for item in value]
    if isinstance(value, published.Graph):
        return graph_facts(value)
    return value


def node_facts(node):
    found = {k: facts(v) for k, v in vars(node).items() if not k.startswith("_") and v is not None}
    return {"type": type(node).__name__} | found


def graph_facts(graph):
    nodes = {
        name: graph_facts(node) if isinstance(node, published.Graph) else node_facts(node)
        for name, node in graph.nodes.items()
    }
    return {
        "type": "Graph",
        "nodes": nodes,
        "edges": [list(edge) for edge in graph.edges],
    } | {name: facts(getattr(graph, name)) for name in EXTRAS if getattr(graph, name, None)}


results = {}
for path in sorted(Path(sys.argv[1]).glob("*.t1c")):
    try:
        results[path.stem] = graph_facts(published.read(str(path)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the test must show it
        results[path.stem] = f"{type(error).__name__}: {error}"
print(json.dumps(results))
