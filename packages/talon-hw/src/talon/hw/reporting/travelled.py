"""What cores hold and did in a run, and what went between them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from talon.hw.deploying.build import Build
from talon.hw.deploying.journeys import journeys
from talon.hw.deploying.result import BuildResult
from talon.hw.mapping.hypergraph import Hypergraph, deliveries
from talon.hw.places import mesh_of
from talon.hw.reporting.figures import Core, Link, Position
from talon.hw.reporting.latency import Peak
from talon.hw.reporting.populations import name


def cores(build: Build, result: BuildResult) -> Iterator[Core]:
    """Every core in use."""
    chip, work = build.chip, result.work
    held: list[dict[str, None]] = [{} for _ in range(build.cores)]
    for tile in chip.tiles:
        held[tile.core][name(chip.layers[tile.layer])] = None
    did = {quantity: result.by_core(quantity) for quantity in ("synops", "updates", "spikes")}
    events = did["synops"] + did["updates"] + work.arrived
    for number in range(build.cores):
        yield Core(
            number,
            position(build, number),
            build.target.cores[chip.kinds[number]].name,
            tuple(held[number]),
            build.uses[number].uses if build.uses else (),
            **{quantity: int(found[number].sum()) for quantity, found in did.items()},
            sent=int(work.packets[number].sum()),
            received=int(work.arrived[number].sum()),
            peak=peak(events[number], did["synops"][number], did["updates"][number], work.arrived[number]),
        )


def position(build: Build, number: int) -> Position | None:
    """Column and row; None where the network is no mesh of known size."""
    where = build.chip.positions[number]
    if len(where) != 2:
        return None
    row, column = where.tolist()
    return column, row


def peak(events: np.ndarray, synops: np.ndarray, updates: np.ndarray, arrived: np.ndarray) -> Peak | None:
    """The step of a sample with most events, each `(T, B)`; of equal ones the first."""
    if not events.size:
        return None
    at = np.unravel_index(int(events.argmax()), events.shape)
    return Peak(int(at[0]), int(synops[at]), int(updates[at]), int(arrived[at]))


def links(build: Build, result: BuildResult) -> Iterator[Link]:
    """Every link that carried something, by where it starts."""
    taken, mesh = journeys(build, result.work), mesh_of(build.target)
    if taken is None or mesh is None:
        return
    used = np.flatnonzero(taken.loads)
    for (start, end), packets in zip(taken.ends[used].tolist(), taken.loads[used].tolist(), strict=True):
        ends = [(place % mesh.width, place // mesh.width) for place in (start, end)]
        yield Link(ends[0], ends[1], packets)


def foreseen(build: Build, result: BuildResult) -> int:
    """The packets of the run by the metric of the mapping: what every line sends, times the other cores that hear
    it."""
    routes, count = build.chip.routes, max(build.cores, 1)
    line = np.repeat(np.arange(len(routes.counts)), routes.counts)
    heard = np.unique(line * count + routes.cores)
    offsets = np.searchsorted(heard, np.arange(len(routes.counts) + 1) * count)
    sent = result.work.sent
    whole = np.ones(len(sent), np.int64)
    h = Hypergraph(np.zeros((build.cores, 0)), build.chip.core_of, offsets, heard % count, sent, whole)
    return int(deliveries(h, np.arange(build.cores)))
