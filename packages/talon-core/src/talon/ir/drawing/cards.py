"""Boxes in pixels: which lines of text they hold, where their ports are. No text is wider than its box."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

from talon.ir.drawing.lettering import ELLIPSIS, shorten, width, wrap
from talon.ir.drawing.scene import Box

NAME, KIND, TEXT, PORT = 13.0, 11.0, 11.0, 10.0
"""Sizes of lettering."""
NARROWEST, WIDEST = 148.0, 288.0
EDGE = 14.0
"""Room beside the text, in which borders run."""
BETWEEN = 14.0
"""Room between what stands left and right on one line."""
FIRST, LINE, PORTS = 22.0, 16.0, 17.0
"""Heights of the first line, of further ones, of a row of port labels."""
LINES = 3
"""Lines of parameters, at most."""
ABOVE, BELOW = 5.0, 7.0
CELL = 12.0
"""Room that a port label keeps from the next."""
BACK = 24.0
"""How far right of a port wires that run back are met, where there is room."""


@dataclass(frozen=True)
class Text:
    """A line of text from its left end, or up to its right end; `y` is the baseline, both relative to the box."""

    x: float
    y: float
    text: str
    style: Literal["name", "kind", "text", "shape", "port"]
    anchor: Literal["start", "middle", "end"] = "start"


@dataclass(frozen=True)
class Card:
    """A box with its size and texts."""

    box: Box
    width: float
    height: float
    texts: tuple[Text, ...]

    def inlet(self, port: int, back: bool = False) -> float:
        """Where a wire enters, from the left side of the box."""
        return spread(port, len(self.box.inputs), self.width, back)

    def outlet(self, port: int, back: bool = False) -> float:
        return spread(port, len(self.box.outputs), self.width, back)


def spread(port: int, count: int, wide: float, back: bool = False) -> float:
    room = wide / max(count, 1)
    return room * (port + 0.5) + back * min(BACK, room / 4)


def chip_width(label: str) -> float:
    """Width of a label on a wire."""
    return ceil(width(label, PORT)) + 14.0


def card(box: Box) -> Card:
    """Choose the width that the texts want, within bounds; then cut the texts to it."""
    # A long name takes the line from its type, never all of it.
    kind = shorten(box.kind, WIDEST * 0.45, KIND)
    head = width(box.name, NAME, bold=True) + (width(kind, KIND) + BETWEEN if kind else 0.0)
    shape = shorten(box.shape, WIDEST - 2 * EDGE, TEXT)
    rows, beside = paragraph(box.parts, shape)
    wanted = [head, *(width(row, TEXT) for row in rows), width(shape, TEXT)]
    if beside:
        wanted.append(width(rows[-1], TEXT) + BETWEEN + width(shape, TEXT))
    cells = [cell(box.inputs), cell(box.outputs)]
    wide = max(min(max([NARROWEST, *wanted]) + 2 * EDGE, WIDEST), *cells)
    wide = ceil(wide / 4) * 4.0
    left, right = EDGE, wide - EDGE
    y = ABOVE
    texts: list[Text] = []
    if box.inputs:
        texts += labels(box.inputs, wide, y + 11)
        y += PORTS
    for_kind = width(kind, KIND) + BETWEEN if kind else 0.0
    texts.append(Text(left, y + 16, shorten(box.name, right - left - for_kind, NAME, bold=True), "name"))
    if kind:
        texts.append(Text(right, y + 16, kind, "kind", "end"))
    y += FIRST
    for row in rows:
        texts.append(Text(left, y + 12, row, "text"))
        y += LINE
    if beside:
        texts.append(Text(right, y + 12 - LINE, shape, "shape", "end"))
    elif shape:
        texts.append(Text(right, y + 12, shape, "shape", "end"))
        y += LINE
    if box.outputs:
        y += 2
        texts += labels(box.outputs, wide, y + 10)
        y += PORTS
    return Card(box, wide, y + BELOW, tuple(texts))


def paragraph(parts: tuple[str, ...], shape: str) -> tuple[list[str], bool]:
    """The parts on as few and as short lines as hold all of them, and whether the shape stands beside the last one."""
    most = WIDEST - 2 * EDGE
    for lines in range(1, LINES + 1):
        room = NARROWEST - 2 * EDGE
        while room <= most:
            rows = wrap(parts, room, TEXT, lines)
            last = width(rows[-1], TEXT) + BETWEEN + width(shape, TEXT) if rows else 0.0
            if not any(ELLIPSIS in row for row in rows) and last <= max(room, NARROWEST if lines > 1 else most):
                return rows, bool(rows and shape)
            room += 8
    return wrap(parts, most, TEXT, LINES), False


def cell(ports: tuple[str, ...]) -> float:
    """The width that a row of port labels needs."""
    return len(ports) * max((min(width(label, PORT), 110.0) + CELL for label in ports), default=0.0)


def labels(ports: tuple[str, ...], wide: float, y: float) -> list[Text]:
    room = wide / len(ports) - CELL / 2
    return [
        Text(spread(i, len(ports), wide), y, shorten(label, room, PORT), "port", "middle")
        for i, label in enumerate(ports)
    ]
