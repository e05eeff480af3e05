"""Drawings of graphs: `svg(graph)` is one SVG, `html(graph)` a summary with it for notebooks and pages.

Plain Python and numpy; equal graphs give equal bytes. A graph need not check to be drawn: what is not known of a shape
is drawn as `?`.
"""

from __future__ import annotations

from talon.ir.drawing.html import html, page
from talon.ir.drawing.svg import Drawing, draw, svg

__all__ = ["Drawing", "draw", "html", "page", "svg"]
