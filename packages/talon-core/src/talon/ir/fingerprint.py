"""Fingerprints: sha256 over what a graph means, the same for every storage, node order and laziness."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.ir.document import to_document
from talon.ir.graph import Graph


def fingerprint(graph: Graph) -> str:
    """Hex sha256 over canonical records: nodes by path, fields, edges in order with resolved delays, metadata."""
    document = to_document(graph.with_delays(), lambda cls: ("", ""), "")
    digest = hashlib.sha256(b"talon fingerprint 1\n")
    for record in sorted(document.nodes, key=lambda r: r.path):
        digest.update(line(["node", record.path, record.type, record.schema, canonical(record.attrs)]))
        for name in sorted(record.arrays):
            digest.update(line(["array", name, canonical(record.arrays[name].load())]))
    for edge in sorted(document.edges, key=lambda e: e.level):
        digest.update(line(["edge", *edge]))
    return digest.hexdigest()


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
