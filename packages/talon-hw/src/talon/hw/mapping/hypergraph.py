"""Hypergraphs: vertices that need room on a core, and nets from one vertex to all that hear it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Hypergraph:
    """Vertices and nets. A net carries the packets of one vertex to every core that hears it, once a core.

    `resources` (V, R): additive needs of every vertex. `sources` (N,): the vertex that sends a net, -1 from outside the
    chip. `offsets` (N + 1,) and `pins`: the vertices that hear a net, each once; the source may be among them.
    `weights` (N,): packets that a run sends by the net. `units` (N,): how many axons the net takes.
    """

    resources: np.ndarray
    sources: np.ndarray
    offsets: np.ndarray
    pins: np.ndarray
    weights: np.ndarray
    units: np.ndarray

    def __post_init__(self) -> None:
        for name in ("resources", "sources", "offsets", "pins", "units"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), np.int64))
        object.__setattr__(self, "weights", np.ascontiguousarray(self.weights))
        nets, vertices = len(self.sources), len(self.resources)
        if self.resources.ndim != 2:
            raise ValueError(f"resources: expected a row for every vertex, found {self.resources.ndim} axes")
        if not len(self.weights) == len(self.units) == len(self.offsets) - 1 == nets:
            raise ValueError("sources, weights and units: expected one for every net, and one more offset")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.pins) or (np.diff(self.offsets) < 0).any():
            raise ValueError("offsets: expected to rise from 0 to the number of pins")
        if nets and not (self.sources.min() >= -1 and self.sources.max() < vertices):
            raise ValueError(f"sources: expected vertices below {vertices}, or -1")
        if len(self.pins) and not (self.pins.min() >= 0 and self.pins.max() < vertices):
            raise ValueError(f"pins: expected vertices below {vertices}")
        if (self.resources < 0).any() or (self.weights < 0).any() or (self.units < 0).any():
            raise ValueError("resources, weights and units: expected none below 0")
        keys = np.sort(self.nets * max(vertices, 1) + self.pins)
        if (keys[1:] == keys[:-1]).any():
            raise ValueError("pins: expected each vertex once in a net")

    @property
    def vertices(self) -> int:
        """How many vertices there are."""
        return len(self.resources)

    @cached_property
    def nets(self) -> np.ndarray:
        """The net of every pin."""
        return np.repeat(np.arange(len(self.sources)), np.diff(self.offsets))


def within(h: Hypergraph, chosen: np.ndarray) -> Hypergraph:
    """The hypergraph of some vertices (V,) alone: what others send comes from outside, and nets that nobody hears are
    left out."""
    place = np.where(chosen, np.cumsum(chosen) - 1, -1)
    heard = chosen[h.pins]
    counts = np.bincount(h.nets[heard], minlength=len(h.sources))
    kept = counts > 0
    return Hypergraph(
        h.resources[chosen],
        np.append(place, -1)[h.sources][kept],
        np.concatenate([[0], np.cumsum(counts[kept])]),
        place[h.pins[heard]],
        h.weights[kept],
        h.units[kept],
    )


@dataclass(frozen=True)
class Limits:
    """What one core has: a limit for every resource (-1: none), axons that it hears, edges that it sends by."""

    resources: tuple[int, ...]
    in_axons: int | None = None
    out_edges: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "resources", tuple(int(n) for n in self.resources))

    @property
    def all(self) -> np.ndarray:
        """The limits of `Use.all`, -1 where there is none."""
        ends = (-1 if n is None else int(n) for n in (self.in_axons, self.out_edges))
        return np.array([*self.resources, *ends], np.int64)


@dataclass(frozen=True, eq=False)
class Use:
    """What every core takes: resources (K, R), axons heard and edges sent by (K,)."""

    resources: np.ndarray
    in_axons: np.ndarray
    out_edges: np.ndarray

    @property
    def all(self) -> np.ndarray:
        """One row for every core."""
        return np.column_stack([self.resources, self.in_axons, self.out_edges])

    def fits(self, limits: Limits) -> bool:
        """Whether every core keeps the limits."""
        return not excess(self.all, limits.all).any()


def excess(used: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """What is used beyond limits, of which -1 is none."""
    return np.where(limits >= 0, np.maximum(used - limits, 0), 0)


def heard(h: Hypergraph, core: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nets and the cores that hear them, each pair once, in the order of the nets."""
    cores = int(core.max(initial=0)) + 1
    keys = np.sort(h.nets * cores + core[h.pins])
    keys = keys[np.concatenate([np.ones(min(len(keys), 1), bool), keys[1:] != keys[:-1]])]
    return keys // cores, keys % cores


def sending(h: Hypergraph, core: np.ndarray) -> np.ndarray:
    """The core of every net's source; -1 from outside."""
    return np.asarray(np.append(core, -1)[h.sources])


def deliveries(h: Hypergraph, core: np.ndarray) -> int | float:
    """Packets that arrive: for every net its weight times the cores that hear it, its source's own aside."""
    nets, cores = heard(h, core)
    total: int | float = h.weights[nets[cores != sending(h, core)[nets]]].sum().item()
    return total


def use(h: Hypergraph, core: np.ndarray, cores: int | None = None) -> Use:
    """What every core takes."""
    count = int(core.max(initial=-1)) + 1 if cores is None else cores
    nets, hearing = heard(h, core)
    sent = sending(h, core)[nets]
    axons, edges = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.add.at(axons, hearing, h.units[nets])
    np.add.at(edges, sent[sent >= 0], h.units[nets[sent >= 0]])
    resources = np.zeros((count, h.resources.shape[1]), np.int64)
    np.add.at(resources, core, h.resources)
    return Use(resources, axons, edges)


def traffic(h: Hypergraph, core: np.ndarray, cores: int | None = None) -> np.ndarray:
    """Packets from core to core (K, K): what a net carries to every other core that hears it."""
    count = int(core.max(initial=-1)) + 1 if cores is None else cores
    nets, hearing = heard(h, core)
    sent = sending(h, core)[nets]
    away = (sent >= 0) & (sent != hearing)
    found = np.zeros((count, count), h.weights.dtype)
    np.add.at(found, (sent[away], hearing[away]), h.weights[nets[away]])
    return found
