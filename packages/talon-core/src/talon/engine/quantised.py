"""Whether a graph is in integers: a look at what it carries, for which nothing is loaded and no plugin imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RECORDS = {"record", "arithmetic"}
"""Of the record of a quantised graph: what it has in format 2 and in format 1, and nothing else is known to have."""


def in_integers(value: Any) -> bool:
    """Whether this is a graph that carries the arithmetic of its integers."""
    from talon.ir.graph import Graph  # not above: whoever only asks which engines there are needs no numpy

    config = value.quantization_config if isinstance(value, Graph) else None
    return isinstance(config, Mapping) and not RECORDS.isdisjoint(config)
