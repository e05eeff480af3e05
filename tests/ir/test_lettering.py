"""Text in drawings: what is cut to fit, and whether its colours can be read."""

from __future__ import annotations

import numpy as np

from talon.ir.drawing.lettering import ELLIPSIS, shorten, width, wrap
from talon.ir.drawing.palette import DARK, LIGHT


def test_shortened_text_fits_and_keeps_both_ends() -> None:
    assert shorten("conv1", 100, 11) == "conv1"
    short = shorten("encoder.block1.conv.weight", 100, 11)
    assert short.startswith("enc")
    assert short.endswith("ght")
    assert 80 < width(short, 11) <= 100
    assert wrap(["a", "b", "c"], 1000, 11, 2) == ["a, b, c"]
    assert wrap(["wide part"] * 9, 130, 11, 2)[-1].endswith(f", {ELLIPSIS}")
    assert all(width(row, 11) <= 130 for row in wrap(["wide part"] * 9, 130, 11, 2))


def test_widths_are_upper_bounds() -> None:
    """Advances of DejaVu Sans Bold, one of the widest faces, in hundredths of an em."""
    wide = {"W": 110, "m": 104, "M": 100, "w": 92, "O": 85, "+": 84, "B": 76, "g": 72, "0": 70, "t": 48, "i": 34}
    for letter, advance in wide.items():
        assert advance <= round(width(letter, 100, bold=True), 6) <= 1.4 * advance


def luminance(colour: str) -> float:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_colours_can_be_read() -> None:
    """Contrast of type names on their boxes as WCAG 2 measures it, for small text."""
    assert LIGHT.keys() == DARK.keys()
    for fill, ink in [*LIGHT.values(), *DARK.values()]:
        low, high = sorted((luminance(fill), luminance(ink)))
        assert (high + 0.05) / (low + 0.05) >= 4.5
