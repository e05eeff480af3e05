"""Links on the map: arrows that are as wide and as dark as what went over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from talon.hw.report import plural
from talon.hw.reporting.amounts import level
from talon.hw.reporting.figures import Link, Position
from talon.hw.reporting.markup import Html, element
from talon.hw.reporting.ramps import ramp
from talon.ir.drawing.svg import number

NAMED = 1200
"""Links up to so many are arrows of their own, which say their load; more share a path by load."""

Corner = Callable[[Position], tuple[float, float]]


def drawn(links: Sequence[Link], corner: Corner, side: float) -> Html:
    """All links that carry something; the heaviest last, above the others."""
    most = max((link.packets for link in links), default=0)
    busy = sorted((link for link in links if link.packets), key=lambda link: (link.packets, link.start, link.end))
    return (
        Html(element("g", Html("\n"), *arrows(busy, most, corner, side), class_="links") + "\n") if busy else Html("")
    )


def arrows(links: Sequence[Link], most: int, corner: Corner, side: float) -> Iterator[Html]:
    if len(links) <= NAMED:
        for link in links:
            said = f"{place(link.start)} to {place(link.end)}: {plural(link.packets, 'packet')}"
            path = arrow(link, link.packets / most, corner, side)
            yield Html(f'<path class="k{level(link.packets / most)}" d="{path}"><title>{said}</title></path>\n')
        return
    together: dict[str, list[str]] = {}
    for link in links:
        share = link.packets / most
        together.setdefault(level(share), []).append(arrow(link, share, corner, side))
    yield from (Html(f'<path class="k{step}" d="{"".join(paths)}"/>\n') for step, paths in together.items())


def place(position: Position) -> str:
    return f"({position[0]}, {position[1]})"


def arrow(link: Link, share: float, corner: Corner, side: float) -> str:
    """A triangle from the edge of one core to that of the other, on the right of the way: both ways are seen."""
    (x0, y0), (x1, y1) = (tuple(value + side / 2 for value in corner(end)) for end in (link.start, link.end))
    length = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1.0)
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    # Half a side leads to the edge of a core; a link around the edge of a torus crosses the cores between.
    room = side / 2 + 1.5
    aside = side * 0.16
    half = side * (0.02 + 0.1 * share)
    sx, sy = x0 + dx * room - dy * aside, y0 + dy * room + dx * aside
    tx, ty = x1 - dx * room - dy * aside, y1 - dy * room + dx * aside
    fx, fy = sx - dy * half, sy + dx * half
    tip = f"{number(tx - fx)} {number(ty - fy)}"
    back = f"{number(sx + dy * half - tx)} {number(sy - dx * half - ty)}"
    return f"M{number(fx)} {number(fy)}l{tip} {back}z"


def legend(links: Sequence[Link]) -> Html:
    """What the colours of cores and links mean."""
    most = max((link.packets for link in links), default=0)
    scales = [ramp("use", "nothing", "full")]
    scales += [ramp("load", "0", plural(most, "packet"))] if most else []
    return element("p", *scales, class_="legend")
