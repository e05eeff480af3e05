"""Text in drawings: how wide it is at most, how it is shortened, how it is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import combining, east_asian_width
from xml.sax.saxutils import escape as xml_escape

# Widths in em that no letter of its group exceeds, in a bold face as wide as DejaVu Sans or Verdana: the viewer's font
# is not known, and text may take less room than it was given, never more.
GROUPS = {
    0.46: " '!(),-./:;I[J\\]fijl|",
    0.56: '"*_`rt',
    0.87: "&ABDGHKNOQRUVX",
    1.1: "#%+<=>@MW^mw~",
}
WIDTHS = {letter: width for width, letters in GROUPS.items() for letter in letters}
USUAL = 0.74
FOREIGN = 1.0
FULL = 1.4
REGULAR = 0.92
"""Width of a regular face against a bold one."""

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
TIMES = "\N{MULTIPLICATION SIGN}"
ARROW = "\N{RIGHTWARDS ARROW}"


def letter_width(letter: str) -> float:
    """Upper bound in em."""
    if letter < "\x7f":
        return WIDTHS.get(letter, USUAL)
    if combining(letter):
        return 0.0
    return FULL if east_asian_width(letter) in "WF" or letter >= "\U00010000" else FOREIGN


def width(text: str, size: float, bold: bool = False) -> float:
    """Upper bound in pixels of a text set in `size` pixels."""
    return sum(map(letter_width, text)) * size * (1.0 if bold else REGULAR)


def shorten(text: str, room: float, size: float, bold: bool = False, tail: float = 0.4) -> str:
    """The text where it fits into `room` pixels; else its head and tail around an ellipsis."""
    text = printable(text)
    if width(text, size, bold) <= room:
        return text
    left = room - width(ELLIPSIS, size, bold)
    end = taken(reversed(text), left * tail, size, bold)
    start = taken(text, left - width(text[len(text) - end :], size, bold), size, bold)
    return f"{text[:start].rstrip()}{ELLIPSIS}{text[len(text) - end :].lstrip()}"


def taken(letters: Iterable[str], room: float, size: float, bold: bool) -> int:
    """How many of the letters fit."""
    count = 0
    for letter in letters:
        room -= width(letter, size, bold)
        if room < 0:
            break
        count += 1
    return count


def wrap(parts: Iterable[str], room: float, size: float, lines: int) -> list[str]:
    """Parts joined with commas on at most so many lines; an ellipsis stands for parts that found no room."""
    rows: list[str] = []
    more = f", {ELLIPSIS}"
    for part in parts:
        word = shorten(part, room - width(more, size), size, tail=0.0)
        longer = f"{rows[-1]}, {word}" if rows else word
        # The last line keeps room for the ellipsis, all others for the comma that follows.
        if rows and width(longer + more, size) <= room:
            rows[-1] = longer
        elif len(rows) < lines:
            rows = [*(f"{row}," if row is rows[-1] else row for row in rows), word]
        else:
            rows[-1] += more
            break
    return rows


def printable(text: str) -> str:
    """The text on one line: what XML forbids or what would turn or hide letters is shown as a replacement mark."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def escape(text: str) -> str:
    """The text for element content or an attribute in double quotes, of XML and HTML alike."""
    lines = map(printable, text.split("\n"))
    return xml_escape("\n".join(lines), {'"': "&quot;", "'": "&#39;"})
