"""Route: the links that packets take on a mesh, one tree for every net, and what that loads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talon.hw.mapping.topology import Mesh

XY, YX = "xy", "yx"
"""Along the row first, or along the column first."""


@dataclass(frozen=True, eq=False)
class Routes:
    """Trees of links. Net n takes `links[offsets[n]:offsets[n + 1]]`, each once, packets being copied where ways part.

    `ends` (L, 2): the positions that every link of the mesh leads from and to. `loads` (L,): packets on every link.
    `hops` (pairs,): hops from the source to each position that hears, in the order in which they were given.
    """

    offsets: np.ndarray
    links: np.ndarray
    ends: np.ndarray
    loads: np.ndarray
    hops: np.ndarray

    @property
    def critical(self) -> int:
        """The link with most packets, the first of them."""
        return int(self.loads.argmax())

    def tree(self, net: int) -> np.ndarray:
        """The positions that each link of a net leads from and to."""
        taken: np.ndarray = self.ends[self.links[self.offsets[net] : self.offsets[net + 1]]]
        return taken


def links(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """The ends of all directed links (L, 2), and the link from a position (P,) in a direction (right, left, down, up);
    -1 where the mesh ends."""
    p = mesh.positions
    size = np.array([mesh.height, mesh.width])
    number = np.full((len(p), 4), -1)
    there = p[:, None] + np.array([[0, 1], [0, -1], [1, 0], [-1, 0]])
    inside = ((there >= 0) & (there < size)).all(axis=2)
    # Closing a row of two to a ring would lay a second link beside the first, and a row of one a link to itself.
    exists = inside | (mesh.torus & (np.repeat(size[::-1], 2) > 2))
    there %= size
    start, way = np.nonzero(exists)
    number[start, way] = np.arange(len(start))
    return np.column_stack([start, (there @ np.array([mesh.width, 1]))[start, way]]), number


def route(
    mesh: Mesh,
    sources: np.ndarray,
    offsets: np.ndarray,
    hearers: np.ndarray,
    packets: np.ndarray,
    order: str = XY,
) -> Routes:
    """The tree of every net: the union of the shortest ways from its source to all that hear it.

    `sources` (N,): the position that sends net n; `hearers[offsets[n]:offsets[n + 1]]`: the positions that hear it;
    `packets` (N,): what it sends. A position that hears itself needs no link.
    """
    if order not in (XY, YX):
        raise ValueError(f"order: expected {XY!r} or {YX!r}, found {order!r}")
    ends, number = links(mesh)
    nets = np.repeat(np.arange(len(sources)), np.diff(offsets))
    start, end = np.asarray(sources)[nets], np.asarray(hearers)
    positions = mesh.positions
    steps = mesh.steps(positions[start], positions[end])
    far = np.abs(steps).sum(axis=1)
    key = []
    here = positions[start].copy()
    for axis in (1, 0) if order == XY else (0, 1):
        length = np.abs(steps[:, axis])
        way = (2 if axis == 0 else 0) + (steps[:, axis] < 0)
        pair = np.repeat(np.arange(len(end)), length)
        nth = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length)
        at = here[pair]
        at[:, axis] = (at[:, axis] + nth * np.sign(steps[pair, axis])) % (mesh.height if axis == 0 else mesh.width)
        key.append(nets[pair] * len(ends) + number[at @ np.array([mesh.width, 1]), way[pair]])
        here[:, axis] = positions[end][:, axis]
    taken = np.unique(np.concatenate(key)) if len(end) else np.zeros(0, np.int64)
    net, link = taken // max(len(ends), 1), taken % max(len(ends), 1)
    loads = np.zeros(len(ends), np.asarray(packets).dtype)
    np.add.at(loads, link, np.asarray(packets)[net])
    bounds = np.searchsorted(net, np.arange(len(sources) + 1))
    return Routes(bounds, link, ends, loads, far)
