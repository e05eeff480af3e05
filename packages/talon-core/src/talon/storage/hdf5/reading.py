"""HDF5 tree -> Document. Large contiguous arrays become references into the file that was opened."""

# pyright: reportAttributeAccessIssue=false
# (h5py ships no types for its low-level modules.)

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5o, h5s

from talon.ir.arrays import ArrayRef
from talon.ir.document import Document, EdgeRecord, NodeRecord, check_format, check_published
from talon.ir.errors import TalonError, TalonFormatError
from talon.ir.grouped import BETWEEN
from talon.ir.quantized import RECORD, TYPE
from talon.ir.values import MAX_DEPTH, as_scalar
from talon.storage.backend import Progress
from talon.storage.hdf5.guard import inspect
from talon.storage.hdf5.refusal import refused
from talon.storage.hdf5.superblock import refuse_lost_index
from talon.storage.hdf5.values import from_tree
from talon.storage.hdf5.writing import DATASETS
from talon.storage.index.layout import INLINE
from talon.storage.index.packing import refuse_writer
from talon.storage.source import ATTEMPTS, OpenFile, Stamp, never_stays
from talon.storage.tagged import DEEPEST_JSON, strict_json, untagged


def read_header(path: Path) -> str:
    """The format version: ours from `/talon`, else the published package's."""
    with opened(path, trusted=True) as reader:
        return reader.header()[0]


def read_tree(path: Path, lazy: bool, progress: Progress | None) -> Document:
    """The document of a trusted file, ours or the published package's."""
    with opened(path, trusted=True) as reader:
        return reader.document(lazy, progress)


def opened(path: Path, trusted: bool = False) -> Reader:
    """A reader, which is a context manager. Raises `TalonFormatError` (T303) where HDF5 cannot open the file."""
    for _ in range(ATTEMPTS):
        # References and HDF5 open the path each for itself; a writer may put another file there in between.
        source = OpenFile(path)
        try:
            file = h5py.File(path, "r", locking=False)
        except (OSError, RuntimeError, ValueError) as error:
            if source.stamp == OpenFile(path).stamp:
                raise TalonFormatError(
                    "T303", "HDF5 cannot open the file", found=str(error), help="get an undamaged copy"
                ) from error
        else:
            if source.stamp == Stamp.of(file.id.get_vfd_handle()):
                return Reader(file, source, trusted)
            file.close()
    raise never_stays()


class FileArray(ArrayRef):
    """An array that lies in the file as it is, from an offset on."""

    __slots__ = ("offset",)

    def __init__(self, source: OpenFile, offset: int, dtype: Any, shape: tuple[int, ...], where: str) -> None:
        super().__init__(dtype, shape, lambda: truths(source.fetch(offset, dtype, shape, where), where))
        self.offset = offset


