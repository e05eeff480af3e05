"""The weights of a layer by output, as scales are chosen for them: arrays, and sparse matrices of which only what is
there is looked at. Both give the same, to the bit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from talon.ir.csr import CSR


class Rows(ABC):
    """One number for every output, in float64."""

    @abstractmethod
    def largest(self) -> np.ndarray:
        """The largest size of a weight."""

    @abstractmethod
    def percentile(self, percentile: float) -> np.ndarray:
        """The size that so many weights in a hundred do not exceed; between two it is interpolated."""

    @abstractmethod
    def error(self, scale: np.ndarray, most: int) -> np.ndarray:
        """The sum of the squares by which the weights become others, with scales per output and integers up to `most`.
        Squares are added one after the other, so that zeros that are not there change nothing."""


@dataclass(frozen=True)
class Whole(Rows):
    """`values (out, n)`: every weight."""

    values: np.ndarray

    def largest(self) -> np.ndarray:
        return np.asarray(np.abs(self.values).max(axis=1))

    def percentile(self, percentile: float) -> np.ndarray:
        return np.asarray(np.percentile(np.abs(self.values), percentile, axis=1))

    def error(self, scale: np.ndarray, most: int) -> np.ndarray:
        return np.asarray(np.cumsum(squares(self.values, scale[:, None], most), axis=1)[:, -1])


@dataclass(frozen=True)
class Sparse(Rows):
    """`values`: of the elements of `matrix`; all others are 0."""

    matrix: CSR
    values: np.ndarray

    def largest(self) -> np.ndarray:
        found = np.zeros(self.matrix.shape[0])
        np.maximum.at(found, self.matrix.rows, np.abs(self.values))
        return found

    def percentile(self, percentile: float) -> np.ndarray:
        sizes, last = np.abs(self.values), self.matrix.shape[1] - 1
        ascending = sizes[np.lexsort((sizes, self.matrix.rows))]
        place = percentile / 100 * last
        low = min(int(place), last)
        part = place - low
        below, above = self.ranked(ascending, low), self.ranked(ascending, min(low + 1, last))
        # As numpy goes between two numbers, from the nearer one.
        between = above - below
        return np.asarray(above - between * (1 - part) if part >= 0.5 else below + between * part)

    def ranked(self, ascending: np.ndarray, place: int) -> np.ndarray:
        """Of every row the size at a place, the zeros before all others."""
        ends, columns = self.matrix.indptr[1:], self.matrix.shape[1]
        behind = columns - place
        there = behind <= np.diff(self.matrix.indptr)
        found = np.zeros(len(ends))
        found[there] = ascending[ends[there] - behind]
        return found

    def error(self, scale: np.ndarray, most: int) -> np.ndarray:
        rows = self.matrix.rows
        found = np.bincount(rows, squares(self.values, scale[rows], most), self.matrix.shape[0])
        return found.astype(np.float64)  # of no elements it has whole numbers


def squares(values: np.ndarray, scale: np.ndarray, most: int) -> np.ndarray:
    back = np.clip(np.rint(values / scale), -most, most) * scale
    return np.asarray((back - values) ** 2)


def rows_of(node: Any, units: np.ndarray) -> Rows:
    """The weights of a layer, over all steps, with the units of its inputs in them. `units`: by input channel."""
    weight = node.weight
    if isinstance(weight, CSR):
        return Sparse(weight, weight.data.astype(np.float64) * units[weight.indices])
    stepped = weight.astype(np.float64) if node.per_step("weight") else weight.astype(np.float64)[None]
    if "in" in node.dims:
        stepped = stepped * units
    else:
        # Channels of the input, as the groups read them.
        each = units.reshape(node.group_count, -1)
        per_out = np.repeat(each, stepped.shape[1] // node.group_count, axis=0)
        stepped = stepped * per_out.reshape(1, *per_out.shape, *(1,) * (stepped.ndim - 3))
    return Whole(np.moveaxis(stepped, 1, 0).reshape(stepped.shape[1], -1))
