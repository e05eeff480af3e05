"""Nodes of one kind: the first are written object by object, the others copied from a pattern in memory.

For HDF5, copying a whole group takes as long as making two of the objects in it, and a large network has many groups that
differ in nothing but their values.
"""

# pyright: reportAttributeAccessIssue=false
# (h5py ships no types for its low-level modules.)

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5o, h5s

from talon.ir.document import NodeRecord
from talon.storage.tagged import tagged

ENOUGH = 8
"""So many of a kind are written without a pattern, which takes as long to make as two of them."""

Different = dict[str, Any]


class Pattern:
    """The group of a node in memory. `different`: what of its attributes the tree does not say exactly."""

    def __init__(self, group: Any, record: NodeRecord, different: Different) -> None:
        self.group, self.different = group, different
        self.values = [Value(h5d.open(group, name.encode()), ref.dtype) for name, ref in record.arrays.items()]

    def put(self, record: NodeRecord, parent: Any, name: str) -> Different:
        """Write a record of the kind as a group."""
        for value, ref in zip(self.values, record.arrays.values(), strict=True):
            value.set(ref.load())
        h5o.copy(self.group, b".", parent, name.encode())
        return self.different


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
    """The patterns of a file. `open`: makes a file in memory; `write`: writes a record into a group; `most`: how many
    bytes an array may have that is copied with the group."""

    def __init__(self, open: Callable[[], Any], write: Callable[[Any, NodeRecord], Different], most: int) -> None:
        self.open, self.write, self.most = open, write, most
        self.met: dict[Hashable, int] = {}
        self.made: dict[Hashable, Pattern] = {}
        self.file: Any = None

    def of(self, record: NodeRecord) -> Pattern | None:
        """The pattern of a record's kind, if there were enough of it."""
        if record.published:
            return None
        kind = kind_of(record)
        made = self.made.get(kind)
        if made is None:
            met = self.met[kind] = self.met.get(kind, 0) + 1
            if met > ENOUGH and all(ref.nbytes <= self.most for ref in record.arrays.values()):
                made = self.made[kind] = self.make(record)
        return made

    def make(self, record: NodeRecord) -> Pattern:
        if self.file is None:
            self.file = h5py.File(self.open())
        group = h5g.create(self.file.id, f"{len(self.made)}".encode())
        return Pattern(group, record, self.write(group, record))

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


def kind_of(record: NodeRecord) -> Hashable:
    """All that the group of a node depends on but the values of its arrays."""
    arrays = tuple([(name, ref.dtype, ref.shape) for name, ref in record.arrays.items()])
    return record.type, arrays, record.free, json.dumps(tagged(record.attrs)) if record.attrs else ""
