"""What several samples gave: their outputs, and their counts summed over steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from talon.hw.evaluating.runners import Ran

BINARY = "binary_input"
CHIP = ""
"""Stands for a path where something is counted of the chip as a whole: what chips price, packets and hops too."""

Name = tuple[str, str, int]
"""Node path, quantity, and how many rows it has: 2 where steps whose inputs were 0 and 1 are counted by themselves."""


@dataclass(frozen=True)
class Block:
    """`outputs`: by Output name `(n, *shape)` summed over steps, or `(n, T, *shape)`. `counts`: int64, the rows of
    `names` one under the other, a column for each sample. `indexes`: of the samples."""

    indexes: tuple[int, ...]
    outputs: Mapping[str, np.ndarray]
    names: tuple[Name, ...]
    counts: np.ndarray

    def rows(self, chosen: list[int]) -> Block:
        """Some of the samples."""
        return Block(
            tuple(self.indexes[i] for i in chosen),
            {name: array[chosen] for name, array in self.outputs.items()},
            self.names,
            self.counts[:, chosen],
        )

    def totals(self) -> Iterator[tuple[str, str, np.ndarray]]:
        """Path, quantity and its rows, summed over the samples."""
        sums, at = self.counts.sum(axis=1), 0
        for path, quantity, rows in self.names:
            yield path, quantity, sums[at : at + rows]
            at += rows


def block(indexes: tuple[int, ...], ran: Ran, whole: bool) -> Block:
    """The block of a run of these samples. Nothing in it depends on which samples ran together."""
    names: list[Name] = []
    rows: list[np.ndarray] = []
    for path, found in [*ran.counts.items(), (CHIP, getattr(ran, "events", {}))]:
        binary = found.get(BINARY)
        for quantity, values in found.items():
            if quantity == BINARY:
                continue
            parts = [values] if binary is None else [np.where(binary, values, 0), np.where(binary, 0, values)]
            names.append((path, quantity, len(parts)))
            rows += [part.sum(axis=0, dtype=np.int64) for part in parts]
    counts = np.stack(rows) if rows else np.zeros((0, len(indexes)), np.int64)
    outputs = {name: by_sample(array) if whole else summed(array) for name, array in ran.outputs.items()}
    wrong = {array.shape for array in outputs.values() if len(array) != len(indexes)}
    if wrong or counts.shape[1] != len(indexes):
        raise ValueError(f"{len(indexes)} samples ran, but outputs or counts are of another number")
    return Block(indexes, outputs, tuple(names), counts)


def by_sample(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(array, 1, 0))


def summed(array: np.ndarray) -> np.ndarray:
    """Over steps, one after the other: numpy's own order of a sum depends on how many samples there are."""
    total = np.zeros(array.shape[1:], np.float64)
    for step in array:
        total += step
    return total