class Reader:
    """Works on h5py's low-level ids, which cost a fraction of its objects. `source`: the same file, for references."""

    def __init__(self, file: Any, source: OpenFile, trusted: bool) -> None:
        self.file, self.source, self.trusted = file, source, trusted

    def __enter__(self) -> Reader:
        try:
            inspect(self.file, self.source, trusted=self.trusted)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(self, *raised: Any) -> None:
        self.file.close()
        error = raised[1]
        if isinstance(error, Exception) and not isinstance(error, (TalonError, MemoryError)):
            # Whatever h5py and this module stumble over in a damaged tree is one kind of failure to a user.
            raise TalonFormatError(
                "T303", "the tree is damaged", found=f"{type(error).__name__}: {error}", help="get an undamaged copy"
            ) from error

    # The parts of a file

    @cached_property
    def root(self) -> dict[str, Any]:
        return self.members(self.file.id, "")

    @cached_property
    def ours(self) -> dict[str, Any]:
        """What only our files have; empty for one of the published package."""
        return self.members(self.root["talon"], "talon") if "talon" in self.root else {}

    def header(self) -> tuple[str, str, bool]:
        """Format, writer, and whether the published package wrote it."""
        root = self.root
        if "graph" not in root:
            raise TalonFormatError(
                "T302",
                "this HDF5 file holds no talon graph",
                expected="a group /graph",
                found=", ".join(root)[:200] or "nothing",
                help="it looks like a NIR file; talon does not read those"
                if "node" in root
                else "check that it is the right file",
            )
        if "talon" not in root:
            return check_published(self.text(root["version"], "version") if "version" in root else None), "", True
        refuse_lost_index(self.source)
        found = self.text(self.ours["format"], "talon/format")
        check_format(found)
        writer = self.text(self.ours["writer"], "talon/writer")
        refuse_writer(writer, partial(refused, path=("talon", "writer")))
        return found, writer, False

    def document(self, lazy: bool, progress: Progress | None) -> Document:
        form, writer, legacy = self.header()
        said = {
            name: strict_json(self.text(item, name), f"/talon/{name}", DEEPEST_JSON)
            for name, item in self.ours.items()
            if name in EXTRAS
        }
        self.providers, self.order = said.pop("providers", {}), said.pop("node_order", {})
        self.others = said.pop("node_providers", {})
        self.arrays = said.pop("arrays", {})  # which fields are arrays; of a 0-d one the tree alone cannot tell
        self.exact: dict[str, dict[str, Any]] = {}
        for name in DATASETS:
            for path, values in said.get(name, {}).items():
                self.exact.setdefault(path, {}).update(values)
        self.lazy = lazy
        self.nodes: list[NodeRecord] = []
        self.edges: list[EdgeRecord] = []
        self.level(self.root["graph"], "", 0, progress)
        return Document(form, writer, self.nodes, self.edges, legacy)

    def level(self, group: Any, path: str, depth: int, progress: Progress | None) -> None:
        """One graph with everything inside it, outer nodes before inner ones."""
        if depth > MAX_DEPTH:
            raise TalonFormatError("T303", f"graphs are nested deeper than {MAX_DEPTH} levels", node=path)
        fields = self.members(group, path)
        inside, connections = fields.pop("nodes"), fields.pop("edges")
        self.nodes.append(self.record(fields, "Graph", path))
        members = self.members(inside, path)
        self.edges += self.edge_records(self.members(connections, path), path, members)
        names = self.order.get(path)
        if names is None:
            names = list(members)
        elif sorted(names) != sorted(members):
            raise TalonFormatError(
                "T303",
                "/talon/node_order does not list the nodes",
                node=path or None,
                expected=", ".join(sorted(members)[:8]),
                found=", ".join(sorted(names)[:8]),
            )
        for number, name in enumerate(names):
            inner = f"{path}/{name}" if path else name
            fields = self.members(members[name], inner)
            kind = self.text(fields["type"], inner) if "type" in fields else None
            if kind is None:
                raise TalonFormatError("T303", "a node has no type", node=inner)
            if RECORD in fields:
                kind = kind.removeprefix(TYPE)
            if kind == "Graph":
                self.level(members[name], inner, depth + 1, progress)
            else:
                self.nodes.append(self.record(fields, kind, inner))
            if progress is not None and not path:
                progress(number + 1, len(names))

    def record(self, fields: dict[str, Any], kind: str, path: str) -> NodeRecord:
        record = NodeRecord(path, kind, *self.provided(kind, path))
        arrays = self.arrays.get(kind, ())
        groups = {name.partition(BETWEEN)[0] for name in arrays if BETWEEN in name}
        for name, item in fields.items():
            if name == "type":
                continue
            if name in groups and isinstance(item, h5g.GroupID):
                record.arrays |= self.parts(item, name, f"{path}.{name}" if path else name)
                continue
            value = self.field(item, f"{path}.{name}" if path else name, 0)
            if isinstance(value, ArrayRef) and (value.shape or name in arrays):
                record.arrays[name] = value
            else:
                record.attrs[name] = as_scalar(value.load()) if isinstance(value, ArrayRef) else value
        for name, form in self.exact.get(path, {}).items():
            record.arrays.pop(name, None)
            record.attrs.pop(name, None)
            value = untagged(form)
            if isinstance(value, np.ndarray) and name in arrays:
                record.arrays[name] = ArrayRef.of(value)
            elif value is not None:
                record.attrs[name] = value
        return record

    def parts(self, group: Any, name: str, where: str) -> dict[str, ArrayRef]:
        """The arrays of a field that is a group of them."""
        found = {}
        for part, item in self.members(group, where).items():
            value = self.field(item, f"{where}{BETWEEN}{part}", 0) if isinstance(item, h5d.DatasetID) else None
            if not isinstance(value, ArrayRef):
                raise TalonFormatError("T303", f"{part!r} of a group of arrays is no array of numbers", node=where)
            found[f"{name}{BETWEEN}{part}"] = value
        return found

    def provided(self, kind: str, path: str) -> tuple[str, str, int]:
        """Distribution, version and schema: what is said of the node, else of its type, else those of a file of the
        published package."""
        said = self.others.get(path, self.providers.get(kind, ["", "", 1]))
        if not isinstance(said, list) or list(map(type, said)) != [str, str, int] or said[2] < 0:
            raise TalonFormatError(
                "T303",
                f"/talon does not say who provides {kind!r}",
                node=path or None,
                expected="[distribution, version, schema]",
                found=f"{said!r:.80}",
            )
        return said[0], said[1], said[2]

    def members(self, group: Any, path: str) -> dict[str, Any]:
        """The objects of a group by name, behind hard links only; any other link could lead out of the file."""
        if not isinstance(group, h5g.GroupID):
            raise TalonFormatError("T303", "a group is needed here", node=path or None, found="an array")
        found: dict[bytes, int] = {}

        def note(name: bytes, link: Any) -> None:
            found[bytes(name)] = link.type  # h5py cannot carry an exception out of here

        group.links.iterate(note, info=True)
        for name, kind in found.items():
            if kind != h5l.TYPE_HARD:
                raise TalonFormatError(
                    "T303",
                    f"{name.decode(errors='replace')!r} is a link that may lead anywhere",
                    node=path or None,
                    expected="hard links only",
                )
        return {name.decode(): h5o.open(group, name) for name in found}

    def edge_records(self, ends: dict[str, Any], path: str, names: Mapping[str, Any]) -> list[EdgeRecord]:
        src, dst = ([] if ends[n].shape == (0,) else self.field(ends[n], n, 0) for n in ("src", "dst"))
        delays = self.values(ends["delay"]).tolist() if "delay" in ends else [-1] * len(src)
        if not len(src) == len(dst) == len(delays):
            raise TalonFormatError(
                "T303",
                "the edges do not match",
                node=path or None,
                expected=f"{len(src)} destinations and delays",
                found=f"{len(dst)} and {len(delays)}",
            )
        for end in (*src, *dst):
            if end.partition(":")[0] not in names:
                raise TalonFormatError(
                    "T303",
                    f"an edge names {end!r:.80}, which is not in its graph",
                    node=path or None,
                    expected=f"one of its {len(names)} nodes",
                    found=repr(end)[:80],
                    help="get an undamaged copy",
                )
        triples = zip(src, dst, delays, strict=True)
        return [EdgeRecord(path, a, b, None if delay < 0 else int(delay)) for a, b, delay in triples]

    # Values

    def field(self, item: Any, where: str, depth: int) -> Any:
        """A field: text, list of texts, a mapping of values, or a reference to an array."""
        if depth > MAX_DEPTH:
            raise TalonFormatError("T303", f"values are nested deeper than {MAX_DEPTH} levels", node=where)
        if isinstance(item, h5g.GroupID):
            inner = self.members(item, where)
            return from_tree({name: self.free(value, f"{where}.{name}", depth + 1) for name, value in inner.items()})
        dtype = item.dtype
        if h5py.check_string_dtype(dtype) is not None:
            return self.text(item, where) if item.rank == 0 else [decoded(s) for s in self.values(item)]
        if dtype.kind not in "fiub":
            raise TalonFormatError(
                "T303",
                "an array of a type that no field has",
                node=where,
                expected="real, whole or boolean numbers",
                found=str(dtype),
            )
        shape, offset = item.shape, item.get_offset()
        if not self.lazy or offset is None or dtype.itemsize * math.prod(shape) <= INLINE:
            return ArrayRef.of(truths(self.values(item), where))
        return FileArray(self.source, offset, dtype, shape, where)

    def free(self, item: Any, where: str, depth: int) -> Any:
        value = self.field(item, where, depth)
        return value.load() if isinstance(value, ArrayRef) else value

    def values(self, item: Any) -> np.ndarray:
        array = np.empty(item.shape, item.dtype)
        if array.size:
            item.read(h5s.ALL, h5s.ALL, array)
        return array

    def text(self, item: Any, where: str) -> str:
        if not isinstance(item, h5d.DatasetID) or h5py.check_string_dtype(item.dtype) is None or item.rank:
            raise TalonFormatError("T303", "a string is needed here", node=where)
        return decoded(self.values(item)[()])


def truths(array: np.ndarray, where: str) -> np.ndarray:
    """The array; numpy takes any byte for a boolean and then computes with it as it stands, so they are looked at."""
    if array.dtype == np.bool_ and array.size and (most := array.reshape(-1).view(np.uint8).max()) > 1:
        raise TalonFormatError(
            "T303",
            "booleans that are neither true nor false",
            node=where,
            expected="bytes 0 and 1",
            found=f"byte {most}",
            help="get an undamaged copy",
        )
    return array


def decoded(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


EXTRAS = ("providers", "node_providers", "arrays", "node_order", *DATASETS)
