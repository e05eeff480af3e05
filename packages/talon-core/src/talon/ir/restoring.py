"""Record -> node: stored values by field name, and nodes alike made from one that was checked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from talon.ir import fields
from talon.ir.arrays import ArrayRef
from talon.ir.errors import TalonError, TalonFormatError, pip_line, suggest
from talon.ir.fields import ArrayField, Field
from talon.ir.grouped import BETWEEN, Parts, gathered, grouped
from talon.ir.migration import current
from talon.ir.node import Node
from talon.ir.quantized import Quantized, from_records
from talon.ir.values import as_scalar

if TYPE_CHECKING:
    from talon.ir.document import NodeRecord

OWN_FIELDS = frozenset(kind for kind in vars(fields).values() if isinstance(kind, type) and issubclass(kind, Field))
"""Fields that take arrays in by dtype and shape alone; what another distribution derives from them may look at more."""
SIMPLE = (str, int, bool, type(None))


class Restoring:
    """Makes the nodes of a document. Of records that differ in nothing but the values of arrays, the first is checked:
    nothing else of them is looked at (values wait for `check()`), so the other nodes are made from that one."""

    def __init__(self) -> None:
        self.moulds: dict[Hashable, Mould] = {}
        self.mouldable: dict[type[Node], bool] = {}

    def node(self, record: NodeRecord, cls: type[Node], parts: Mapping[str, Any]) -> Node:
        """The node of a record. `parts`: nodes and edges, of a graph. Raises `TalonError` naming the node."""
        key = self.form(record, cls)
        if key is not None and (mould := self.moulds.get(key)) is not None:
            return mould.cast(record)
        values = field_values(record, cls)
        try:
            node = cls.restore({**values, **parts})
        except TalonError as error:
            raise error.at(node=record.path or None) from None
        if key is not None and Mould.fits(record, cls):
            self.moulds[key] = Mould(node, record)
        return node

    def form(self, record: NodeRecord, cls: type[Node]) -> Hashable:
        """What alike records have in common, or None for one that is made by itself."""
        if cls not in self.mouldable:
            self.mouldable[cls] = mouldable(cls)
        if not self.mouldable[cls] or record.schema != cls.schema:
            return None
        form: list[Any] = [cls]
        for name, value in record.attrs.items():
            kind = type(value)
            # Values that are equal but not the same: True and 1, 0.0 and -0.0, (1,) and (1.0,).
            if kind is float:
                value = value.hex()
            elif not (kind in SIMPLE or (kind is tuple and all(type(item) is int for item in value))):
                return None
            form += name, kind, value
        for name, ref in record.arrays.items():
            kind = type(ref)
            if kind.kind is not ArrayRef.kind or BETWEEN in name:
                return None
            form += name, kind, ref.dtype, ref.shape
        return tuple(form)


def mouldable(cls: type[Node]) -> bool:
    """Whether what is made of a record follows from types and shapes alone."""
    as_any = cls.restore.__func__ is Node.restore.__func__ and cls._take is Node._take  # type: ignore[attr-defined]
    return as_any and all(type(field) in OWN_FIELDS for field in cls.fields.values())


class Mould:
    """A node and its record, of which others are made that differ in the values of arrays."""

    def __init__(self, node: Node, record: NodeRecord) -> None:
        self.node, self.record = node, record
        self.names: list[str] = []
        self.loaded: list[tuple[str, str]] = []
        """Arrays that are loaded at once, by field and key: single numbers."""
        self.values: dict[str, Any] = {}

    @staticmethod
    def fits(record: NodeRecord, cls: type[Node]) -> bool:
        """Whether all arrays are fields that are arrays: what else a field makes of one depends on its values."""
        return all(cls.fields[cls._tables.names[key]].is_array for key in record.arrays)

    def fill(self) -> None:
        """Get ready for the first node: most records of a file may be alone of their form. What a node has found out
        about itself since it was made stays its own."""
        node, names = self.node, self.node._tables.names
        lazy = node.__dict__.get("_lazy", {})
        self.names = [names[key] for key in self.record.arrays]
        self.loaded = [(names[key], key) for key in self.record.arrays if names[key] not in lazy]
        common = {"_dims", *node.fields} - {name for name, _ in self.loaded}
        self.values = {name: value for name, value in node.__dict__.items() if name in common and name not in lazy}

    def cast(self, record: NodeRecord) -> Node:
        """The node of another record of the same form."""
        if not self.values:
            self.fill()
        cls = type(self.node)
        node, values = cls.__new__(cls), self.values.copy()
        lazy = dict(zip(self.names, record.arrays.values(), strict=True))
        for name, key in self.loaded:
            del lazy[name]
            values[name] = cls.fields[name].coerce(record.arrays[key].load())
        if lazy:
            values["_lazy"] = lazy
        object.__setattr__(node, "__dict__", values)
        return node


def unsaid_parts(record: NodeRecord, key: str, parts: Mapping[str, Any]) -> TalonFormatError:
    return TalonFormatError(
        "T303",
        f"the field {key!r} is in parts, and the file does not say that they are a value",
        node=record.path or None,
        expected="an array, or parts that /talon/arrays lists",
        found=", ".join(sorted(map(repr, parts)))[:200] or "no parts",
        help="get the file as talon wrote it; without /talon no field in parts can be read",
    )


def field_values(record: NodeRecord, cls: type[Node]) -> dict[str, Any]:
    """The record's values by field name, of the schema of the class. A field that the class does not know is an error:
    nothing is dropped."""
    record = current(record, cls)
    names = cls._tables.names
    # Files have no None: a field that must be given and is not there was given as None.
    values: dict[str, Any] = dict.fromkeys(cls._tables.nullable)
    stored = gathered(record.arrays, record.attrs, record.path)
    attrs, arrays = from_records(record.attrs, stored, record.path)
    fields = cls.fields
    for key, value in (*attrs.items(), *arrays.items()):
        if key not in names:
            raise TalonFormatError(
                "T304",
                f"{record.type} has no field {key!r}",
                node=record.path,
                expected=", ".join(names),
                found=key,
                help=suggest(key, names, pip_line(record.provider, upgrade=True)),
            )
        name = names[key]
        declared = fields[name]
        if isinstance(value, ArrayRef):
            if not declared.is_array:
                value = as_scalar(value.load())
            elif not value.shape and not isinstance(value, Quantized):
                value = value.load()  # there is nothing to be lazy about in a single number
        elif isinstance(value, Parts):
            value = grouped(declared.kinds if isinstance(declared, ArrayField) else (), value, (record.path, name))
        elif declared.is_array and value is not None:
            if isinstance(value, Mapping):
                raise unsaid_parts(record, key, value)
            value = np.asarray(value)
        values[name] = value
    return values
