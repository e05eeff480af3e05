"""Which links the packets of a run took, and how often."""

from __future__ import annotations

import numpy as np

from talon.hw.deploying.build import Build
from talon.hw.deploying.running import Work
from talon.hw.mapping.routing import XY, YX, Routes, route
from talon.hw.places import mesh_of


def journeys(build: Build, work: Work) -> Routes | None:
    """The links between cores with their packets: one tree for each neuron that fired where the network copies packets
    on their way, else a way of its own to every core that hears it. None where the network is not known well enough.

    What comes from the Inputs enters at no place that is known, and is not among them.
    """
    found = routed(build, work.sent)
    return None if found is None else found[0]


def hops_of_lines(build: Build) -> np.ndarray | None:
    """How far a packet of every line goes in sum over all that hear it, `(lines, 2)`: hops along rows, and along
    columns. None where the network is not known well enough."""
    found, mesh = routed(build, np.ones(build.chip.lines, np.int64)), mesh_of(build.target)
    if found is None or mesh is None:
        return None
    taken, line = found
    ends = taken.ends[taken.links] // mesh.width
    own = np.repeat(line, np.diff(taken.offsets))
    along = ends[:, 0] == ends[:, 1]
    return np.column_stack([np.bincount(own[each], minlength=build.chip.lines) for each in (along, ~along)])


def routed(build: Build, sent: np.ndarray) -> tuple[Routes, np.ndarray] | None:
    """The ways of what every line sends `(lines,)`, and the line of each."""
    mesh, order = mesh_of(build.target), build.target.noc["route"]
    chip = build.chip
    if mesh is None or order not in (XY, YX) or chip.positions.shape[1] != 2:
        return None
    place = chip.positions @ np.array([mesh.width, 1])
    line = np.repeat(np.arange(len(chip.routes.counts)), chip.routes.counts)
    sender = chip.core_of[line]
    away = (sender >= 0) & (sender != chip.routes.cores) & (sent[line] > 0)
    line, hearer, start = line[away], place[chip.routes.cores[away]], place[sender[away]]
    if build.target.noc["multicast"]:
        lines, first, counts = np.unique(line, return_index=True, return_counts=True)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return route(mesh, start[first], offsets, hearer, sent[lines], order), lines
    return route(mesh, start, np.arange(len(line) + 1), hearer, sent[line], order), line
