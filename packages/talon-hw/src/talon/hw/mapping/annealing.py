"""Annealing of a placement: from a spectral order, by swaps that may cost while it is warm, until none gains."""

from __future__ import annotations

import numpy as np

TURNS = 400
"""Steps of annealing for every core, as far as the bound allows."""
MOST = 30_000
"""Steps at most: a second or two."""
STARTS = 3
"""Annealed anew so often, as far as the bound allows; the best is kept."""
WARM, COLD = 0.5, 0.005
"""The first and the last temperature, in mean costs of one core for one hop."""


def anneal(flow: np.ndarray, distances: np.ndarray, seed: int) -> np.ndarray:
    """A position for every core. `flow` has nothing from a core to itself, `distances` are the same both ways."""
    rng = np.random.default_rng(seed)
    both = flow + flow.T
    steps = min(TURNS * len(flow), MOST)
    starts = max(1, min(STARTS, MOST // steps))
    found = []
    for number in range(starts):
        placement = Placement(both, distances, spectral(both, distances, rng if number else None))
        placement.anneal(steps, rng)
        placement.descend()
        found.append(placement)
    return min(found, key=Placement.cost).place


def spectral(both: np.ndarray, distances: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """Cores in the order of the slowest mode of who talks to whom, on positions that follow one another; with `rng` in
    any order, for another start."""
    cores = len(both)
    if rng is not None:
        return rng.permutation(len(distances))[:cores]
    laplacian = np.diag(both.sum(axis=1)) - both
    mode = np.round(np.linalg.eigh(laplacian)[1][:, min(1, cores - 1)], 9)
    if mode[np.argmax(np.abs(mode))] < 0:  # a mode has no sign of its own
        mode = -mode
    placed = np.empty(cores, np.int64)
    placed[np.argsort(mode, kind="stable")] = chain(distances, cores)
    return placed


def chain(distances: np.ndarray, count: int) -> np.ndarray:
    """Positions one after the other: each the nearest to the last, the one with most behind it first."""
    behind = distances.sum(axis=1)
    order = [int(behind.argmax())]
    free = np.ones(len(distances), bool)
    while len(order) < count:
        free[order[-1]] = False
        near = np.where(free, distances[order[-1]], np.inf)
        order.append(int(np.lexsort((-behind, near))[0]))
    return np.array(order)


class Placement:
    """Cores on positions, and what every core would cost on every position while the others stay (`field`)."""

    def __init__(self, both: np.ndarray, distances: np.ndarray, place: np.ndarray) -> None:
        self.both, self.distances, self.place = both, distances, place.copy()
        self.holder = np.full(len(distances), -1)
        self.holder[place] = np.arange(len(place))
        self.field = both @ distances[place]

    def cost(self) -> float:
        """Packets times hops."""
        return float(self.field[np.arange(len(self.place)), self.place].sum()) / 2

    def changes(self, i: int) -> np.ndarray:
        """What it costs that core i changes places with what is on each position."""
        here = self.place[i]
        change = self.field[i] - self.field[i, here]
        taken = np.flatnonzero(self.holder >= 0)
        who = self.holder[taken]
        # The two fields each take the other core for still where it was.
        change[taken] += (
            self.field[who, here] - self.field[who, taken] + 2 * self.both[i, who] * self.distances[here, taken]
        )
        return change

    def swap(self, i: int, there: int) -> None:
        """Core i goes there, and what is there to where i was."""
        here, other = int(self.place[i]), int(self.holder[there])
        talk = self.both[i] - self.both[other] if other >= 0 else self.both[i]
        rows = np.flatnonzero(talk)
        self.field[rows] += talk[rows, None] * (self.distances[there] - self.distances[here])
        self.place[i], self.holder[there], self.holder[here] = there, i, other
        if other >= 0:
            self.place[other] = here

    def anneal(self, steps: int, rng: np.random.Generator) -> None:
        """Swaps drawn by what they cost, ever colder; ends at the best placement seen."""
        cores = len(self.place)
        unit = float(self.both.sum()) / cores
        if unit == 0:
            return
        heat = unit * WARM * (COLD / WARM) ** (np.arange(steps) / steps)
        turns, draws = rng.integers(0, cores, steps), rng.random(steps)
        cost = best = self.cost()
        kept = self.place.copy()
        for i, temperature, draw in zip(turns.tolist(), heat.tolist(), draws.tolist(), strict=True):
            change = self.changes(i)
            chance = np.cumsum(np.exp((change.min() - change) / temperature))
            there = int(np.searchsorted(chance, draw * chance[-1], side="right"))
            if there == self.place[i]:
                continue
            self.swap(i, there)
            cost += float(change[there])
            if cost < best:
                best = cost
                kept[:] = self.place
        self.__init__(self.both, self.distances, kept)  # type: ignore[misc]

    def descend(self) -> None:
        """The swaps that gain, each core's best in turn, until there is none."""
        gained, least = True, 1e-9 * max(self.cost(), 1.0)
        while gained:
            gained = False
            for i in range(len(self.place)):
                change = self.changes(i)
                there = int(change.argmin())
                if change[there] < -least:
                    self.swap(i, there)
                    gained = True
