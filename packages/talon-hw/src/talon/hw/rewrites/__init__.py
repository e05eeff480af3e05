"""Passes that make a graph legal for a target: each looks at one kind of problem and mends what it can."""

from __future__ import annotations

from talon.hw.rewrites.connections import identities, relays
from talon.hw.rewrites.convolutions import dilations, groups
from talon.hw.rewrites.neurons import comparators, gains, shifts
from talon.hw.rewrites.normalisation import batch_norms
from talon.hw.rewrites.pass_ import Pass
from talon.hw.rewrites.pools import mean_pools

PASSES: dict[str, Pass] = {
    "identities": identities,
    "batch norm": batch_norms,
    "mean pools": mean_pools,
    "groups": groups,
    "dilations": dilations,
    "gains": gains,
    "shifts": shifts,
    "comparators": comparators,
    "relays": relays,
}
"""In this order: what one leaves, the next may rely on."""
