"""Graphs as SVG."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from talon.ir.drawing.cards import KIND, NAME, PORT, TEXT, Card, card, chip_width
from talon.ir.drawing.layout import CHIP, TURN, Layout, Pass, Route, layout
from talon.ir.drawing.lettering import escape
from talon.ir.drawing.palette import CHIP_FILL, LATE, LIGHT, NAME_INK, TEXT_INK, WIRE, dark_rules
from talon.ir.drawing.scene import LIMIT, scene
from talon.ir.graph import Graph

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif"
SIZES = {"name": NAME, "kind": KIND, "text": TEXT, "shape": TEXT, "port": PORT}
INKS = {"name": NAME_INK[0], "text": TEXT_INK[0], "port": TEXT_INK[0]}
HEAD = 8.0
"""Length of an arrow head."""
ROUND = 7.0
"""Radius of corners."""


@dataclass(frozen=True)
class Drawing:
    """An SVG document with its size in pixels, the number of boxes in it, and whether nodes share them."""

    svg: str
    width: int
    height: int
    boxes: int
    folded: bool


def svg(graph: Graph, *, limit: int = LIMIT) -> str:
    """The graph as an SVG document: layers from top to bottom, delayed edges dashed with their delay.

    Graphs of more than `limit` nodes are folded: runs of nodes share a box that counts them by type.
    """
    return draw(graph, limit=limit).svg


def draw(graph: Graph, *, limit: int = LIMIT) -> Drawing:
    """What `svg` gives, with its size."""
    seen = scene(graph, limit)
    cards = [card(box) for box in seen.boxes]
    placed = layout(cards, seen.wires)
    width, height = round(placed.width), round(placed.height)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="talon-drawing" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="{FONT}" '
        f'aria-label="graph of {len(graph.nodes):,} nodes and {len(graph.edges):,} edges">',
        f"<style>{dark_rules()}</style>",
        *wires(placed.routes),
        *boxes(cards, placed),
        *chips(placed.routes),
        "</svg>",
    ]
    return Drawing("\n".join(lines) + "\n", width, height, len(cards), seen.folded)


def number(value: float) -> str:
    """A coordinate to a tenth of a pixel, as short as can be."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def rectangle(x: float, y: float, width: float, height: float, radius: float, more: str = "") -> str:
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f'<rect {place} rx="{number(radius)}"{more}/>'


def wires(routes: Sequence[Route]) -> Iterator[str]:
    """Edges of the same step, then delayed ones above them; one arrow head where several end together."""
    for late in (False, True):
        chosen = [route for route in routes if route.wire.late is late]
        if not chosen:
            continue
        names, colour = (("late", "late-heads"), LATE[0]) if late else (("wires", "heads"), WIRE[0])
        dashes = ' stroke-dasharray="6 4"' if late else ""
        yield f'<g class="{names[0]}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}>'
        yield from (f'<path d="{path(route.passes)}"/>' for route in chosen)
        yield "</g>"
        ends = dict.fromkeys((number(route.passes[-1].x), number(route.passes[-1].end)) for route in chosen)
        heads = "".join(f"M{x} {y}l-4 -{number(HEAD)}h8z" for x, y in ends)
        yield f'<path class="{names[1]}" fill="{colour}" d="{heads}"/>'


def path(passes: Sequence[Pass]) -> str:
    """Straight pieces joined by curves that leave and arrive vertically; it ends inside the arrow head."""
    at = passes[0].start
    parts = [f"M{number(passes[0].x)} {number(at)}"]

    def straight_to(y: float) -> None:
        if number(y) != number(at):
            parts.append(f"V{number(y)}")

    for here, there in itertools.pairwise(passes):
        turns = here.end == there.start
        if here.x == there.x and not turns:
            continue
        straight_to(here.end)
        # The curve has arrived where the arrow head begins.
        at = min(there.start, there.end - HEAD) if there is passes[-1] else there.start
        if turns:
            leaving = arriving = here.end + (TURN if here.end >= here.start else -TURN)
        else:
            leaving = arriving = (here.end + at) / 2
        parts.append(f"C{number(here.x)} {number(leaving)} {number(there.x)} {number(arriving)} ")
        parts.append(f"{number(there.x)} {number(at)}")
    straight_to(passes[-1].end - HEAD / 2)
    return "".join(parts)


def boxes(cards: Sequence[Card], placed: Layout) -> Iterator[str]:
    for drawn, (x, y) in zip(cards, placed.corners, strict=True):
        box, colours = drawn.box, LIGHT[drawn.box.family]
        dashes = ' stroke-dasharray="2 3"' if box.family == "opaque" else ""
        yield f'<g class="{box.family}" fill="{colours.fill}" stroke="{colours.ink}"{dashes}>'
        yield f"<title>{escape(box.tooltip)}</title>"
        for behind in (6.0, 3.0) if box.nodes > 1 else ():
            yield rectangle(x + behind, y + behind, drawn.width - 2 * behind, drawn.height, ROUND)
        yield rectangle(x, y, drawn.width, drawn.height, ROUND, ' class="box"')
        if box.double:
            yield rectangle(x + 3, y + 3, drawn.width - 6, drawn.height - 6, ROUND - 2.5, ' fill="none"')
        for text in drawn.texts:
            ink = INKS.get(text.style)
            looks = [f'class="{text.style}"' if ink else f'class="{text.style} ink"']
            looks += [f'x="{number(x + text.x)}" y="{number(y + text.y)}" font-size="{number(SIZES[text.style])}"']
            looks += [f'fill="{ink or colours.ink}" stroke="none"']
            looks += [f'text-anchor="{text.anchor}"'] * (text.anchor != "start")
            looks += ['font-weight="600"'] * (text.style == "name")
            yield f"<text {' '.join(looks)}>{escape(text.text)}</text>"
        yield "</g>"


def chips(routes: Sequence[Route]) -> Iterator[str]:
    """Labels of wires, on a ground of their own."""
    for route in routes:
        if route.label is None:
            continue
        x, y = route.label
        wide = chip_width(route.wire.label)
        ink, names = (LATE[0], ("late", "delay")) if route.wire.late else (WIRE[0], ("wires", "count"))
        place = rectangle(x - wide / 2, y - CHIP / 2, wide, CHIP, CHIP / 2, f' class="chip" fill="{CHIP_FILL[0]}"')
        yield f'<g class="{names[0]}" stroke="{ink}">{place}'
        yield (
            f'<text class="{names[1]}" x="{number(x)}" y="{number(y + 3.5)}" font-size="{number(PORT)}" '
            f'text-anchor="middle" fill="{ink}" stroke="none">{escape(route.wire.label)}</text></g>'
        )
