"""Which neurons feed a node: by their spikes alone, through whatever is computed from them on the way."""

from __future__ import annotations

from collections.abc import Mapping

from talon.engine.comparing.graphs import GraphSide
from talon.engine.comparing.tally import Tally

Feeders = Mapping[str, tuple[tuple[str, int], ...]]
"""Path -> the paths of the neurons that feed it, each with the fewest steps that its spikes take."""


def feeders(side: GraphSide, tallies: Mapping[str, Tally]) -> Feeders:
    """Of every node that is compared; those whose spikes are compared feed."""
    return {path: tuple(found(side, path, tallies).items()) for path in tallies}


def found(side: GraphSide, path: str, tallies: Mapping[str, Tally]) -> dict[str, int]:
    fewest: dict[str, int] = {}
    seen: dict[str, int] = {}
    waiting = [(path, 0)]
    while waiting:
        here, late = waiting.pop()
        for feed in side.feeds[side.names[here]]:
            source, steps = feed.key.rpartition(".")[0], late + feed.delay
            if source in tallies and tallies[source].spikes:
                fewest[source] = min(steps, fewest.get(source, steps))
            elif steps < seen.get(source, steps + 1):
                seen[source] = steps
                waiting.append((source, steps))
    return fewest
