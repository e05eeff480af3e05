"""The ledger in a quantised graph, lines in its record; and in artifacts: JSON, deflated, since networks have many."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from talon.hw.integers import packed
from talon.hw.integers.record import QuantRecord
from talon.hw.ledger import Rewrite
from talon.ir.errors import TalonFormatError
from talon.ir.graph import Graph

SHORTEST = 16
"""Bytes of a line or list, on average: many empty ones would be large in memory."""


def lines(ledger: Iterable[Rewrite]) -> list[dict[str, Any]]:
    """Every line, without what it does not say."""
    return [{key: value for key, value in line.as_dict().items() if value is not None} for line in ledger]


def deflated(found: Iterable[Mapping[str, Any]]) -> bytes:
    return zlib.compress(json.dumps(list(found), separators=(",", ":")).encode(), 9)


def inflated(data: np.ndarray, damaged: Callable[[str, str, str], Exception]) -> tuple[Mapping[str, Any], ...]:
    """The lines of a ledger. `damaged(what, expected, found)` makes the error where there are none."""
    try:
        text = packed.inflated(data)
        if SHORTEST * (text.count(b"{") + text.count(b"[")) > packed.LEAST_BYTES // 8 + len(text):
            raise ValueError("it has more lines than words")
        return lines_of(json.loads(text))
    except (*packed.DAMAGED, RecursionError) as error:
        raise damaged(*broken(error)) from error


def lines_of(found: Any) -> tuple[Mapping[str, Any], ...]:
    """What should be a ledger. Raises `ValueError` where it is none."""
    if not isinstance(found, list) or not all(isinstance(line, dict) for line in found):
        raise ValueError("it is no list of lines")
    return tuple(found)


def broken(error: Exception) -> tuple[str, str, str]:
    what = "the ledger of the quantisation is damaged"
    return what, "what hw.quantize writes", f"{type(error).__name__}: {error}"


def quantization_ledger(graph: Graph) -> tuple[Mapping[str, Any], ...]:
    """Every rewrite that made a quantised graph from its float one: `pass`, `node`, `field`, `before`, `after`, `exact`
    and, where it is not exact, `why`.

    Raises `TalonRunError` (T508) where the graph holds no integers, `TalonFormatError` (T303) where the ledger is
    damaged.
    """
    found = QuantRecord.of(graph).origin.get("ledger")
    try:
        return lines_of(found)
    except ValueError as error:
        what, expected, said = broken(error)
        help = "quantise the network again"
        raise TalonFormatError("T303", what, expected=expected, found=said, help=help) from error
