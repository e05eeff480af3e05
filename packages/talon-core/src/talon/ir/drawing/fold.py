"""Folding: which nodes of a large graph share one box. Linear in nodes and edges, and always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise

from talon.ir.order import neighbours, topological

Pairs = Sequence[tuple[int, int]]

ENDS = 3
"""Nodes that stay single at both ends of a run."""
TWINS = 6
"""Nodes with the same sources and destinations, from this number on, share a box."""
WIDE = 24
"""More nodes than this beside each other are wider than any screen."""
BOXES, WIRES = 120, 500
"""More than this after folding runs and twins, or something wide, is cut into ranges."""
SINGLES, RANGES = 10, 12
"""Nodes that stay single at both ends of a graph cut into ranges, and the number of ranges between them."""


def groups(count: int, pairs: Pairs, ends: Collection[int] = ()) -> list[list[int]]:
    """Nodes by the box that draws them; `pairs` are the edges without delay, which form no cycle.

    First the middle of every run becomes one box (a run: each node feeds only the next, which nothing else feeds), then
    nodes between the same others. Where that leaves too many, an order in which one step can compute the nodes is cut
    into ranges. None of it makes a cycle of boxes. `ends` are where the graph is entered and left: they stay single,
    unless there are too many of them too.
    """
    kept = frozenset(ends if len(ends) <= WIDE else ())
    parts = by_runs(count, pairs)
    parts = by_twins(parts, between(parts, count, pairs), kept)
    wires = between(parts, count, pairs)
    if len(parts) <= BOXES and len(wires) <= WIRES and widest(len(parts), wires) <= WIDE:
        return parts
    order = depth_first(len(parts), wires)
    single = {n for n in order if not kept.isdisjoint(parts[n])}
    single |= {*order[:SINGLES], *order[-SINGLES:]} if len(parts) > BOXES else set()
    middle = [n for n in order if n not in single]
    cuts = [len(middle) * i // RANGES for i in range(RANGES + 1)]
    ranges = {middle[a]: middle[a:b] for a, b in pairwise(cuts) if b > a}
    boxes = [[n] if n in single else ranges.get(n, []) for n in order]
    return [[node for n in box for node in parts[n]] for box in boxes if box]


def widest(count: int, pairs: Pairs) -> int:
    """How many nodes stand beside each other where most do, each as far down as what feeds it demands."""
    depth = [0] * count
    out = neighbours(count, pairs)
    for node in topological(count, pairs) or ():
        for other in out[node]:
            depth[other] = max(depth[other], depth[node] + 1)
    return max(Counter(depth).values(), default=0)


def by_twins(parts: list[list[int]], wires: Pairs, kept: Collection[int]) -> list[list[int]]:
    """The parts, those between the same others joined where there are many; where the first of them stands."""
    sources: list[list[int]] = [[] for _ in parts]
    for src, dst in wires:
        sources[dst].append(src)
    alike: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for number, out in enumerate(neighbours(len(parts), wires)):
        if not any(node in kept for node in parts[number]):
            alike.setdefault((tuple(sorted(sources[number])), tuple(sorted(out))), []).append(number)
    twins = {members[0]: members for members in alike.values() if len(members) >= TWINS}
    gone = {n for members in twins.values() for n in members[1:]}
    boxes = [twins.get(n, [n]) for n in range(len(parts)) if n not in gone]
    return [[node for n in box for node in parts[n]] for box in boxes]


def by_runs(count: int, pairs: Pairs) -> list[list[int]]:
    """Single nodes, and the middles of long runs; a run's parts stand where its first node stands."""
    following, preceding = [-1] * count, [-1] * count
    outgoing, incoming = [0] * count, [0] * count
    for src, dst in pairs:
        outgoing[src] += 1
        incoming[dst] += 1
    for src, dst in pairs:
        if outgoing[src] == incoming[dst] == 1:
            following[src], preceding[dst] = dst, src
    parts = []
    for node in range(count):
        if preceding[node] >= 0:
            continue
        run = [node]
        while following[run[-1]] >= 0:
            run.append(following[run[-1]])
        middle = run[ENDS : len(run) - ENDS]
        if len(middle) < ENDS:
            parts += [[n] for n in run]
        else:
            parts += [*([n] for n in run[:ENDS]), middle, *([n] for n in run[-ENDS:])]
    return parts


def between(parts: Sequence[Sequence[int]], count: int, pairs: Pairs) -> list[tuple[int, int]]:
    """The edges between boxes, each once, in edge order."""
    box = [0] * count
    for number, part in enumerate(parts):
        for node in part:
            box[node] = number
    return list(dict.fromkeys((box[src], box[dst]) for src, dst in pairs if box[src] != box[dst]))


def depth_first(count: int, pairs: Pairs) -> list[int]:
    """A topological order that stays with one branch as long as it can; of a graph without cycles."""
    out = neighbours(count, pairs)
    fed = {dst for _, dst in pairs}
    finished: list[int] = []
    seen = [False] * count
    # Nodes are finished last ones first: going through everything from the end leaves the first branch in front.
    for root in reversed(range(count)):
        if root in fed:
            continue
        path = [(root, len(out[root]))]
        seen[root] = True
        while path:
            node, left = path.pop()
            while left:
                left -= 1
                other = out[node][left]
                if not seen[other]:
                    seen[other] = True
                    path += [(node, left), (other, len(out[other]))]
                    break
            else:
                finished.append(node)
    return finished[::-1]
