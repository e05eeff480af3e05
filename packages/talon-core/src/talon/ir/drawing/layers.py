"""The grid of a drawing: which layer every box is on, and the bends of wires that pass other layers.

Sugiyama, Tagawa and Toda (1981): layers by longest path, wires cut into pieces from one layer to the next.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from talon.ir import order
from talon.ir.drawing.scene import Wire


@dataclass
class Grid:
    """Vertices on layers: first one for every box, then the bends. `pieces` join vertices of neighbouring layers.

    `routes[w]` are the bends of wire w on its way from source to destination; `back[w]` says that it runs against the
    layers, from the gap below its source to the gap above its destination. `turns` are its outermost bends, with the
    box each of them stands beside.
    """

    layer: list[int]
    rows: list[list[int]] = field(default_factory=list)
    routes: list[list[int]] = field(default_factory=list)
    back: list[bool] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    turns: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """Part of a wire between an upper and a lower vertex; ports are None at bends."""

    upper: int
    upper_port: int | None
    lower: int
    lower_port: int | None


def grid(count: int, wires: Sequence[Wire]) -> Grid:
    """Layers and bends for `count` boxes."""
    forward = going_forward(count, wires)
    made = Grid(longest_paths(count, [w for w, goes in zip(wires, forward, strict=True) if goes]))
    shared: dict[tuple[int, int], list[int]] = {}
    for wire, goes in zip(wires, forward, strict=True):
        ends = wire.ends
        top, bottom = made.layer[ends.src], made.layer[ends.dst]
        made.back.append(not goes)
        if not goes:
            made.routes.append(run_back(made, wire))
            continue
        # Wires of one port that pass the same layers share their bends: they part where they must.
        trunk = shared.setdefault((ends.src, ends.src_port), []) if not wire.label else []
        trunk += [bend(made, layer) for layer in range(top + 1 + len(trunk), bottom)]
        route = trunk[: bottom - top - 1]
        made.routes.append(route)
        stops: list[tuple[int, int | None]] = [(ends.src, ends.src_port), *((b, None) for b in route)]
        stops.append((ends.dst, ends.dst_port))
        made.pieces += [Piece(*a, *b) for a, b in itertools.pairwise(stops)]
    made.pieces = list(dict.fromkeys(made.pieces))
    made.rows = [[] for _ in range(max(made.layer, default=-1) + 1)]
    for vertex in first_seen(made, count):
        made.rows[made.layer[vertex]].append(vertex)
    return made


def bend(made: Grid, layer: int) -> int:
    made.layer.append(layer)
    return len(made.layer) - 1


def run_back(made: Grid, wire: Wire) -> list[int]:
    """Bends beside every layer from the source's up to the destination's, both included."""
    src, dst = wire.ends.src, wire.ends.dst
    route = [bend(made, layer) for layer in range(made.layer[src], made.layer[dst] - 1, -1)]
    made.pieces += [Piece(upper, None, lower, None) for lower, upper in itertools.pairwise(route)]
    made.turns[route[-1]] = dst
    made.turns[route[0]] = src
    return route


def going_forward(count: int, wires: Sequence[Wire]) -> list[bool]:
    """Whether a wire leads to a lower layer: all that are not late, and late ones while they close no cycle."""
    out = order.neighbours(count, [(w.ends.src, w.ends.dst) for w in wires if not w.late])
    forward = []
    for wire in wires:
        src, dst = wire.ends.src, wire.ends.dst
        goes = not wire.late or not order.reachable([dst], out)[src]
        if goes and wire.late:
            out[src].append(dst)
        forward.append(goes)
    return forward


def longest_paths(count: int, wires: Sequence[Wire]) -> list[int]:
    """Layers so that every wire leads down, two layers where it carries a label; boxes without input move down to what
    they feed."""
    out: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    fed = [False] * count
    for wire in wires:
        out[wire.ends.src].append((wire.ends.dst, 2 if wire.label else 1))
        fed[wire.ends.dst] = True
    layer = [0] * count
    for box in order.topological(count, [(w.ends.src, w.ends.dst) for w in wires]) or []:
        for other, length in out[box]:
            layer[other] = max(layer[other], layer[box] + length)
    for box in range(count):
        if not fed[box] and out[box]:
            layer[box] = min(layer[other] - length for other, length in out[box])
    return layer


def first_seen(made: Grid, count: int) -> list[int]:
    """All vertices, in the order in which one walks down the drawing branch by branch: few crossings to begin with."""
    below: list[list[int]] = [[] for _ in made.layer]
    fed = [False] * len(made.layer)
    for piece in made.pieces:
        below[piece.upper].append(piece.lower)
        fed[piece.lower] = True
    seen: dict[int, None] = {}
    for root in [*(v for v in range(count) if not fed[v]), *range(len(made.layer))]:
        path = [root]
        while path:
            vertex = path.pop()
            if vertex not in seen:
                seen[vertex] = None
                path += [v for v in reversed(below[vertex]) if v not in seen]
    return list(seen)
