"""Places for the boxes and wires of a scene, in pixels, from the top down. Boxes never overlap, and no wire runs
through one: between layers wires bend, past a layer they run straight down a lane of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

from talon.ir import order
from talon.ir.drawing.cards import Card, chip_width
from talon.ir.drawing.columns import columns
from talon.ir.drawing.crossings import untangle
from talon.ir.drawing.layers import Grid, grid
from talon.ir.drawing.scene import Wire

BESIDE, LANE = 28.0, 16.0
"""Room between boxes, and beside a wire."""
CHIP = 18.0
"""Height of a label on a wire."""
GAP, STEEP, DEEPEST = 34.0, 0.09, 96.0
"""Room between layers: at least, more the further wires move to the side, at most."""
TURN = 26.0
"""How far a wire that runs back reaches beyond its box."""
MARGIN = 16.0
APART = 48.0
"""Room between parts of a graph that nothing joins."""


@dataclass(frozen=True)
class Pass:
    """A straight vertical piece of a wire, at `x` from `start` to `end`."""

    x: float
    start: float
    end: float


@dataclass(frozen=True)
class Route:
    """A wire as its vertical pieces, and the centre of its label."""

    wire: Wire
    passes: tuple[Pass, ...]
    label: tuple[float, float] | None


@dataclass(frozen=True)
class Layout:
    """Top left corners of the boxes, routes of the wires."""

    width: float
    height: float
    corners: list[tuple[float, float]]
    routes: list[Route]


def layout(cards: Sequence[Card], wires: Sequence[Wire]) -> Layout:
    """Each connected part is placed by itself; parts stand in rows, about as wide as all are high."""
    parts = connected(len(cards), wires)
    done = []
    for members in parts:
        number = {box: i for i, box in enumerate(members)}
        own = [w for w in wires if w.ends.src in number]
        local = [replace(w, ends=w.ends._replace(src=number[w.ends.src], dst=number[w.ends.dst])) for w in own]
        done.append((members, own, place([cards[box] for box in members], local)))
    return pack(len(cards), done)


def connected(count: int, wires: Sequence[Wire]) -> list[list[int]]:
    """The boxes of every connected part, in their order."""
    both = [(w.ends.src, w.ends.dst) for w in wires]
    number = order.components(order.neighbours(count, [*both, *((b, a) for a, b in both)]))
    parts: dict[int, list[int]] = {}
    for box in range(count):
        parts.setdefault(number[box], []).append(box)
    return list(parts.values())


def pack(count: int, parts: list[tuple[list[int], list[Wire], Layout]]) -> Layout:
    """Parts beside each other in rows."""
    area = sum((part.width + APART) * (part.height + APART) for _, _, part in parts)
    limit = max([sqrt(area * 1.5), *(part.width for _, _, part in parts)], default=0.0)
    corners = [(0.0, 0.0)] * count
    routes: list[Route] = []
    x = y = MARGIN
    width = bottom = 0.0
    for members, own, part in parts:
        if x > MARGIN and x + part.width > limit + MARGIN:
            x, y = MARGIN, bottom + APART
        for box, (left, top) in zip(members, part.corners, strict=True):
            corners[box] = left + x, top + y
        routes += [shifted(route, wire, x, y) for wire, route in zip(own, part.routes, strict=True)]
        width, bottom = max(width, x + part.width), max(bottom, y + part.height)
        x += part.width + APART
    return Layout(width + MARGIN, bottom + MARGIN, corners, routes)


def shifted(route: Route, wire: Wire, x: float, y: float) -> Route:
    passes = tuple(Pass(p.x + x, p.start + y, p.end + y) for p in route.passes)
    return Route(wire, passes, route.label and (route.label[0] + x, route.label[1] + y))


def place(cards: Sequence[Card], wires: Sequence[Wire]) -> Layout:
    """A connected part with its top left corner at 0, 0."""
    made = grid(len(cards), wires)
    untangle(made, [(len(card.box.inputs), len(card.box.outputs)) for card in cards])
    widths = [card.width for card in cards] + [0.0] * (len(made.layer) - len(cards))
    heights = [card.height for card in cards] + [0.0] * (len(made.layer) - len(cards))
    labelled = [
        middle(route, back) if wire.label else None
        for wire, route, back in zip(wires, made.routes, made.back, strict=True)
    ]
    for wire, vertex in zip(wires, labelled, strict=True):
        if vertex is not None:
            widths[vertex], heights[vertex] = chip_width(wire.label), CHIP
    x = columns(made, len(cards), widths, (BESIDE, LANE)).tolist()
    tops, bottoms = bands(made, cards, x, heights)
    corners = []
    for box, card in enumerate(cards):
        centre = (tops[made.layer[box]] + bottoms[made.layer[box]]) / 2
        corners.append((x[box] - card.width / 2, centre - card.height / 2))
    routes = []
    for number, wire in enumerate(wires):
        passes = route_of(number, wire, made, cards, corners, x, tops, bottoms)
        at = labelled[number]
        label = None if at is None else (x[at], (tops[made.layer[at]] + bottoms[made.layer[at]]) / 2)
        routes.append(Route(wire, passes, label))
    turning = TURN if any(made.layer[v] == len(tops) - 1 for v in made.turns) else 0.0
    return Layout(max(v + w / 2 for v, w in zip(x, widths, strict=True)), bottoms[-1] + turning, corners, routes)


def middle(route: Sequence[int], back: bool) -> int:
    """The bend that carries the label; of a wire that runs back the one beside its source."""
    return route[0 if back else len(route) // 2]


def bands(
    made: Grid, cards: Sequence[Card], x: Sequence[float], heights: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Top and bottom of every layer."""
    side = [0.0] * len(made.rows)
    for piece in made.pieces:
        moved = abs(x[piece.upper] - x[piece.lower])
        side[made.layer[piece.upper]] = max(side[made.layer[piece.upper]], moved)
    turned = {made.layer[v] for v in made.turns}
    tops, bottoms = [], []
    y = TURN if 0 in turned else 0.0
    for layer, row in enumerate(made.rows):
        tops.append(y)
        bottoms.append(y + max(heights[v] for v in row))
        turns = TURN * (layer in turned) + TURN * (layer + 1 in turned)
        y = bottoms[-1] + max(min(GAP + STEEP * side[layer], DEEPEST), turns)
    return tops, bottoms


def route_of(
    number: int,
    wire: Wire,
    made: Grid,
    cards: Sequence[Card],
    corners: Sequence[tuple[float, float]],
    x: Sequence[float],
    tops: Sequence[float],
    bottoms: Sequence[float],
) -> tuple[Pass, ...]:
    """Out of the source's lower side, along the bends, into the destination's upper side."""
    src, src_port, dst, dst_port = wire.ends
    back = made.back[number]
    start = corners[src][0] + cards[src].outlet(src_port, back), corners[src][1] + cards[src].height
    end = corners[dst][0] + cards[dst].inlet(dst_port, back), corners[dst][1]
    first = Pass(start[0], start[1], bottoms[made.layer[src]])
    last = Pass(end[0], tops[made.layer[dst]], end[1])
    lanes = [(x[v], tops[made.layer[v]], bottoms[made.layer[v]]) for v in made.routes[number]]
    between = [Pass(at, low, top) if back else Pass(at, top, low) for at, top, low in lanes]
    return (first, *between, last)
