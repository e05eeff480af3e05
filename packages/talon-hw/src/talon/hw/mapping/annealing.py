"""Annealing of a placement: from a first drawing, by swaps that may cost while it is warm, until none gains."""

from __future__ import annotations

import numpy as np

from talon.hw.mapping.embedding import first_placements

TURNS = 400
"""Steps of annealing for every core, as far as the bounds allow."""
MOST = 30_000
"""Steps of all starts together: a second or two."""
WORK = 8_000_000
"""Cores and positions that are gone through at every start, at most."""
STARTS = 3
"""Annealed anew so often, as far as the bound allows; the best is kept."""
ANY = 40
"""Cores up to which any order is worth a start."""
WARM, COLD = 0.3, 0.005
"""The first and the last temperature, in mean costs of one core for one hop."""


def anneal(
    flow: np.ndarray,
    distances: np.ndarray,
    seed: int,
    plane: np.ndarray | None = None,
    fixed: np.ndarray | None = None,
) -> np.ndarray:
    """A position for every core. `flow` has nothing from a core to itself, `distances` are the same both ways;
    `plane`: coordinates of the positions (P, 2), where they are known; `fixed`: the position of cores that have one,
    -1 for others, of which there is one at least."""
    rng = np.random.default_rng(seed)
    both = flow + flow.T
    cores, room = len(flow), len(distances)
    steps = min(TURNS * cores, MOST, WORK // (cores + room))
    drawn = [Placement(both, distances, placed, fixed) for placed in first_placements(both, distances, plane)]
    found = [min(drawn, key=Placement.cost)]
    starts = max(1, min(STARTS, MOST // steps)) if cores <= ANY else 1
    found += [Placement(both, distances, rng.permutation(room)[:cores], fixed) for _ in range(starts - 1)]
    for placement in found:
        placement.anneal(steps, rng)
        placement.descend()
    return min(found, key=Placement.cost).place


class Placement:
    """Cores on positions, and what every core would cost on every position while the others stay (`field`).

    Cores that have a `fixed` position change places with what is there, and move no more: `free` are the others."""

    def __init__(
        self, both: np.ndarray, distances: np.ndarray, place: np.ndarray, fixed: np.ndarray | None = None
    ) -> None:
        self.both, self.distances = both, distances
        fixed = np.full(len(place), -1) if fixed is None else fixed
        self.free, self.held = np.flatnonzero(fixed < 0), fixed[fixed >= 0]
        self.put(exchanged(place, fixed))

    def put(self, place: np.ndarray) -> None:
        """Every core on its position."""
        self.place = place.copy()
        self.holder = np.full(len(self.distances), -1)
        self.holder[place] = np.arange(len(place))
        self.field = self.both @ self.distances[place]

    def cost(self) -> float:
        """Packets times hops."""
        return float(self.field[np.arange(len(self.place)), self.place].sum()) / 2

    def changes(self, i: int) -> np.ndarray:
        """What it costs that core i changes places with what is on each position."""
        here = self.place[i]
        change: np.ndarray = self.field[i] - self.field[i, here]
        taken = np.flatnonzero(self.holder >= 0)
        who = self.holder[taken]
        # The two fields each take the other core for still where it was.
        change[taken] += (
            self.field[who, here] - self.field[who, taken] + 2 * self.both[i, who] * self.distances[here, taken]
        )
        change[self.held] = np.inf
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
        turns, draws = self.free[rng.integers(0, len(self.free), steps)], rng.random(steps)
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
        self.put(kept)

    def descend(self) -> None:
        """The swaps that gain, each core's best in turn, until there is none."""
        gained, least = True, 1e-9 * max(self.cost(), 1.0)
        while gained:
            gained = False
            for i in self.free.tolist():
                change = self.changes(i)
                there = int(change.argmin())
                if change[there] < -least:
                    self.swap(i, there)
                    gained = True


def exchanged(place: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """The placement, with cores that have a position of their own there, in exchange with those that were."""
    place = place.copy()
    for core in np.flatnonzero(fixed >= 0).tolist():
        place[place == fixed[core]] = place[core]
        place[core] = fixed[core]
    return place
