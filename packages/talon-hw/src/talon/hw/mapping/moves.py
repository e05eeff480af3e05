"""Moves of vertices between cores, as csrc/moves.c makes them: where there is no library."""

from __future__ import annotations

import heapq

import numpy as np

from talon.hw.mapping.clusters import members_of
from talon.hw.mapping.problem import Problem

NONE = np.iinfo(np.int64).min
"""Of a key: not waiting."""
NOBODY, ALL, GIVING = range(3)
"""Who waits: nobody, all in one heap, or those of full cores in a heap for each."""


class Moves:
    """Where vertices are, what they would gain elsewhere, and how full cores are."""

    def __init__(self, p: Problem, limits: np.ndarray, soft: np.ndarray, rank: np.ndarray, core: np.ndarray) -> None:
        self.p, self.limits, self.soft, self.core = p, limits, soft, core
        self.rank = rank.tolist()
        self.cores = len(limits)
        self.own_ends, self.own = p.own
        self.most = np.where(limits < 0, np.iinfo(np.int64).max >> 22, limits)
        """Limits that nothing reaches where there are none."""
        self.top = np.where(soft < 0, np.iinfo(np.int64).max >> 22, soft)
        self.bounded = limits >= 0
        self.count = np.zeros((p.nets, self.cores), np.int64)
        np.add.at(self.count, (p.net, core[p.members]), 1)
        self.load = np.zeros_like(limits)
        np.add.at(self.load, core, p.needs)
        self.whole, self.alone = np.zeros((2, p.vertices), np.int64)
        weights = p.weight[p.net]
        np.add.at(self.whole, p.members, weights)
        np.add.at(self.alone, p.members, weights * (self.count[p.net, core[p.members]] == 1))
        self.near = np.zeros((p.vertices, self.cores), np.int64)
        net, there = np.nonzero(self.count)
        size = np.diff(p.ends)[net]
        np.add.at(self.near, (members_of(p, net), np.repeat(there, size)), np.repeat(p.weight[net], size))
        self.reach = np.zeros(p.nets, np.int64)
        if p.axons:
            heard = self.hearers(net, there) > 0
            net, there = net[heard], there[heard]
            np.add.at(self.reach, net, 1)
            np.add.at(self.load[:, -2], there, p.units[net])
            sent = p.source[net] >= 0
            np.add.at(self.load[:, -1], core[p.source[net[sent]]], p.units[net[sent]])
        self.excess = np.array([self.over(k) for k in range(self.cores)], np.int64)
        self.cost = 0
        self.clear(NOBODY)

    def hearers(self, nets: np.ndarray, there: np.ndarray | int) -> np.ndarray:
        """Members of nets on a core that hear it."""
        source = self.p.source[nets]
        silent = (source >= 0) & (self.p.hears[nets] == 0) & (self.core[source] == there)
        hearing: np.ndarray = self.count[nets, there] - silent
        return hearing

    def over(self, k: int) -> int:
        """How far a core is over its limits."""
        more = np.where(self.bounded[k], np.maximum(self.load[k] - self.limits[k], 0), 0)
        return int(((more * 65536 + self.most[k]) // (self.most[k] + 1))[more > 0].sum())

    def fill(self, load: np.ndarray, most: np.ndarray, bounded: np.ndarray) -> np.ndarray:
        """How full cores of such loads are by what they are fullest of."""
        part = np.where(bounded, load * 1048576 // (most + 1), 0)
        fullest: np.ndarray = part.max(axis=-1)
        return fullest

    def recount(self, k: int) -> None:
        """Note how far a core is over its limits now."""
        self.excess[k] = self.over(k)

    def clear(self, waiting: int) -> None:
        """Nobody waits any more."""
        self.waiting = waiting
        self.heaps: list[list[tuple[int, int, int]]] = [[] for _ in range(self.cores)]
        self.filled = np.zeros(self.cores, bool)
        self.key = np.full(self.p.vertices, NONE)
        self.locked = np.zeros(self.p.vertices, bool)

    def wait(self, v: int, key: int) -> None:
        """Wait with a key."""
        self.key[v] = key
        heapq.heappush(self.heaps[self.core[v] if self.waiting == GIVING else 0], (-key, self.rank[v], v))

    def hopes(self, vertices: np.ndarray) -> np.ndarray:
        """The most that vertices gain on another core, whatever is free there."""
        near = self.near[vertices]
        near[np.arange(len(vertices)), self.core[vertices]] = -1
        most = near.max(axis=1)
        return np.where(most < 0, NONE, most + self.alone[vertices] - self.whole[vertices])

    def needed(self, v: int) -> np.ndarray:
        """What v needs on every core (cores, kinds)."""
        p = self.p
        more = np.repeat(p.needs[v][None], self.cores, axis=0)
        if not p.axons:
            return more
        nets = self.own[self.own_ends[v] : self.own_ends[v + 1]]
        units, source = p.units[nets, None], p.source[nets]
        at = np.where(source >= 0, self.core[source], -1)[:, None] == np.arange(self.cores)
        hearing = self.count[nets] - (at & (p.hears[nets, None] == 0))
        listens = ((source != v) | (p.hears[nets] > 0))[:, None]
        comes = (listens & (hearing == 0)).astype(np.int64)
        goes = (listens & (hearing[:, self.core[v], None] == 1)).astype(np.int64)
        more[:, -2] += (units * comes).sum(axis=0)
        its = (source == v)[:, None]
        reached = self.reach[nets, None] * its + comes - goes
        more[:, -1] += (units * np.where(its | at, reached, 0)).sum(axis=0)
        return more

    def target(self, v: int) -> tuple[int, int]:
        """The core that v gains most on, of those with room, and the gain; -1: none."""
        here, near = int(self.core[v]), self.near[v]
        load = self.load + self.needed(v)
        if self.waiting == GIVING:
            full = self.fill(self.load[here], self.most[here], self.bounded[here])
            room = (load <= self.most).all(axis=1) | (self.fill(load, self.most, self.bounded) < full)
        else:
            room = (load <= self.top).all(axis=1)
        open_ = np.flatnonzero(room & (np.arange(self.cores) != here))
        if not len(open_):
            return -1, NONE
        best = int(open_[np.lexsort((open_, self.load[open_, 0], -near[open_]))[0]])
        return best, int(near[best] + self.alone[v] - self.whole[v])

    def carry(self, v: int, to: int) -> None:
        """Loads when v goes, before anything else is changed."""
        p, here = self.p, int(self.core[v])
        self.load[here] -= p.needs[v]
        self.load[to] += p.needs[v]
        if not p.axons:
            return
        nets = self.own[self.own_ends[v] : self.own_ends[v + 1]]
        units, source = p.units[nets], p.source[nets]
        listens = (source != v) | (p.hears[nets] > 0)
        comes = listens & (self.hearers(nets, to) == 0)
        goes = listens & (self.hearers(nets, here) == 1)
        self.load[to, -2] += units[comes].sum()
        self.load[here, -2] -= units[goes].sum()
        sent = source >= 0
        sends = self.core[source]
        np.subtract.at(self.load[:, -1], sends[sent], (units * self.reach[nets])[sent])
        self.reach[nets] += comes.astype(np.int64) - goes
        np.add.at(self.load[:, -1], np.where(source == v, to, sends)[sent], (units * self.reach[nets])[sent])
        for k in np.unique(sends[sent]).tolist():
            self.recount(k)

    def move(self, v: int, to: int) -> None:
        """v goes to another core, and all that is known of gains follows."""
        p, here = self.p, int(self.core[v])
        self.cost -= int(self.near[v, to] + self.alone[v] - self.whole[v])
        self.carry(v, to)
        self.core[v] = to
        self.recount(here)
        self.recount(to)
        nets = self.own[self.own_ends[v] : self.own_ends[v + 1]]
        self.count[nets, here] -= 1
        self.count[nets, to] += 1
        left, there = self.count[nets, here], self.count[nets, to]
        self.alone[v] = p.weight[nets[there == 1]].sum()
        touched = [np.array([v])] if self.waiting == GIVING else []
        heavy = p.weight[nets] > 0
        for chosen, column, sign in ((left == 0, here, -1), (there == 1, to, 1)):
            who, weight = self.pins(nets[chosen & heavy])
            np.add.at(self.near[:, column], who, sign * weight)
            if sign > 0:
                touched.append(who)
        for chosen, place, sign in ((left == 1, here, 1), (there == 2, to, -1)):
            who, weight = self.pins(nets[chosen & heavy])
            those = (self.core[who] == place) & (who != v)
            np.add.at(self.alone, who[those], sign * weight[those])
            if sign > 0:
                touched.append(who[those])
        if self.waiting != NOBODY:
            self.hope_again(v, np.unique(np.concatenate(touched)))

    def pins(self, nets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Members of nets, and the weight of the net of each."""
        return members_of(self.p, nets), np.repeat(self.p.weight[nets], self.p.ends[nets + 1] - self.p.ends[nets])

    def hope_again(self, v: int, touched: np.ndarray) -> None:
        """Those whose gain may have risen wait with what they hope for now."""
        touched = touched[~self.locked[touched]]
        if self.waiting == GIVING:
            touched = touched[self.filled[self.core[touched]]]
        hopes = self.hopes(touched)
        rising = (hopes > self.key[touched]) | (touched == v)
        for u, key in zip(touched[rising].tolist(), hopes[rising].tolist(), strict=True):
            self.wait(u, key)

    def next(self, heap: list[tuple[int, int, int]], core: int = -1) -> tuple[int, int]:
        """The next that waits in a heap, and its target, where it gains all that it hoped for; -1: nobody."""
        while heap:
            key, _, v = heapq.heappop(heap)
            if self.key[v] != -key or self.locked[v] or (core >= 0 and self.core[v] != core):
                continue
            self.key[v] = NONE
            to, gain = self.target(v)
            if to < 0:
                continue
            if gain >= -key:
                return v, to
            self.wait(v, gain)
        return -1, -1

    def relieve(self) -> None:
        """Cores over their limits give away what costs least, the worst first, until none is or nothing can go."""
        self.clear(GIVING)
        for _ in range(4 * self.p.vertices):
            if not self.excess.any():
                break
            worst = int(self.excess.argmax())
            if not self.filled[worst]:
                self.filled[worst] = True
                there = np.flatnonzero(self.core == worst)
                for v, key in zip(there.tolist(), self.hopes(there).tolist(), strict=True):
                    self.wait(v, key)
            v, to = self.next(self.heaps[worst], worst)
            if v < 0:
                break
            self.move(v, to)
        self.waiting = NOBODY

    def round(self, patience: int) -> None:
        """Every vertex moves once at most; ends where cost was least."""
        self.clear(ALL)
        hopes = self.hopes(np.arange(self.p.vertices))
        for v in np.flatnonzero(hopes > self.alone - self.whole).tolist():
            self.wait(v, int(hopes[v]))
        least, kept = self.cost, 0
        moved: list[tuple[int, int]] = []
        while len(moved) - kept < patience:
            v, to = self.next(self.heaps[0])
            if v < 0:
                break
            moved.append((v, int(self.core[v])))
            self.locked[v] = True
            self.move(v, to)
            if self.cost < least:
                least, kept = self.cost, len(moved)
        self.waiting = NOBODY
        for v, here in moved[kept:][::-1]:
            self.move(v, here)

    def rounds(self, patience: int, rounds: int) -> None:
        """Rounds as long as they gain; each is taken back that does not."""
        if self.excess.any():
            self.relieve()
        for _ in range(rounds):
            before, start = (int(self.excess.sum()), self.cost), self.core.copy()
            self.round(patience)
            if self.excess.any():
                self.relieve()
            if (int(self.excess.sum()), self.cost) > before:
                for v in np.flatnonzero(self.core != start).tolist():
                    self.move(v, int(start[v]))
            if int(self.excess.sum()) == before[0] and self.cost >= before[1]:
                break


def refine(
    p: Problem, limits: np.ndarray, soft: np.ndarray, rank: np.ndarray, patience: int, rounds: int, core: np.ndarray
) -> np.ndarray:
    """Better cores; see `kernels.refine`."""
    moves = Moves(p, limits, soft, rank, np.array(core, np.int64))
    moves.rounds(patience, rounds)
    return moves.core
