"""Migrations: what makes a record of an older schema one of the installed primitive's, step by step.

A plugin's hook `talon_migrations` gives for each type a table `{1: from_1, 2: from_2}`. `from_1(attrs, arrays)` changes
the field values of schema 1, in place, into those of schema 2. Documents keep what the file says; only what a live node
is made of is migrated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from talon.ir.arrays import ArrayRef
from talon.ir.errors import TalonError, TalonFormatError, TalonPluginError, pip_line
from talon.ir.values import thaw

if TYPE_CHECKING:
    from talon.ir.document import NodeRecord
    from talon.ir.node import Node

Migration = Callable[[dict[str, Any], dict[str, ArrayRef]], None]
"""Changes the attributes and arrays of a record, by stored name, in place; returns nothing."""


def current(record: NodeRecord, cls: type[Node]) -> NodeRecord:
    """The record as the installed class wants it: itself, or a migrated copy whose arrays are as lazy as they were.

    Raises `TalonFormatError` for a schema that is newer than the class (T307), for a step that nobody gives (T313), and
    for one that fails (T314).
    """
    if record.schema == cls.schema:
        return record
    if record.schema > cls.schema:
        raise newer(record, cls)
    steps = steps_of(record.type)
    # A record of a file belongs to all that is made of it: the dicts inside are copied, too.
    attrs: dict[str, Any] = thaw(record.attrs)
    migrated = replace(record, schema=cls.schema, attrs=attrs, arrays=dict(record.arrays))
    for schema in range(record.schema, cls.schema):
        if schema not in steps:
            raise missing(record, cls, schema, steps)
        Step(record.type, record.path, schema, steps[schema]).take(migrated)
    return migrated


def reaches(record: NodeRecord, cls: type[Node]) -> bool:
    """Whether there is a way from the record's schema to that of the class."""
    if record.schema >= cls.schema:
        return record.schema == cls.schema
    try:
        steps = steps_of(record.type)
    except TalonPluginError:
        return False
    return all(schema in steps for schema in range(record.schema, cls.schema))


def steps_of(kind: str) -> Mapping[int, Migration]:
    """The migrations of a type, by the schema that each begins with. Raises where two plugins give them (T004)."""
    from talon.plugins import registry

    entry = registry.collected("talon_migrations").get(kind)
    steps: Mapping[int, Migration] = {} if entry is None else entry.load()
    return steps


def is_table(value: Any) -> bool:
    """Whether a plugin gave what it should: functions by the schema that each begins with."""
    return isinstance(value, Mapping) and all(
        type(schema) is int and callable(function) for schema, function in value.items()
    )


class Step:
    """One migration of one record, and how its failures are told."""

    def __init__(self, kind: str, path: str, schema: int, function: Migration) -> None:
        self.kind, self.path, self.schema, self.function = kind, path, schema, function

    def take(self, record: NodeRecord) -> None:
        """Change a record, which is nobody else's."""
        before = {id(ref): ref for ref in record.arrays.values()}
        if (returned := self.guard(self.function, record.attrs, record.arrays)) is not None:
            self.failed(f"it returned a {type(returned).__name__}, where it changes what it is given")
        for name, value in record.arrays.items():
            if id(value) in before:
                continue
            if not isinstance(value, (ArrayRef, np.ndarray, np.generic)):
                self.failed(f"it put a {type(value).__name__} in place of the array {name!r}")
            made = value if isinstance(value, ArrayRef) else ArrayRef.of(np.asarray(value))
            record.arrays[name] = Migrated(self, made)

    def guard(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of the migration gives. A damaged file is no failure of the migration."""
        try:
            return function(*arguments)
        except TalonFormatError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a stranger's migration raises is told as its failure
            self.failed(f"{type(error).__name__}: {error}", error)

    def failed(self, found: str, error: Exception | None = None) -> NoReturn:
        name = f"{self.function.__module__}.{getattr(self.function, '__qualname__', '?')}"
        raise TalonFormatError(
            "T314",
            f"the migration {name}, which takes {self.kind} from schema {self.schema} to {self.schema + 1}, failed",
            node=self.path or None,
            expected=f"the fields of schema {self.schema + 1}",
            found=found,
            help=f"report it to {provider_of(self.kind)[0] or 'whoever provides it'}",
        ) from error


class Migrated(ArrayRef):
    """A reference that a migration made: what goes wrong when it is loaded is told as the failure of that migration."""

    __slots__ = ("made", "step")

    def __init__(self, step: Step, made: ArrayRef) -> None:
        self.dtype, self.shape = made.dtype, made.shape
        self.step, self.made = step, made

    def load(self) -> np.ndarray:
        array: np.ndarray = self.step.guard(self.made.load)
        return array

    def detached(self) -> np.ndarray:
        array: np.ndarray = self.step.guard(self.made.detached)
        return array


def provider_of(kind: str) -> tuple[str, str]:
    """Distribution and version that provide a type here."""
    from talon.plugins import registry

    entry = registry.primitives().get(kind)
    return ("", "") if entry is None else (entry.distribution, entry.version)


def newer(record: NodeRecord, cls: type[Node]) -> TalonError:
    distribution, version = provider_of(record.type)
    by = f" of {record.provider} {record.version}".rstrip() if record.provider else ""
    return TalonFormatError(
        "T307",
        f"{record.type} was written with a newer declaration than the one installed",
        node=record.path or None,
        expected=f"schema {cls.schema} of {f'{distribution} {version}'.strip() or 'this process'}, or older",
        found=f"schema {record.schema}{by}",
        help=pip_line(distribution or record.provider, upgrade=True),
    )


def missing(record: NodeRecord, cls: type[Node], schema: int, steps: Mapping[int, Migration]) -> TalonError:
    given = ", ".join(f"{first} to {first + 1}" for first in sorted(steps))
    return TalonFormatError(
        "T313",
        f"no migration takes {record.type} from schema {schema} to {schema + 1}",
        node=record.path or None,
        expected=f"schema {cls.schema}, or migrations from {record.schema} to it",
        found=f"schema {record.schema} and " + (f"migrations {given}" if given else "no migrations"),
        help=f"{pip_line(provider_of(record.type)[0], upgrade=True)}, "
        'or read with unknown="keep" to leave such nodes as they are',
    )
