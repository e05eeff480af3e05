"""The record of a quantised graph as files hold it: one array of bytes.

Every value of a nested record is an object of its own in an HDF5 tree, some hundred bytes for a number of eight, and
files say words twice: for a small network that was more than its integers save.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from talon.ir.values import MAX_DEPTH
from talon.storage.tagged import strict_json, strict_value

FORMAT = 2
UNIT = np.dtype("<f4")
MOST_BYTES = 1 << 26
LEAST_BYTES, RATIO = 1 << 21, 256
"""Of what is unpacked: what a damaged or hostile file may make of a few bytes, and of each byte more."""


def packed(said: Mapping[str, Any]) -> dict[str, Any]:
    """The plain record in format 2: a zlib stream of JSON on one line, and behind it the numbers of the units, of
    which the JSON says how many each layer has."""
    units = {name: np.asarray(unit, UNIT).reshape(-1) for name, unit in said["units"].items()}
    words = {**said, "units": {name: len(unit) for name, unit in units.items()}}
    line = json.dumps(words, allow_nan=False, separators=(",", ":"), default=dict)
    data = b"".join([line.encode(), b"\n", *(unit.tobytes() for unit in units.values())])
    return {"format": FORMAT, "record": np.frombuffer(zlib.compress(data, 9), np.uint8)}


def unpacked(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """The plain record, of this format or of format 1, which was the plain record itself but for the
    ledger.

    Raises one of `DAMAGED` or `TalonFormatError` where it is damaged.
    """
    if said["format"] == 1:
        origin = dict(said["origin"])
        if "ledger" in origin:
            origin["ledger"] = strict_value(inflated(origin["ledger"]), "the ledger", MAX_DEPTH)
        return {**said, "origin": origin}
    if said["format"] != FORMAT:
        raise ValueError(f"format {said['format']!r}, not 1 to {FORMAT}")
    line, _, rest = inflated(said["record"]).partition(b"\n")
    found = strict_json(line, "quantization_config")
    counts, units = found["units"], np.frombuffer(rest, UNIT)
    if any(type(n) is not int or n < 1 for n in counts.values()) or sum(counts.values()) != len(units):
        raise ValueError(f"{len(units)} numbers of units, not as many as the layers have")
    parts = np.split(units, np.cumsum([*counts.values()])[:-1]) if counts else []
    return {**found, "units": dict(zip(counts, parts, strict=True))}


def inflated(data: Any) -> bytes:
    """What a zlib stream, given as an array of bytes, holds. Raises one of `DAMAGED` where it is damaged."""
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8:
        raise TypeError("it is no array of bytes")
    inflate = zlib.decompressobj()
    most = min(MOST_BYTES, LEAST_BYTES + RATIO * len(data))
    found = inflate.decompress(data.tobytes(), most)
    if not inflate.eof or inflate.unused_data:
        raise ValueError(f"it is cut short, or longer than {most:,} bytes")
    return found


DAMAGED = (KeyError, TypeError, ValueError, OverflowError, AttributeError, zlib.error)
"""What reading a damaged record comes upon."""
