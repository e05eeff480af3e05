"""Which fields a tree has a place for: HDF5 takes `a/b` for a path, and would put the field elsewhere."""

from __future__ import annotations

from talon.ir.document import NodeRecord
from talon.ir.errors import TalonFileError
from talon.ir.grouped import BETWEEN
from talon.storage.hdf5.values import plain_name


def refuse_names(record: NodeRecord) -> None:
    """Raise for a field that cannot stand in the group of its node (T309). No declaration has one: the type of the node
    is one that nobody here knows, out of a store that takes any name."""
    whole, groups = {*record.attrs, *record.arrays}, set()
    for name in whole:
        field, between, part = name.partition(BETWEEN) if name in record.arrays else (name, "", "")
        if field == "type" or not plain_name(field) or (between and not plain_name(part)):
            raise unplaced(
                record, name, "a name of its own, without '/' but for one before a part, and not 'type' or '.'"
            )
        if between:
            groups.add(field)
    if both := groups & whole:
        raise unplaced(record, min(both), "a value, or a group of arrays")


def unplaced(record: NodeRecord, name: str, expected: str) -> TalonFileError:
    return TalonFileError(
        "T309",
        f"HDF5 has no place for the field {name!r:.80} of {record.type!r:.80}",
        node=record.path or None,
        expected=expected,
        found=f"{name!r:.80}",
        help="write it to net.zarr or net.zarr.zip, which take any name, or install what provides the type",
    )
