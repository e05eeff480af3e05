"""Nodes of one kind: the first are written object by object, the others copied from a pattern in memory.

For HDF5, copying a whole group takes as long as making two of the objects in it, and a large network has many groups
that differ in nothing but their values.
"""

# pyright: reportAttributeAccessIssue=false
# (h5py ships no types for its low-level modules.)

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5o, h5s

from talon.ir.document import NodeRecord
from talon.storage.tagged import tagged

ENOUGH = 8
"""So many of a kind are written without a pattern, which takes as long to make as two of them."""
MOST_KINDS = 4096
"""So many kinds are remembered: a network of more has few nodes of each."""

Different = dict[str, Any]


class Pattern:
    """The group of a node in memory. `different`: what of its attributes the tree does not say exactly."""

    def __init__(self, group: Any, record: NodeRecord, different: Different) -> None:
        self.group, self.different = group, different
        self.values = [Value(h5d.open(group, name.encode()), in_tree(record, name).dtype) for name in record.arrays]

    def put(self, record: NodeRecord, parent: Any, name: str) -> Different:
        """Write a record of the kind as a group."""
        different = self.different
        for value, (field, ref) in zip(self.values, record.arrays.items(), strict=True):
            array = ref.load()
            if field in record.published:
                different = {**different, field: tagged(array)}
                array = record.published[field]
            value.set(array)
        h5o.copy(self.group, b".", parent, name.encode())
        return different


class Value:
    """A small array of a pattern, which stays open."""

    def __init__(self, dataset: Any, dtype: np.dtype[Any]) -> None:
        self.dataset, self.kind, self.dtype = dataset, dataset.get_type(), dtype.newbyteorder("<")
        self.content = b""

    def set(self, array: np.ndarray) -> None:
        data = np.asarray(array, self.dtype, order="C")
        content = data.tobytes()
        if content != self.content:
            self.dataset.write(h5s.ALL, h5s.ALL, data, self.kind)
            self.content = content


class Patterns:
    """The patterns of a file. `open`: makes a file in memory; `group`: makes a group; `write`: writes a record into it;
    `most`: how many bytes an array, or all else together, may have to be copied with the group."""

    def __init__(
        self,
        open: Callable[[], Any],
        group: Callable[[Any, str], Any],
        write: Callable[[Any, NodeRecord], Different],
        most: int,
    ) -> None:
        self.open, self.group, self.write, self.most = open, group, write, most
        self.met: dict[Hashable, int] = {}
        self.made: dict[Hashable, Pattern] = {}
        self.file: Any = None

    def of(self, record: NodeRecord) -> Pattern | None:
        """The pattern of a record's kind, if there were enough of it."""
        said = others(record)
        if len(said) > self.most:
            return None
        arrays = tuple([(name, (form := in_tree(record, name)).dtype, form.shape) for name in record.arrays])
        kind = (record.type, arrays, tuple(record.published), record.free, said)
        made = self.made.get(kind)
        if made is None and (kind in self.met or len(self.met) < MOST_KINDS):
            met = self.met[kind] = self.met.get(kind, 0) + 1
            if met > ENOUGH and all(in_tree(record, name).nbytes <= self.most for name in record.arrays):
                made = self.made[kind] = self.make(record)
        return made

    def make(self, record: NodeRecord) -> Pattern:
        if self.file is None:
            self.file = h5py.File(self.open())
        group = self.group(self.file.id, f"{len(self.made)}")
        return Pattern(group, record, self.write(group, record))

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


def in_tree(record: NodeRecord, name: str) -> Any:
    """An array of a record, or what stands in its place in the tree."""
    return record.published[name] if name in record.published else record.arrays[name]


def others(record: NodeRecord) -> str:
    """All that stands in the tree beside arrays of the record, the same only where it is the same to the bit."""
    published = {name: value for name, value in record.published.items() if name not in record.arrays}
    return json.dumps([tagged(record.attrs), tagged(published)]) if record.attrs or published else ""
