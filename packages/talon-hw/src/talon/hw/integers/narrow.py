"""How wide whole numbers are, and the smallest types that hold them."""

from __future__ import annotations

from typing import Any

import numpy as np

KINDS = (("int8", 8), ("int16", 16), ("int32", 32), ("int64", 64))


def width(values: np.ndarray) -> tuple[int, bool]:
    """Bits that hold every number of an array, and whether there is a sign among them."""
    least, most = int(values.min(initial=0)), int(values.max(initial=0))
    signed = least < 0
    return max(most.bit_length(), (-least - 1).bit_length() if signed else 0, 1) + signed, signed


def smallest(bits: int, signed: bool) -> np.dtype[Any]:
    """The first signed type that holds numbers of so many bits."""
    needed = bits if signed else bits + 1
    return np.dtype(next((kind for kind, most in KINDS if needed <= most), "int64"))


def narrow(values: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest type that holds them; others as they are."""
    kind = smallest(*width(values)) if values.dtype.kind in "iu" else values.dtype
    return np.ascontiguousarray(values.astype(kind))
