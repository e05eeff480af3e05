"""Scales of colours and bars, as they stand in tables and legends."""

from __future__ import annotations

from talon.hw.reporting.amounts import LEVELS, level, percent
from talon.hw.reporting.markup import Html, element, join, text

KINDS = {"10": "full", "o": "over", "u": "unsaid"}
"""Bars that do not look like others, by their level."""


def ramp(scale: str, low: str, high: str) -> Html:
    """A scale of colours with its ends."""
    boxes = join(Html(f'<i class="{scale}{step}"></i>') for step in range(LEVELS + 1))
    return element("span", text(low), element("span", boxes, class_="ramp", aria_hidden="true"), text(high))


def bar(share: float | None, over: str = "") -> Html:
    """A cell with a bar as long as the share, and the number; `over` is what stands in its tooltip."""
    if share is None:
        return element("td", text("unknown"), class_="num unknown", title=over or None)
    # Something in use always shows.
    length = min(max(round(share * 100), 1 if share else 0), 100)
    inside = element(
        "span",
        element("i", class_=f"w{length} {KINDS.get(level(share), '')}".rstrip()),
        class_="bar",
        aria_hidden="true",
    )
    return element(
        "td", inside, element("span", text(percent(share))), class_="num", title=over or None, data_v=f"{share:.6g}"
    )
