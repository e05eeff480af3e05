"""What counts as another value: a single bit, or more than a tolerance."""

from __future__ import annotations

import numpy as np


def unequal(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Where two arrays of one dtype and shape differ in a bit; every NaN is like every other."""
    if expected.dtype.kind != "f":
        return np.asarray(found != expected)
    kind = np.dtype(f"u{expected.dtype.itemsize}")
    other = np.ascontiguousarray(found).view(kind) != np.ascontiguousarray(expected).view(kind)
    return np.asarray(other.reshape(expected.shape) & ~(np.isnan(found) & np.isnan(expected)))


def apart(a: np.ndarray, b: np.ndarray, tolerance: float = 0.0) -> np.ndarray:
    """Where two arrays of one shape differ by more than a tolerance, or, where it is 0, in a bit."""
    kind = np.result_type(a, b)
    a, b = a.astype(kind, copy=False), b.astype(kind, copy=False)
    wrong = unequal(a, b)
    if tolerance and wrong.any():
        # Not the other way round, or a NaN beside a number would be near it.
        wrong &= ~(distance(a, b) <= tolerance)
    return wrong


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far apart values are, in float64; equal infinities are at 0, and a NaN is infinitely far from any number."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.where(x == y, 0.0, np.abs(x - y))
    return np.where(np.isnan(found), np.where(np.isnan(x) & np.isnan(y), 0.0, np.inf), found)
