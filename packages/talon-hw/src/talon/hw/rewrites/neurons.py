"""Neurons: gains into the weights before them, decays that are shifts, the other comparison with the threshold."""

from __future__ import annotations

import numpy as np

from talon.hw.arithmetic import nearest_shift
from talon.hw.rewrites.pass_ import Work, powers_of_two


def gains(work: Work) -> None:
    """Multiply the weights before a neuron by its `r`, where the target has none."""
    for name, node in work.nodes():
        if "r" not in node.fields or work.takes(node, "r"):
            continue
        before = work.sums_into(name)
        if before is None or node.r.ndim > 1 or not all(map(work.channels_first, before)):
            continue
        why = None if powers_of_two(node.r) else "weights are multiplied and rounded before they are summed"
        for source in before:
            work.scale(source, node.r, None, why)
        work.change(name, why, r=np.ones_like(node.r))


def shifts(work: Work) -> None:
    """Take the power of two for `tau` that decays most like it, where the target decays by shifts."""
    if not (work.target.numeric["decay"]["rule"] or "").startswith("shift"):
        return
    for name, node in work.nodes():
        if "tau" in node.fields and not powers_of_two(node.tau):
            tau = np.vectorize(nearest_shift, otypes=[node.tau.dtype])(node.tau)
            work.change(name, "the membrane decays by another factor", tau=tau)


def comparators(work: Work) -> None:
    """Compare as the target does, with the neighbouring threshold: `v > a` is `v >= b` for the next float32 b."""
    has = work.target.numeric["comparator"]
    for name, node in work.nodes():
        # Suppression has a comparator too, and no threshold of a membrane.
        if has is None or "v_threshold" not in node.fields or node.comparator == has:
            continue
        towards = np.float32(np.inf if has == "ge" else -np.inf)
        threshold = np.nextafter(node.v_threshold.astype(np.float32), towards)
        subtracts = node.reset == "subtract"
        why = "the reset subtracts the new threshold, which differs in its last bit" if subtracts else None
        work.change(name, why, comparator=has, v_threshold=threshold)
