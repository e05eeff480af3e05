"""Small plots as SVG text: a panel a curve, both axes logarithmic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

WIDTH, HEIGHT, MARGIN, GAP = 250, 180, 46, 24
COLUMNS = 3
STYLE = (
    "text{font:11px sans-serif;fill:#333}.axis{stroke:#999;fill:none}.grid{stroke:#e4e4e4}"
    ".line{stroke:#1f6fb2;stroke-width:2;fill:none}.dot{fill:#1f6fb2}.title{font-weight:bold}"
)
BACKGROUND = '<rect width="100%" height="100%" fill="#fff"/>'


class Panel(NamedTuple):
    """`points`: x and y, both above 0, x ascending."""

    title: str
    y: str
    points: Sequence[tuple[float, float]]


def svg(panels: Sequence[Panel]) -> str:
    rows = math.ceil(len(panels) / COLUMNS)
    wide, high = COLUMNS * (WIDTH + MARGIN + GAP), rows * (HEIGHT + MARGIN + GAP)
    drawn = [line for number, panel in enumerate(panels) for line in draw(panel, *divmod(number, COLUMNS))]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}">'
    return "\n".join([head, f"<style>{STYLE}</style>", BACKGROUND, *drawn, "</svg>", ""])


def draw(panel: Panel, row: int, column: int) -> Iterator[str]:
    left, top = column * (WIDTH + MARGIN + GAP) + MARGIN, row * (HEIGHT + MARGIN + GAP) + GAP
    xs, ys = zip(*panel.points, strict=True)
    low, high = decades(ys)
    first, last = math.log10(min(xs)), math.log10(max(xs))

    def at(x: float, y: float) -> tuple[float, float]:
        right = (math.log10(x) - first) / (last - first)
        up = (math.log10(y) - low) / (high - low)
        return left + right * WIDTH, top + (1 - up) * HEIGHT

    yield f'<text class="title" x="{left}" y="{top - 8}">{panel.title}, {panel.y}</text>'
    for decade in range(low, high + 1):
        _, y = at(xs[0], 10.0**decade)
        yield f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{left + WIDTH}" y2="{y:.1f}"/>'
        yield f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{brief(10.0**decade)}</text>'
    yield f'<path class="axis" d="M{left} {top}v{HEIGHT}h{WIDTH}"/>'
    places = [at(x, y) for x, y in panel.points]
    yield f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
    for (x, y), value in zip(places, xs, strict=True):
        yield f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        yield f'<text x="{x:.1f}" y="{top + HEIGHT + 15}" text-anchor="middle">{brief(value)}</text>'


def decades(values: Sequence[float]) -> tuple[int, int]:
    """Whole powers of ten around the values, two at least."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def brief(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
