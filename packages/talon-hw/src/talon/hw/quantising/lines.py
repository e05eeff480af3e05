"""The ledger in a quantised graph: JSON, deflated, since files hold words twice and networks have many lines."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
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
    lines = [{key: value for key, value in line.as_dict().items() if value is not None} for line in ledger]
    return np.frombuffer(zlib.compress(json.dumps(lines, separators=(",", ":")).encode(), 9), np.uint8)


def quantization_ledger(graph: Graph) -> tuple[Mapping[str, Any], ...]:
    """Every rewrite that made a quantised graph from its float one: `pass`, `node`, `field`, `before`, `after`, `exact`
    and, where it is not exact, `why`.

    Raises `TalonRunError` (T508) where the graph holds no integers, `TalonFormatError` (T303) where the ledger is
    damaged.
    """
    said = QuantRecord.of(graph).origin
    try:
        inflate = zlib.decompressobj()
        data = inflate.decompress(np.asarray(said["ledger"], np.uint8).tobytes(), MOST_BYTES)
        if not inflate.eof:
            raise ValueError(f"it is cut short, or longer than {MOST_BYTES:,} bytes")
        lines = json.loads(data)
        if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
            raise ValueError("it is no list of lines")
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise TalonFormatError(
            "T303",
            "the ledger of the quantisation is damaged",
            expected="what hw.quantize writes",
            found=f"{type(error).__name__}: {error}",
            help="quantise the network again",
        ) from error
    return tuple(lines)
