"""Colours of drawings, for light and dark surroundings."""

from __future__ import annotations

from typing import NamedTuple


class Colours(NamedTuple):
    """Fill of a box, and the ink of its border and type name; contrast of the ink on the fill is 4.5 or more."""

    fill: str
    ink: str


LIGHT = {
    "boundary": Colours("#eef1f5", "#51606f"),
    "weights": Colours("#e9f1fd", "#1f5fc0"),
    "neuron": Colours("#fdefe6", "#b3470f"),
    "scale": Colours("#e4f5ef", "#14714f"),
    "function": Colours("#f2eefc", "#6a48c0"),
    "join": Colours("#f8f3da", "#7a650c"),
    "graph": Colours("#fcebf4", "#ad2f70"),
    "opaque": Colours("#f6f6f6", "#6b6b6b"),
    "folded": Colours("#f3f4f6", "#5b6573"),
}
DARK = {
    "boundary": Colours("#262d37", "#a9b6c6"),
    "weights": Colours("#17294a", "#86b6ff"),
    "neuron": Colours("#43230f", "#ffab79"),
    "scale": Colours("#103528", "#6fd9b3"),
    "function": Colours("#2b2348", "#c0abff"),
    "join": Colours("#39320e", "#e2cb63"),
    "graph": Colours("#431b33", "#f59ac8"),
    "opaque": Colours("#2b2b2b", "#b5b5b5"),
    "folded": Colours("#282c33", "#aab4c2"),
}
NAME_INK, TEXT_INK = ("#17202b", "#eef2f7"), ("#475463", "#b6c1cf")
WIRE, LATE = ("#73808e", "#8c99a7"), ("#b8501a", "#ee9458")
CHIP_FILL = "#ffffff", "#20262e"


def dark_rules() -> str:
    """Style rules for dark surroundings. Where they are not known, the light colours of the attributes stay."""
    rules = {
        ".name": f"fill:{NAME_INK[1]}",
        ".text,.port": f"fill:{TEXT_INK[1]}",
        ".wires": f"stroke:{WIRE[1]}",
        ".heads,.count": f"fill:{WIRE[1]}",
        ".late": f"stroke:{LATE[1]}",
        ".late-heads,.delay": f"fill:{LATE[1]}",
        ".chip": f"fill:{CHIP_FILL[1]}",
    }
    for family, (fill, ink) in DARK.items():
        rules |= {f".{family}": f"fill:{fill};stroke:{ink}", f".{family} .ink": f"fill:{ink}"}
    scope = ".talon-drawing"
    scoped = "".join(
        f"{','.join(f'{scope} {part}' for part in names.split(','))}{{{rule}}}" for names, rule in rules.items()
    )
    return f"{scope}{{color-scheme:light dark}}@media(prefers-color-scheme:dark){{{scoped}}}"
