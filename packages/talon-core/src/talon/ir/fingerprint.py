"""Fingerprints: sha256 over what a graph means, the same for every storage, node order and laziness."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from talon.ir.document import to_document, walk
from talon.ir.graph import Graph


def fingerprint(graph: Graph) -> str:
    """Hex sha256 over canonical records: nodes by path, fields, edges in order with ports and delays, metadata."""
    document = to_document(graph, lambda cls: ("", ""), "")
    digest = hashlib.sha256(b"talon fingerprint 1\n")
    for record in sorted(document.nodes, key=lambda r: r.path):
        digest.update(line(["node", record.path, record.type, record.schema, canonical(record.attrs)]))
        for name in sorted(record.arrays):
            digest.update(line(["array", name, canonical(record.arrays[name].load())]))
    levels = {path: node for path, node, _ in walk(graph) if isinstance(node, Graph)}
    for path in sorted(levels):
        for edge in resolved_edges(levels[path]):
            digest.update(line(["edge", path, *edge]))
    return digest.hexdigest()


def resolved_edges(graph: Graph) -> Iterator[tuple[str, str, int]]:
    """Every edge in order, with the ports and the delay that it leaves unsaid."""
    ports = [node.ports() for node in graph.nodes.values()]
    for edge, link, delay in zip(graph.edges, graph.links, graph.delays(), strict=True):
        src = f"{edge.src_node}:{ports[link.src].outputs[link.src_port]}"
        dst = f"{edge.dst_node}:{ports[link.dst].inputs[link.dst_port].name}"
        yield src, dst, delay


def line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def canonical(value: Any) -> Any:
    """A JSON form that says type and bits: floats by their bytes, arrays by dtype, shape and hash of their bytes."""
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        return ["array", array.dtype.str, list(value.shape), hashlib.sha256(array.tobytes()).hexdigest()]
    if isinstance(value, float):
        return ["float", struct.pack("<d", value).hex()]
    if isinstance(value, Mapping):
        return ["dict", [[key, canonical(value[key])] for key in sorted(value)]]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, [canonical(item) for item in value]]
    return [type(value).__name__, value]
