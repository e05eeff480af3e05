"""Colours of the page, all made of the palette of drawings, for light and dark surroundings."""

from __future__ import annotations

from collections.abc import Iterator

from talon.hw.reporting.amounts import LEVELS
from talon.ir.drawing.palette import CHIP_FILL, DARK, LATE, LIGHT, NAME_INK, TEXT_INK, WIRE

SCALES = {"use": "weights", "load": "neuron"}
"""Scales of colours by what they show: how full something is, and how much passes. Each runs from the fill to the ink
of a family of nodes."""
FAMILIES = ("weights", "neuron", "scale", "function", "join", "graph", "boundary")
"""Families whose colours tell layers apart, over and over."""
TINT = 0.35
"""How far the colour of a layer is on the way from the fill to the ink of its family."""
SIGNS = {"good": "scale", "bad": "graph", "warn": "join"}
BODY = {"name": NAME_INK, "text": TEXT_INK, "line": WIRE, "late": LATE, "card": CHIP_FILL}


def mixed(one: str, other: str, part: float) -> str:
    """A colour on the way from one to the other."""
    pairs = zip(channels(one), channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


def channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))


def luminance(colour: str) -> float:
    """Relative luminance, by WCAG."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in channels(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Of two colours, by WCAG: 4.5 is enough for text."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def scale(name: str, dark: bool) -> list[tuple[str, str]]:
    """For each level a colour and the ink that is read on it."""
    family = (DARK if dark else LIGHT)[SCALES[name]]
    fills = [mixed(family.fill, family.ink, place / LEVELS) for place in range(LEVELS + 1)]
    return [(fill, read_on(fill)) for fill in fills]


def read_on(fill: str) -> str:
    """The ink that is read best on a colour."""
    return max(("#000000", "#ffffff"), key=lambda ink: contrast(fill, ink))


def variables(dark: bool) -> Iterator[str]:
    """Every colour as a variable of the style sheet."""
    families = DARK if dark else LIGHT
    for key, pair in BODY.items():
        yield f"--{key}:{pair[dark]}"
    for key, family in SIGNS.items():
        yield f"--{key}:{families[family].ink};--{key}-fill:{families[family].fill}"
    for place, family in enumerate(FAMILIES):
        fill = mixed(families[family].fill, families[family].ink, TINT)
        yield f"--f{place}:{fill};--on-f{place}:{read_on(fill)};--g{place}:{families[family].ink}"
    for key in SCALES:
        for step, (fill, ink) in enumerate(scale(key, dark)):
            yield f"--{key}{step}:{fill};--{key}{step}-ink:{ink}"


def rules() -> str:
    """The variables, for light surroundings and print, and for dark ones."""
    light, dark = (";".join(variables(dark)) for dark in (False, True))
    return (
        f":root{{color-scheme:light dark;{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    )
