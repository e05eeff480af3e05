"""Mapping: what shares a core, where cores stand and which way packets take.

Pure functions over numpy arrays: nothing here knows graphs, primitives, targets or files.
"""

from talon.hw.mapping.hypergraph import Hypergraph, Limits, Use, deliveries, traffic, use
from talon.hw.mapping.partition import ENGINES, NothingFits, NotInstalled, partition
from talon.hw.mapping.placing import hop_cost, place
from talon.hw.mapping.routing import Routes, route
from talon.hw.mapping.topology import Mesh

__all__ = [
    "ENGINES",
    "Hypergraph",
    "Limits",
    "Mesh",
    "NotInstalled",
    "NothingFits",
    "Routes",
    "Use",
    "deliveries",
    "hop_cost",
    "partition",
    "place",
    "route",
    "traffic",
    "use",
]
