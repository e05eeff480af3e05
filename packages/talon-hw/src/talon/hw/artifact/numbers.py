"""Whole numbers at their packed width: the first one in the lowest bits of the first byte."""

from __future__ import annotations

import numpy as np

from talon.hw.integers.narrow import smallest

BLOCK = 1 << 16
"""Numbers that are packed at once, so that memory stays small; a multiple of 8."""


def pack(values: np.ndarray, bits: int) -> np.ndarray:
    """The numbers in `bits` bits each, two's complement, as bytes."""
    flat = values.reshape(-1).astype("<i8").view("<u8")
    parts = [np.zeros(0, np.uint8)]
    for at in range(0, len(flat), BLOCK):
        each = np.unpackbits(flat[at : at + BLOCK].view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
        parts.append(each[:, :bits].reshape(-1))
    return np.packbits(np.concatenate(parts), bitorder="little")


def packed_bytes(count: int, bits: int) -> int:
    return -(-count * bits // 8)


def unpack(data: np.ndarray, count: int, bits: int, signed: bool) -> np.ndarray:
    """`count` numbers of `bits` bits from bytes, in the smallest type that holds them."""
    found = np.empty(count, smallest(bits, signed))
    for at in range(0, count, BLOCK):
        here = min(BLOCK, count - at)
        first = at * bits // 8
        some = np.unpackbits(data[first : first + packed_bytes(here, bits)], bitorder="little")
        each = np.zeros((here, 64), np.uint8)
        each[:, :bits] = some[: here * bits].reshape(here, bits)
        if signed:
            each[:, bits:] = each[:, bits - 1 : bits]
        found[at : at + here] = np.packbits(each, axis=1, bitorder="little").view("<i8")[:, 0]
    return found
