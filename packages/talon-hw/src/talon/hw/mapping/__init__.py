"""Mapping: what shares a core, where cores stand and which way packets take.

Pure functions over numpy arrays: nothing here knows graphs, primitives, targets or files.
"""

from talon.hw.mapping.hypergraph import Hypergraph, Limits, Use, deliveries, use
from talon.hw.mapping.partition import NothingFits, partition
from talon.hw.mapping.placing import hop_cost, place
from talon.hw.mapping.routing import Mesh, Routes, route

__all__ = [
    "Hypergraph",
    "Limits",
    "Mesh",
    "NothingFits",
    "Routes",
    "Use",
    "deliveries",
    "hop_cost",
    "partition",
    "place",
    "route",
    "use",
]
