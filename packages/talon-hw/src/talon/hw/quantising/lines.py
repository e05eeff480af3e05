"""The ledger in a quantised graph: JSON, deflated, since files hold words twice and networks have many lines."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from talon.hw.integers.record import QuantRecord
from talon.hw.ledger import Rewrite
from talon.ir.errors import TalonFormatError
from talon.ir.graph import Graph

MOST_BYTES = 1 << 26
"""Of a ledger: what a damaged or hostile file may make of a few bytes."""


def packed(ledger: Iterable[Rewrite]) -> np.ndarray:
    """Every line, without what it does not say, as bytes."""
    return np.frombuffer(
        deflated([{key: value for key, value in line.as_dict().items() if value is not None} for line in ledger]),
        np.uint8,
    )


def deflated(lines: Iterable[Mapping[str, Any]]) -> bytes:
    return zlib.compress(json.dumps(list(lines), separators=(",", ":")).encode(), 9)


def inflated(data: np.ndarray, damaged: Callable[[str, str, str], Exception]) -> tuple[Mapping[str, Any], ...]:
    """The lines of a ledger. `damaged(what, expected, found)` makes the error where there are none."""
    try:
        inflate = zlib.decompressobj()
        text = inflate.decompress(np.asarray(data, np.uint8).tobytes(), MOST_BYTES)
        if not inflate.eof:
            raise ValueError(f"it is cut short, or longer than {MOST_BYTES:,} bytes")
        lines = json.loads(text)
        if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
            raise ValueError("it is no list of lines")
    except (TypeError, ValueError, RecursionError, zlib.error) as error:
        what = "the ledger of the quantisation is damaged"
        raise damaged(what, "what hw.quantize writes", f"{type(error).__name__}: {error}") from error
    return tuple(lines)


def quantization_ledger(graph: Graph) -> tuple[Mapping[str, Any], ...]:
    """Every rewrite that made a quantised graph from its float one: `pass`, `node`, `field`, `before`, `after`, `exact`
    and, where it is not exact, `why`.

    Raises `TalonRunError` (T508) where the graph holds no integers, `TalonFormatError` (T303) where the ledger is
    damaged.
    """
    return inflated(QuantRecord.of(graph).origin.get("ledger", np.zeros(0, np.uint8)), unreadable)


def unreadable(what: str, expected: str, found: str) -> TalonFormatError:
    return TalonFormatError("T303", what, expected=expected, found=found, help="quantise the network again")
