"""Scales: what 1 stands for in the integers of each output channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from talon.hw.quantising.rows import Rows

METHODS = ("max", "percentile", "mse")
PERCENTILE = 99.9
"""Of the weights of a channel, how many are not cut where nobody says."""
FRACTIONS = {"float": np.linspace(0.3, 1.0, 29), "pow2": np.array([0.25, 0.5, 1.0])}
"""Of the scale that cuts no weight: what `mse` tries, by the rule of the scales."""


def largest(weights: Rows, most: int, percentile: float, rule: str) -> np.ndarray:
    """So that no weight is cut: the largest one becomes the largest integer."""
    return of_the_rule(weights.largest() / most, rule)


def quantile(weights: Rows, most: int, percentile: float, rule: str) -> np.ndarray:
    """So that this percentage of the weights is not cut."""
    return of_the_rule(weights.percentile(percentile) / most, rule)


def least_squares(weights: Rows, most: int, percentile: float, rule: str) -> np.ndarray:
    """With the least mean squared error, of `FRACTIONS`; of equal ones the largest."""
    top = largest(weights, most, percentile, rule)
    best, error = top, np.full(len(top), np.inf)
    for fraction in FRACTIONS[rule][::-1]:
        scale = np.where(top > 0, top * fraction, 1.0)
        found = weights.error(scale, most)
        best, error = np.where(found < error, scale, best), np.minimum(found, error)
    return np.where(top > 0, best, 0.0)


CHOICES: Mapping[str, Callable[[Rows, int, float, str], np.ndarray]] = {
    "max": largest,
    "percentile": quantile,
    "mse": least_squares,
}
"""Scales per output channel by method; a channel without weights gets 0."""


def of_the_rule(scale: np.ndarray, rule: str) -> np.ndarray:
    """Scales that the target can have, none smaller: powers of two, or any number. 0 stays 0."""
    if rule == "pow2":
        return np.where(scale > 0, np.exp2(np.ceil(np.log2(np.where(scale > 0, scale, 1.0)))), 0.0)
    return np.asarray(scale, np.float64)


def rounded(values: np.ndarray, scale: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    """The nearest integers, halves to even, and how many had to be cut to `most`."""
    found = np.rint(values.astype(np.float64) / scale.astype(np.float64))
    cut = int((np.abs(found) > most).sum())
    return np.clip(found, -most, most).astype(np.int64), cut


def narrow(integers: Any, bits: int) -> Any:
    """An array or a sparse matrix in the smallest type that files have for this width."""
    return integers.astype(np.int8 if bits <= 8 else np.int16 if bits <= 16 else np.int32)
