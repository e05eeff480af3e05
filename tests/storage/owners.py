"""Arrays of graphs that were read, and what owns their memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from talon import ir


def weight(graph: ir.Graph, path: str) -> np.ndarray:
    node = graph.node(path)
    assert isinstance(node, ir.Affine)
    return node.weight


def base(array: np.ndarray) -> Any:
    """What owns the memory of an array."""
    owner: Any = array
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    return owner.obj if isinstance(owner, memoryview) else owner
