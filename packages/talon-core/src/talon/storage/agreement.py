"""Whether a file that says its graph twice says the same: `talon check --deep`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.document import Document, NodeRecord
from talon.ir.errors import Diagnostic, Findings, TalonError, TalonFormatError
from talon.ir.values import as_scalar, brief, same_value
from talon.storage.backend import Compares, for_reading
from talon.storage.files import existing
from talon.storage.hdf5.values import Absent, from_tree, tree_form

MOST = 20
"""Differences that are told; a file with so many is not read any better with more."""


@dataclass(frozen=True)
class Agreement(Findings):
    """What differs between the two. `twice` is False where the file says its graph only once."""

    diagnostics: tuple[Diagnostic, ...]
    twice: bool

    raises: ClassVar[type[TalonError]] = TalonFormatError


def compared(path: str | os.PathLike[str], *, trusted: bool = False) -> Agreement:
    """Compare the tree of a file, which other HDF5 tools see, with the index that talon reads, value for value.

    Every array is read from both. Raises as `read` does where either, or a graph that stands there once, cannot be
    read; `trusted` as there.
    """
    source = existing(path)
    try:
        backend = for_reading(source, trusted)
        both = backend.both(source) if isinstance(backend, Compares) else None
        if both is None:
            backend.read(source, True, None)
            return Agreement((), False)
        found = tuple(islice(differences(*both), MOST))
    except TalonError as error:
        raise error.at(file=str(source)) from error.__cause__
    return Agreement(tuple(replace(diagnostic, file=str(source)) for diagnostic in found), True)


def differences(tree: Document, index: Document) -> Iterator[Diagnostic]:
    """Each thing that a tree and an index say differently."""
    for what, a, b in (("format", tree.format, index.format), ("writer", tree.writer, index.writer)):
        if a != b:
            yield differs(f"the {what}", a, b)
    paths = [record.path for record in tree.nodes], [record.path for record in index.nodes]
    if paths[0] != paths[1]:
        yield differs("the nodes or their order", *first_difference(*paths))
    if tree.edges != index.edges:
        edges = [list(map(tuple, document.edges)) for document in (tree, index)]
        yield differs("the edges or their order", *first_difference(*edges))
    others = {record.path: record for record in index.nodes}
    for record in tree.nodes:
        other = others.get(record.path)
        if other is None:
            continue
        if record.type != other.type:
            yield differs("the type", record.type, other.type, record.path)
        elif (said := provided(record)) != (theirs := provided(other)):
            yield differs("the provider of the type", said, theirs, record.path)
        yield from field_differences(record, other)


def provided(record: NodeRecord) -> tuple[str, str, int]:
    return record.provider, record.version, record.schema


def field_differences(tree: NodeRecord, index: NodeRecord) -> Iterator[Diagnostic]:
    mine: Mapping[str, Any] = {**tree.attrs, **tree.arrays}
    theirs: Mapping[str, Any] = {**index.attrs, **index.arrays}
    for name in dict.fromkeys([*mine, *theirs]):
        a, b = (values.get(name) for values in (mine, theirs))
        a, b = (value.load() if isinstance(value, ArrayRef) else value for value in (a, b))
        if not agree(a, b):
            yield differs(f"the field {name!r}", shown(a), shown(b), tree.path)


def agree(tree: Any, index: Any) -> bool:
    """Whether a tree's value is what a writer makes of the index's. A tree has one form for several types: an array
    and a tuple of numbers, a number and an array without axes; None is absent."""
    if same_value(tree, index):
        return True
    if isinstance(index, np.ndarray) and same_value(tree, as_scalar(index)):
        return True
    form = tree_form(index)
    return not isinstance(form, Absent) and same_value(tree, from_tree(form))


def first_difference(a: list[Any], b: list[Any]) -> tuple[object, object]:
    """The first items that differ, or the lengths."""
    return next(((x, y) for x, y in zip(a, b, strict=False) if x != y), (f"{len(a)} in all", f"{len(b)} in all"))


def shown(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"{value.dtype} {value.shape} with other values"
    return brief(value)


def differs(what: str, tree: object, index: object, node: str | None = None) -> Diagnostic:
    return Diagnostic(
        "T310",
        f"tree and index of the file differ in {what}",
        node=node or None,
        expected=f"in the tree {tree!s:.200}",
        found=f"in the index {index!s:.200}",
        help="do not use the file: other HDF5 tools see another graph in it than talon does",
    )
