"""The record of a quantised graph, taken apart by hand, and put together again with something else in it."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np

from talon import ir
from talon.hw.integers.packed import packed


def record_of(graph: ir.Graph) -> dict[str, Any]:
    """The plain record of a graph, of either format."""
    config = graph.quantization_config
    if config["format"] == 1:
        return dict(config)
    assert config["format"] == 2
    line, _, rest = zlib.decompress(config["record"].tobytes()).partition(b"\n")
    found: dict[str, Any] = json.loads(line)
    numbers = np.frombuffer(rest, "<f4")
    for name, count in found["units"].items():
        found["units"][name], numbers = numbers[:count], numbers[count:]
    assert not len(numbers)
    return found


def with_record(graph: ir.Graph, **changes: Any) -> ir.Graph:
    """The graph with another record."""
    return graph.changed(quantization_config=packed(record_of(graph) | changes))
