"""Folding: which nodes of a large graph share one box. Linear in nodes and edges, and always the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from talon.ir.order import neighbours

Pairs = Sequence[tuple[int, int]]

ENDS = 3
"""Nodes that stay single at both ends of a run."""
BOXES, WIRES = 120, 500
"""More than this after folding the runs are cut into ranges."""
SINGLES, RANGES = 10, 12
"""Nodes that stay single at both ends of a graph cut into ranges, and the number of ranges between them."""


def groups(count: int, pairs: Pairs) -> list[list[int]]:
    """Nodes by the box that draws them; `pairs` are the edges without delay, which form no cycle.

    First the middle of every run becomes one box (a run: each node feeds only the next, which nothing else feeds).
    Where that leaves too many, an order in which one step can compute the nodes is cut into ranges. Neither makes a
    cycle of boxes.
    """
    parts = by_runs(count, pairs)
    wires = between(parts, count, pairs)
    if len(parts) <= BOXES and len(wires) <= WIRES:
        return parts
    order = depth_first(len(parts), wires)
    middle = order[SINGLES : len(order) - SINGLES]
    cuts = [len(middle) * i // RANGES for i in range(RANGES + 1)]
    ranges = [middle[a:b] for a, b in pairwise(cuts) if b > a]
    single = [[n] for n in order]
    return [[node for n in box for node in parts[n]] for box in [*single[:SINGLES], *ranges, *single[-SINGLES:]]]


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
