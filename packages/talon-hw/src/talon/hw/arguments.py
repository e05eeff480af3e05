"""Arguments of the wrong kind, refused where they are given."""

from __future__ import annotations

from typing import Any

from talon.ir.errors import TalonTypeError
from talon.ir.graph import Graph


def expect(value: Any, kind: type | tuple[type, ...], what: str, expected: str, help: str = "") -> None:
    """Raise `TalonTypeError` (T206) for a value of another kind. `what`: a sentence that says what it should be."""
    if not isinstance(value, kind):
        raise TalonTypeError("T206", what, expected=expected, found=type(value).__name__, help=help)


def expect_graph(graph: Any, who: str) -> None:
    expect(graph, Graph, f"{who} takes a graph", "ir.Graph")
