"""Numbers as people read them."""

from __future__ import annotations

UNKNOWN = "unknown"
ENERGIES = ((1e12, "J"), (1e9, "mJ"), (1e6, "\N{MICRO SIGN}J"), (1e3, "nJ"), (1.0, "pJ"))
LEVELS = 10
"""Steps of a scale of colours above zero."""


def energy(picojoules: float | None) -> str:
    """With three digits and the unit that fits."""
    if picojoules is None:
        return UNKNOWN
    picojoules = float(f"{picojoules:.3g}")
    size, unit = next((pair for pair in ENERGIES if picojoules >= pair[0]), ENERGIES[-1])
    return f"{picojoules / size:.3g} {unit}"


def percent(share: float | None) -> str:
    """Without digits behind the point; what is little is not nothing, and what is nearly full not full."""
    if share is None:
        return UNKNOWN
    if 0 < share < 0.01:
        return "<1%"
    return "99%" if 0.99 < share < 1 else f"{share:.0%}"


def rate(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4f}"


def count(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def level(share: float | None) -> str:
    """The step of the scale: `0` for nothing, `1` to `10`, `o` for too much, `u` for unknown.

    Something in use always shows, and only what is full looks full.
    """
    if share is None:
        return "u"
    if share > 1:
        return "o"
    return str(min(max(int(share * LEVELS), 1), LEVELS)) if share > 0 else "0"
