"""Opaque nodes: what a file holds of a type that nobody here provides, kept value for value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from talon.ir.arrays import ArrayRef
from talon.ir.errors import Diagnostic, pip_line
from talon.ir.fields import Shape
from talon.ir.node import Node
from talon.ir.ports import InPort, Ports
from talon.ir.values import same_value, thaw

if TYPE_CHECKING:
    from talon.ir.document import NodeRecord


class Opaque(Node):
    """A node whose type is not installed: it can be drawn, checked around and written back, and cannot run.

    `ir.read(path, unknown="keep")` makes it. `stored_type` and `distribution` say what it is and who provides it;
    `record` holds its attributes and arrays as the file has them.
    """

    if TYPE_CHECKING:

        @property
        def record(self) -> NodeRecord:
            """The stored record, without its path."""
            raise AttributeError

    def __init__(self, record: NodeRecord, inputs: Iterable[str] = (), outputs: Iterable[str] = ()) -> None:
        # What every node has is known whatever the type is: declared shapes, metadata, hints.
        self._take({name: value for name, value in record.attrs.items() if name in Node.fields})
        # Nothing says which attributes are of which type, so files must say it of each.
        self.__dict__["record"] = replace(record, path="", free=frozenset(record.attrs))
        self.__dict__["_known"] = Ports(tuple(map(InPort, inputs or ("in",))), tuple(outputs or ("out",)))

    @property
    def stored_type(self) -> str:
        """The name of the type in the file."""
        return self.record.type

    @property
    def type_name(self) -> str:
        return self.record.type

    def parameter_count(self) -> int:
        return sum(prod(array.shape) for array in self.record.arrays.values())

    def ports(self) -> Ports:
        """The ports that edges of the file name; what else the type has is not known."""
        ports: Ports = self.__dict__["_known"]
        return ports

    def detach(self) -> None:
        arrays = self.record.arrays
        arrays.update((name, ArrayRef.of(ref.detached())) for name, ref in arrays.items())

    def infer(self, *inputs: Shape | None) -> Any:
        """Nothing follows from a type that is not known: every output stays open."""
        outputs = self.ports().outputs
        return None if len(outputs) == 1 else (None,) * len(outputs)

    @property
    def distribution(self) -> str:
        """Who provides the type, with the version that wrote it; empty where the file does not say."""
        return f"{self.record.provider} {self.record.version}".strip()

    def same_as(self, other: object) -> bool:
        if not isinstance(other, Opaque):
            return False
        a, b = self.record, other.record
        return (
            (a.type, a.provider, a.version, a.schema) == (b.type, b.provider, b.version, b.schema)
            and same_value(a.attrs, b.attrs)
            and same_value(loaded(a.arrays), loaded(b.arrays))
            and self.ports() == other.ports()
        )

    def unknown(self, path: str) -> Diagnostic:
        """What `check()` says of it."""
        from talon.ir.migration import provider_of

        here = f"{' '.join(provider_of(self.stored_type))}".strip()
        return Diagnostic(
            "T117",
            f"nothing is known of {self.stored_type!r}, which is kept as the file has it",
            "warning",
            node=path,
            expected=f"a primitive of {self.distribution}" if self.distribution else "an installed primitive",
            found=f"{here}, which does not read its schema {self.record.schema}"
            if here
            else "no installed plugin that provides it",
            help=pip_line(self.record.provider, upgrade=bool(here)),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        ports = self.ports()
        record = replace(self.record, attrs=thaw(self.record.attrs))
        return Opaque, (record, [port.name for port in ports.inputs], ports.outputs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Opaque:
        arrays = {n: ArrayRef.of(a.copy()) for n, a in loaded(self.record.arrays).items()}
        record = replace(self.record, attrs=thaw(self.record.attrs), arrays=arrays)
        ports = self.ports()
        return Opaque(record, [port.name for port in ports.inputs], ports.outputs)

    def __repr__(self) -> str:
        arrays = [f"{n}={a.dtype}{list(a.shape)}" for n, a in self.record.arrays.items()]
        by = f" of {self.distribution}" if self.distribution else ""
        return f"Opaque({', '.join([f'{self.stored_type}{by}', *self.record.attrs, *arrays])})"


def loaded(arrays: dict[str, ArrayRef]) -> dict[str, Any]:
    return {name: array.load() for name, array in arrays.items()}
