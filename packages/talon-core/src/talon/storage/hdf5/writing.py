"""Document -> HDF5 tree: the published layout, plus the group `/talon` with what that layout cannot say.

Superblock v2, no chunks, no filters, no variable-length types, no times: the same document gives the same bytes. Up to
1 KiB compact; larger arrays contiguous and 64-byte aligned.
"""

# pyright: reportAttributeAccessIssue=false
# (h5py ships no types for its low-level modules.)

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5f, h5g, h5p, h5s, h5t

from talon.ir.document import PUBLISHED, Document, EdgeRecord, NodeRecord
from talon.ir.errors import TalonError, TalonFileError
from talon.ir.grouped import BETWEEN
from talon.ir.quantized import RECORD, TYPE
from talon.ir.values import same_value
from talon.storage.backend import Progress
from talon.storage.draining import Draining
from talon.storage.hdf5.failing import Room, give_back, let_close, reason
from talon.storage.hdf5.naming import refuse_names
from talon.storage.hdf5.patterns import Patterns
from talon.storage.hdf5.values import ABSENT, Absent, from_tree, tree_form
from talon.storage.index.building import Placed
from talon.storage.tagged import tagged

COMPACT = 1024
ALIGNMENT = 64
LARGE = 1 << 20
"""The checksums of larger arrays are made by another thread, while HDF5 writes them."""
SHORT = 64
"""Texts of up to this many bytes are made ready once, however often they are written: names of types, above all."""
OURS_ALONE = {"dt": "dt", "input_type": "types", "output_type": "types", "execution_schedule": "execution_schedule"}
"""Attributes that the published layout has no place for, and the dataset of `/talon` that holds each."""
DATASETS = tuple(dict.fromkeys([*OURS_ALONE.values(), "exact"]))
"""The datasets of `/talon` that hold attributes: strict JSON, node path -> attribute -> value in tagged form."""


def write_tree(document: Document, path: Path, progress: Progress | None) -> dict[tuple[int, str], Placed]:
    """Write a new file at `path`; tells where the large arrays of records stand in it."""
    try:
        placed = _Tree(path).write(document, progress)
        give_back(path)
        return placed
    except TalonError:
        raise  # of an array that could not be loaded
    except (OSError, RuntimeError, ValueError) as error:
        raise TalonFileError(
            "T301",
            "HDF5 could not write the file",
            found=reason(error),
            help="check the space on the disk and the folder's permissions; a file that was there is unchanged",
        ) from error


def created(name: bytes, *, memory: bool = False) -> Any:
    """A new file of HDF5's, or one that is never anywhere but in memory."""
    access, create = h5p.create(h5p.FILE_ACCESS), h5p.create(h5p.FILE_CREATE)
    access.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_V110)
    access.set_alignment(COMPACT, ALIGNMENT)
    # What HDF5 keeps back it writes when a dataset is closed, where h5py cannot tell of a disk that fails.
    access.set_sieve_buf_size(0)
    create.set_obj_track_times(False)
    if memory:
        access.set_fapl_core(1 << 16, False)
    return h5f.create(name, h5f.ACC_EXCL, create, access)


