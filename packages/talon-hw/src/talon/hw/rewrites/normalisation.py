"""Batch normalisation: into the weights before it; where there are none, weights of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from talon.hw.rewrites.pass_ import Work, diagonal
from talon.ir.primitives.convolution import SDConv
from talon.ir.primitives.linear import Affine

ROUNDED = "weights are multiplied and rounded before they are summed"


def batch_norms(work: Work) -> None:
    """Fold every batch norm, or put a layer in its place; no core computes one."""
    for name, node in work.nodes():
        if "running_var" not in node.fields:
            continue
        before = work.sums_into(name)
        if before is not None and all(map(work.channels_first, before)):
            fold(work, name, before)
        else:
            instead(work, name)


def factors(node: Any) -> tuple[np.ndarray, np.ndarray]:
    """What a batch norm multiplies each channel by, and what it adds then."""
    scale = 1 / np.sqrt(node.running_var.astype(np.float64) + node.eps)
    if node.weight is not None:
        scale = scale * node.weight
    shift = -node.running_mean * scale
    return scale, shift if node.bias is None else shift + node.bias


def fold(work: Work, name: str, before: list[str]) -> None:
    """Multiply the weights of the layers that meet in the batch norm; the first one takes what it adds."""
    scale, shift = factors(work.node(name))
    for place, source in enumerate(before):
        work.scale(source, scale, shift if place == 0 else None, ROUNDED)
    work.log(name, "node", work.node(name).type_name, f"folded into {', '.join(before)}", ROUNDED)
    work.draft.bridge(name)


def instead(work: Work, name: str) -> None:
    """A layer of one weight per channel in the place of a batch norm that nothing before it can take."""
    node: Any = work.node(name)
    scale, shift = (part.astype(np.float32) for part in factors(node))
    shape = work.shape(name)
    if shape is not None and len(shape) == 3 and work.runs("SDConv"):
        work.put(name, SDConv(scale.reshape(-1, 1, 1, 1), shift, metadata=node.metadata), ROUNDED)
    elif shape is not None and len(shape) == 1 and work.runs("Affine"):
        work.put(name, Affine(diagonal(scale), shift, metadata=node.metadata), ROUNDED)