class _Tree:
    def __init__(self, path: Path) -> None:
        name = os.fsencode(path)
        self.file = h5py.File(created(name))
        self.room = Room(self.file)
        # Of two open files of one name, HDF5 takes the second for the first.
        self.patterns = Patterns(lambda: created(name + b".patterns", memory=True), self.group, self.node, COMPACT)
        self.group_plan = h5p.create(h5p.GROUP_CREATE)
        self.group_plan.set_obj_track_times(False)
        self.compact, self.contiguous = h5p.create(h5p.DATASET_CREATE), h5p.create(h5p.DATASET_CREATE)
        for plan, layout in ((self.compact, h5d.COMPACT), (self.contiguous, h5d.CONTIGUOUS)):
            plan.set_layout(layout)
            plan.set_obj_track_times(False)
            plan.set_fill_time(h5d.FILL_TIME_NEVER)
            plan.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        # Types and spaces are made once each: for a small array, making them takes as long as writing it.
        self.spaces: dict[tuple[int, ...], Any] = {(): h5s.create(h5s.SCALAR)}
        self.types: dict[np.dtype[Any], tuple[np.dtype[Any], Any]] = {}
        self.texts_of: dict[int, Any] = {}
        self.said: dict[str, tuple[Any, np.ndarray]] = {}

    def write(self, document: Document, progress: Progress | None) -> dict[tuple[int, str], Placed]:
        try:
            with ThreadPoolExecutor(1) as self.beside, Draining(self.file.id.get_vfd_handle()) as self.draining:
                placed = self.records(document, progress)
            self.room.reserve()
            h5f.flush(self.file.id)
        except BaseException:
            let_close(self.file)
            raise
        finally:
            self.patterns.close()
            self.file.close()
        return placed

    def records(self, document: Document, progress: Progress | None) -> dict[tuple[int, str], Placed]:
        placed: dict[tuple[int, str], Placed] = {}
        root = self.file.id
        self.text(root, "version", PUBLISHED)
        levels: dict[str, list[EdgeRecord]] = {r.path: [] for r in document.nodes if r.type == "Graph"}
        for edge in document.edges:
            levels[edge.level].append(edge)
        inside: dict[str, Any] = {}
        exact: dict[str, dict[str, Any]] = {}
        order: dict[str, list[str]] = {path: [] for path in levels}
        for number, record in enumerate(document.nodes):
            parent, _, name = record.path.rpartition("/")
            if record.path:
                order[parent].append(name)
            level = levels.get(record.path)
            if level is None and (pattern := self.patterns.of(record)) is not None:
                different = pattern.put(record, inside[parent], name)
            else:
                group = self.group(inside[parent], name) if record.path else self.group(root, "graph")
                if level is not None:
                    self.edges(group, level)
                    inside[record.path] = self.group(group, "nodes")
                different = self.node(group, record, number, placed)
            if different:
                exact[record.path] = different
            self.room.reserve()
            if progress is not None:
                progress(number + 1, len(document.nodes))
        self.extras(self.group(root, "talon"), document, order, exact)
        return placed

    def extras(self, group: Any, document: Document, order: Any, exact: Mapping[str, Any]) -> None:
        """The group that marks the file as ours."""
        self.text(group, "format", document.format)
        self.text(group, "writer", document.writer)
        providers: dict[str, list[Any]] = {}
        others: dict[str, list[Any]] = {}  # opaque nodes may be of other versions than those of their type before
        for record in document.nodes:
            by = [record.provider, record.version, record.schema]
            if providers.setdefault(record.type, by) != by:
                others[record.path] = by
        said: dict[str, dict[str, Any]] = {name: {} for name in DATASETS}
        for path, different in exact.items():
            for name, form in different.items():
                said[OURS_ALONE.get(name, "exact")].setdefault(path, {})[name] = form
        arrays: dict[str, list[str]] = {}
        for record in document.nodes:
            known = arrays.setdefault(record.type, [])
            known += [name for name in record.arrays if name not in known]
        named = {"providers": providers, "arrays": arrays, "node_order": order, **said}
        for name, value in (named | {"node_providers": others} if others else named).items():
            self.text(group, name, json.dumps(value, allow_nan=False, sort_keys=True))

    def node(
        self, group: Any, record: NodeRecord, number: int = 0, placed: dict[tuple[int, str], Placed] | None = None
    ) -> dict[str, Any]:
        """Write the fields, and note where large arrays stand; returns the attributes that the tree does not say
        exactly, in tagged form."""
        refuse_names(record)
        self.text(group, "type", TYPE + record.type if RECORD in record.attrs else record.type)
        different: dict[str, Any] = {}
        groups: dict[str, Any] = {"": group}
        for name, array in record.arrays.items():
            outer, _, leaf = name.rpartition(BETWEEN)
            if outer not in groups:
                groups[outer] = self.group(group, outer)
            if name in record.published:
                self.array(group, name, record.published[name])
                different[name] = tagged(array.load())
            elif (there := self.array(groups[outer], leaf, array.load())) is not None and placed is not None:
                placed[number, name] = there
        for name, value in record.attrs.items():
            form = ABSENT if name in OURS_ALONE else tree_form(record.published.get(name, value))
            self.put(group, name, form)
            said = not isinstance(form, Absent) and name not in record.published
            if not said or (name in record.free and not same_value(from_tree(form), value)):
                different[name] = tagged(value)
        for name, value in record.published.items():
            if name not in record.attrs and name not in record.arrays:
                self.put(group, name, tree_form(value))
                different[name] = None
        return different

    def edges(self, group: Any, edges: list[EdgeRecord]) -> None:
        into = self.group(group, "edges")
        self.texts(into, "src", [e.src for e in edges])
        self.texts(into, "dst", [e.dst for e in edges])
        if any(e.delay is not None for e in edges):
            self.array(into, "delay", np.array([-1 if e.delay is None else e.delay for e in edges], np.int64))

    # One HDF5 object each

    def group(self, parent: Any, name: str) -> Any:
        return h5g.create(parent, name.encode(), gcpl=self.group_plan)

    def put(self, group: Any, name: str, form: Any) -> None:
        if isinstance(form, Mapping):
            into = self.group(group, name)
            for key, item in form.items():
                self.put(into, key, item)
        elif isinstance(form, str):
            self.text(group, name, form)
        elif isinstance(form, list):
            self.texts(group, name, form)
        elif not isinstance(form, Absent):
            self.array(group, name, form)

    def text(self, group: Any, name: str, value: str) -> None:
        ready = self.said.get(value)
        if ready is None:
            data = value.encode()
            ready = self.text_type(len(data)), np.array(data, f"S{max(1, len(data))}")
            if len(data) <= SHORT:
                self.said[value] = ready
        self.dataset(group, name, *ready)

    def texts(self, group: Any, name: str, values: list[str]) -> None:
        data = [value.encode() for value in values]
        longest = max([1, *map(len, data)])
        self.dataset(group, name, self.text_type(longest), np.array(data, f"S{longest}"))

    def array(self, group: Any, name: str, value: np.ndarray) -> Placed | None:
        """Returns where it stands, if that is not in its header."""
        known = self.types.get(value.dtype)
        if known is None:
            little = value.dtype.newbyteorder("<")
            known = self.types[value.dtype] = little, h5t.py_create(little, logical=True)
        dtype, kind = known
        data = np.asarray(value, dtype, order="C")
        nbytes = data.nbytes
        if nbytes <= LARGE:
            into = self.dataset(group, name, kind, data)
            return None if nbytes <= COMPACT else Placed(into.get_offset(), zlib.crc32(data.data))
        crc32 = self.beside.submit(zlib.crc32, data.data)
        into = self.dataset(group, name, kind, data)
        self.draining.wrote(nbytes)
        return Placed(into.get_offset(), crc32.result())

    def dataset(self, group: Any, name: str, kind: Any, data: np.ndarray) -> Any:
        space = self.spaces.get(data.shape)
        if space is None:
            space = self.spaces[data.shape] = h5s.create_simple(data.shape)
        nbytes = data.nbytes
        into = h5d.create(group, name.encode(), kind, space, self.compact if nbytes <= COMPACT else self.contiguous)
        if COMPACT < nbytes <= LARGE:
            self.room.reserve()  # HDF5 keeps the bytes back; larger ones it writes at once, and then it may fail
        if nbytes:
            into.write(h5s.ALL, h5s.ALL, data, kind)
        return into

    def text_type(self, length: int) -> Any:
        kind = self.texts_of.get(length)
        if kind is None:
            kind = self.texts_of[length] = h5t.C_S1.copy()
            kind.set_size(max(1, length))
            kind.set_cset(h5t.CSET_UTF8)
            kind.set_strpad(h5t.STR_NULLPAD)
        return kind
